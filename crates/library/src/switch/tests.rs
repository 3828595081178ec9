//! Switching between spaces of small libraries, with fake encoders.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use eidetic_catalog::{Catalog, TagStore};
use eidetic_confidence::tagging::Vocabulary;
use eidetic_domain::{Filter, ImageId};
use eidetic_encoder::Encoder;
use eidetic_encoder::fake::FakeEncoder;
use eidetic_indexer::{CancelToken, IndexerOptions, IndexingReport, Observer, RunContext};
use eidetic_search::Query;
use eidetic_vectors::VectorIndex;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

use super::{PreviousSpace, SpaceReport, SwitchOptions};
use crate::{Library, LibraryError, Owner, Space, TagOptions};

mod damage;

struct Place(TempDir);

impl Place {
    /// A folder of `images` images, indexed with the encoder `old`.
    fn new(images: u32) -> (Self, Library) {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.photos()).unwrap();
        (0..images).for_each(|n| place.put(n));
        let library = place.open("old");
        assert_eq!(index(&library, &place).indexed, u64::from(images));
        (place, library)
    }

    fn photos(&self) -> PathBuf {
        self.0.path().join("photos")
    }

    fn photo(&self, number: u32) -> PathBuf {
        self.photos().join(format!("{number:03}.png"))
    }

    fn library(&self) -> PathBuf {
        self.0.path().join("library")
    }

    fn put(&self, number: u32) {
        let bytes = number.wrapping_mul(2_654_435_761).to_le_bytes();
        let image = RgbImage::from_pixel(8, 8, Rgb([bytes[1], bytes[2], bytes[3]]));
        image.save(self.photo(number)).unwrap();
    }

    fn id(&self, number: u32) -> ImageId {
        ImageId::of(&fs::read(self.photo(number)).unwrap())
    }

    fn open(&self, model: &str) -> Library {
        let owner = Owner::this_process("a test");
        Library::with_encoder(&self.library(), Box::new(encoder(model)), &owner).unwrap()
    }
}

/// Models have different dimensions, so that a vector of another space does not fit.
fn encoder(model: &str) -> FakeEncoder {
    FakeEncoder::new(32 + model.len()).named(model)
}

fn options() -> IndexerOptions {
    IndexerOptions {
        batch: 4,
        commit_every: 8,
        threads: 1,
        ..IndexerOptions::default()
    }
}

fn index(library: &Library, place: &Place) -> IndexingReport {
    library
        .index(&[place.photos()], &options(), &RunContext::default())
        .unwrap()
}

fn to(old: PreviousSpace) -> SwitchOptions {
    SwitchOptions {
        old,
        precision: None,
        indexing: options(),
    }
}

fn switch(library: &Library, model: &str, old: PreviousSpace) -> SpaceReport {
    library
        .switch_to_encoder(Box::new(encoder(model)), &to(old), &RunContext::default())
        .unwrap()
}

/// A space beside the active one, with an encoder, since it cannot load one.
fn space(library: &Library, model: &str) -> Arc<Space> {
    let space = library.space_named(model).unwrap();
    let _ = space.encoder.set(Box::new(encoder(model)));
    space
}

/// All images that a space finds; each must have a record and a vector.
fn found(space: &Space) -> BTreeSet<ImageId> {
    let query = Query {
        k: 1000,
        ..Query::text("red")
    };
    let answer = space.search(&query).unwrap();
    assert_eq!(answer.space, *space.id());
    let images: BTreeSet<ImageId> = answer.hits.iter().map(|hit| hit.hit.image).collect();
    let named = space
        .catalog
        .scan()
        .map(Result::unwrap)
        .filter(|r| r.row.is_some());
    assert_eq!(images, named.map(|record| record.image).collect());
    let known = space.catalog.counts().unwrap().images;
    assert_eq!(answer.missing, known - images.len() as u64);
    images
}

#[test]
fn switch_embeds_all_images_keeps_previous_space() {
    let (place, library) = Place::new(30);
    let before = library.active();
    let report = switch(&library, "newer", PreviousSpace::Keep);
    assert_eq!((report.embedded, report.images, report.active), (30, 30, true));
    assert_eq!((report.kept.as_deref(), report.cancelled), (Some("old"), false));
    assert_eq!(library.active().id().model, "newer");
    assert_eq!(
        found(&library.active()),
        found(&before),
        "a space that was active before still works"
    );
    assert_eq!(found(&space(&library, "old")).len(), 30);
    let status = library.status().unwrap();
    assert_eq!(status.spaces.len(), 2);
    assert!(status.spaces[0].active && status.spaces[0].model == "newer" && status.switch.is_none());
    assert_eq!((status.spaces[1].images, status.spaces[1].missing), (30, 0));
    drop((library, before));
    let library = place.open("newer");
    assert_eq!(found(&library.active()).len(), 30);
    let back = switch(&library, "old", PreviousSpace::Drop);
    assert_eq!((back.embedded, back.dropped.as_deref()), (0, Some("newer")));
    assert_eq!(found(&library.active()).len(), 30);
    assert!(!place.library().join("spaces/1").exists());
    assert!(matches!(
        library.space_named("newer"),
        Err(LibraryError::UnknownSpace { .. })
    ));
    assert_eq!(switch(&library, "third", PreviousSpace::Keep).embedded, 30);
    assert!(
        place.library().join("spaces/2").exists(),
        "numbers are not reused"
    );
    assert!(library.thumbnail(&place.id(3)).is_ok(), "thumbnails stay");
}

#[test]
fn active_space_stays_usable_during_switch() {
    let (place, library) = Place::new(80);
    let slow = encoder("newer").with_delay(Duration::from_millis(15));
    thread::scope(|scope| {
        let switching = scope.spawn(|| {
            library
                .switch_to_encoder(Box::new(slow), &to(PreviousSpace::Keep), &RunContext::default())
                .unwrap()
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while library
            .planned_switch()
            .unwrap()
            .is_none_or(|planned| planned.done < 8)
        {
            assert!(Instant::now() < deadline, "the switch does not start");
            thread::sleep(Duration::from_millis(2));
        }
        assert!(library.planned_switch().unwrap().unwrap().running);
        assert!(matches!(
            library.switch_to_encoder(
                Box::new(encoder("third")),
                &to(PreviousSpace::Keep),
                &RunContext::default()
            ),
            Err(LibraryError::AlreadySwitching)
        ));
        (0..10).for_each(|n| fs::remove_file(place.photo(n)).unwrap());
        (80..95).for_each(|n| place.put(n));
        fs::copy(place.photo(94), place.photo(10)).unwrap();
        index(&library, &place);
        assert_eq!(library.active().id().model, "old");
        assert_eq!(found(&library.active()).len(), 84);
        let report = switching.join().unwrap();
        assert!(report.active && report.failed.is_empty(), "{report:?}");
    });
    let expected: BTreeSet<ImageId> = (11..95).map(|n| place.id(n)).collect();
    assert_eq!(found(&library.active()), expected);
    assert_eq!(found(&space(&library, "old")), expected);
}

#[test]
fn kept_space_drops_deleted_backfills_new_images() {
    let (place, library) = Place::new(20);
    switch(&library, "newer", PreviousSpace::Keep);
    let old = space(&library, "old");
    fs::remove_file(place.photo(3)).unwrap();
    place.put(50);
    index(&library, &place);
    let gone = place.id(50);
    assert_eq!(found(&old).len(), 19);
    assert!(
        !found(&old).contains(&gone),
        "not embedded yet, and counted as missing"
    );
    let filter = Filter {
        folders: vec![place.photos()],
        ..Filter::default()
    };
    let filtered = |space: &Space| {
        let query = Query {
            k: 100,
            filter: filter.clone(),
            ..Query::text("red")
        };
        space.search(&query).unwrap().hits.len()
    };
    assert_eq!((filtered(&old), filtered(&library.active())), (19, 20));
    let report = library
        .backfill_space("old", &options(), &RunContext::default())
        .unwrap();
    assert_eq!((report.embedded, report.images, report.active), (1, 20, false));
    assert_eq!((found(&old), filtered(&old)), (found(&library.active()), 20));
    assert_eq!(
        library
            .backfill_space("old", &options(), &RunContext::default())
            .unwrap()
            .embedded,
        0
    );
}

/// Stops after some images.
struct StopAfter(u64, CancelToken);

impl Observer for StopAfter {
    fn done(&self, images: u64) {
        if images >= self.0 {
            self.1.cancel();
        }
    }
}

/// A switch to the model `newer` that was interrupted after some of 200 images, and a reopened library.
fn interrupted_switch() -> (Place, Library, SpaceReport) {
    let (place, library) = Place::new(200);
    let cancel = CancelToken::default();
    let slow = encoder("newer").with_delay(Duration::from_millis(2));
    let stopped = library
        .switch_to_encoder(
            Box::new(slow),
            &to(PreviousSpace::Drop),
            &RunContext::new(&StopAfter(64, cancel.clone()), &cancel),
        )
        .unwrap();
    assert!(
        stopped.cancelled && !stopped.active && stopped.kept.is_none(),
        "{stopped:?}"
    );
    assert!((60..200).contains(&stopped.embedded), "{stopped:?}");
    drop(library);
    let library = place.open("old");
    (place, library, stopped)
}

#[test]
fn interrupted_switch_resumes_after_failure() {
    let (place, library, stopped) = interrupted_switch();
    assert_eq!(found(&library.active()).len(), 200);
    let planned = library.planned_switch().unwrap().unwrap();
    assert_eq!(
        (planned.done, planned.total, planned.running),
        (stopped.embedded, 200, false)
    );
    let failing = encoder("newer").failing_after(3);
    let failed = library.switch_to_encoder(
        Box::new(failing),
        &to(PreviousSpace::Drop),
        &RunContext::default(),
    );
    assert!(matches!(failed, Err(LibraryError::Indexing(_))), "{failed:?}");
    assert_eq!(library.active().id().model, "old");
    drop(library);
    let library = place.open("old");
    let done = library.planned_switch().unwrap().unwrap().done;
    assert_eq!(done, stopped.embedded + 12, "three batches of four were kept");
    space(&library, "newer");
    let resume = || {
        library
            .resume_switch(&options(), &(), &RunContext::default())
            .unwrap()
    };
    let resumed = resume().unwrap();
    assert_eq!((resumed.embedded, resumed.active), (200 - done, true));
    assert_eq!(
        resumed.dropped.as_deref(),
        Some("old"),
        "as requested at the start"
    );
    assert_eq!(found(&library.active()).len(), 200);
    assert!(!place.library().join("vectors").exists());
    assert_eq!(resume(), None);
}

#[test]
fn switch_to_active_model_abandons_unfinished_switch() {
    let (_place, library) = Place::new(200);
    let cancel = CancelToken::default();
    cancel.cancel();
    let begun = library.switch_to_encoder(
        Box::new(encoder("third")),
        &to(PreviousSpace::Keep),
        &RunContext::new(&(), &cancel),
    );
    assert!(begun.unwrap().cancelled && library.planned_switch().unwrap().is_some());
    assert!(switch(&library, "old", PreviousSpace::Keep).active);
    assert_eq!(library.planned_switch().unwrap(), None, "abandoned");
    assert_eq!(library.drop_space("third").unwrap(), "third");
}

#[test]
fn missing_files_keep_previous_space_until_restored() {
    let (place, library) = Place::new(12);
    let all = found(&library.active());
    let away = place.0.path().join("away.png");
    fs::rename(place.photo(5), &away).unwrap();
    let report = switch(&library, "newer", PreviousSpace::Drop);
    assert_eq!((report.active, report.images, report.failed.len()), (true, 11, 1));
    assert!(report.failed[0].path.ends_with("005.png"), "{report:?}");
    assert_eq!((report.kept.as_deref(), report.dropped), (Some("old"), None));
    assert_eq!(found(&space(&library, "old")), all);
    assert_eq!(found(&library.active()).len(), 11);
    fs::rename(&away, place.photo(5)).unwrap();
    let indexed = index(&library, &place);
    assert_eq!((indexed.indexed, indexed.unchanged, indexed.removed), (1, 11, 0));
    assert_eq!(found(&library.active()), all);
}

#[test]
fn switch_without_readable_images_fails() {
    let (place, library) = Place::new(5);
    fs::rename(place.photos(), place.0.path().join("unmounted")).unwrap();
    let refused = library.switch_to_encoder(
        Box::new(encoder("newer")),
        &to(PreviousSpace::Drop),
        &RunContext::default(),
    );
    assert!(
        matches!(refused, Err(LibraryError::NothingReadable { images: 5 })),
        "{refused:?}"
    );
    assert_eq!(found(&library.active()).len(), 5);
}

#[test]
fn spaces_have_own_tags_and_calibrations() {
    let (place, library) = Place::new(9);
    let words = Vocabulary::parse(b"red\ngreen\nblue\nyellow\ncyan\n").unwrap();
    let options = TagOptions::of("colours", words);
    library.active().tag(&options, &RunContext::default()).unwrap();
    let old = library.active();
    let image = place.id(4);
    let before = old.get_tags(&image).unwrap();
    fs::write(place.library().join("calibration.json"), "{}").unwrap();
    assert!(old.calibration_history().is_err());
    fs::rename(
        place.library().join("calibration.json"),
        place.0.path().join("kept.json"),
    )
    .unwrap();
    let tagged = |space: &Space| space.catalog.tag_summary().unwrap().images;
    let report = switch(&library, "newer", PreviousSpace::Keep);
    assert_eq!(report.tagged, tagged(&library.active()), "what the new space has");
    assert_eq!(
        library
            .active()
            .tag(&options, &RunContext::default())
            .unwrap()
            .unchanged,
        9
    );
    fs::rename(
        place.0.path().join("kept.json"),
        place.library().join("calibration.json"),
    )
    .unwrap();
    assert!(
        library.active().calibration_history().is_ok(),
        "the file belongs to another space"
    );
    fs::remove_file(place.library().join("calibration.json")).unwrap();
    assert_eq!(old.get_tags(&image).unwrap(), before);
    let back = switch(&library, "old", PreviousSpace::Keep);
    assert_eq!(
        (back.embedded, back.tagged),
        (0, tagged(&old)),
        "the old tags are still stored"
    );
}

#[test]
fn spaces_are_found_by_number_model_identifier() {
    let (_place, library) = Place::new(2);
    switch(&library, "newer", PreviousSpace::Keep);
    let full = encoder("old").space().to_string();
    for name in ["0", "old", &full] {
        assert_eq!(library.space_named(name).unwrap().id().model, "old", "{name}");
    }
    let error = library.space_named("7").err().unwrap().to_string();
    assert!(error.contains("1 newer, 0 old"), "{error}");
    assert!(library.active().read_vectors().len() == 2);
}
