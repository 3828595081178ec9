//! Checks of single values, shared by the requests' parameters.

use std::borrow::Cow;
use std::fmt::{Display, Write};
use std::path::PathBuf;

use eidetic_confidence::tagging::MAX_TAG_LENGTH;
use eidetic_domain::{ImageId, parse_date};
use eidetic_search::Query;
use jiff::civil::DateTime;

use crate::problem::Problem;

/// Room for everything beside an image: texts, names, filters.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;

/// A body that broke off or is malformed.
pub(super) fn unreadable(error: impl Display) -> Problem {
    Problem::invalid(format!("cannot read the body: {error}"))
}

/// Maximum length of a query text in characters; models read far less.
const MAX_TEXT_CHARS: usize = 2_000;
/// Maximum number of hits.
const MAX_K: i64 = 1_000;
/// Maximum number of folders in a filter.
const MAX_FOLDERS: usize = 100;
/// Maximum number of tags in a filter.
const MAX_TAGS: usize = 100;
/// Maximum number of other values of one kind in a filter.
pub(super) const MAX_TEXTS: usize = 100;
/// Maximum length of such a value in characters.
const MAX_FILTER_CHARS: usize = 200;

/// The message about a parameter that does not exist.
pub(super) fn unknown_parameter(name: &str, known: &[impl AsRef<str>]) -> String {
    let mut message = format!("unknown parameter {:?}; expected one of ", shortened(name));
    for (index, name) in known.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(message, "{separator}{}", name.as_ref());
    }
    message
}

/// A value that is not as `expected`.
pub(super) fn invalid_value(name: &str, value: impl Display, expected: &str) -> Problem {
    Problem::invalid(format!("invalid {name} {value}: expected {expected}"))
}

/// An image's id in an address or a request.
pub(crate) fn image_id(text: &str) -> Result<ImageId, Problem> {
    let invalid = |_| invalid_value("image id", quoted(text), "64 hexadecimal digits");
    text.parse().map_err(invalid)
}

/// A text within the maximum length; `name` is what the message calls it.
pub(crate) fn bounded_text(name: &str, text: String) -> Result<String, Problem> {
    require_no_nul(name, &text)?;
    let length = text.chars().count();
    if length > MAX_TEXT_CHARS {
        return Err(Problem::invalid(format!(
            "{name} is too long: {length} characters; at most {MAX_TEXT_CHARS} are allowed"
        )));
    }
    Ok(text)
}

/// Refuses a NUL character, which no text, no name and no path has.
pub(crate) fn require_no_nul(name: &str, text: &str) -> Result<(), Problem> {
    if text.contains('\0') {
        return Err(Problem::invalid(format!("{name} contains a NUL character")));
    }
    Ok(())
}

/// A text within the maximum length that is not blank.
pub(crate) fn nonempty_text(name: &str, text: String) -> Result<String, Problem> {
    let text = bounded_text(name, text)?;
    if text.trim().is_empty() {
        return Err(Problem::invalid(format!("{name} is empty")));
    }
    Ok(text)
}

/// The number of hits, or the default one.
pub(super) fn number_of_hits(k: Option<i64>) -> Result<usize, Problem> {
    match k {
        None => Ok(Query::DEFAULT_K),
        Some(k) if (1..=MAX_K).contains(&k) => Ok(k as usize),
        Some(k) => Err(invalid_value("k", k, &format!("1 to {MAX_K}"))),
    }
}

/// A number from 0 to 1: a probability or a weight.
pub(super) fn unit_interval(name: &str, value: f32) -> Result<f32, Problem> {
    if (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(invalid_value(name, value, "a number from 0 to 1"))
}

/// Absolute folders, which is how the library stores its sources.
pub(super) fn filter_folders(folders: Vec<String>) -> Result<Vec<PathBuf>, Problem> {
    require_count("folders in the filter", folders.len(), MAX_FOLDERS)?;
    folders.into_iter().map(absolute_folder).collect()
}

/// An absolute folder.
pub(super) fn absolute_folder(text: String) -> Result<PathBuf, Problem> {
    absolute_path("folder", text)
}

/// The path, if it is absolute.
pub(super) fn absolute_path(name: &str, text: String) -> Result<PathBuf, Problem> {
    require_no_nul(name, &text)?;
    let path = PathBuf::from(text);
    if path.is_absolute() {
        return Ok(path);
    }
    let shown = path.to_string_lossy();
    Err(invalid_value(name, quoted(&shown), "an absolute path"))
}

/// The tags of a filter.
pub(super) fn filter_tags(tags: Vec<String>) -> Result<Vec<String>, Problem> {
    require_count("tags in the filter", tags.len(), MAX_TAGS)?;
    for tag in &tags {
        require_no_nul("tag", tag)?;
    }
    match tags.iter().find(|tag| tag.chars().count() > MAX_TAG_LENGTH) {
        Some(long) => {
            let expected = format!("at most {MAX_TAG_LENGTH} characters");
            Err(invalid_value("tag", quoted(long), &expected))
        }
        None => Ok(tags),
    }
}

/// Patterns of a filter.
pub(super) fn filter_texts(what: &str, texts: Vec<String>) -> Result<Vec<String>, Problem> {
    require_count(&format!("values of {what} in the filter"), texts.len(), MAX_TEXTS)?;
    for text in &texts {
        require_no_nul(what, text)?;
        if text.trim().is_empty() {
            return Err(Problem::invalid(format!("{what} is empty")));
        }
        if text.chars().count() > MAX_FILTER_CHARS {
            let expected = format!("at most {MAX_FILTER_CHARS} characters");
            return Err(invalid_value(what, quoted(text), &expected));
        }
    }
    Ok(texts)
}

/// A year, a month, or a date with or without a time, as the command line takes them.
pub(super) fn date(name: &str, text: &str) -> Result<DateTime, Problem> {
    parse_date(text).map_err(|_| {
        let expected = "a date such as 2020, 2020-05, 2020-05-01 or 2020-05-01T12:00:00";
        invalid_value(name, quoted(text), expected)
    })
}

/// Refuses more than `max` of something.
pub(super) fn require_count(what: &str, count: usize, max: usize) -> Result<(), Problem> {
    if count > max {
        return Err(Problem::invalid(format!(
            "too many {what}: {count}; at most {max} are allowed"
        )));
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// Text from a request, short enough to be repeated in a message.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
