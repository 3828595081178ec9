//! The vector file over its life: random histories with crashes, and damaged bytes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};
use eidetic_vectors::{IndexError, VectorIndex, VectorStore};
use proptest::prelude::*;

const DIMENSION: usize = 16;

fn space() -> SpaceId {
    SpaceId {
        model: "test".into(),
        revision: "1".into(),
        preprocessing: "none".into(),
        dimension: DIMENSION,
    }
}

/// The image number `n` and its vector.
fn image(n: u8) -> (ImageId, Embedding) {
    let components = (0..DIMENSION)
        .map(|i| f32::from(n.wrapping_mul(31).wrapping_add((i as u8).wrapping_mul(57))) - 127.3);
    let vector = Embedding::normalize(components.collect()).expect("not all zero");
    (ImageId::of(&[n]), vector)
}

fn open(directory: &Path, live: &[(RowId, ImageId)]) -> (VectorStore, Vec<ImageId>) {
    let (store, report) = VectorStore::open(directory, &space(), live).expect("opening");
    (store, report.damaged)
}

/// A change to a store.
#[derive(Debug, Clone)]
enum Action {
    Upsert(Vec<u8>),
    Remove(Vec<u8>),
    /// Vectors, then the catalog, are made durable.
    Commit,
    /// The process is killed and restarted; the catalog is as of the last commit.
    Crash,
}

fn action() -> impl Strategy<Value = Action> {
    let images = || prop::collection::vec(0_u8..40, 0..12);
    prop_oneof![
        4 => images().prop_map(Action::Upsert),
        2 => images().prop_map(Action::Remove),
        2 => Just(Action::Commit),
        1 => Just(Action::Crash),
    ]
}

/// A store and its expected content: rows by image number, in memory and in the catalog.
struct ModelTest<'d> {
    directory: &'d Path,
    store: VectorStore,
    expected: BTreeMap<u8, RowId>,
    catalog: BTreeMap<u8, RowId>,
}

impl ModelTest<'_> {
    fn apply(&mut self, action: &Action) {
        match action {
            Action::Upsert(images) => self.upsert(images),
            Action::Remove(images) => self.remove(images),
            Action::Commit => {
                self.store.commit().expect("committing");
                self.catalog = self.expected.clone();
            }
            Action::Crash => {
                let live: Vec<_> = self.catalog.iter().map(|(&n, &row)| (row, image(n).0)).collect();
                let (store, damaged) = open(self.directory, &live);
                assert_eq!(damaged, [], "nothing committed may be lost");
                self.store = store;
                self.expected = self.catalog.clone();
            }
        }
        self.compare();
    }

    fn upsert(&mut self, images: &[u8]) {
        let vectors: Vec<_> = images.iter().map(|&n| image(n)).collect();
        let rows = self.store.upsert(&vectors).expect("adding");
        for (&n, row) in images.iter().zip(rows) {
            assert_eq!(
                *self.expected.entry(n).or_insert(row),
                row,
                "an image keeps its row"
            );
        }
    }

    /// In the order required of the indexer: the catalog first, durably.
    fn remove(&mut self, images: &[u8]) {
        for n in images {
            self.catalog.remove(n);
            self.expected.remove(n);
        }
        let ids: Vec<ImageId> = images.iter().map(|&n| image(n).0).collect();
        self.store.remove(&ids).expect("removing");
    }

    fn compare(&self) {
        assert_eq!(self.store.len(), self.expected.len());
        let rows: HashSet<RowId> = self.expected.values().copied().collect();
        assert_eq!(rows.len(), self.expected.len(), "each image has a row of its own");
        let live: HashMap<ImageId, RowId> = self.store.live().map(|(row, image)| (image, row)).collect();
        for (&n, row) in &self.expected {
            let (id, vector) = image(n);
            assert_eq!(live.get(&id), Some(row));
            let best = self.store.search(&vector, 40, None).expect("searching");
            assert_eq!(best.len(), self.expected.len());
            assert!(best[0].score >= 0.999_999);
            assert!(
                best.iter()
                    .any(|neighbor| neighbor.image == id && neighbor.score >= 0.999_999)
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_history_equals_map(actions in prop::collection::vec(action(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let (store, _) = open(directory.path(), &[]);
        let mut test = ModelTest {
            directory: directory.path(),
            store,
            expected: BTreeMap::new(),
            catalog: BTreeMap::new(),
        };
        for action in &actions {
            test.apply(action);
        }
    }

    #[test]
    fn any_bytes_open_or_report_damage(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 0..6),
        rows_only in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
        garbage in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let vectors: Vec<_> = (0..20).map(image).collect();
        let live = filled(directory.path(), &vectors);
        let path = directory.path().join("vectors.bin");
        let mut bytes = fs::read(&path).unwrap();
        let untouched = if rows_only { 4096 } else { 0 };
        for (at, mask) in flips {
            let at = untouched + at.index(bytes.len() - untouched);
            bytes[at] ^= mask;
        }
        if let Some(cut) = cut {
            bytes.truncate(untouched + cut.index(bytes.len() - untouched));
        }
        bytes.extend(garbage);
        fs::write(&path, &bytes).unwrap();

        match VectorStore::open(directory.path(), &space(), &live) {
            Ok((mut store, report)) => {
                prop_assert_eq!(store.len() + report.damaged.len(), 20);
                for (id, vector) in &vectors {
                    let found = store.search(vector, 1, None).unwrap();
                    let is_live = !report.damaged.contains(id);
                    prop_assert!(!is_live || found[0].score >= 0.999_999);
                    prop_assert_eq!(is_live, store.vector(id).is_some());
                }
                store.upsert(&vectors).unwrap();
                prop_assert_eq!(store.len(), 20);
            }
            Err(IndexError::Damaged { .. }) => prop_assert!(!rows_only),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn any_row_list_opens(entries in prop::collection::vec((prop_oneof![0_u64..30, any::<u64>()], 0_u8..30), 0..60)) {
        let directory = tempfile::tempdir().unwrap();
        let vectors: Vec<_> = (0..20).map(image).collect();
        let truth: HashMap<ImageId, RowId> =
            filled(directory.path(), &vectors).into_iter().map(|(row, image)| (image, row)).collect();
        let entries: Vec<_> = entries.into_iter().map(|(row, n)| (RowId(row), image(n).0)).collect();
        let (store, damaged) = open(directory.path(), &entries);
        for (id, _) in (0..30).map(image) {
            let right = entries.iter().any(|&(row, listed)| listed == id && truth.get(&id) == Some(&row));
            let listed = entries.iter().any(|(_, listed)| *listed == id);
            prop_assert_eq!(store.vector(&id).is_some(), right);
            prop_assert_eq!(damaged.contains(&id), listed && !right);
        }
    }
}

/// Writes the vectors and returns their rows.
fn filled(directory: &Path, vectors: &[(ImageId, Embedding)]) -> Vec<(RowId, ImageId)> {
    let (mut store, _) = open(directory, &[]);
    let rows = store.upsert(vectors).expect("adding");
    store.commit().expect("committing");
    rows.into_iter()
        .zip(vectors.iter().map(|(image, _)| *image))
        .collect()
}

#[test]
fn missing_file_reports_every_image_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let live: Vec<_> = (0..3_u8).map(|n| (RowId(n.into()), image(n).0)).collect();
    let (store, damaged) = open(directory.path(), &live);
    assert_eq!(store.len(), 0);
    assert_eq!(damaged.len(), 3);
}

#[test]
fn unnamed_rows_are_dropped_and_reused() {
    let directory = tempfile::tempdir().unwrap();
    let vectors: Vec<_> = (0..10).map(image).collect();
    let live = filled(directory.path(), &vectors);
    let size = fs::metadata(directory.path().join("vectors.bin")).unwrap().len();
    let (mut store, report) = VectorStore::open(directory.path(), &space(), &live[4..]).unwrap();
    assert_eq!(report.dropped, 4);
    assert_eq!(store.stats().unwrap().tombstones, 4);
    let rows = store.upsert(&(20..24).map(image).collect::<Vec<_>>()).unwrap();
    assert_eq!(rows, [RowId(0), RowId(1), RowId(2), RowId(3)]);
    assert_eq!(store.stats().unwrap().bytes_on_disk, size);
}

#[test]
fn other_space_and_missing_folder_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path(), &[image(1)]);
    let other = SpaceId {
        model: "other".into(),
        ..space()
    };
    let error = VectorStore::open(directory.path(), &other, &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("test@1/none/16") && error.contains("other@1/none/16"),
        "{error}"
    );
    let missing = directory.path().join("nowhere");
    let error = VectorStore::open(&missing, &space(), &[]).unwrap_err();
    assert!(matches!(error, IndexError::Io { .. }), "{error}");
}

/// `/dev/full` can be opened and read, but every write fails for lack of space.
#[cfg(target_os = "linux")]
#[test]
fn open_on_full_disk_fails() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", directory.path().join("vectors.bin.new")).unwrap();
    let error = VectorStore::open(directory.path(), &space(), &[]).unwrap_err();
    let IndexError::Io { source, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
}
