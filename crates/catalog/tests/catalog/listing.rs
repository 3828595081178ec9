//! Lists in every order, page by page, while the catalog changes: the same as sorting all records.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use crate::conformance::reading;
use crate::records::{details, file, id, new_image};
use eidetic_catalog::{
    Catalog, FileState, ImageRecord, ListOrder, ListQuery, SledCatalog, SortKey, WriteBatch,
};
use eidetic_domain::{DateRange, Filter, ImageId};
use jiff::civil::date;
use proptest::prelude::*;

const KEYS: [SortKey; 5] = [
    SortKey::Id,
    SortKey::Taken,
    SortKey::Name,
    SortKey::Bytes,
    SortKey::Random(7),
];

fn filters() -> Vec<Filter> {
    let folder = |folders: &[&str]| Filter {
        folders: folders.iter().map(Into::into).collect(),
        ..Filter::default()
    };
    let dated = Filter {
        taken: Some(DateRange {
            from: Some(date(2010, 1, 1).at(0, 0, 0, 0)),
            before: Some(date(2030, 1, 1).at(0, 0, 0, 0)),
        }),
        ..Filter::default()
    };
    vec![
        Filter::default(),
        folder(&["/a"]),
        folder(&["/a/b", "/c"]),
        folder(&["/a/1.jpg"]),
        folder(&["/none"]),
        dated,
    ]
}

/// All pages of a list.
fn pages(catalog: &SledCatalog, order: ListOrder, filter: &Filter, count: usize) -> Vec<ImageId> {
    let mut query = ListQuery {
        order,
        filter: filter.clone(),
        among: None,
        after: None,
        count,
    };
    let mut images = Vec::new();
    loop {
        let page = catalog.list(&query).unwrap();
        images.extend(&page.images);
        if page.next.is_none() {
            assert_eq!(page.total, images.len() as u64);
            return images;
        }
        query.after = page.next;
    }
}

fn matching(records: &[ImageRecord], filter: &Filter) -> BTreeSet<ImageId> {
    let matching = records
        .iter()
        .filter(|record| filter.matches(&record.paths, record.metadata.taken));
    matching.map(|record| record.image).collect()
}

/// Whether a record may stand before another one.
fn is_sorted(order: ListOrder, a: &ImageRecord, b: &ImageRecord) -> bool {
    let turned = |is_before: bool, is_after: bool| if order.reverse { !is_before } else { !is_after };
    match order.key {
        SortKey::Taken => match (a.metadata.taken, b.metadata.taken) {
            (Some(a), Some(b)) => turned(a > b, a < b),
            (a, b) => a.is_some() || b.is_none(),
        },
        SortKey::Bytes => turned(a.bytes > b.bytes, a.bytes < b.bytes),
        SortKey::Id => turned(a.image < b.image, a.image > b.image),
        SortKey::Name | SortKey::Random(_) => true,
    }
}

fn assert_lists(catalog: &SledCatalog) {
    let records: Vec<ImageRecord> = catalog.scan().collect::<Result<_, _>>().unwrap();
    for (key, reverse) in KEYS.iter().flat_map(|key| [(*key, false), (*key, true)]) {
        let order = ListOrder { key, reverse };
        for filter in filters() {
            let whole = pages(catalog, order, &filter, 1000);
            assert_eq!(pages(catalog, order, &filter, 3), whole, "{order:?}, {filter:?}");
            assert_eq!(
                BTreeSet::from_iter(whole.clone()),
                matching(&records, &filter),
                "{filter:?}"
            );
            let found = catalog.get_many(&whole).unwrap();
            let found: Vec<ImageRecord> = found.into_iter().flatten().collect();
            assert!(
                found.windows(2).all(|pair| is_sorted(order, &pair[0], &pair[1])),
                "{order:?}"
            );
        }
    }
}

fn batch(writes: &[(u8, u8, Option<u8>)]) -> WriteBatch {
    let mut batch = WriteBatch::default();
    for (folder, name, image) in writes {
        let folder = ["/a", "/a/b", "/c"][usize::from(folder % 3)];
        let path = format!("{folder}/{name}.jpg");
        match image {
            None => batch.removed.push(path.into()),
            Some(image) => {
                let number = u32::from(*image);
                let mut new = new_image(number);
                new.bytes = u64::from(image % 4);
                batch.images.push(new);
                batch.files.push(file(path, FileState::Indexed(id(number))));
                if image % 3 > 0 {
                    batch
                        .details
                        .push((id(number), details(2000 + u16::from(*image))));
                }
            }
        }
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn lists_follow_every_change(
        batches in prop::collection::vec(
            prop::collection::vec((0..3_u8, 0..12_u8, prop::option::of(0..40_u8)), 1..12), 1..6),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let catalog = SledCatalog::open(dir.path()).unwrap();
        for writes in batches {
            catalog.put_batch(&batch(&writes)).unwrap();
            assert_lists(&catalog);
        }
        let (published, _) = SledCatalog::read_snapshot(dir.path(), reading()).unwrap().unwrap();
        assert_lists(&published);
    }
}

#[test]
fn page_goes_on_after_its_last_image_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = SledCatalog::open(dir.path()).unwrap();
    let writes: Vec<_> = (0..12).map(|name| (0, name, Some(name))).collect();
    catalog.put_batch(&batch(&writes)).unwrap();
    let mut query = ListQuery {
        order: ListOrder {
            key: SortKey::Name,
            reverse: false,
        },
        filter: Filter::default(),
        among: None,
        after: None,
        count: 5,
    };
    let first = catalog.list(&query).unwrap();
    let numbers = |images: &[ImageId]| -> Vec<u32> {
        let number = |image| (0..20).find(|number| id(*number) == image).unwrap();
        images.iter().copied().map(number).collect()
    };
    assert_eq!(numbers(&first.images), [0, 1, 2, 3, 4], "10 follows 9");
    // The image at the cursor goes, one comes before it, one after it.
    let change = [(0, 4, None), (1, 0, Some(17)), (1, 5, Some(18))];
    catalog.put_batch(&batch(&change)).unwrap();
    query.after = first.next;
    let second = catalog.list(&query).unwrap();
    assert_eq!(numbers(&second.images).len(), 5);
    assert!(numbers(&second.images).starts_with(&[5]) || numbers(&second.images).starts_with(&[18]));
    assert!(!numbers(&second.images).contains(&17));
    assert_eq!(second.total, 13);
    query.among = Some(vec![id(2)]);
    query.after = None;
    assert_eq!(numbers(&catalog.list(&query).unwrap().images), [2]);
}
