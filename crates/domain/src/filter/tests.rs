//! Tests of filters.

use super::*;
use jiff::civil::date;

use crate::{Exposure, Place};

fn metadata(taken: Option<DateTime>) -> Metadata {
    Metadata {
        width: 40,
        height: 30,
        format: ImageFormat::Heif,
        taken,
        camera: Some(Camera {
            make: Some("Apple".into()),
            model: Some("iPhone 12".into()),
        }),
        position: None,
    }
}

fn matches(filter: &Filter, paths: &[&str], taken: Option<DateTime>, details: Option<&Details>) -> bool {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    filter.matches(&ImageFacts {
        paths: &paths,
        bytes: 1000,
        metadata: &metadata(taken),
        details,
    })
}

#[test]
fn folders_match_whole_components() {
    let filter = Filter {
        folders: vec!["/photos/2020".into()],
        ..Filter::default()
    };
    let matches = |paths: &[&str]| matches(&filter, paths, None, None);
    assert!(matches(&["/photos/2020/a.jpg"]));
    assert!(matches(&["/x.jpg", "/photos/2020/deep/a.jpg"]));
    assert!(!matches(&["/photos/2020-trip/a.jpg"]));
}

#[test]
fn date_range_excludes_undated_images() {
    let range = DateRange {
        from: Some(date(2020, 1, 1).at(0, 0, 0, 0)),
        before: Some(date(2021, 1, 1).at(0, 0, 0, 0)),
    };
    let filter = Filter {
        taken: Some(range),
        ..Filter::default()
    };
    let matches = |taken| matches(&filter, &["/a"], taken, None);
    assert!(matches(Some(date(2020, 12, 31).at(23, 59, 59, 0))));
    assert!(!matches(Some(date(2021, 1, 1).at(0, 0, 0, 0))));
    assert!(!matches(None));
}

#[test]
fn dates_may_omit_month_day_and_time() {
    assert_eq!(parse_date("2020"), Ok(date(2020, 1, 1).at(0, 0, 0, 0)));
    assert_eq!(parse_date("2020-05"), Ok(date(2020, 5, 1).at(0, 0, 0, 0)));
    assert_eq!(parse_date("2020-05-17"), Ok(date(2020, 5, 17).at(0, 0, 0, 0)));
    assert_eq!(
        parse_date("2020-05-17T08:30"),
        Ok(date(2020, 5, 17).at(8, 30, 0, 0))
    );
    assert!(parse_date("yesterday").is_err());
    assert!(parse_date("2020-13").is_err());
}

#[test]
fn empty_filter_matches_everything() {
    let open = Filter {
        taken: Some(DateRange::default()),
        tags: vec![" ".into()],
        ..Filter::default()
    };
    assert!(open.is_empty());
    assert!(matches(&open, &[], None, None));
    assert!(open.matches_tags([]));
}

#[test]
fn all_tags_are_required_in_any_case() {
    let filter = Filter {
        tags: vec![" Dog".into(), "SNOW ".into(), "dog".into()],
        ..Filter::default()
    };
    assert!(!filter.is_empty());
    assert_eq!(filter.required_tags().len(), 2);
    assert!(filter.matches_tags(["snow", "tree", "Dog"]));
    assert!(!filter.matches_tags(["dog"]));
    assert!(!filter.matches_tags(["snow dog"]));
    assert!(matches(&filter, &[], None, None), "tags are not considered");
}

/// The picture that [`each_part_selects_by_itself`] looks for.
fn harbor() -> Details {
    Details {
        keywords: vec!["Harbor".into(), "sea".into()],
        hierarchical_keywords: vec!["Places|Italy".into()],
        rating: Some(4),
        exposure: Exposure {
            lens: Some("50mm f/1.8".into()),
            ..Exposure::default()
        },
        place: Place {
            city: Some("Genoa".into()),
            country: Some("Italy".into()),
            ..Place::default()
        },
        damage: Some("half of it is missing".into()),
        ..Details::default()
    }
}

fn with(change: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    change(&mut filter);
    filter
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn reach(unreachable: bool, folder: &str) -> ReachFilter {
    ReachFilter {
        unreachable,
        folders: vec![folder.into()],
    }
}

#[test]
fn each_part_selects_by_itself() {
    use ImageFormat::{Heif, Png};
    use Orientation::{Landscape, Portrait, Square};
    for (filter, expected) in [
        (with(|f| f.formats = vec![Png, Heif]), true),
        (with(|f| f.formats = vec![Png]), false),
        (with(|f| f.cameras = texts(&["nikon*", "iphone 12"])), true),
        (with(|f| f.cameras = texts(&["nikon*"])), false),
        (with(|f| f.lenses = texts(&["50mm*"])), true),
        (with(|f| f.lenses = texts(&["85mm*"])), false),
        (with(|f| f.keywords = texts(&["SEA", "places"])), true),
        (with(|f| f.keywords = texts(&["sea", "mountain"])), false),
        (with(|f| f.places = texts(&["genoa", "italy"])), true),
        (with(|f| f.places = texts(&["genoa", "france"])), false),
        (with(|f| f.names = texts(&["204"])), true),
        (with(|f| f.names = texts(&["*.jpg"])), false),
        (with(|f| f.rating = Some(RatingRange::Stars(4, 5))), true),
        (with(|f| f.rating = Some(RatingRange::Unrated)), false),
        (with(|f| f.size = "1k..".parse().ok()), false),
        (with(|f| f.size = "..1k".parse().ok()), true),
        (with(|f| f.orientations = vec![Landscape]), true),
        (with(|f| f.orientations = vec![Portrait, Square]), false),
        (with(|f| f.damaged = Some(true)), true),
        (with(|f| f.damaged = Some(false)), false),
        (with(|f| f.reach = Some(reach(true, "/nas"))), true),
        (with(|f| f.reach = Some(reach(false, "/nas"))), false),
        (with(|f| f.reach = Some(reach(false, "/other"))), true),
    ] {
        assert!(!filter.is_empty(), "{filter:?}");
        let found = matches(&filter, &["/nas/IMG_2041.heic"], None, Some(&harbor()));
        assert_eq!(found, expected, "{filter:?}");
    }
}
