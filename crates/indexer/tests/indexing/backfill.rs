//! Backfills of a second space from the catalog, while the first space changes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use eidetic_catalog::{Catalog, RowStore, SledCatalog, SpaceNumber};
use eidetic_domain::{ImageId, SpaceId};
use eidetic_encoder::{Encoder, fake::FakeEncoder};
use eidetic_indexer::{
    BackfillReport, CancelToken, FileFailure, Indexer, IndexerOptions, IndexingError, Observer, RunContext,
};
use eidetic_vectors::{VectorIndex, VectorStore};
use tempfile::TempDir;

use crate::world::{image_bytes, long_ago, set_modified};

/// A catalog with two spaces, and the vectors of both.
struct TwoSpaces {
    dir: TempDir,
    first: SledCatalog,
    second: SledCatalog,
    vectors: [RwLock<VectorStore>; 2],
}

fn encoder(name: &str) -> FakeEncoder {
    FakeEncoder::new(8).named(name)
}

fn vectors(folder: &Path, space: &SpaceId, catalog: &SledCatalog) -> RwLock<VectorStore> {
    std::fs::create_dir_all(folder).unwrap();
    let named = catalog.scan().map(Result::unwrap);
    let live: Vec<_> = named.filter_map(|r| Some((r.row?, r.image))).collect();
    let (store, report) = VectorStore::open(folder, space, &live).unwrap();
    assert_eq!(report.damaged, [], "every row in a record has its vector");
    RwLock::new(store)
}

impl TwoSpaces {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("photos")).unwrap();
        Self::open(dir)
    }

    fn open(dir: TempDir) -> Self {
        let first = SledCatalog::open(&dir.path().join("catalog")).unwrap();
        let second = first.for_space(SpaceNumber(1));
        let vectors = [("a", &first), ("b", &second)]
            .map(|(name, catalog)| vectors(&dir.path().join(name), encoder(name).space(), catalog));
        Self {
            dir,
            first,
            second,
            vectors,
        }
    }

    fn reopen(self) -> Self {
        let Self {
            dir,
            first,
            second,
            vectors,
        } = self;
        drop((first, second, vectors));
        Self::open(dir)
    }

    fn put(&self, number: u32) {
        let path = self.photo(number);
        std::fs::write(&path, image_bytes(number)).unwrap();
        set_modified(&path, long_ago(1));
    }

    fn photo(&self, number: u32) -> std::path::PathBuf {
        self.dir.path().join(format!("photos/{number:05}.bmp"))
    }

    fn index(&self) {
        let hide = |images: &[ImageId]| self.vectors[1].write().unwrap().hide(images).unwrap();
        let restore = |images: &[ImageId]| drop(self.vectors[1].write().unwrap().restore(images).unwrap());
        let indexer = Indexer {
            catalog: &self.first,
            vectors: &self.vectors[0],
            encoder: &encoder("a"),
            thumbnails: None,
            on_removed: &hide,
            on_returned: &restore,
            on_decoded: &|_, _| (),
        };
        let photos = self.dir.path().join("photos");
        indexer
            .run(&[photos], &options(), &RunContext::default())
            .unwrap();
    }

    fn backfill(
        &self,
        encoder: &FakeEncoder,
        context: &RunContext<'_>,
    ) -> Result<BackfillReport, IndexingError> {
        let indexer = Indexer {
            catalog: &self.second,
            vectors: &self.vectors[1],
            encoder,
            thumbnails: None,
            on_removed: &|_| (),
            on_returned: &|_| (),
            on_decoded: &|_, _| (),
        };
        indexer.backfill(&|_| true, &options(), context)
    }

    fn fill(&self) -> BackfillReport {
        self.backfill(&encoder("b"), &RunContext::default()).unwrap()
    }

    /// The images that have a record with a row and a vector in the second space; no two share a row.
    fn filled(&self) -> BTreeSet<ImageId> {
        let store = self.vectors[1].read().unwrap();
        let (mut images, mut rows) = (BTreeSet::new(), BTreeSet::new());
        for record in self.second.scan().map(Result::unwrap) {
            let Some(row) = record.row else { continue };
            assert!(rows.insert(row), "two images in row {row:?}");
            assert!(
                store.vector(&record.image).is_some(),
                "{} has no vector",
                record.image
            );
            images.insert(record.image);
        }
        assert_eq!(store.len(), images.len(), "vectors without a record");
        images
    }
}

fn options() -> IndexerOptions {
    IndexerOptions {
        batch: 4,
        commit_every: 8,
        threads: 2,
        ..IndexerOptions::default()
    }
}

fn ids(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<ImageId> {
    numbers
        .into_iter()
        .map(|n| ImageId::of(&image_bytes(n)))
        .collect()
}

#[test]
fn second_space_gets_every_readable_image() {
    let two = TwoSpaces::new();
    (0..30).for_each(|n| two.put(n));
    std::fs::copy(two.photo(3), two.dir.path().join("photos/copy.bmp")).unwrap();
    two.index();
    std::fs::remove_file(two.photo(3)).unwrap();
    std::fs::remove_file(two.photo(7)).unwrap();
    std::fs::write(two.photo(9), b"BM something else").unwrap();
    let report = two.fill();
    assert_eq!(report.embedded, 28, "a copy replaces the deleted file");
    let mut failed: Vec<&FileFailure> = report.failed.iter().map(|(_, failure)| failure).collect();
    failed.sort_by_key(|failure| &failure.path);
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        failed[0].path == two.photo(7) && failed[0].reason.contains("no longer exists"),
        "{failed:?}"
    );
    assert!(
        failed[1].path == two.photo(9) && failed[1].reason.contains("has changed"),
        "{failed:?}"
    );
    assert_eq!(two.filled(), ids((0..30).filter(|n| ![7, 9].contains(n))));
    assert_eq!(two.first.count_rows().unwrap(), 30, "the first space keeps all");
    let again = two.fill();
    assert_eq!((again.embedded, again.failed.len()), (0, 2));
}

/// Cancels after some images.
struct StopAfter(u64, CancelToken, Mutex<Vec<u64>>);

impl Observer for StopAfter {
    fn total(&self, images: u64) {
        self.2.lock().unwrap().push(images);
    }

    fn done(&self, images: u64) {
        if images >= self.0 {
            self.1.cancel();
        }
    }
}

#[test]
fn interrupted_backfill_resumes() {
    let mut two = TwoSpaces::new();
    (0..200).for_each(|n| two.put(n));
    two.index();
    let cancel = CancelToken::default();
    let stop = StopAfter(64, cancel.clone(), Mutex::default());
    let slow = encoder("b").with_delay(Duration::from_millis(2));
    let stopped = two.backfill(&slow, &RunContext::new(&stop, &cancel)).unwrap();
    assert!(
        stopped.cancelled && stopped.embedded >= 60 && stopped.embedded < 200,
        "{stopped:?}"
    );
    assert_eq!(*stop.2.lock().unwrap(), [200]);
    two = two.reopen();
    assert_eq!(two.filled().len() as u64, stopped.embedded);
    let failing = encoder("b").failing_after(5);
    let error = two.backfill(&failing, &RunContext::default()).unwrap_err();
    assert!(matches!(error, IndexingError::Encode(_)), "{error}");
    two = two.reopen();
    assert_eq!(
        two.filled().len() as u64,
        stopped.embedded + 20,
        "five batches of four are kept"
    );
    two.fill();
    assert_eq!(two.filled(), ids(0..200));
}

#[test]
fn backfill_beside_changing_images_is_consistent() {
    let two = TwoSpaces::new();
    (0..150).for_each(|n| two.put(n));
    two.index();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let slow = encoder("b").with_delay(Duration::from_millis(3));
            two.backfill(&slow, &RunContext::default()).unwrap();
        });
        for round in 0..12 {
            // Deleted until the next round, changed, new.
            let gone = if round % 2 == 0 { 0..40 } else { 40..80 };
            let back = if round % 2 == 0 { 40..80 } else { 0..40 };
            gone.for_each(|n| drop(std::fs::remove_file(two.photo(n))));
            back.for_each(|n| two.put(n));
            std::fs::write(two.photo(100 + round), image_bytes(1000 + round)).unwrap();
            two.put(200 + round);
            two.index();
        }
    });
    two.fill();
    let there = (0..40)
        .chain(80..100)
        .chain(112..150)
        .chain(200..212)
        .chain(1000..1012);
    let expected = ids(there);
    let known: BTreeSet<ImageId> = two.first.scan().map(|record| record.unwrap().image).collect();
    assert_eq!(known, expected);
    assert_eq!(two.filled(), expected);
    assert_eq!(two.reopen().filled(), expected);
}
