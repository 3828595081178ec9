//! Damaged spaces, and spaces whose files were only partly removed.

use std::fs;
use std::path::Path;

use eidetic_catalog::{RowStore, SpaceNumber};
use eidetic_indexer::RunContext;

use super::{Place, found, index, options, space, switch};
use crate::LibraryError;
use crate::switch::PreviousSpace;

#[test]
fn opening_removes_rest_of_dropped_space() {
    let (place, library) = Place::new(6);
    switch(&library, "newer", PreviousSpace::Keep);
    assert!(matches!(
        library.drop_space("newer"),
        Err(LibraryError::ActiveSpace { .. })
    ));
    // As after a crash between replacing the manifest and removing the files.
    library
        .change_manifest(|manifest| manifest.drop_space(SpaceNumber::FIRST))
        .unwrap();
    assert!(place.library().join("vectors").exists());
    drop(library);
    let library = place.open("newer");
    assert!(!place.library().join("vectors").exists());
    assert_eq!(library.status().unwrap().spaces.len(), 1);
    assert_eq!(found(&library.active()).len(), 6);
    switch(&library, "third", PreviousSpace::Keep);
    library
        .change_manifest(|manifest| manifest.drop_space(SpaceNumber(1)))
        .unwrap();
    drop(library);
    let library = place.open("third");
    assert!(!place.library().join("spaces/1").exists());
    assert_eq!(library.catalog.for_space(SpaceNumber(1)).count_rows().unwrap(), 0);
    assert_eq!(found(&library.active()).len(), 6);
    let indexed = index(&library, &place);
    assert_eq!((indexed.unchanged, indexed.indexed), (6, 0));
}

fn damage(path: &Path, at: u64) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() - at as usize;
    bytes[at] ^= 0xff;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_inactive_space_leaves_active_space_usable() {
    let (place, library) = Place::new(10);
    switch(&library, "newer", PreviousSpace::Keep);
    drop(library);
    damage(&place.library().join("vectors/vectors.bin"), 50);
    let library = place.open("newer");
    assert_eq!(found(&library.active()).len(), 10);
    space(&library, "old");
    let report = library
        .backfill_space("old", &options(), &RunContext::default())
        .unwrap();
    assert_eq!(
        (report.embedded, report.images),
        (1, 10),
        "the damaged row is embedded again"
    );
    drop(library);
    let length = fs::metadata(place.library().join("vectors/vectors.bin"))
        .unwrap()
        .len();
    damage(&place.library().join("vectors/vectors.bin"), length);
    let library = place.open("newer");
    let error = library.space_named("old").err().unwrap().to_string();
    assert!(
        error.contains("eidetic space drop 0") && error.contains("damaged"),
        "{error}"
    );
    assert_eq!(found(&library.active()).len(), 10);
    assert_eq!(library.status().unwrap().spaces[1].images, 10);
    library.drop_space("0").unwrap();
    assert_eq!(library.status().unwrap().spaces.len(), 1);
    let again = switch(&library, "old", PreviousSpace::Keep);
    assert_eq!(again.embedded, 10);
}

#[test]
fn damaged_vector_is_repaired_in_one_space() {
    let (place, library) = Place::new(8);
    switch(&library, "newer", PreviousSpace::Keep);
    drop(library);
    damage(&place.library().join("spaces/1/vectors/vectors.bin"), 50);
    let library = place.open("newer");
    assert_eq!(library.active().damaged(), 1);
    let report = index(&library, &place);
    assert_eq!((report.indexed, report.unchanged, report.encoded), (1, 7, 1));
    assert_eq!(library.active().damaged(), 0);
    assert_eq!(found(&library.active()).len(), 8);
    assert_eq!(found(&space(&library, "old")).len(), 8);
}
