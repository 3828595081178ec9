//! Files of pairs: one pair per line, columns separated by tabs.

use std::collections::HashMap;

use thiserror::Error;

/// Maximum number of pairs in a file.
pub const MAX_PAIRS: usize = 1_000_000;
/// Maximum length of a text; models read far less.
const MAX_TEXT_BYTES: usize = 10_000;

/// An image and a text, from one line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageTextPair {
    /// The name of the image in the file: a path, or an image id.
    pub image: String,
    /// The text that it is compared with; in pairs of two images, the name of the other image.
    pub text: String,
}

/// A pair with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabeledPair {
    /// The image and the text.
    pub pair: ImageTextPair,
    /// Whether they match.
    pub matches: bool,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// Why a file of pairs is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PairFileError {
    /// A line has too few or too many columns.
    #[error("line {line}: {found} columns instead of {wanted}; separate {columns} by tabs")]
    Columns {
        /// The line, from 1.
        line: usize,
        /// Number of columns found.
        found: usize,
        /// Number of columns expected.
        wanted: usize,
        /// Their names.
        columns: &'static str,
    },
    /// A label is neither 0 nor 1.
    #[error("line {line}: the label must be 1 (the text matches) or 0 (it does not), not {label:?}")]
    Label {
        /// The line, from 1.
        line: usize,
        /// The label found, shortened.
        label: String,
    },
    /// An image or a text is missing.
    #[error("line {line}: the {what} is empty")]
    Empty {
        /// The line, from 1.
        line: usize,
        /// `picture` or `text`.
        what: &'static str,
    },
    /// A text is too long.
    #[error("line {line}: the text is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong {
        /// The line, from 1.
        line: usize,
    },
    /// A pair occurs twice with different labels.
    #[error("lines {first} and {line} give the same pair different labels")]
    Contradiction {
        /// The earlier line.
        first: usize,
        /// The later line.
        line: usize,
    },
    /// There are too many pairs.
    #[error("more than {MAX_PAIRS} pairs: split the file")]
    TooMany,
}

/// Parses lines of `image<TAB>text<TAB>0|1`. Empty lines are skipped; of equal pairs, the first is kept.
pub fn parse_labeled_pairs(file: &str) -> Result<Vec<LabeledPair>, PairFileError> {
    let mut positions: HashMap<ImageTextPair, usize> = HashMap::new();
    let mut pairs: Vec<LabeledPair> = Vec::new();
    for (line, columns) in rows(file) {
        let [image, text, label] = exactly(line, &columns, "picture, text and label")?;
        let pair = checked_pair(line, image, text)?;
        let matches = parse_label(line, label)?;
        match positions.get(&pair) {
            None => {
                positions.insert(pair.clone(), pairs.len());
                pairs.push(LabeledPair { pair, matches, line });
            }
            Some(&at) if pairs[at].matches == matches => {}
            Some(&at) => {
                return Err(PairFileError::Contradiction {
                    first: pairs[at].line,
                    line,
                });
            }
        }
        if pairs.len() > MAX_PAIRS {
            return Err(PairFileError::TooMany);
        }
    }
    Ok(pairs)
}

/// Parses one line `image<TAB>text` of a batch; `None` for an empty line.
pub fn parse_pair_line(line: usize, content: &str) -> Result<Option<ImageTextPair>, PairFileError> {
    let content = content.trim_end_matches(['\r', '\n']);
    if content.trim().is_empty() {
        return Ok(None);
    }
    let columns: Vec<&str> = content.split('\t').collect();
    let [image, text] = exactly(line, &columns, "picture and text")?;
    checked_pair(line, image, text).map(Some)
}

/// The lines that are not empty, numbered from 1, split at tabs.
fn rows(file: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    file.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| (at + 1, line.split('\t').collect()))
}

fn exactly<'a, const N: usize>(
    line: usize,
    columns: &[&'a str],
    names: &'static str,
) -> Result<[&'a str; N], PairFileError> {
    <[&str; N]>::try_from(columns).map_err(|_| PairFileError::Columns {
        line,
        found: columns.len(),
        wanted: N,
        columns: names,
    })
}

fn checked_pair(line: usize, image: &str, text: &str) -> Result<ImageTextPair, PairFileError> {
    let (image, text) = (image.trim(), text.trim());
    for (what, value) in [("picture", image), ("text", text)] {
        if value.is_empty() {
            return Err(PairFileError::Empty { line, what });
        }
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(PairFileError::TooLong { line });
    }
    Ok(ImageTextPair {
        image: image.to_owned(),
        text: text.to_owned(),
    })
}

fn parse_label(line: usize, label: &str) -> Result<bool, PairFileError> {
    match label.trim() {
        "1" => Ok(true),
        "0" => Ok(false),
        other => Err(PairFileError::Label {
            line,
            label: other.chars().take(40).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn duplicates_and_empty_lines_are_skipped() {
        let pairs = parse_labeled_pairs("\u{feff}a.jpg\ta cat\t1\r\n\nb.jpg\t一只猫\t0\na.jpg\t a cat \t1\n")
            .unwrap();
        let found: Vec<_> = pairs
            .iter()
            .map(|p| (p.pair.image.as_str(), p.pair.text.as_str(), p.matches, p.line))
            .collect();
        assert_eq!(
            found,
            [("a.jpg", "a cat", true, 1), ("b.jpg", "一只猫", false, 3)]
        );
    }

    #[test]
    fn errors_name_line() {
        let error = |file: &str| parse_labeled_pairs(file).unwrap_err().to_string();
        assert_eq!(
            error("a.jpg\tcat\t1\nb.jpg cat 1"),
            "line 2: 1 columns instead of 3; separate picture, text and label by tabs"
        );
        assert_eq!(
            error("\n\na.jpg\tcat\tyes"),
            "line 3: the label must be 1 (the text matches) or 0 (it does not), not \"yes\""
        );
        assert_eq!(error("a.jpg\t \t1"), "line 1: the text is empty");
        assert_eq!(
            error("a.jpg\tcat\t1\nb.jpg\tcat\t1\na.jpg\tcat\t0"),
            "lines 1 and 3 give the same pair different labels"
        );
        assert_eq!(
            error(&format!("a.jpg\t{}\t1", "x".repeat(10_001))),
            "line 1: the text is longer than 10000 bytes"
        );
    }

    #[test]
    fn batch_line_has_two_columns() {
        let pair = ImageTextPair {
            image: "a.jpg".into(),
            text: "a cat".into(),
        };
        assert_eq!(parse_pair_line(1, "a.jpg\ta cat\r\n"), Ok(Some(pair)));
        assert_eq!(parse_pair_line(1, "  \n"), Ok(None));
        assert!(matches!(
            parse_pair_line(7, "a.jpg"),
            Err(PairFileError::Columns { line: 7, .. })
        ));
    }

    proptest! {
        #[test]
        fn parser_never_panics(file in ".{0,200}") {
            let _ = parse_labeled_pairs(&file);
        }
    }
}
