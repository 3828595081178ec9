//! A second space beside the first: filled from what the catalog knows, while the first goes on changing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use eidetic_catalog::{Catalog, RowStore, SledCatalog, SpaceNumber};
use eidetic_domain::{ImageId, SpaceId};
use eidetic_encoder::{Encoder, fake::FakeEncoder};
use eidetic_indexer::{Cancel, Failure, Indexer, IndexingError, Observer, Options, Refilled};
use eidetic_vectors::{VectorIndex, VectorStore};
use tempfile::TempDir;

use crate::world::{long_ago, picture, set_modified};

/// A catalog seen from two spaces, and the vectors of both.
struct Two {
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
    assert_eq!(report.damaged, [], "every row that is named holds its vector");
    RwLock::new(store)
}

impl Two {
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
        std::fs::write(&path, picture(number)).unwrap();
        set_modified(&path, long_ago(1));
    }

    fn photo(&self, number: u32) -> std::path::PathBuf {
        self.dir.path().join(format!("photos/{number:05}.bmp"))
    }

    fn index(&self) {
        let forget = |images: &[ImageId]| self.vectors[1].write().unwrap().remove(images).unwrap();
        let indexer = Indexer {
            catalog: &self.first,
            vectors: &self.vectors[0],
            encoder: &encoder("a"),
            thumbnails: None,
            forgotten: &forget,
        };
        let photos = self.dir.path().join("photos");
        indexer
            .run(&[photos], &options(), &(), &Cancel::default())
            .unwrap();
    }

    fn refill(
        &self,
        encoder: &FakeEncoder,
        observer: &dyn Observer,
        cancel: &Cancel,
    ) -> Result<Refilled, IndexingError> {
        let indexer = Indexer {
            catalog: &self.second,
            vectors: &self.vectors[1],
            encoder,
            thumbnails: None,
            forgotten: &|_| (),
        };
        indexer.refill(&|_| true, &options(), observer, cancel)
    }

    fn fill(&self) -> Refilled {
        self.refill(&encoder("b"), &(), &Cancel::default()).unwrap()
    }

    /// The images that have a vector in the second space, by record and vector alike, each in a row of its own.
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

fn options() -> Options {
    Options {
        batch: 4,
        commit_every: 8,
        threads: 2,
        ..Options::default()
    }
}

fn ids(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<ImageId> {
    numbers.into_iter().map(|n| ImageId::of(&picture(n))).collect()
}

#[test]
fn a_second_space_gets_every_image_once_and_files_that_are_gone_are_named() {
    let two = Two::new();
    (0..30).for_each(|n| two.put(n));
    std::fs::copy(two.photo(3), two.dir.path().join("photos/copy.bmp")).unwrap();
    two.index();
    std::fs::remove_file(two.photo(3)).unwrap();
    std::fs::remove_file(two.photo(7)).unwrap();
    std::fs::write(two.photo(9), b"BM something else").unwrap();
    let refilled = two.fill();
    assert_eq!(refilled.embedded, 28, "a copy stands for the file that is gone");
    let mut failed: Vec<&Failure> = refilled.failed.iter().map(|(_, failure)| failure).collect();
    failed.sort_by_key(|failure| &failure.path);
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        failed[0].path == two.photo(7) && failed[0].reason.contains("no longer there"),
        "{failed:?}"
    );
    assert!(
        failed[1].path == two.photo(9) && failed[1].reason.contains("something else"),
        "{failed:?}"
    );
    assert_eq!(two.filled(), ids((0..30).filter(|n| ![7, 9].contains(n))));
    assert_eq!(two.first.count_rows().unwrap(), 30, "the first space keeps them");
    let again = two.fill();
    assert_eq!((again.embedded, again.failed.len()), (0, 2));
}

/// Cancels after some images.
struct StopAfter(u64, Cancel, Mutex<Vec<u64>>);

impl Observer for StopAfter {
    fn walked(&self, images: u64) {
        self.2.lock().unwrap().push(images);
    }

    fn done(&self, images: u64) {
        if images >= self.0 {
            self.1.cancel();
        }
    }
}

#[test]
fn a_refill_that_was_stopped_or_failed_goes_on_where_it_stopped() {
    let mut two = Two::new();
    (0..200).for_each(|n| two.put(n));
    two.index();
    let cancel = Cancel::default();
    let stop = StopAfter(64, cancel.clone(), Mutex::default());
    let slow = encoder("b").with_delay(Duration::from_millis(2));
    let stopped = two.refill(&slow, &stop, &cancel).unwrap();
    assert!(
        stopped.cancelled && stopped.embedded >= 60 && stopped.embedded < 200,
        "{stopped:?}"
    );
    assert_eq!(*stop.2.lock().unwrap(), [200]);
    two = two.reopen();
    assert_eq!(two.filled().len() as u64, stopped.embedded);
    let failing = encoder("b").failing_after(5);
    let error = two.refill(&failing, &(), &Cancel::default()).unwrap_err();
    assert!(matches!(error, IndexingError::Encode(_)), "{error}");
    two = two.reopen();
    assert_eq!(
        two.filled().len() as u64,
        stopped.embedded + 20,
        "five batches of four were kept"
    );
    two.fill();
    assert_eq!(two.filled(), ids(0..200));
}

#[test]
fn images_that_come_change_and_go_during_a_refill_end_up_right_in_both_spaces() {
    let two = Two::new();
    (0..150).for_each(|n| two.put(n));
    two.index();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let slow = encoder("b").with_delay(Duration::from_millis(3));
            two.refill(&slow, &(), &Cancel::default()).unwrap();
        });
        for round in 0..12 {
            // Gone, and back in the next round; changed; new.
            let gone = if round % 2 == 0 { 0..40 } else { 40..80 };
            let back = if round % 2 == 0 { 40..80 } else { 0..40 };
            gone.for_each(|n| drop(std::fs::remove_file(two.photo(n))));
            back.for_each(|n| two.put(n));
            std::fs::write(two.photo(100 + round), picture(1000 + round)).unwrap();
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
