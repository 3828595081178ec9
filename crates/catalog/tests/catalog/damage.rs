//! Catalogs whose files are damaged, in use, or of another version.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::records::{answer, file, id, new_image, tags};
use eidetic_catalog::{Catalog, CatalogError, FeedbackStore, FileState, SledCatalog, TagStore, WriteBatch};
use eidetic_domain::SplitMix64;
use eidetic_tests::{copy_tree, files_below};

/// Images put, in batches of 50, into the catalogs that are damaged below.
pub const IMAGES: u32 = 200;

pub fn filled(dir: &Path) {
    let catalog = SledCatalog::open(dir).expect("a new catalog opens");
    for start in (0..IMAGES).step_by(50) {
        let range = start..start + 50;
        let batch = WriteBatch {
            images: range.clone().map(new_image).collect(),
            files: range
                .map(|n| file(format!("/photos/{n}.jpg"), FileState::Indexed(id(n))))
                .collect(),
            removed: vec![],
            ..WriteBatch::default()
        };
        catalog.put_batch(&batch).expect("a batch is put");
        let tagged: Vec<_> = (start..start + 50).map(|n| (id(n), tags(1, &["dog"]))).collect();
        catalog.put_tags(&tagged).expect("tags are put");
        let answers: Vec<_> = (start..start + 50).map(|n| answer("a dog", n, true)).collect();
        catalog.add_feedback(&answers).expect("answers are added");
    }
}

/// Reads everything in a catalog, then writes once; the number of images. Missing changes count as reported damage.
fn read_all(dir: &Path) -> Result<usize, CatalogError> {
    let catalog = SledCatalog::open(dir)?;
    if catalog.condition().missing_changes > 0 {
        // It says so, and cannot know whether its end was cut off or never copied.
        return Err(CatalogError::Damaged {
            path: dir.to_path_buf(),
            what: "changes are missing".to_owned(),
        });
    }
    let images = catalog.scan().collect::<Result<Vec<_>, _>>()?;
    let files = catalog
        .files_under(Path::new("/"))
        .collect::<Result<Vec<_>, _>>()?;
    assert_eq!(images.len(), files.len());
    assert_eq!(catalog.tag_summary()?.images, images.len() as u64);
    assert_eq!(catalog.images_with_tag("dog")?.len(), images.len());
    assert_eq!(catalog.feedback()?.len(), images.len());
    catalog.put_batch(&WriteBatch {
        files: vec![file("/photos/text", FileState::NotImage)],
        ..WriteBatch::default()
    })?;
    Ok(images.len())
}

/// Reads on a separate thread, so that a hang fails the test.
fn read_in_time(dir: &Path, what: &str) -> Result<usize, CatalogError> {
    let (send, receive) = mpsc::channel();
    let dir = dir.to_path_buf();
    std::thread::spawn(move || send.send(read_all(&dir)));
    receive
        .recv_timeout(Duration::from_mins(1))
        .unwrap_or_else(|_| panic!("reading hangs or panics: {what}"))
}

/// The result of reading a damaged copy of a good catalog.
fn after(good: &Path, what: &str, damage: impl FnOnce(&Path)) -> Result<usize, CatalogError> {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_tree(good, copy.path());
    damage(copy.path());
    read_in_time(copy.path(), what)
}

fn assert_complete_or_damaged(result: &Result<usize, CatalogError>, what: &str) {
    match result {
        Ok(images) => assert_eq!(*images, IMAGES as usize, "images were lost silently: {what}"),
        Err(CatalogError::Damaged { .. } | CatalogError::Store { .. }) => {}
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn flipped_bytes_are_detected_or_harmless() {
    let good = tempfile::tempdir().unwrap();
    filled(good.path());
    let mut detected = 0;
    for path in files_below(good.path()) {
        let bytes = fs::read(&path).unwrap();
        let used = bytes
            .iter()
            .rposition(|&b| b != 0)
            .map_or(0, |last| last as u64 + 1);
        if used == 0 {
            continue;
        }
        let name = path.strip_prefix(good.path()).unwrap();
        for trial in 0..25 {
            let offset = SplitMix64::new(trial).below(used as usize);
            let what = format!("byte {offset} of {}", name.display());
            let result = after(good.path(), &what, |dir| {
                let mut damaged = bytes.clone();
                damaged[offset] ^= 0x55;
                fs::write(dir.join(name), damaged).unwrap();
            });
            assert_complete_or_damaged(&result, &what);
            detected += u32::from(result.is_err());
        }
    }
    assert!(detected > 0, "no damage was detected");
}

#[test]
fn truncated_files_are_detected_or_harmless() {
    let good = tempfile::tempdir().unwrap();
    filled(good.path());
    for path in files_below(good.path()) {
        let length = fs::metadata(&path).unwrap().len();
        let name = path.strip_prefix(good.path()).unwrap();
        for trial in 0..12 {
            let keep = length * trial / 12;
            let what = format!("{} cut to {keep}", name.display());
            let result = after(good.path(), &what, |dir| {
                let file = fs::File::options().write(true).open(dir.join(name)).unwrap();
                file.set_len(keep).unwrap();
            });
            assert_complete_or_damaged(&result, &what);
        }
    }
}

#[test]
fn missing_store_is_reported() {
    let good = tempfile::tempdir().unwrap();
    filled(good.path());
    let result = after(good.path(), "no store", |dir| {
        fs::remove_dir_all(dir.join("store")).unwrap();
    });
    assert!(matches!(result, Err(CatalogError::Damaged { .. })), "{result:?}");
}

#[test]
fn older_store_opens_and_counts_missing_changes() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(old.path());
    copy_tree(old.path(), new.path());
    let catalog = SledCatalog::open(new.path()).unwrap();
    catalog.remove(&[id(1)]).unwrap();
    drop(catalog);
    fs::copy(new.path().join("ledger"), old.path().join("ledger")).unwrap();
    let missing = |dir: &Path| SledCatalog::open(dir).unwrap().condition().missing_changes;
    assert_eq!(missing(old.path()), 1);
    for number in 0..3 {
        let catalog = SledCatalog::open(old.path()).unwrap();
        assert!(catalog.contains(&id(1)).unwrap(), "what is whole is there");
        let files = vec![file(format!("/photos/{number}.txt"), FileState::NotImage)];
        let batch = WriteBatch {
            files,
            ..WriteBatch::default()
        };
        catalog.put_batch(&batch).unwrap();
    }
    assert_eq!(missing(old.path()), 1, "later changes do not hide it");
    let checked = SledCatalog::check(old.path()).unwrap();
    assert!(
        checked.findings[0].what.contains("lacks the last 1 change"),
        "{checked:?}"
    );
    SledCatalog::repair(old.path()).unwrap();
    assert_eq!(missing(old.path()), 0, "the owner has accepted it");
    assert_eq!(SledCatalog::check(old.path()).unwrap().findings, []);
}

#[test]
fn second_owner_gets_in_use_error() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledCatalog::open(dir.path()).unwrap();
    assert!(matches!(SledCatalog::open(dir.path()), Err(CatalogError::InUse { path }) if path == dir.path()));
    drop(first);
    SledCatalog::open(dir.path()).unwrap();
}

/// The store of a catalog, opened directly. sled releases its lock a moment after it was dropped.
fn plain_store(catalog: &Path) -> sled::Db {
    for _ in 0..500 {
        match sled::open(catalog.join("store")) {
            Err(error) if error.to_string().contains("could not acquire lock") => {
                std::thread::sleep(Duration::from_millis(20));
            }
            opened => return opened.expect("the store opens when its lock is released"),
        }
    }
    panic!("the store stays locked");
}

#[test]
fn other_format_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let store = plain_store(dir.path());
    // The value as any version writes it: CRC-32 of key and payload, little-endian, then the payload.
    let crc = crc32fast::hash(b"mversion\x02");
    store
        .insert(b"mversion", [&crc.to_le_bytes(), [2].as_slice()].concat())
        .unwrap();
    store.flush().unwrap();
    drop(store);
    let result = SledCatalog::open(dir.path());
    assert!(
        matches!(
            result,
            Err(CatalogError::UnknownVersion {
                found: 2,
                supported: 1,
                ..
            })
        ),
        "{:?}",
        result.err()
    );
}

#[test]
fn uncreatable_directory_is_store_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    let result = SledCatalog::open(&dir.path().join("file").join("catalog"));
    assert!(matches!(result, Err(CatalogError::Store { .. })));
}

/// A value as this program writes it: CRC-32 of key and payload, little-endian, then the payload.
fn encode_checked(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let crc = crc32fast::hash(&[key, payload].concat());
    [&crc.to_le_bytes(), payload].concat()
}

#[test]
fn leftover_tags_of_deleted_image_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let gone = id(IMAGES + 1);
    let store = plain_store(dir.path());
    let record = [b"t", gone.as_bytes().as_slice()].concat();
    let payload = [&[1; 32][..], &[0]].concat();
    store.insert(&record, encode_checked(&record, &payload)).unwrap();
    let index = [b"wdog\0", gone.as_bytes().as_slice()].concat();
    store.insert(&index, encode_checked(&index, &[])).unwrap();
    store.flush().unwrap();
    drop(store);
    let catalog = SledCatalog::open(dir.path()).unwrap();
    assert_eq!(catalog.get_tags(&[gone]).unwrap(), [None]);
    assert_eq!(catalog.tag_summary().unwrap().images, u64::from(IMAGES));
    let tagged = catalog.images_with_tag("dog").unwrap();
    let known = catalog.get_many(&tagged).unwrap();
    assert_eq!(known.iter().flatten().count(), IMAGES as usize);
}
