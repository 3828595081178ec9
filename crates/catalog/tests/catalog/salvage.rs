//! Catalogs of which a part is damaged: the rest can be read, and a repair saves it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::damage::{IMAGES, filled};
use crate::records::{answer, file, id, new_image, tags};
use eidetic_catalog::{
    Catalog, CatalogError, FeedbackStore, FileState, ImageRecord, ReadOnlyReason, SledCatalog, TagStore,
    WriteBatch,
};
use eidetic_domain::SplitMix64;
use eidetic_tests::{copy_tree, files_below};

/// Records that one damaged place may cost: those of two neighbouring pages of the tree, or of a batch's part.
const MOST_LOST: usize = 60;

/// A reason for which the log is read, not the snapshot.
fn reading_log() -> ReadOnlyReason {
    ReadOnlyReason::Damaged("a test".into())
}

fn images(catalog: &SledCatalog) -> Vec<ImageRecord> {
    catalog
        .scan()
        .collect::<Result<_, _>>()
        .expect("images can be scanned")
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let is_snapshot = |path: &PathBuf| {
        let name = path.file_name().expect("files have names").to_string_lossy();
        name.starts_with("snap.")
    };
    let mut files = files_below(&dir.join("store"));
    files.retain(is_snapshot);
    files
}

fn assert_opens_complete(dir: &Path, what: &str) {
    let catalog = SledCatalog::open(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(images(&catalog).len(), IMAGES as usize, "{what}");
    assert_eq!(
        catalog.tag_summary().expect("tags can be read").images,
        u64::from(IMAGES)
    );
    assert_eq!(
        catalog.condition(),
        eidetic_catalog::CatalogCondition::default(),
        "{what}"
    );
}

#[test]
fn draft_of_snapshot_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let store = dir.path().join("store");
    for content in ["", "half", &"x".repeat(5000)] {
        let draft = store.join("snap.00000000000FFFFF.generating");
        fs::write(&draft, content).unwrap();
        assert_eq!(SledCatalog::check(dir.path()).unwrap().findings, []);
        assert_opens_complete(dir.path(), "a draft");
        assert!(!draft.exists());
    }
}

#[test]
fn damaged_snapshot_is_set_aside() {
    let good = tempfile::tempdir().unwrap();
    filled(good.path());
    drop(SledCatalog::open(good.path()).unwrap());
    let length = fs::metadata(&snapshots(good.path())[0]).unwrap().len();
    let mut random = SplitMix64::new(5);
    for trial in 0..10 {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(good.path(), copy.path());
        let path = snapshots(copy.path()).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        match trial {
            0 => bytes.truncate(5),
            1 => bytes.fill(0),
            _ => bytes[random.below(length as usize)] ^= 4,
        }
        fs::write(&path, bytes).unwrap();
        let checked = SledCatalog::check(copy.path()).unwrap();
        assert_eq!(checked.findings.len(), 1, "{checked:?}");
        assert!(
            checked.findings[0].what.contains("nothing is lost"),
            "{checked:?}"
        );
        assert_opens_complete(copy.path(), &format!("trial {trial}"));
        assert_eq!(files_below(&copy.path().join("set-aside")).len(), 1);
        assert_eq!(SledCatalog::check(copy.path()).unwrap().findings, []);
    }
}

#[test]
fn foreign_snapshot_is_set_aside() {
    let (good, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(good.path());
    drop(SledCatalog::open(good.path()).unwrap());
    let catalog = SledCatalog::open(other.path()).unwrap();
    catalog.add_feedback(&[answer("a dog", 1, true)]).unwrap();
    drop(catalog);
    drop(SledCatalog::open(other.path()).unwrap());
    let own = snapshots(good.path()).remove(0);
    fs::copy(&snapshots(other.path())[0], own).unwrap();
    assert_opens_complete(good.path(), "a snapshot of another store");
}

#[test]
fn damaged_or_missing_settings_are_harmless() {
    let good = tempfile::tempdir().unwrap();
    filled(good.path());
    let whole = fs::read(good.path().join("store/conf")).unwrap();
    let contents = [
        Some(vec![0; whole.len()]),
        Some(whole[..whole.len() / 2].to_vec()),
        Some(Vec::new()),
        Some(whole[..8].to_vec()),
        None,
    ];
    for content in contents {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(good.path(), copy.path());
        let conf = copy.path().join("store/conf");
        match &content {
            Some(content) => fs::write(&conf, content).unwrap(),
            None => fs::remove_file(&conf).unwrap(),
        }
        assert_opens_complete(copy.path(), &format!("{content:?}"));
        assert_eq!(fs::read(conf).unwrap(), whole);
    }
}

/// Many batches in several sessions, with removals and changes, so that segments are freed and written again.
fn grown(dir: &Path) -> Vec<ImageRecord> {
    let mut random = SplitMix64::new(3);
    for session in 0..4_u32 {
        let catalog = SledCatalog::open(dir).unwrap();
        for start in (session * 1000..(session + 1) * 1000).step_by(100) {
            let range = start..start + 100;
            let batch = WriteBatch {
                images: range.clone().map(new_image).collect(),
                files: range
                    .clone()
                    .map(|n| file(format!("/photos/{}/{n}.jpg", n % 7), FileState::Indexed(id(n))))
                    .collect(),
                removed: vec![],
                ..WriteBatch::default()
            };
            catalog.put_batch(&batch).unwrap();
            let tagged: Vec<_> = range
                .clone()
                .map(|n| (id(n), tags(1, &["dog", "snow", "a word"])))
                .collect();
            catalog.put_tags(&tagged).unwrap();
            let gone: Vec<_> = (0..30)
                .map(|_| id(random.below(start as usize + 100) as u32))
                .collect();
            catalog.remove(&gone).unwrap();
            let again: Vec<_> = (0..60)
                .map(|_| (id(random.below(start as usize + 100) as u32), tags(2, &["cat"])))
                .collect();
            catalog.put_tags(&again).unwrap();
        }
    }
    images(&SledCatalog::open(dir).unwrap())
}

#[test]
fn reading_equals_sled_across_reused_segments() {
    let dir = tempfile::tempdir().unwrap();
    let expected = grown(dir.path());
    let before: Vec<_> = files_below(dir.path())
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    let read = SledCatalog::read(dir.path(), reading_log()).unwrap();
    assert!(images(&read) == expected, "the log holds the same images");
    let sled_summary = |catalog: &SledCatalog| catalog.tag_summary().unwrap();
    let summary = sled_summary(&read);
    let refused = read.add_feedback(&[answer("a dog", 1, true)]).unwrap_err();
    assert!(matches!(refused, CatalogError::ReadOnly { .. }), "{refused}");
    drop(read);
    assert_eq!(SledCatalog::check(dir.path()).unwrap().findings, []);
    let after: Vec<_> = files_below(dir.path())
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert!(before == after, "reading changes no file");
    let catalog = SledCatalog::open(dir.path()).unwrap();
    assert_eq!(sled_summary(&catalog), summary);
}

#[test]
fn readers_of_log_exclude_writer() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let readers = [(); 2].map(|()| SledCatalog::read(dir.path(), reading_log()).unwrap());
    assert!(matches!(
        SledCatalog::open(dir.path()),
        Err(CatalogError::InUse { .. })
    ));
    drop(readers);
    let writer = SledCatalog::open(dir.path()).unwrap();
    assert!(matches!(
        SledCatalog::read(dir.path(), reading_log()),
        Err(CatalogError::InUse { .. })
    ));
    drop(writer);
}

/// Images and answers after reading and after a repair; both must agree, and opening must never be silent about a loss.
fn survivors(dir: &Path, what: &str) -> (usize, usize) {
    let read = SledCatalog::read(dir, reading_log()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let before = (images(&read), read.feedback().unwrap());
    drop(read);
    let opened = SledCatalog::open(dir).and_then(|catalog| {
        let found = catalog.scan().collect::<Result<Vec<_>, _>>()?;
        Ok((found, catalog.feedback()?, catalog.condition().missing_changes))
    });
    if let Ok((found, answers, missing)) = opened {
        let is_whole = found.len() == before.0.len() && answers.len() == before.1.len();
        assert!(is_whole || missing > 0, "opened and lost silently: {what}");
    }
    SledCatalog::repair(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    let catalog = SledCatalog::open(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    let after = (images(&catalog), catalog.feedback().unwrap());
    assert!(after.0.iter().all(|image| !image.paths.is_empty()), "{what}");
    assert!(before == after, "a repair saves what can be read: {what}");
    drop(catalog);
    let checked = SledCatalog::check(dir).unwrap();
    assert_eq!(checked.findings, [], "{what}");
    (after.0.len(), after.1.len())
}

#[test]
fn damage_costs_what_it_hit() {
    let good = tempfile::tempdir().unwrap();
    filled(good.path());
    let mut random = SplitMix64::new(11);
    let log = fs::read(good.path().join("store/db")).unwrap();
    let used = log.iter().rposition(|&byte| byte != 0).unwrap();
    for trial in 0..40 {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(good.path(), copy.path());
        let mut bytes = log.clone();
        let at = random.below(used);
        match trial % 4 {
            0 => bytes[at / 512 * 512..at / 512 * 512 + 512].fill(0),
            _ => bytes[at] ^= 1 << random.below(8),
        }
        fs::write(copy.path().join("store/db"), bytes).unwrap();
        let what = format!("trial {trial}, byte {at}");
        let (images, answers) = survivors(copy.path(), &what);
        assert!(
            images + MOST_LOST >= IMAGES as usize,
            "{images} images left: {what}"
        );
        assert!(
            answers + MOST_LOST >= IMAGES as usize,
            "{answers} answers left: {what}"
        );
    }
}

#[test]
fn interrupted_repair_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let (store, rebuilt) = (dir.path().join("store"), dir.path().join("rebuilt"));
    fs::rename(&store, &rebuilt).unwrap();
    assert_eq!(
        images(&SledCatalog::read(dir.path(), reading_log()).unwrap()).len(),
        IMAGES as usize
    );
    fs::create_dir(dir.path().join("rebuilding")).unwrap();
    assert_opens_complete(dir.path(), "between two renames");
    assert!(store.exists() && !rebuilt.exists());
}
