//! A library of 100,000 images with a synthetic encoder: how long opening and searching take.
//!
//! `cargo bench -p eidetic-library`. Vectors are 512-dimensional and random, in clusters; exact
//! search and opening read every byte whatever it says.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use eidetic_domain::Filter;
use eidetic_encoder::Encoder;
use eidetic_encoder::fake::FakeEncoder;
use eidetic_indexer::RunContext;
use eidetic_library::{Library, Owner, SyntheticImages};
use eidetic_search::Query;

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

/// The images do not exist, so nothing can be indexed.
fn fill(directory: &Path) {
    let images = SyntheticImages::random(DIMENSION, IMAGES);
    let filled = open(directory).add_synthetic(&images, &RunContext::default());
    filled.expect("images are added");
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
