//! Runs that are cancelled or fail.

use std::io;
use std::sync::Mutex;
use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::world::{CancelAfter, DIMENSION, World, each_world, summary};
use eidetic_catalog::{Catalog, MemoryCatalog};
use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};
use eidetic_encoder::{EncodeError, Encoder, Pixels, ScoreCalibration, fake::FakeEncoder};
use eidetic_indexer::{
    CancelToken, FileFailure, Indexer, IndexerOptions, IndexingError, Observer, RunContext, RunStage,
};
use eidetic_vectors::{IndexError, MemoryIndex, Neighbor, RowSet, VectorIndex};
use image::RgbImage;

const IMAGES: u32 = 200;

fn put_images(world: &World) {
    for n in 0..IMAGES {
        world.put(&format!("{}/{n}.bmp", n % 7), n, 0);
    }
}

fn sources(world: &World) -> Vec<std::path::PathBuf> {
    vec![world.photos.clone()]
}

#[test]
fn next_run_completes_cancelled_run() {
    each_world(|world| {
        world.put("zz-old.bmp", 100_000, 0);
        world.index();
        world.remove("zz-old.bmp");
        put_images(world);
        let cancel = CancelToken::default();
        let observer = CancelAfter(64, cancel.clone());
        let encoder = FakeEncoder::new(DIMENSION);
        let first = world
            .try_index(&sources(world), &encoder, &RunContext::new(&observer, &cancel))
            .unwrap();
        assert!(first.cancelled);
        assert!((60..100).contains(&first.indexed), "{}", first.indexed);
        assert_eq!(first.removed, 0);
        assert_eq!(world.names().len() as u64, first.indexed + 1);
        world.assert_consistent();
        let second = world.index();
        assert!(!second.cancelled);
        assert_eq!(first.encoded + second.encoded, u64::from(IMAGES));
        assert_eq!((second.unchanged, second.removed), (first.indexed, 1));
        world.assert_consistent();
    });
}

#[test]
fn failing_encoder_ends_run_and_keeps_commits() {
    each_world(|world| {
        put_images(world);
        let encoder = FakeEncoder::new(DIMENSION).failing_after(10);
        let error = world
            .try_index(&sources(world), &encoder, &RunContext::default())
            .unwrap_err();
        assert!(matches!(error, IndexingError::Encode(_)), "{error}");
        assert_eq!(world.names().len(), 10 * world.options.batch);
        world.assert_consistent();
        let rest = world.index();
        assert_eq!(rest.encoded as usize, IMAGES as usize - 10 * world.options.batch);
        world.assert_consistent();
    });
}

/// Gives no embedding for an image that begins bright red.
struct FailsOnRed(FakeEncoder);

impl Encoder for FailsOnRed {
    fn space(&self) -> &SpaceId {
        self.0.space()
    }

    fn score_calibration(&self) -> ScoreCalibration {
        self.0.score_calibration()
    }

    fn shorter_side(&self) -> Option<u32> {
        self.0.shorter_side()
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.0.preprocess(image)
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        self.0.encode_texts(texts)
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        let is_red =
            |pixels: &Pixels| pixels.values.first() == Some(&1.0) && pixels.values.last() == Some(&0.0);
        if batch.iter().any(is_red) {
            Embedding::normalize(vec![0.0])?;
        }
        self.0.encode_pixels(batch)
    }
}

#[test]
fn image_without_embedding_fails_alone() {
    let world = World::in_memory();
    put_images(&world);
    let mut red = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(8, 8, image::Rgb([255, 0, 0]))
        .write_to(&mut red, image::ImageFormat::Png)
        .unwrap();
    world.put_bytes("3/red.png", red.get_ref(), 0);
    let encoder = FailsOnRed(FakeEncoder::new(DIMENSION));
    let report = world
        .try_index(&sources(&world), &encoder, &RunContext::default())
        .unwrap();
    assert_eq!(report.indexed, u64::from(IMAGES));
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].path, world.path("3/red.png"));
}

/// A vector index whose disk becomes full.
struct FullDisk {
    vectors: MemoryIndex,
    writes_left: AtomicUsize,
}

impl VectorIndex for FullDisk {
    fn space(&self) -> &SpaceId {
        self.vectors.space()
    }

    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn end(&self) -> u64 {
        self.vectors.end()
    }

    fn upsert(&mut self, vectors: &[(ImageId, Embedding)]) -> Result<Vec<RowId>, IndexError> {
        self.vectors.upsert(vectors)
    }

    fn remove(&mut self, images: &[ImageId]) -> Result<(), IndexError> {
        self.vectors.remove(images)
    }

    fn commit(&self) -> Result<(), IndexError> {
        let spend = |left: usize| left.checked_sub(1);
        self.writes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
            .map(|_| ())
            .map_err(|_| IndexError::Io {
                path: "vectors".into(),
                source: io::ErrorKind::StorageFull.into(),
            })
    }

    fn vector(&self, image: &ImageId) -> Option<Embedding> {
        self.vectors.vector(image)
    }

    fn row(&self, image: &ImageId) -> Option<RowId> {
        self.vectors.row(image)
    }

    fn rank(&self, query: &Embedding, filter: Option<&RowSet>) -> Result<Vec<(ImageId, f32)>, IndexError> {
        self.vectors.rank(query, filter)
    }

    fn search(
        &self,
        query: &Embedding,
        k: usize,
        filter: Option<&RowSet>,
    ) -> Result<Vec<Neighbor>, IndexError> {
        self.vectors.search(query, k, filter)
    }
}

#[test]
fn full_disk_leaves_no_record_without_row() {
    let world = World::in_memory();
    put_images(&world);
    let encoder = FakeEncoder::new(DIMENSION);
    let catalog = MemoryCatalog::new();
    let vectors = RwLock::new(FullDisk {
        vectors: MemoryIndex::new(encoder.space().clone()),
        writes_left: AtomicUsize::new(3),
    });
    let indexer = Indexer {
        catalog: &catalog,
        vectors: &vectors,
        encoder: &encoder,
        thumbnails: None,
        on_removed: &|_| (),
        on_returned: &|_| (),
        on_decoded: &|_, _| (),
    };
    let options = IndexerOptions {
        batch: 5,
        commit_every: 20,
        ..IndexerOptions::default()
    };
    let run = || indexer.run(&sources(&world), &options, &RunContext::default());
    let error = run().unwrap_err();
    assert!(matches!(error, IndexingError::Vectors(_)), "{error}");
    assert_eq!(catalog.counts().unwrap().images, 60);
    vectors.write().unwrap().writes_left = AtomicUsize::new(1000);
    let report = run().unwrap();
    assert_eq!((report.unchanged, report.indexed), (60, u64::from(IMAGES) - 60));
    assert_eq!(catalog.counts().unwrap().images, u64::from(IMAGES));
}

/// Records all calls.
#[derive(Default)]
struct RecordingObserver {
    done: Mutex<Vec<u64>>,
    totals: Mutex<Vec<u64>>,
    failed: Mutex<Vec<FileFailure>>,
    stages: Mutex<Vec<RunStage>>,
}

impl Observer for RecordingObserver {
    fn done(&self, files: u64) {
        self.done.lock().expect("no observer panicked").push(files);
    }

    fn total(&self, files: u64) {
        self.totals.lock().expect("no observer panicked").push(files);
    }

    fn failed(&self, failure: &FileFailure) {
        self.failed
            .lock()
            .expect("no observer panicked")
            .push(failure.clone());
    }

    fn stage(&self, stage: RunStage) {
        self.stages.lock().expect("no observer panicked").push(stage);
    }
}

#[test]
fn observer_receives_one_total_and_final_count() {
    let world = World::in_memory();
    for n in 0..2500 {
        world.put(&format!("{}/{n}.bmp", n % 9), n, 0);
    }
    world.put_bytes("bad.jpg", b"", 0);
    let observer = RecordingObserver::default();
    let encoder = FakeEncoder::new(DIMENSION);
    let report = world
        .try_index(
            &sources(&world),
            &encoder,
            &RunContext::new(&observer, &CancelToken::default()),
        )
        .unwrap();
    assert_eq!(
        summary(&report),
        "indexed 2500 encoded 2500 unchanged 0 moved 0 removed 0 failed 1 skipped 0"
    );
    assert_eq!(*observer.totals.lock().unwrap(), [2501]);
    assert_eq!(observer.done.lock().unwrap().iter().max(), Some(&2501));
    assert_eq!(*observer.failed.lock().unwrap(), report.failed);
    assert_eq!(*observer.stages.lock().unwrap(), [RunStage::Indexing]);
}
