//! Tests of the store that need its private parts.

use std::path::Path;

use super::*;
use crate::conformance;

fn space(dimension: usize) -> SpaceId {
    SpaceId {
        model: "test".into(),
        revision: "1".into(),
        preprocessing: "none".into(),
        dimension,
    }
}

#[test]
fn vector_store_passes_conformance_checks() {
    for dimension in [16, 64, 100] {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, report) = VectorStore::open(directory.path(), &space(dimension), &[]).unwrap();
        assert_eq!(report, OpenReport::default());
        conformance::check(&mut store);
    }
}

/// `/dev/full` can be opened and read, but every write fails for lack of space.
#[cfg(target_os = "linux")]
#[test]
fn upsert_on_full_disk_adds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = VectorStore::open(directory.path(), &space(16), &[]).unwrap();
    let vectors = conformance::samples(20, 16);
    let first = store.upsert(&vectors[..10]).unwrap();
    store.remove(&[vectors[0].0]).unwrap();

    store.file.switch_to(Path::new("/dev/full"));
    let error = store.upsert(&vectors[10..]).unwrap_err();
    assert!(
        matches!(&error, IndexError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull)
    );
    assert_eq!((store.len(), store.rows.dead()), (9, 1));
    assert_eq!(store.vector(&vectors[10].0), None);

    store.file.switch_to(&directory.path().join("vectors.bin"));
    let second = store.upsert(&vectors[10..]).unwrap();
    store.commit().unwrap();
    assert_eq!(second[0], first[0], "a free row is reused");
    let live: Vec<_> = store.live().collect();
    let (reopened, report) = VectorStore::open(directory.path(), &space(16), &live).unwrap();
    assert_eq!((reopened.len(), report.damaged), (19, vec![]));
}

/// After a failed sync the system may drop unwritten pages and report success next time: here all rows are gone.
#[cfg(target_os = "linux")]
#[test]
fn commit_after_failed_sync_rewrites_lost_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vectors.bin");
    let (mut store, _) = VectorStore::open(directory.path(), &space(16), &[]).unwrap();
    let empty = std::fs::read(&path).unwrap();
    let vectors = conformance::samples(20, 16);
    store.upsert(&vectors).unwrap();
    store.remove(&[vectors[4].0]).unwrap();

    store.file.switch_to(Path::new("/dev/full"));
    assert!(store.commit().is_err());
    std::fs::write(&path, &empty).unwrap();
    store.file.switch_to(&path);
    store.commit().unwrap();

    let live: Vec<_> = store.live().collect();
    let (reopened, report) = VectorStore::open(directory.path(), &space(16), &live).unwrap();
    assert_eq!((reopened.len(), report.damaged), (19, vec![]));
}

#[test]
fn search_reads_each_returned_row_once() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = VectorStore::open(directory.path(), &space(64), &[]).unwrap();
    let vectors = conformance::samples(30, 64);
    store.upsert(&vectors).unwrap();
    let found = store.search(&vectors[7].1, 30, None).unwrap();
    assert_eq!((found.len(), store.row_reads()), (30, 30));
}
