//! One suite for every catalog. Random operations on the catalog on disk, reopened at random, must give the same result as
//! on the catalog in memory.

use std::path::{Path, PathBuf};

use crate::records::{answer, file, id, new_image, tags};
use eidetic_catalog::{
    Catalog, CatalogCounts, CatalogError, Feedback, FeedbackStore, FileRecord, FileState, ImageRecord,
    ImageTags, MAX_FEEDBACK, MemoryCatalog, RowStore, SledCatalog, SpaceNumber, TagStore, TagSummary,
    WriteBatch,
};
use eidetic_domain::{ImageId, RowId};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Operation {
    Put(SpaceNumber, WriteBatch),
    Remove(Vec<u32>),
    PutRows(SpaceNumber, Vec<(u32, u64)>),
    RemoveRows(SpaceNumber, Vec<u32>),
    DropSpace(SpaceNumber),
    Tag(SpaceNumber, Vec<(u32, u8, Vec<&'static str>)>),
    Answer(Vec<Feedback>),
    Withdraw(Feedback),
    Reopen,
}

/// The spaces in use. The first one is never dropped, because its rows would remain in the images' records.
const SPACES: [SpaceNumber; 3] = [SpaceNumber::FIRST, SpaceNumber(1), SpaceNumber(0x0101_0101)];

fn space() -> impl Strategy<Value = SpaceNumber> {
    prop::sample::select(SPACES.to_vec())
}

fn path() -> impl Strategy<Value = PathBuf> {
    prop_oneof![
        prop::sample::select(vec!["/a", "/a/b", "/a/bc", "/a/b.x", "/a/b/c", "/a!/b", "/é/z"])
            .prop_map(PathBuf::from),
        (0_u8..30).prop_map(|n| PathBuf::from(format!("/many/{n}"))),
    ]
}

fn state() -> impl Strategy<Value = FileState> {
    prop_oneof![
        6 => (0_u32..8).prop_map(|n| FileState::Indexed(id(n))),
        1 => "[a-z]{0,5}".prop_map(FileState::Failed),
        1 => Just(FileState::NotImage),
    ]
}

fn batch() -> impl Strategy<Value = WriteBatch> {
    let images = prop::collection::vec((0_u32..8, 0_u64..100), 0..5).prop_map(|images| {
        let image = |(n, row)| {
            let mut image = new_image(n);
            image.row = RowId(row);
            image
        };
        images.into_iter().map(image).collect::<Vec<_>>()
    });
    let files = prop::collection::vec((path(), state()), 0..12)
        .prop_map(|files| files.into_iter().map(|(p, s)| file(p, s)).collect::<Vec<_>>());
    let removed = prop::collection::vec(path(), 0..6);
    (images, files, removed).prop_map(|(images, files, removed)| WriteBatch {
        images,
        files,
        removed,
    })
}

const TAGS: [&str; 6] = ["dog", "Dog", "cat", "snow", "snow dog", "été"];

fn tagging() -> impl Strategy<Value = Vec<(u32, u8, Vec<&'static str>)>> {
    let names = prop::sample::subsequence(TAGS.to_vec(), 0..4);
    prop::collection::vec((0_u32..10, 0_u8..3, names), 1..5)
}

fn feedback() -> impl Strategy<Value = Feedback> {
    (
        prop::sample::select(vec!["a dog", "a cat"]),
        0_u32..4,
        any::<bool>(),
    )
        .prop_map(|(query, image, right)| answer(query, image, right))
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (space(), batch()).prop_map(|(space, batch)| Operation::Put(space, batch)),
        4 => (space(), prop::collection::vec((0_u32..10, 0_u64..100), 1..6))
            .prop_map(|(space, rows)| Operation::PutRows(space, rows)),
        2 => (space(), prop::collection::vec(0_u32..10, 0..4))
            .prop_map(|(space, images)| Operation::RemoveRows(space, images)),
        1 => prop::sample::select(SPACES[1..].to_vec()).prop_map(Operation::DropSpace),
        2 => prop::collection::vec(0_u32..10, 0..4).prop_map(Operation::Remove),
        4 => (space(), tagging()).prop_map(|(space, tags)| Operation::Tag(space, tags)),
        2 => prop::collection::vec(feedback(), 0..4).prop_map(Operation::Answer),
        1 => feedback().prop_map(Operation::Withdraw),
        1 => Just(Operation::Reopen),
    ]
}

/// The results of all queries on a catalog.
#[derive(Debug, PartialEq)]
struct Everything {
    images: Vec<ImageRecord>,
    rows: u64,
    by_id: Vec<Option<ImageRecord>>,
    contained: Vec<bool>,
    files: Vec<FileRecord>,
    under_a_b: Vec<FileRecord>,
    one: Option<FileRecord>,
    counts: CatalogCounts,
    tags: Vec<Option<ImageTags>>,
    images_with_tag: Vec<Vec<ImageId>>,
    summary: TagSummary,
    feedback: Vec<Feedback>,
}

fn everything(catalog: &dyn Catalog) -> Everything {
    let under = |folder: &str| -> Vec<FileRecord> {
        catalog
            .files_under(Path::new(folder))
            .collect::<Result<_, _>>()
            .expect("files can be listed")
    };
    Everything {
        images: catalog
            .scan()
            .collect::<Result<_, _>>()
            .expect("images can be scanned"),
        rows: catalog.count_rows().expect("rows can be counted"),
        by_id: catalog
            .get_many(&(0..10).map(id).collect::<Vec<_>>())
            .expect("images can be got"),
        contained: (0..10)
            .map(|n| catalog.contains(&id(n)).expect("an image can be looked up"))
            .collect(),
        files: under("/"),
        under_a_b: under("/a/b"),
        one: catalog
            .file(Path::new("/a/b/c"))
            .expect("a file can be looked up"),
        counts: catalog.counts().expect("counts can be read"),
        tags: catalog
            .get_tags(&(0..10).map(id).collect::<Vec<_>>())
            .expect("tags can be got"),
        images_with_tag: TAGS
            .iter()
            .map(|tag| catalog.images_with_tag(tag).expect("a tag can be looked up"))
            .collect(),
        summary: catalog.tag_summary().expect("tags can be summed up"),
        feedback: catalog.feedback().expect("answers can be listed"),
    }
}

fn assert_consistent(all: &Everything) {
    let indexed = |f: &&FileRecord| matches!(f.state, FileState::Indexed(_));
    let failed = |f: &&FileRecord| matches!(f.state, FileState::Failed(_));
    let counted = CatalogCounts {
        images: all.images.len() as u64,
        paths: all.files.iter().filter(indexed).count() as u64,
        failed: all.files.iter().filter(failed).count() as u64,
    };
    assert_eq!(all.counts, counted, "the counters differ from a count");
    let with_row = all.images.iter().filter(|image| image.row.is_some());
    assert_eq!(all.rows, with_row.count() as u64);
    assert!(all.images.iter().all(|image| !image.paths.is_empty()));
    assert!(
        all.by_id
            .iter()
            .map(Option::is_some)
            .eq(all.contained.iter().copied())
    );
    assert!(all.files.is_sorted_by(|a, b| a.path < b.path));
    let tagged = all.tags.iter().flatten().filter(|tags| !tags.tags.is_empty());
    assert_eq!(tagged.count() as u64, all.summary.images);
    assert!(
        all.tags
            .iter()
            .zip(&all.contained)
            .all(|(tags, known)| tags.is_none() || *known),
        "tags of a deleted image remain"
    );
    let paths: usize = all.images.iter().map(|image| image.paths.len()).sum();
    assert_eq!(paths as u64, counted.paths);
}

fn outcome<T: std::fmt::Debug>(result: Result<T, CatalogError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sled_catalog_equals_memory_catalog(operations in prop::collection::vec(operation(), 1..25)) {
        let dir = tempfile::tempdir().unwrap();
        let memory = MemoryCatalog::new();
        let mut sled = SledCatalog::open(dir.path()).unwrap();
        for operation in operations {
            match operation {
                Operation::Put(space, batch) => {
                    let (sled, memory) = (sled.for_space(space), memory.for_space(space));
                    prop_assert_eq!(outcome(sled.put_batch(&batch)), outcome(memory.put_batch(&batch)));
                }
                Operation::PutRows(space, rows) => {
                    let rows: Vec<_> = rows.into_iter().map(|(n, row)| (id(n), RowId(row))).collect();
                    prop_assert_eq!(
                        sled.for_space(space).put_rows(&rows).unwrap(),
                        memory.for_space(space).put_rows(&rows).unwrap()
                    );
                }
                Operation::RemoveRows(space, images) => {
                    let images: Vec<_> = images.into_iter().map(id).collect();
                    sled.for_space(space).remove_rows(&images).unwrap();
                    memory.for_space(space).remove_rows(&images).unwrap();
                }
                Operation::DropSpace(space) => {
                    sled.for_space(space).drop_space().unwrap();
                    memory.for_space(space).drop_space();
                }
                Operation::Remove(images) => {
                    let images: Vec<_> = images.into_iter().map(id).collect();
                    sled.remove(&images).unwrap();
                    memory.remove(&images).unwrap();
                }
                Operation::Tag(space, tagged) => {
                    let tagged: Vec<_> = tagged.iter().map(|(n, print, names)| (id(*n), tags(*print, names))).collect();
                    sled.for_space(space).put_tags(&tagged).unwrap();
                    memory.for_space(space).put_tags(&tagged).unwrap();
                }
                Operation::Answer(answers) => {
                    sled.add_feedback(&answers).unwrap();
                    memory.add_feedback(&answers).unwrap();
                }
                Operation::Withdraw(answer) => {
                    let key = answer.key();
                    prop_assert_eq!(
                        sled.remove_feedback(&key).unwrap(),
                        memory.remove_feedback(&key).unwrap()
                    );
                }
                Operation::Reopen => {
                    drop(sled);
                    sled = SledCatalog::open(dir.path()).unwrap();
                }
            }
            for space in SPACES {
                let all = everything(&sled.for_space(space));
                assert_consistent(&all);
                prop_assert_eq!(all, everything(&memory.for_space(space)));
            }
        }
    }
}

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
fn move_in_one_batch_keeps_image() {
    each_catalog(|catalog| {
        put_one(catalog, 1, "/p/old.jpg");
        let moved = WriteBatch {
            images: vec![],
            files: vec![file("/p/new.jpg", FileState::Indexed(id(1)))],
            removed: vec!["/p/old.jpg".into()],
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
fn tags_are_indexed_and_deleted_with_image() {
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
        put_one(catalog, 2, "/p/b.jpg");
        assert_eq!(catalog.images_with_tag("dog").unwrap(), []);
        assert_eq!(
            catalog.get_tags(&[id(1), id(2)]).unwrap(),
            [Some(tags(2, &["tree"])), None]
        );
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
fn drop_space_removes_thousands_of_rows() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledCatalog::open(dir.path()).unwrap();
    let batch = WriteBatch {
        images: (0..12_000).map(new_image).collect(),
        files: (0..12_000)
            .map(|n| file(format!("/p/{n:05}"), FileState::Indexed(id(n))))
            .collect(),
        removed: vec![],
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
