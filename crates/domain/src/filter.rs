//! Filters of queries, and dates as users write them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Restricts the images that a query returns. Empty parts match every image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Absolute folders: an image matches if one of its paths is in one of them, at any depth.
    pub folders: Vec<PathBuf>,
    /// Range of dates taken. An image without a date does not match.
    pub taken: Option<DateRange>,
    /// Tags that an image must have, all of them, compared by [`normalize_tag`]. Blank ones are ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A half-open range of local time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DateRange {
    /// Start, inclusive; unbounded if none.
    pub from: Option<DateTime>,
    /// End, exclusive; unbounded if none.
    pub before: Option<DateTime>,
}

/// A text is not a date.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("invalid date {0:?}; expected a form such as 2020, 2020-05, 2020-05-17 or 2020-05-17T08:30")]
pub struct ParseDateError(pub String);

/// Parses an ISO 8601 year, month, day or time; the result is its first moment.
pub fn parse_date(text: &str) -> Result<DateTime, ParseDateError> {
    let complete = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    complete.parse().map_err(|_| ParseDateError(text.to_owned()))
}

/// The form in which tags are compared: trimmed, in lower case.
pub fn normalize_tag(tag: &str) -> String {
    tag.trim().to_lowercase()
}

impl DateRange {
    /// Whether `moment` is in the range.
    pub fn contains(&self, moment: DateTime) -> bool {
        self.from.is_none_or(|from| moment >= from) && self.before.is_none_or(|before| moment < before)
    }
}

impl Filter {
    /// Whether the filter matches every image.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
            && self.taken.is_none_or(|range| range == DateRange::default())
            && self.required_tags().is_empty()
    }

    /// The tags that an image must have, normalized and without duplicates.
    pub fn required_tags(&self) -> BTreeSet<String> {
        let normalized = self.tags.iter().map(|tag| normalize_tag(tag));
        normalized.filter(|tag| !tag.is_empty()).collect()
    }

    /// Whether an image with `tags` matches the filter's tags.
    pub fn matches_tags<'a>(&self, tags: impl IntoIterator<Item = &'a str>) -> bool {
        let mut missing = self.required_tags();
        for tag in tags {
            missing.remove(&normalize_tag(tag));
        }
        missing.is_empty()
    }

    /// Whether an image at `paths`, taken at `taken`, matches the filter's folders and dates.
    ///
    /// Tags are not part of the record with paths and date: see [`matches_tags`](Self::matches_tags).
    pub fn matches<P: AsRef<Path>>(&self, paths: &[P], taken: Option<DateTime>) -> bool {
        let in_folder = self.folders.is_empty()
            || paths.iter().any(|path| {
                self.folders
                    .iter()
                    .any(|folder| path.as_ref().starts_with(folder))
            });
        let in_range = self
            .taken
            .filter(|range| *range != DateRange::default())
            .is_none_or(|range| taken.is_some_and(|moment| range.contains(moment)));
        in_folder && in_range
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn folders_match_whole_components() {
        let filter = Filter {
            folders: vec!["/photos/2020".into()],
            ..Filter::default()
        };
        assert!(filter.matches(&["/photos/2020/a.jpg"], None));
        assert!(filter.matches(&["/x.jpg", "/photos/2020/deep/a.jpg"], None));
        assert!(!filter.matches(&["/photos/2020-trip/a.jpg"], None));
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
        assert!(filter.matches(&["/a"], Some(date(2020, 12, 31).at(23, 59, 59, 0))));
        assert!(!filter.matches(&["/a"], Some(date(2021, 1, 1).at(0, 0, 0, 0))));
        assert!(!filter.matches(&["/a"], None));
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
        assert!(open.matches::<&str>(&[], None));
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
        assert!(filter.matches::<&str>(&[], None), "tags are not considered");
    }
}
