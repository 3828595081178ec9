//! Ranges of ratings and file sizes as users write them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Ratings that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatingRange {
    /// No rating.
    Unrated,
    /// Stars from the first to the second, −1 for rejected pictures.
    Stars(i8, i8),
}

/// Sizes of files in bytes that match, ends included; none is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SizeRange {
    /// The smallest.
    pub from: Option<u64>,
    /// The largest.
    pub to: Option<u64>,
}

/// A text is not a range.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("invalid {what} {text:?}; expected {expected}")]
pub struct ParseRangeError {
    what: &'static str,
    text: String,
    expected: &'static str,
}

const MOST_STARS: i8 = 5;
const REJECTED: i8 = -1;

impl RatingRange {
    /// Whether a rating matches.
    pub fn contains(self, rating: Option<i8>) -> bool {
        match self {
            Self::Unrated => rating.is_none(),
            Self::Stars(from, to) => rating.is_some_and(|stars| (from..=to).contains(&stars)),
        }
    }
}

impl SizeRange {
    /// Whether a size matches.
    pub fn contains(self, bytes: u64) -> bool {
        self.from.is_none_or(|from| bytes >= from) && self.to.is_none_or(|to| bytes <= to)
    }
}

impl FromStr for RatingRange {
    type Err = ParseRangeError;

    /// `4` is at least 4 stars, `2..3` two or three, `none` no rating.
    fn from_str(text: &str) -> Result<Self, ParseRangeError> {
        let invalid = || ParseRangeError {
            what: "rating",
            text: text.to_owned(),
            expected: "a number of stars from 0 to 5 or -1 for rejected (4: at least 4), a range such as 2..3, or none",
        };
        let stars = |text: &str| {
            let stars = text.trim().parse::<i8>().ok();
            stars.filter(|stars| (REJECTED..=MOST_STARS).contains(stars))
        };
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Self::Unrated);
        }
        let (from, to) = match text.split_once("..") {
            // At least −1 would be every rating.
            None if stars(text) == Some(REJECTED) => (Some(REJECTED), Some(REJECTED)),
            None => (stars(text), Some(MOST_STARS)),
            Some((from, to)) => (stars(from), stars(to)),
        };
        let range = from.zip(to).filter(|(from, to)| from <= to);
        range.map(|(from, to)| Self::Stars(from, to)).ok_or_else(invalid)
    }
}

impl fmt::Display for RatingRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unrated => f.write_str("none"),
            Self::Stars(from, to) => write!(f, "{from}..{to}"),
        }
    }
}

impl FromStr for SizeRange {
    type Err = ParseRangeError;

    /// `2M..10M`, `..500k`, `5MB..`; a single size is the smallest.
    fn from_str(text: &str) -> Result<Self, ParseRangeError> {
        let invalid = || ParseRangeError {
            what: "size",
            text: text.to_owned(),
            expected: "a size such as 2M (at least) or a range such as 500k..10M, ..1M or 1G..; k, M and G are 1024-fold, kB, MB and GB 1000-fold",
        };
        let end = |text: &str| match text.trim() {
            "" => Ok(None),
            size => bytes(size).map(Some).ok_or_else(invalid),
        };
        let (from, to) = text.split_once("..").unwrap_or((text, ""));
        let range = Self {
            from: end(from)?,
            to: end(to)?,
        };
        match (range.from, range.to) {
            (None, None) => Err(invalid()),
            (Some(from), Some(to)) if from > to => Err(invalid()),
            _ => Ok(range),
        }
    }
}

impl fmt::Display for SizeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |bytes: Option<u64>| bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        write!(f, "{}..{}", end(self.from), end(self.to))
    }
}

/// Such as `300`, `1.5 MB` or `20k`.
fn bytes(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    // Beyond this, not every whole number is a floating-point number.
    (bytes < (1_u64 << 53) as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_are_read_as_written() {
        for (text, matching) in [
            ("4", &[4, 5][..]),
            ("2..3", &[2, 3]),
            ("-1", &[-1]),
            ("0", &[0, 1, 2, 3, 4, 5]),
            ("-1..0", &[-1, 0]),
        ] {
            let range: RatingRange = text.parse().unwrap();
            let found: Vec<i8> = (-1..=5).filter(|stars| range.contains(Some(*stars))).collect();
            assert_eq!(found, matching, "{text}");
            assert!(!range.contains(None), "{text}");
            assert_eq!(range.to_string().parse(), Ok(range));
        }
        assert!("none".parse::<RatingRange>().unwrap().contains(None));
        for text in ["", "6", "-2", "4..", "3..2", "four"] {
            assert!(text.parse::<RatingRange>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_with_units() {
        for (text, from, to) in [
            ("2M", Some(2 << 20), None),
            ("..500k", None, Some(500 << 10)),
            ("1.5 MB..2GB", Some(1_500_000), Some(2_000_000_000)),
            ("300..300", Some(300), Some(300)),
        ] {
            let range: SizeRange = text.parse().unwrap();
            assert_eq!(range, SizeRange { from, to }, "{text}");
            assert_eq!(range.to_string().parse(), Ok(range));
        }
        let range: SizeRange = "10..20".parse().unwrap();
        let found: Vec<u64> = (0..30).filter(|bytes| range.contains(*bytes)).collect();
        assert_eq!(found, (10..=20).collect::<Vec<_>>());
        for text in [
            "",
            "..",
            "x",
            "10X",
            "2M..1M",
            "1..2..3",
            "-5",
            "99999999999999G",
            "1.2.3k",
        ] {
            assert!(text.parse::<SizeRange>().is_err(), "{text:?}");
        }
    }
}
