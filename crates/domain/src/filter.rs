//! Filters of queries, and dates as users write them.

mod pattern;
mod ranges;

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::civil::DateTime;
use thiserror::Error;

use crate::{Camera, Details, ImageFormat, Metadata, Orientation};
pub use pattern::TextPattern;
pub use ranges::{ParseRangeError, RatingRange, SizeRange};

/// Restricts the images that a query returns. Empty parts match every image.
///
/// Of folders, formats, cameras, lenses, orientations and file names one must match; of tags, keywords and places all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Absolute folders: an image matches if one of its paths is in one of them, at any depth.
    pub folders: Vec<PathBuf>,
    /// Range of dates taken. An image without a date does not match.
    pub taken: Option<DateRange>,
    /// Tags that an image must have, all of them, compared by [`normalize_tag`]. Blank ones are ignored.
    pub tags: Vec<String>,
    /// Formats of the content.
    pub formats: Vec<ImageFormat>,
    /// [Patterns](TextPattern) of cameras: of maker and model together, or of one of them.
    pub cameras: Vec<String>,
    /// [Patterns](TextPattern) of lenses.
    pub lenses: Vec<String>,
    /// [Patterns](TextPattern) of keywords, each of which a keyword of the image must match.
    pub keywords: Vec<String>,
    /// [Patterns](TextPattern) of places, each of which a name of the image's place must match: part of a city, city, state or
    /// country.
    pub places: Vec<String>,
    /// Patterns of file names, extension included. One without `*` and `?` may be anywhere in the name.
    pub names: Vec<String>,
    /// Ratings.
    pub rating: Option<RatingRange>,
    /// Size of the file.
    pub size: Option<SizeRange>,
    /// Whether wider than high, higher than wide, or neither.
    pub orientations: Vec<Orientation>,
    /// Whether the file is damaged and shown as far as it goes.
    pub damaged: Option<bool>,
    /// Whether all files of the image are out of reach.
    pub reach: Option<ReachFilter>,
}

/// Selects images by whether their files can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReachFilter {
    /// Whether those match whose files are all out of reach, rather than the others.
    pub unreachable: bool,
    /// The folders that are out of reach. The library fills them in: it knows its sources.
    pub folders: Vec<PathBuf>,
}

/// What a filter looks at in an image, apart from its tags.
#[derive(Debug, Clone, Copy)]
pub struct ImageFacts<'a> {
    /// Its paths.
    pub paths: &'a [PathBuf],
    /// Size of its file in bytes.
    pub bytes: u64,
    /// Size, format, date, camera and position.
    pub metadata: &'a Metadata,
    /// What else is known of it; without, nothing. Needed where [`Filter::needs_details`].
    pub details: Option<&'a Details>,
}

/// A half-open range of local time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
        self.required_tags().is_empty() && self.is_open() && !self.needs_details()
    }

    /// Whether the filter looks at [`Details`].
    pub fn needs_details(&self) -> bool {
        !self.lenses.is_empty()
            || !self.keywords.is_empty()
            || !self.places.is_empty()
            || self.rating.is_some()
            || self.damaged.is_some()
    }

    /// The range of dates, if it excludes any.
    pub fn dates(&self) -> Option<DateRange> {
        self.taken.filter(|range| *range != DateRange::default())
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

    /// Whether an image matches the filter, but for its tags: see [`matches_tags`](Self::matches_tags).
    pub fn matches(&self, image: &ImageFacts<'_>) -> bool {
        let metadata = image.metadata;
        self.matches_folders(image.paths)
            && self
                .dates()
                .is_none_or(|range| metadata.taken.is_some_and(|moment| range.contains(moment)))
            && (self.formats.is_empty() || self.formats.contains(&metadata.format))
            && self.matches_camera(metadata.camera.as_ref())
            && self.size.is_none_or(|range| range.contains(image.bytes))
            && (self.orientations.is_empty() || self.orientations.contains(&metadata.orientation()))
            && self.matches_names(image.paths)
            && self.reach.as_ref().is_none_or(|reach| reach.matches(image.paths))
            && (!self.needs_details() || self.matches_details(image.details))
    }

    /// Whether the filter matches every image whatever its record, details and tags aside.
    fn is_open(&self) -> bool {
        self.folders.is_empty()
            && self.dates().is_none()
            && self.formats.is_empty()
            && self.cameras.is_empty()
            && self.names.is_empty()
            && self.size.is_none()
            && self.orientations.is_empty()
            && self.reach.is_none()
    }

    fn matches_folders(&self, paths: &[PathBuf]) -> bool {
        let in_folder = |path: &PathBuf| self.folders.iter().any(|folder| path.starts_with(folder));
        self.folders.is_empty() || paths.iter().any(in_folder)
    }

    fn matches_camera(&self, camera: Option<&Camera>) -> bool {
        let mut wanted = self.cameras.iter().map(|pattern| TextPattern::new(pattern));
        self.cameras.is_empty()
            || camera.is_some_and(|camera| wanted.any(|pattern| pattern.matches_camera(camera)))
    }

    fn matches_names(&self, paths: &[PathBuf]) -> bool {
        let mut wanted = self.names.iter().map(|pattern| TextPattern::of_names(pattern));
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let names: Vec<String> = paths.iter().filter_map(name).collect();
        self.names.is_empty() || wanted.any(|pattern| names.iter().any(|name| pattern.matches(name)))
    }

    fn matches_details(&self, details: Option<&Details>) -> bool {
        let unknown = Details::default();
        let details = details.unwrap_or(&unknown);
        let keywords: Vec<&str> = details.all_keywords().collect();
        let places: Vec<&str> = details.place.names().collect();
        let lens = details.exposure.lens.as_slice();
        (self.lenses.is_empty() || self.lenses.iter().any(|pattern| one_matches(pattern, lens)))
            && self
                .keywords
                .iter()
                .all(|pattern| one_matches(pattern, &keywords))
            && self.places.iter().all(|pattern| one_matches(pattern, &places))
            && self.rating.is_none_or(|range| range.contains(details.rating))
            && self
                .damaged
                .is_none_or(|damaged| damaged == details.damage.is_some())
    }
}

impl ReachFilter {
    fn matches(&self, paths: &[PathBuf]) -> bool {
        let is_out = |path: &PathBuf| self.folders.iter().any(|folder| path.starts_with(folder));
        paths.iter().all(is_out) == self.unreachable
    }
}

fn one_matches(pattern: &str, texts: &[impl AsRef<str>]) -> bool {
    let pattern = TextPattern::new(pattern);
    texts.iter().any(|text| pattern.matches(text.as_ref()))
}

#[cfg(test)]
mod tests;
