//! The walk beside those of `walkdir` and `ignore`, each with one `stat` per file, over the same tree.
//!
//! `cargo bench -p eidetic-indexer --features testing --bench walk`

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eidetic_indexer::{WalkMode, WalkOptions, walk};
use tempfile::TempDir;

const FOLDERS: usize = 100;
const FILES_PER_FOLDER: usize = 200;
const FILES: usize = FOLDERS * FILES_PER_FOLDER;

fn tree() -> TempDir {
    let root = TempDir::new().expect("a temporary folder");
    for folder in 0..FOLDERS {
        let path = root.path().join(format!("{folder:03}"));
        fs::create_dir(&path).expect("a new folder");
        for file in 0..FILES_PER_FOLDER {
            fs::write(path.join(format!("IMG_{file:04}.jpg")), b"").expect("a new file");
        }
    }
    root
}

fn with_own_walk(root: &Path) -> usize {
    walk(root, WalkOptions::new(WalkMode::Stat))
        .filter(|file| file.as_ref().is_ok_and(|file| file.stamp.is_some()))
        .count()
}

fn with_walkdir(root: &Path) -> usize {
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().follow_links(true);
    let files = entries.into_iter().flatten().filter(|entry| {
        let metadata = entry.metadata().expect("a file that exists");
        metadata.is_file() && metadata.modified().is_ok()
    });
    files
        .map(walkdir::DirEntry::into_path)
        .map(|path: PathBuf| drop(black_box(path)))
        .count()
}

fn with_ignore(root: &Path) -> usize {
    let mut builder = ignore::WalkBuilder::new(root);
    builder
        .standard_filters(false)
        .hidden(true)
        .follow_links(true)
        .add_custom_ignore_filename(".eideticignore")
        .sort_by_file_name(std::ffi::OsStr::cmp);
    let files = builder.build().flatten().filter(|entry| {
        let metadata = entry.metadata().expect("a file that exists");
        metadata.is_file() && metadata.modified().is_ok()
    });
    files.count()
}

fn walks(c: &mut Criterion) {
    let root = tree();
    let mut group = c.benchmark_group("walk");
    group
        .throughput(Throughput::Elements(FILES as u64))
        .sample_size(20);
    let walks: [(&str, fn(&Path) -> usize); 3] = [
        ("eidetic", with_own_walk),
        ("walkdir", with_walkdir),
        ("ignore", with_ignore),
    ];
    for (name, count) in walks {
        assert_eq!(count(root.path()), FILES, "{name}");
        group.bench_function(BenchmarkId::new(name, FILES), |bencher| {
            bencher.iter(|| count(root.path()));
        });
    }
}

criterion_group!(benches, walks);
criterion_main!(benches);
