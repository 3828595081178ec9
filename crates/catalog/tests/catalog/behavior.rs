//! Behavior of every catalog, case by case.

use std::path::{Path, PathBuf};

use crate::conformance::{SPACES, assert_consistent, everything, reading};
use crate::records::{answer, file, id, new_image, tags};
use eidetic_catalog::{
    Catalog, CatalogCounts, CatalogError, Feedback, FileState, MAX_FEEDBACK, MemoryCatalog, RemovedStore,
    RowStore, SledCatalog, SpaceNumber, TagStore, TagSummary, WriteBatch,
};
use eidetic_domain::RowId;

fn each_catalog(check: impl Fn(&dyn Catalog)) {
    check(&MemoryCatalog::new());
    for space in SPACES {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let catalog = SledCatalog::open(dir.path()).expect("a new catalog opens");
        check(&catalog.for_space(space));
    }
}

fn put_one(catalog: &dyn Catalog, n: u32, path: &str) {
    let batch = WriteBatch {
        images: vec![new_image(n)],
        files: vec![file(path, FileState::Indexed(id(n)))],
        removed: vec![],
        ..WriteBatch::default()
    };
    catalog.put_batch(&batch).expect("a batch is put");
}

#[test]
fn image_is_deleted_with_last_path() {
    each_catalog(|catalog| {
        put_one(catalog, 1, "/p/a.jpg");
        put_one(catalog, 1, "/p/b.jpg");
        let remove = |path: &str| {
            let batch = WriteBatch {
                removed: vec![path.into()],
                ..WriteBatch::default()
            };
            catalog.put_batch(&batch).unwrap()
        };
        assert_eq!(remove("/p/a.jpg"), []);
        let left = catalog.find_by_hash(&id(1)).unwrap().unwrap();
        assert_eq!(left.paths, [PathBuf::from("/p/b.jpg")]);
        assert_eq!(remove("/p/b.jpg"), [id(1)]);
        assert_eq!(catalog.find_by_hash(&id(1)).unwrap(), None);
    });
}

#[test]
fn removed_image_returns_with_row_of_every_space() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledCatalog::open(dir.path()).unwrap();
    let second = first.for_space(SpaceNumber(1));
    put_one(&first, 1, "/p/a.jpg");
    second.put_rows(&[(id(1), RowId(70))]).unwrap();
    let removed = WriteBatch {
        removed: vec!["/p/a.jpg".into()],
        ..WriteBatch::default()
    };
    assert_eq!(first.put_batch(&removed).unwrap(), [id(1)]);
    assert_eq!((first.counts().unwrap().images, first.scan().count()), (0, 0));
    assert_eq!(
        (first.count_rows().unwrap(), second.count_rows().unwrap()),
        (0, 0)
    );
    let kept: Vec<_> = second.removed().map(Result::unwrap).collect();
    assert_eq!((kept[0].image, kept[0].row), (id(1), Some(RowId(70))));
    assert_eq!(kept[0].path, PathBuf::from("/p/a.jpg"));
    let back = WriteBatch {
        files: vec![file("/q/b.jpg", FileState::Indexed(id(1)))],
        ..WriteBatch::default()
    };
    assert_eq!(first.put_batch(&back).unwrap(), []);
    assert_eq!(
        first.find_by_hash(&id(1)).unwrap().unwrap().row,
        Some(new_image(1).row)
    );
    assert_eq!(second.find_by_hash(&id(1)).unwrap().unwrap().row, Some(RowId(70)));
    assert_eq!(first.removed().count(), 0);
    first.put_batch(&removed).unwrap();
    first
        .put_batch(&WriteBatch {
            removed: vec!["/q/b.jpg".into()],
            ..WriteBatch::default()
        })
        .unwrap();
    first.purge(&[id(1)]).unwrap();
    assert!(matches!(
        first.put_batch(&back),
        Err(CatalogError::UnknownImage(_))
    ));
}

#[test]
fn move_in_one_batch_keeps_image() {
    each_catalog(|catalog| {
        put_one(catalog, 1, "/p/old.jpg");
        let moved = WriteBatch {
            images: vec![],
            files: vec![file("/p/new.jpg", FileState::Indexed(id(1)))],
            removed: vec!["/p/old.jpg".into()],
            ..WriteBatch::default()
        };
        assert_eq!(catalog.put_batch(&moved).unwrap(), []);
        let record = catalog.find_by_hash(&id(1)).unwrap().unwrap();
        assert_eq!(record.paths, [PathBuf::from("/p/new.jpg")]);
    });
}

#[test]
fn unknown_image_is_refused_and_nothing_applied() {
    each_catalog(|catalog| {
        let batch = WriteBatch {
            images: vec![new_image(1)],
            files: vec![
                file("/p/a.jpg", FileState::Indexed(id(1))),
                file("/p/b.jpg", FileState::Indexed(id(2))),
            ],
            removed: vec![],
            ..WriteBatch::default()
        };
        assert!(
            matches!(catalog.put_batch(&batch), Err(CatalogError::UnknownImage(unknown)) if unknown == id(2))
        );
        assert_eq!(catalog.counts().unwrap(), CatalogCounts::default());
        assert_eq!(catalog.files_under(Path::new("/")).count(), 0);
    });
}

#[test]
fn image_with_many_paths_needs_only_one() {
    each_catalog(|catalog| {
        let paths: Vec<PathBuf> = (0..1500).map(|n| PathBuf::from(format!("/copies/{n}"))).collect();
        let files = paths
            .iter()
            .map(|path| file(path, FileState::Indexed(id(1))))
            .collect();
        let put = WriteBatch {
            images: vec![new_image(1)],
            files,
            removed: vec![],
            ..WriteBatch::default()
        };
        catalog.put_batch(&put).unwrap();
        let (last, rest) = paths.split_last().unwrap();
        let remove = |removed: &[PathBuf]| {
            let batch = WriteBatch {
                removed: removed.to_vec(),
                ..WriteBatch::default()
            };
            catalog.put_batch(&batch).unwrap()
        };
        assert_eq!(remove(rest), []);
        assert_eq!(catalog.counts().unwrap().paths, 1);
        assert_eq!(remove(std::slice::from_ref(last)), [id(1)]);
    });
}

#[test]
fn scan_over_several_pages_is_complete() {
    each_catalog(|catalog| {
        for start in (0..2500).step_by(500) {
            let batch = WriteBatch {
                images: (start..start + 500).map(new_image).collect(),
                files: (start..start + 500)
                    .map(|n| file(format!("/p/{n:05}"), FileState::Indexed(id(n))))
                    .collect(),
                removed: vec![],
                ..WriteBatch::default()
            };
            catalog.put_batch(&batch).unwrap();
        }
        let all = everything(catalog);
        assert_consistent(&all);
        assert_eq!(all.images.len(), 2500);
        assert!(all.images.is_sorted_by(|a, b| a.image < b.image));
    });
}

#[test]
fn tags_are_indexed_and_return_with_image() {
    each_catalog(|catalog| {
        put_one(catalog, 1, "/p/a.jpg");
        put_one(catalog, 2, "/p/b.jpg");
        let tagged = [
            (id(1), tags(1, &["Dog", "snow"])),
            (id(2), tags(1, &["dog"])),
            (id(3), tags(1, &["dog"])),
        ];
        catalog.put_tags(&tagged).unwrap();
        let mut both = vec![id(1), id(2)];
        both.sort();
        assert_eq!(catalog.images_with_tag(" DOG ").unwrap(), both);
        assert_eq!(
            catalog.get_tags(&[id(3)]).unwrap(),
            [None],
            "an unknown image has no tags"
        );
        catalog.put_tags(&[(id(1), tags(2, &["tree"]))]).unwrap();
        assert_eq!(catalog.images_with_tag("dog").unwrap(), [id(2)]);
        assert_eq!(catalog.images_with_tag("snow").unwrap(), []);
        let batch = WriteBatch {
            removed: vec!["/p/b.jpg".into()],
            ..WriteBatch::default()
        };
        catalog.put_batch(&batch).unwrap();
        let only_first = [Some(tags(2, &["tree"])), None];
        assert_eq!(catalog.images_with_tag("dog").unwrap(), []);
        assert_eq!(catalog.get_tags(&[id(1), id(2)]).unwrap(), only_first);
        put_one(catalog, 2, "/p/b.jpg");
        assert_eq!(catalog.images_with_tag("dog").unwrap(), [id(2)]);
        catalog.put_batch(&batch).unwrap();
        catalog.purge(&[id(1), id(2)]).unwrap();
        put_one(catalog, 2, "/p/b.jpg");
        assert_eq!(catalog.images_with_tag("dog").unwrap(), []);
        assert_eq!(catalog.get_tags(&[id(1), id(2)]).unwrap(), only_first);
        let summary = catalog.tag_summary().unwrap();
        assert_eq!((summary.images, summary.tags), (1, vec![("tree".to_owned(), 1)]));
    });
}

#[test]
fn empty_tags_are_stored_but_not_counted() {
    each_catalog(|catalog| {
        put_one(catalog, 1, "/p/a.jpg");
        catalog.put_tags(&[(id(1), tags(7, &[]))]).unwrap();
        assert_eq!(catalog.get_tags(&[id(1)]).unwrap(), [Some(tags(7, &[]))]);
        assert_eq!(catalog.tag_summary().unwrap(), TagSummary::default());
    });
}

#[test]
fn tag_summary_over_several_pages_is_complete() {
    each_catalog(|catalog| {
        let batch = WriteBatch {
            images: (0..2500).map(new_image).collect(),
            files: (0..2500)
                .map(|n| file(format!("/p/{n:05}"), FileState::Indexed(id(n))))
                .collect(),
            removed: vec![],
            ..WriteBatch::default()
        };
        catalog.put_batch(&batch).unwrap();
        let tagged: Vec<_> = (0..2500)
            .map(|n| {
                (
                    id(n),
                    tags(1, if n % 5 == 0 { &["cat", "dog"] } else { &["dog"] }),
                )
            })
            .collect();
        catalog.put_tags(&tagged).unwrap();
        let summary = catalog.tag_summary().unwrap();
        assert_eq!(summary.images, 2500);
        assert_eq!(summary.tags, [("dog".to_owned(), 2500), ("cat".to_owned(), 500)]);
        assert_eq!(catalog.images_with_tag("cat").unwrap().len(), 500);
    });
}

#[test]
fn later_answer_replaces_earlier_and_outlives_image() {
    each_catalog(|catalog| {
        put_one(catalog, 1, "/p/a.jpg");
        catalog.add_feedback(&[answer("a dog", 1, true)]).unwrap();
        catalog.add_feedback(&[answer("a cat", 1, false)]).unwrap();
        catalog
            .add_feedback(&[answer("a dog", 1, true), answer("a dog", 1, false)])
            .unwrap();
        catalog.remove(&[id(1)]).unwrap();
        let left = [answer("a cat", 1, false), answer("a dog", 1, false)];
        assert_eq!(catalog.feedback().unwrap(), left);
        let key = left[0].key();
        assert!(catalog.remove_feedback(&key).unwrap());
        assert!(!catalog.remove_feedback(&key).unwrap());
        assert_eq!(catalog.feedback().unwrap(), left[1..]);
    });
}

#[test]
fn oldest_answers_are_removed_beyond_limit() {
    each_catalog(|catalog| {
        let kept = MAX_FEEDBACK as u32;
        let answers: Vec<Feedback> = (0..kept + 5).map(|n| answer("a dog", n, true)).collect();
        catalog.add_feedback(&answers).unwrap();
        let left = catalog.feedback().unwrap();
        assert!(left == answers[5..], "{} answers", left.len());
        catalog
            .add_feedback(&[answer("a cat", 1, true), answer("a dog", 7, false)])
            .unwrap();
        let left = catalog.feedback().unwrap();
        assert_eq!(left.len(), MAX_FEEDBACK);
        assert_eq!(left[0], answer("a dog", 6, true));
        assert_eq!(left[MAX_FEEDBACK - 1], answer("a dog", 7, false));
    });
}

#[test]
fn rows_are_separate_by_space() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledCatalog::open(dir.path()).unwrap();
    let second = first.for_space(SpaceNumber(1));
    put_one(&first, 1, "/p/a.jpg");
    put_one(&first, 2, "/p/b.jpg");
    assert_eq!(
        second.put_rows(&[(id(1), RowId(7)), (id(9), RowId(8))]).unwrap(),
        [id(9)]
    );
    let row = |catalog: &SledCatalog, n| catalog.find_by_hash(&id(n)).unwrap().and_then(|found| found.row);
    assert_eq!(
        (row(&first, 1), row(&second, 1)),
        (Some(RowId(1)), Some(RowId(7)))
    );
    assert_eq!((row(&first, 2), row(&second, 2)), (Some(RowId(2)), None));
    put_one(&second, 3, "/p/c.jpg");
    assert_eq!((row(&first, 3), row(&second, 3)), (None, Some(RowId(3))));
    second.put_tags(&[(id(1), tags(1, &["dog"]))]).unwrap();
    assert_eq!(first.images_with_tag("dog").unwrap(), []);
    first.remove(&[id(1)]).unwrap();
    put_one(&first, 1, "/p/a.jpg");
    assert_eq!(row(&second, 1), None, "deleted with the image");
    assert_eq!(second.images_with_tag("dog").unwrap(), []);
    second.remove_rows(&[id(3)]).unwrap();
    drop((first, second));
    let again = SledCatalog::open(dir.path()).unwrap();
    assert_eq!(
        (again.counts().unwrap().images, again.count_rows().unwrap()),
        (3, 2)
    );
    assert_eq!(again.for_space(SpaceNumber(1)).count_rows().unwrap(), 0);
}

#[test]
fn rows_are_those_of_each_space() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledCatalog::open(dir.path()).unwrap();
    let batch = WriteBatch {
        images: (0..3_000).map(new_image).collect(),
        files: (0..3_000)
            .map(|n| file(format!("/p/{n:05}"), FileState::Indexed(id(n))))
            .collect(),
        ..WriteBatch::default()
    };
    first.put_batch(&batch).unwrap();
    let rows = (0..3_000).step_by(3).map(|n| (id(n), RowId(u64::from(n) + 7)));
    let rows: Vec<_> = rows.collect();
    let unknown = first.for_space(SpaceNumber(1)).put_rows(&rows);
    assert_eq!(unknown.unwrap(), []);
    first.remove_rows(&[id(5)]).unwrap();
    let of_first = (0..3_000)
        .filter(|n| *n != 5)
        .map(|n| (id(n), RowId(u64::from(n))));
    let expected = [of_first.collect(), rows, Vec::new()];
    let (published, _) = SledCatalog::read_snapshot(dir.path(), reading())
        .unwrap()
        .unwrap();
    for catalog in [first, published] {
        for (space, expected) in (0..).zip(&expected) {
            let found = catalog.for_space(SpaceNumber(space)).rows().unwrap();
            let mut expected: Vec<_> = expected.iter().map(|(image, row)| (*row, *image)).collect();
            expected.sort_unstable_by_key(|(_, image)| *image);
            assert_eq!(found, expected, "space {space}");
        }
    }
}

#[test]
fn drop_space_removes_thousands_of_rows() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledCatalog::open(dir.path()).unwrap();
    let batch = WriteBatch {
        images: (0..12_000).map(new_image).collect(),
        files: (0..12_000)
            .map(|n| file(format!("/p/{n:05}"), FileState::Indexed(id(n))))
            .collect(),
        removed: vec![],
        ..WriteBatch::default()
    };
    first.put_batch(&batch).unwrap();
    let rows: Vec<_> = (0..12_000).map(|n| (id(n), RowId(u64::from(n)))).collect();
    let tagged: Vec<_> = (0..2_000).map(|n| (id(n), tags(1, &["dog"]))).collect();
    let [second, third] = [1, 2].map(|number| first.for_space(SpaceNumber(number)));
    for space in [&second, &third] {
        assert_eq!(space.put_rows(&rows).unwrap(), []);
        space.put_tags(&tagged).unwrap();
    }
    second.drop_space().unwrap();
    assert_eq!(
        (second.count_rows().unwrap(), second.tag_summary().unwrap().images),
        (0, 0)
    );
    assert_eq!(second.images_with_tag("dog").unwrap(), []);
    assert_eq!(
        (third.count_rows().unwrap(), third.tag_summary().unwrap().images),
        (12_000, 2_000)
    );
    assert_eq!(third.images_with_tag("dog").unwrap().len(), 2_000);
    assert_eq!(first.count_rows().unwrap(), 12_000);
}
