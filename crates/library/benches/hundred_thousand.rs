//! A library of 100,000 images with a synthetic encoder: how long opening and searching take.
//!
//! `cargo bench -p eidetic-library`. Vectors are 512-dimensional and random, which is the worst case for nothing here: exact
//! search and opening read every byte whatever it says.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use eidetic_catalog::{Catalog, FileRecord, FileStamp, FileState, NewImage, SledCatalog, WriteBatch};
use eidetic_domain::{Embedding, Filter, ImageFormat, ImageId, Metadata, SplitMix64};
use eidetic_encoder::Encoder;
use eidetic_encoder::fake::FakeEncoder;
use eidetic_library::{Library, Owner};
use eidetic_search::Query;
use eidetic_vectors::{VectorIndex, VectorStore};

const IMAGES: u64 = 100_000;
const DIMENSION: usize = 512;

fn encoder() -> Box<dyn Encoder> {
    Box::new(FakeEncoder::new(DIMENSION))
}

fn owner() -> Owner {
    Owner::this_process("bench")
}

fn open(directory: &Path) -> Library {
    Library::with_encoder(directory, encoder(), &owner()).expect("the library opens")
}

/// Fills the parts directly: the images do not exist, so nothing can be indexed.
fn fill(directory: &Path) {
    drop(open(directory));
    let catalog = SledCatalog::open(&directory.join("catalog")).expect("the catalog opens");
    let space = encoder().space().clone();
    let (mut vectors, _) =
        VectorStore::open(&directory.join("vectors"), &space, &[]).expect("the vectors open");
    let numbers: Vec<u64> = (0..IMAGES).collect();
    for part in numbers.chunks(10_000) {
        let new: Vec<(ImageId, Embedding)> = part.iter().map(|&n| (image(n), embedding(n))).collect();
        let rows = vectors.upsert(&new).expect("rows are written");
        vectors.commit().expect("rows are safe");
        let images = part.iter().zip(rows).map(|(&n, row)| NewImage {
            image: image(n),
            row,
            bytes: 1,
            metadata: metadata(),
        });
        let files = part.iter().map(|&n| file(n));
        let batch = WriteBatch {
            images: images.collect(),
            files: files.collect(),
            ..WriteBatch::default()
        };
        catalog.put_batch(&batch).expect("records are written");
    }
}

fn image(number: u64) -> ImageId {
    ImageId::of(&number.to_le_bytes())
}

fn embedding(number: u64) -> Embedding {
    let mut random = SplitMix64::new(number);
    Embedding::normalize((0..DIMENSION).map(|_| random.signed_unit()).collect()).expect("it has a direction")
}

fn metadata() -> Metadata {
    Metadata {
        width: 4000,
        height: 3000,
        format: ImageFormat::Jpeg,
        taken: None,
        camera: None,
        position: None,
    }
}

fn file(number: u64) -> FileRecord {
    FileRecord {
        path: format!("/photos/{:03}/{number:06}.jpg", number % 100).into(),
        stamp: FileStamp {
            size: 1,
            modified_ns: 1,
            ..FileStamp::default()
        },
        state: FileState::Indexed(image(number)),
    }
}

fn hundred_thousand(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("library");
    fill(&path);
    let mut group = criterion.benchmark_group("100,000 images");
    group.sample_size(10);
    group.bench_function("open", |bencher| bencher.iter(|| black_box(open(&path))));
    let library = open(&path);
    let query = Query::text("red");
    group.bench_function("search", |bencher| {
        bencher.iter(|| library.active().search(&query).expect("it answers"));
    });
    let folder = Filter {
        folders: vec!["/photos/007".into()],
        ..Filter::default()
    };
    let filtered = Query {
        filter: folder,
        ..query
    };
    group.bench_function("search in one folder", |bencher| {
        bencher.iter(|| library.active().search(&filtered).expect("it answers"));
    });
    group.finish();
}

criterion_group!(benches, hundred_thousand);
criterion_main!(benches);
