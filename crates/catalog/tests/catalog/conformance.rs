//! Random operations on the catalog on disk, reopened at random, must give the
//! same result as on the catalog in memory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::records::{answer, details, file, id, new_image, tags};
use eidetic_catalog::{
    Catalog, CatalogCounts, CatalogError, Feedback, FeedbackStore, FileRecord, FileState, ImageRecord,
    ImageTags, MemoryCatalog, ReadOnlyReason, RemovedStore, RowStore, SledCatalog, SpaceNumber, TagStore,
    TagSummary, WriteBatch,
};
use eidetic_domain::{Details, ImageId, RowId};
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
    Purge(Vec<u32>),
    Reopen,
}

/// The spaces in use. The first one is never dropped, because its rows would remain in the images' records.
pub const SPACES: [SpaceNumber; 3] = [SpaceNumber::FIRST, SpaceNumber(1), SpaceNumber(0x0101_0101)];

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
        1 => "[a-z]{0,5}".prop_map(FileState::Unsupported),
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
    let details = prop::collection::vec((0_u32..8, 0_u16..50), 0..4).prop_map(|described| {
        let of = |(n, year)| (id(n), details(year));
        described.into_iter().map(of).collect::<Vec<_>>()
    });
    let at_ms = prop::option::of(1_000_i64..1_010);
    let parts = (images, files, removed, details, at_ms);
    parts.prop_map(|(images, files, removed, details, at_ms)| WriteBatch {
        images,
        files,
        removed,
        details,
        at_ms,
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
        1 => prop::collection::vec(0_u32..8, 0..3).prop_map(Operation::Purge),
        1 => Just(Operation::Reopen),
    ]
}

/// The results of all queries on a catalog.
#[derive(Debug, PartialEq)]
pub struct Everything {
    pub images: Vec<ImageRecord>,
    rows: u64,
    named_rows: BTreeSet<(ImageId, RowId)>,
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
    /// Removed images that are kept, without the time of removal.
    removed: Vec<(ImageId, Option<RowId>, PathBuf)>,
    all_files: usize,
    details: Vec<Option<Details>>,
}

pub fn everything(catalog: &dyn Catalog) -> Everything {
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
        named_rows: catalog
            .rows()
            .expect("rows can be listed")
            .into_iter()
            .map(|(row, image)| (image, row))
            .collect(),
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
        removed: catalog
            .removed()
            .map(|kept| kept.map(|kept| (kept.image, kept.row, kept.path)))
            .collect::<Result<_, _>>()
            .expect("removed images can be listed"),
        all_files: catalog.all_files().count(),
        details: (0..10)
            .map(|n| catalog.details(&id(n)).expect("details can be read"))
            .collect(),
    }
}

pub fn assert_consistent(all: &Everything) {
    let indexed = |f: &&FileRecord| matches!(f.state, FileState::Indexed(_));
    let failed = |f: &&FileRecord| matches!(f.state, FileState::Failed(_));
    let counted = CatalogCounts {
        images: all.images.len() as u64,
        paths: all.files.iter().filter(indexed).count() as u64,
        failed: all.files.iter().filter(failed).count() as u64,
    };
    assert_eq!(all.counts, counted, "the counters differ from a count");
    let with_row = all.images.iter().filter(|image| image.row.is_some());
    assert_eq!(all.rows, with_row.clone().count() as u64);
    let named = with_row.filter_map(|image| Some((image.image, image.row?)));
    assert_eq!(all.named_rows, named.collect());
    assert!(all.images.iter().all(|image| !image.paths.is_empty()));
    assert_eq!(all.all_files, all.files.len());
    let is_known = |id: &ImageId| all.images.iter().any(|image| image.image == *id);
    assert!(all.removed.iter().all(|(id, ..)| !is_known(id)));
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

/// Why the test reads a catalog that it could write.
pub fn reading() -> ReadOnlyReason {
    ReadOnlyReason::Unwritable("a test".into())
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
                Operation::Purge(images) => {
                    let images: Vec<_> = images.into_iter().map(id).collect();
                    sled.purge(&images).unwrap();
                    memory.purge(&images).unwrap();
                }
                Operation::Reopen => {
                    drop(sled);
                    let read = SledCatalog::read(dir.path(), reading()).unwrap();
                    for space in SPACES {
                        let all = everything(&read.for_space(space));
                        prop_assert_eq!(all, everything(&memory.for_space(space)));
                    }
                    drop(read);
                    sled = SledCatalog::open(dir.path()).unwrap();
                }
            }
            for space in SPACES {
                let all = everything(&sled.for_space(space));
                assert_consistent(&all);
                prop_assert_eq!(&all, &everything(&memory.for_space(space)));
                // What others see meanwhile.
                let (published, age) = SledCatalog::read_snapshot(dir.path(), reading()).unwrap().unwrap();
                prop_assert_eq!(age.behind, 0);
                prop_assert_eq!(all, everything(&published.for_space(space)));
            }
        }
    }
}
