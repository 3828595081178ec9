//! Lists in every order, page by page, while the catalog changes: the same as sorting all records.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::conformance::reading;
use crate::records::{details, file, id, new_image, tags};
use eidetic_catalog::{
    Catalog, FacetQuery, FacetValues, Facets, FileState, FolderCount, FolderLevel, ImageRecord, ListOrder,
    ListQuery, SledCatalog, SortKey, TagStore, WriteBatch,
};
use eidetic_domain::{DateRange, Details, Filter, ImageFormat, ImageId, Orientation, ReachFilter};
use jiff::civil::date;
use proptest::prelude::*;

const KEYS: [SortKey; 7] = [
    SortKey::Id,
    SortKey::Taken,
    SortKey::Added,
    SortKey::Rating,
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
    .into_iter()
    .chain(filters_of_values())
    .collect()
}

fn with(change: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    change(&mut filter);
    filter
}

fn filters_of_values() -> Vec<Filter> {
    use ImageFormat::{Gif, Png};
    use Orientation::{Portrait, Square};
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let reach = |unreachable| {
        Some(ReachFilter {
            unreachable,
            folders: vec!["/a/b".into(), "/gone".into()],
        })
    };
    let in_folder = |f: &mut Filter| f.folders = vec!["/a".into()];
    vec![
        with(|f| f.formats = vec![Png, Gif]),
        with(|f| f.orientations = vec![Portrait, Square]),
        with(|f| f.size = "1..2".parse().ok()),
        with(|f| f.cameras = texts(&["maker 1", "other*"])),
        with(|f| {
            f.names = texts(&["1"]);
            in_folder(f);
        }),
        with(|f| f.names = texts(&["?.jpg"])),
        with(|f| f.lenses = texts(&["1mm"])),
        with(|f| f.keywords = texts(&["SEA", "dog"])),
        with(|f| {
            f.keywords = texts(&["italy"]);
            f.rating = "2..3".parse().ok();
        }),
        with(|f| f.rating = "none".parse().ok()),
        with(|f| f.places = texts(&["rome", "ita*"])),
        with(|f| f.damaged = Some(true)),
        with(|f| f.damaged = Some(false)),
        with(|f| f.reach = reach(true)),
        with(|f| f.reach = reach(false)),
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

fn matching(catalog: &SledCatalog, records: &[ImageRecord], filter: &Filter) -> BTreeSet<ImageId> {
    let matching = records
        .iter()
        .filter(|record| catalog.matches(record, filter).unwrap());
    matching.map(|record| record.image).collect()
}

/// Whether a record may stand before another one.
fn is_sorted(catalog: &SledCatalog, order: ListOrder, a: &ImageRecord, b: &ImageRecord) -> bool {
    let turned = |is_before: bool, is_after: bool| if order.reverse { !is_before } else { !is_after };
    let stars = |record: &ImageRecord| {
        let details = catalog.details(&record.image).unwrap();
        details.and_then(|details| details.rating).map(i64::from)
    };
    let seconds = |record: &ImageRecord| {
        let taken = record.metadata.taken;
        taken.map(|taken| {
            taken
                .to_zoned(jiff::tz::TimeZone::UTC)
                .unwrap()
                .timestamp()
                .as_second()
        })
    };
    let unknown_last = |a: Option<i64>, b: Option<i64>| match (a, b) {
        (Some(a), Some(b)) => turned(a > b, a < b),
        (a, b) => a.is_some() || b.is_none(),
    };
    match order.key {
        SortKey::Taken => unknown_last(seconds(a), seconds(b)),
        SortKey::Added => unknown_last(a.added_ms, b.added_ms),
        SortKey::Rating => unknown_last(stars(a), stars(b)),
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
                matching(catalog, &records, &filter),
                "{filter:?}"
            );
            let found = catalog.get_many(&whole).unwrap();
            let found: Vec<ImageRecord> = found.into_iter().flatten().collect();
            assert!(
                found
                    .windows(2)
                    .all(|pair| is_sorted(catalog, order, &pair[0], &pair[1])),
                "{order:?}"
            );
        }
    }
}

/// The facets of all images that match a filter, counted one by one.
fn counted(catalog: &SledCatalog, filter: &Filter, level: &FolderLevel) -> Facets {
    let mut counts = BTreeMap::<(&str, String), u64>::new();
    let mut facets = Facets::default();
    let mut months = BTreeMap::<(i16, i8), u64>::new();
    for record in catalog.scan().map(Result::unwrap) {
        if !catalog.matches(&record, filter).unwrap() {
            continue;
        }
        facets.total += 1;
        let details = catalog.details(&record.image).unwrap().unwrap_or_default();
        for value in values_of(catalog, &record, &details, level) {
            *counts.entry(value).or_default() += 1;
        }
        match record.metadata.taken {
            Some(taken) => *months.entry((taken.year(), taken.month())).or_default() += 1,
            None => facets.undated += 1,
        }
        facets.damaged += u64::from(details.damage.is_some());
    }
    let of = |kind: &str| {
        let of_kind = counts.iter().filter(|((known, _), _)| *known == kind);
        let mut values: Vec<(String, u64)> = of_kind
            .map(|((_, value), count)| (value.clone(), *count))
            .collect();
        values.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        FacetValues { values, omitted: 0 }
    };
    let mut folders: Vec<(String, u64)> = of("folder").values;
    folders.sort();
    Facets {
        months: months.into_iter().collect(),
        folders: folders
            .into_iter()
            .map(|(path, images)| FolderCount {
                path: path.into(),
                images,
                has_folders: false,
            })
            .collect(),
        cameras: of("camera"),
        lenses: of("lens"),
        keywords: of("keyword"),
        tags: of("tag"),
        ..facets
    }
}

/// The values of an image, each once, with their kinds.
fn values_of(
    catalog: &SledCatalog,
    record: &ImageRecord,
    details: &Details,
    level: &FolderLevel,
) -> BTreeSet<(&'static str, String)> {
    let tags = catalog.get_tags(&[record.image]).unwrap().pop().flatten();
    let tags = tags.map(|tags| tags.tags).unwrap_or_default();
    let camera = record.metadata.camera.iter().map(ToString::to_string);
    let folders = record.paths.iter().flat_map(|path| folders_on(level, path));
    let mut values = BTreeSet::new();
    values.extend(camera.map(|camera| ("camera", camera)));
    values.extend(details.exposure.lens.iter().map(|lens| ("lens", lens.clone())));
    values.extend(
        details
            .all_keywords()
            .map(|keyword| ("keyword", keyword.to_owned())),
    );
    values.extend(tags.into_iter().map(|tag| ("tag", tag.name)));
    values.extend(folders.map(|folder| ("folder", folder)));
    values
}

fn folders_on(level: &FolderLevel, path: &Path) -> Vec<String> {
    let folder = path.parent().unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    match level {
        FolderLevel::Roots(roots) => {
            let within = roots.iter().filter(|root| folder.starts_with(root));
            within.map(|root| text(root)).collect()
        }
        FolderLevel::Within(parent) => {
            let child = folder.ancestors().find(|folder| folder.parent() == Some(parent));
            child.map(text).into_iter().collect()
        }
    }
}

fn assert_facets(catalog: &SledCatalog) {
    let levels = [
        FolderLevel::Roots(vec!["/a".into(), "/c".into()]),
        FolderLevel::Within("/a".into()),
        FolderLevel::Within("/".into()),
    ];
    for (filter, level) in filters()
        .into_iter()
        .flat_map(|filter| levels.iter().map(move |level| (filter.clone(), level)))
    {
        let query = FacetQuery {
            filter: filter.clone(),
            among: None,
            folders: level.clone(),
            most: 100,
        };
        let mut found = catalog.facets(&query).unwrap();
        let sums: [u64; 3] = [
            found.formats.values.iter().map(|(_, count)| count).sum(),
            found.orientations.values.iter().map(|(_, count)| count).sum(),
            found.ratings.values.iter().map(|(_, count)| count).sum(),
        ];
        assert_eq!(sums, [found.total; 3]);
        for (place, images) in &found.places.values {
            let mut only = query.clone();
            only.filter.places.extend(place.names().map(str::to_owned));
            assert!(catalog.facets(&only).unwrap().total >= *images);
        }
        (found.formats, found.orientations) = Default::default();
        (found.ratings, found.places) = Default::default();
        for folder in &mut found.folders {
            assert_eq!(
                folder.has_folders,
                folder.path == Path::new("/a") && has_images_in(catalog, "/a/b")
            );
            folder.has_folders = false;
        }
        assert_eq!(found, counted(catalog, &filter, level), "{filter:?}, {level:?}");
        let fewer = FacetQuery { most: 1, ..query };
        let keywords = catalog.facets(&fewer).unwrap().keywords;
        assert_eq!(
            keywords.values.len() as u64 + keywords.omitted,
            found.keywords.values.len() as u64
        );
    }
}

fn has_images_in(catalog: &SledCatalog, folder: &str) -> bool {
    catalog.files_under(Path::new(folder)).next().is_some()
}

fn batch(at_ms: i64, writes: &[(u8, u8, Option<u8>)]) -> WriteBatch {
    let mut batch = WriteBatch {
        at_ms: Some(at_ms),
        ..WriteBatch::default()
    };
    for (folder, name, image) in writes {
        let folder = ["/a", "/a/b", "/c"][usize::from(folder % 3)];
        let path = format!("{folder}/{name}.jpg");
        match image {
            None => batch.removed.push(path.into()),
            Some(image) => {
                let number = u32::from(*image);
                let mut new = new_image(number);
                new.bytes = u64::from(image % 4);
                new.metadata.format = ImageFormat::ALL[usize::from(image % 3)];
                new.metadata.height = 640 + u32::from(image / 2);
                let maker = new.metadata.camera.as_mut().unwrap();
                maker.make = Some(format!("Maker {}", image % 3));
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
        for (at_ms, writes) in (0..).zip(batches) {
            catalog.put_batch(&batch(at_ms, &writes)).unwrap();
            let tagged = writes.iter().filter_map(|(tag, _, image)| {
                let names = ["dog", "cat", "snow"];
                Some((id(u32::from((*image)?)), tags(1, &names[usize::from(*tag)..])))
            });
            catalog.put_tags(&tagged.collect::<Vec<_>>()).unwrap();
            assert_lists(&catalog);
            assert_facets(&catalog);
        }
        let (published, _) = SledCatalog::read_snapshot(dir.path(), reading()).unwrap().unwrap();
        assert_lists(&published);
        assert_facets(&published);
    }
}

#[test]
fn page_goes_on_after_its_last_image_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = SledCatalog::open(dir.path()).unwrap();
    let writes: Vec<_> = (0..12).map(|name| (0, name, Some(name))).collect();
    catalog.put_batch(&batch(0, &writes)).unwrap();
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
    catalog.put_batch(&batch(1, &change)).unwrap();
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
