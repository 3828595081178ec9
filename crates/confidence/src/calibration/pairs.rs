//! Files of pairs, one a line, columns separated by tabs.

use std::collections::HashMap;

use thiserror::Error;

/// More pairs than this in one file are refused: a file this long is a mistake.
pub const MAX_PAIRS: usize = 1_000_000;
/// Longer texts than this are refused; models read far less.
const MAX_TEXT_BYTES: usize = 10_000;

/// A picture and a text, from one line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The picture as the file names it: a path, or an image id.
    pub image: String,
    /// What it is held against.
    pub text: String,
}

/// A pair with what somebody who looked says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledPair {
    /// Picture and text.
    pub pair: Pair,
    /// Whether they match.
    pub matches: bool,
    /// Where it stands in the file, from 1.
    pub line: usize,
}

/// What is wrong with a file of pairs; every kind names the line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PairsError {
    /// Too few or too many columns.
    #[error("line {line}: {found} columns instead of {wanted}; separate {columns} by tabs")]
    Columns {
        /// The line, from 1.
        line: usize,
        /// Columns found.
        found: usize,
        /// Columns that a line has.
        wanted: usize,
        /// Their names.
        columns: &'static str,
    },
    /// The label is neither 0 nor 1.
    #[error("line {line}: the label must be 1 (the text matches) or 0 (it does not), not {label:?}")]
    Label {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        label: String,
    },
    /// A picture or a text is missing.
    #[error("line {line}: the {what} is empty")]
    Empty {
        /// The line, from 1.
        line: usize,
        /// `picture` or `text`.
        what: &'static str,
    },
    /// A text no model reads.
    #[error("line {line}: the text is longer than {MAX_TEXT_BYTES} bytes")]
    TooLong {
        /// The line, from 1.
        line: usize,
    },
    /// The same pair twice with different labels.
    #[error("lines {first} and {line} give the same pair different labels")]
    Contradiction {
        /// The earlier line.
        first: usize,
        /// The later line.
        line: usize,
    },
    /// A file without end.
    #[error("more than {MAX_PAIRS} pairs: split the file")]
    TooMany,
}

/// Reads `image<TAB>text<TAB>0|1`. Empty lines are passed over, a pair that stands there twice is kept once.
pub fn labelled_pairs(file: &str) -> Result<Vec<LabelledPair>, PairsError> {
    let mut first_line: HashMap<Pair, usize> = HashMap::new();
    let mut pairs: Vec<LabelledPair> = Vec::new();
    for (line, columns) in rows(file) {
        let [image, text, label] = exactly(line, &columns, "picture, text and label")?;
        let pair = pair(line, image, text)?;
        let matches = label_of(line, label)?;
        match first_line.get(&pair) {
            None => {
                first_line.insert(pair.clone(), pairs.len());
                pairs.push(LabelledPair { pair, matches, line });
            }
            Some(&at) if pairs[at].matches == matches => {}
            Some(&at) => {
                return Err(PairsError::Contradiction {
                    first: pairs[at].line,
                    line,
                });
            }
        }
        if pairs.len() > MAX_PAIRS {
            return Err(PairsError::TooMany);
        }
    }
    Ok(pairs)
}

/// Reads one line `image<TAB>text` of a batch to be matched; `None` for an empty line.
pub fn pair_of_line(line: usize, content: &str) -> Result<Option<Pair>, PairsError> {
    let content = content.trim_end_matches(['\r', '\n']);
    if content.trim().is_empty() {
        return Ok(None);
    }
    let columns: Vec<&str> = content.split('\t').collect();
    let [image, text] = exactly(line, &columns, "picture and text")?;
    pair(line, image, text).map(Some)
}

/// Lines with content, numbered from 1, split at tabs.
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
) -> Result<[&'a str; N], PairsError> {
    <[&str; N]>::try_from(columns).map_err(|_| PairsError::Columns {
        line,
        found: columns.len(),
        wanted: N,
        columns: names,
    })
}

fn pair(line: usize, image: &str, text: &str) -> Result<Pair, PairsError> {
    let (image, text) = (image.trim(), text.trim());
    for (what, value) in [("picture", image), ("text", text)] {
        if value.is_empty() {
            return Err(PairsError::Empty { line, what });
        }
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(PairsError::TooLong { line });
    }
    Ok(Pair {
        image: image.to_owned(),
        text: text.to_owned(),
    })
}

fn label_of(line: usize, label: &str) -> Result<bool, PairsError> {
    match label.trim() {
        "1" => Ok(true),
        "0" => Ok(false),
        other => Err(PairsError::Label {
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
    fn lines_are_read_once_each_whatever_their_ends() {
        let pairs =
            labelled_pairs("\u{feff}a.jpg\ta cat\t1\r\n\nb.jpg\t一只猫\t0\na.jpg\t a cat \t1\n").unwrap();
        let seen: Vec<_> = pairs
            .iter()
            .map(|p| (p.pair.image.as_str(), p.pair.text.as_str(), p.matches, p.line))
            .collect();
        assert_eq!(seen, [("a.jpg", "a cat", true, 1), ("b.jpg", "一只猫", false, 3)]);
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let error = |file: &str| labelled_pairs(file).unwrap_err().to_string();
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
    fn a_line_of_a_batch_has_two_columns() {
        let pair = Pair {
            image: "a.jpg".into(),
            text: "a cat".into(),
        };
        assert_eq!(pair_of_line(1, "a.jpg\ta cat\r\n"), Ok(Some(pair)));
        assert_eq!(pair_of_line(1, "  \n"), Ok(None));
        assert!(matches!(
            pair_of_line(7, "a.jpg"),
            Err(PairsError::Columns { line: 7, .. })
        ));
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(file in ".{0,200}") {
            let _ = labelled_pairs(&file);
        }
    }
}
