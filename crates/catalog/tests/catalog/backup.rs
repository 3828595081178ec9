//! All records as a stream, and back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::conformance::reading;
use crate::records::{answer, details, file, id, new_image, tags};
use eidetic_catalog::{
    Catalog, CatalogError, FeedbackStore, FileState, ImageRecord, RowStore, SledCatalog, SpaceNumber,
    TagStore, WriteBatch,
};
use eidetic_domain::RowId;

/// More images than are read at a time, with everything that a catalog can know.
fn filled(catalog: &SledCatalog) {
    for part in 0..3_u32 {
        let numbers = part * 600..(part + 1) * 600;
        let batch = WriteBatch {
            images: numbers.clone().map(new_image).collect(),
            files: numbers
                .clone()
                .map(|n| file(format!("/p/{n}.jpg"), FileState::Indexed(id(n))))
                .collect(),
            details: numbers.clone().map(|n| (id(n), details(n as u16))).collect(),
            at_ms: Some(i64::from(part)),
            ..WriteBatch::default()
        };
        catalog.put_batch(&batch).unwrap();
        let tagged: Vec<_> = numbers
            .clone()
            .map(|n| (id(n), tags(1, &["dog", "sea"])))
            .collect();
        catalog.put_tags(&tagged).unwrap();
        let rows: Vec<_> = numbers.map(|n| (id(n), RowId(u64::from(n) + 7))).collect();
        catalog.for_space(SpaceNumber(1)).put_rows(&rows).unwrap();
    }
    catalog.add_feedback(&[answer("a dog", 3, true)]).unwrap();
    let removed = WriteBatch {
        removed: vec!["/p/5.jpg".into()],
        ..WriteBatch::default()
    };
    catalog.put_batch(&removed).unwrap();
}

fn records(catalog: &SledCatalog) -> Vec<ImageRecord> {
    catalog.scan().collect::<Result<_, _>>().unwrap()
}

fn streamed(catalog: &SledCatalog) -> Vec<u8> {
    let mut stream = Vec::new();
    catalog.write_records(&mut stream).unwrap();
    stream
}

#[test]
fn restored_catalog_equals_original() {
    let (original, restored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = SledCatalog::open(original.path()).unwrap();
    filled(&catalog);
    let stream = streamed(&catalog);
    let (published, _) = SledCatalog::read_snapshot(original.path(), reading())
        .unwrap()
        .unwrap();
    assert_eq!(streamed(&published), stream, "a reader writes the same");
    SledCatalog::restore(restored.path(), &mut stream.as_slice()).unwrap();
    let copy = SledCatalog::open(restored.path()).unwrap();
    assert_eq!(streamed(&copy), stream);
    assert_eq!(records(&copy), records(&catalog));
    assert_eq!(copy.condition().missing_changes, 0);
    // Both go on from there.
    for catalog in [&catalog, &copy] {
        catalog.put_tags(&[(id(1), tags(2, &["cat"]))]).unwrap();
    }
    assert_eq!(streamed(&copy), streamed(&catalog));
    drop(copy);
    assert_eq!(SledCatalog::check(restored.path()).unwrap().findings, []);
}

#[test]
fn damaged_stream_restores_nothing() {
    let original = tempfile::tempdir().unwrap();
    let catalog = SledCatalog::open(original.path()).unwrap();
    filled(&catalog);
    let stream = streamed(&catalog);
    let mut cases = vec![
        Vec::new(),
        stream[..7].to_vec(),
        stream[..stream.len() / 2].to_vec(),
        stream[..stream.len() - 1].to_vec(),
    ];
    for at in [0, 9, 13, 40, stream.len() / 2, stream.len() - 5] {
        let mut flipped = stream.clone();
        flipped[at] ^= 0x40;
        cases.push(flipped);
    }
    for (number, case) in cases.into_iter().enumerate() {
        let restored = tempfile::tempdir().unwrap();
        let refused = SledCatalog::restore(restored.path(), &mut case.as_slice());
        assert!(
            matches!(refused, Err(CatalogError::Damaged { .. })),
            "case {number}: {refused:?}"
        );
        assert!(!restored.path().join("store").exists(), "case {number}");
    }
}
