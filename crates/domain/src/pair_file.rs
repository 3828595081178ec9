//! Files of pairs: an image and a text on each line, with or without a label.

use csv::{ByteRecord, ReaderBuilder, Trim};
use thiserror::Error;

/// Maximum number of pairs in a file.
pub const MAX_PAIRS: usize = 1_000_000;
/// Maximum length of a text; models read far less.
const MAX_TEXT_BYTES: usize = 10_000;
const IMAGE_NAMES: [&str; 6] = ["image", "picture", "path", "file", "filename", "image_id"];
const TEXT_NAMES: [&str; 5] = ["text", "caption", "query", "description", "title"];
const LABEL_NAMES: [&str; 4] = ["label", "match", "matches", "right"];

/// An image and a text, from one row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRow {
    /// The line on which the row begins, from 1.
    pub line: usize,
    /// The image as named in the file: a path, or an image id.
    pub image: String,
    /// The text that it is compared with; in pairs of two images, the name of the other image.
    pub text: String,
    /// Whether they match; `None` where labels are not read, or there is none.
    pub matches: Option<bool>,
}

/// What is read as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Each row has one.
    Required,
    /// A row may have one, which is not read.
    Ignored,
}

/// Why a row is not a pair.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PairFileError {
    /// A row has too few or too many columns.
    #[error(
        "line {line}: {found} {} instead of {wanted}; separate them by tabs or commas, or name them in the first line",
        if *.found == 1 { "column" } else { "columns" }
    )]
    Columns {
        /// The line, from 1.
        line: usize,
        /// Number of columns found.
        found: usize,
        /// The columns expected.
        wanted: &'static str,
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
    /// A row is not UTF-8.
    #[error("line {line}: the text is not UTF-8")]
    Encoding {
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

impl PairFileError {
    /// The line of the row, from 1; `None` if the error is about the file.
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::Columns { line, .. }
            | Self::Label { line, .. }
            | Self::Empty { line, .. }
            | Self::TooLong { line }
            | Self::Encoding { line }
            | Self::Contradiction { line, .. } => Some(*line),
            Self::TooMany => None,
        }
    }
}

/// The places of the columns that are read.
#[derive(Debug, Clone, Copy)]
struct Columns {
    image: usize,
    text: usize,
    label: Option<usize>,
}

/// Reads rows of image, text and, where `labels` are required, label: separated by tabs, or by commas with quotes as in
/// RFC 4180, which the first line decides.
///
/// If the first row names its columns (`image`, `path`, … and `text`, `caption`, … and `label`, `match`), they may be
/// in any order among others. Empty lines are skipped, and lines of `#` and a space.
pub fn parse_pairs(file: &[u8], labels: Labels) -> impl Iterator<Item = Result<PairRow, PairFileError>> + '_ {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let delimiter = delimiter(file);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(delimiter == b',')
        .trim(Trim::All)
        .from_reader(file);
    let mut lines = LineCounter::new(file);
    let mut columns: Option<Columns> = None;
    std::iter::from_fn(move || {
        loop {
            let mut record = ByteRecord::new();
            // Reading from memory does not fail, and rows may differ in length.
            if !matches!(reader.read_byte_record(&mut record), Ok(true)) {
                return None;
            }
            let start = record.position().map_or(0, csv::Position::byte);
            let line = lines.line_of(usize::try_from(start).unwrap_or(usize::MAX));
            if record.iter().all(<[u8]>::is_empty) || is_comment(&record) {
                continue;
            }
            let Some(columns) = columns else {
                let header = Columns::named(&record, labels);
                columns = Some(header.unwrap_or(Columns::unnamed(labels)));
                if header.is_some() {
                    continue;
                }
                return Some(row(&record, line, Columns::unnamed(labels)));
            };
            return Some(row(&record, line, columns));
        }
    })
}

impl Columns {
    const fn unnamed(labels: Labels) -> Self {
        Self {
            image: 0,
            text: 1,
            label: match labels {
                Labels::Required => Some(2),
                Labels::Ignored => None,
            },
        }
    }

    /// The columns of a header; `None` if the row is none.
    fn named(header: &ByteRecord, labels: Labels) -> Option<Self> {
        let find = |names: &[&str]| {
            header.iter().position(|column| {
                names
                    .iter()
                    .any(|name| name.as_bytes().eq_ignore_ascii_case(column))
            })
        };
        let label = match labels {
            Labels::Required => Some(find(&LABEL_NAMES)?),
            Labels::Ignored => None,
        };
        Some(Self {
            image: find(&IMAGE_NAMES)?,
            text: find(&TEXT_NAMES)?,
            label,
        })
    }

    /// Whether these are the columns of a file without a header.
    fn are_unnamed(self) -> bool {
        (self.image, self.text) == (0, 1) && self.label.is_none_or(|label| label == 2)
    }
}

fn delimiter(file: &[u8]) -> u8 {
    let mut lines = file.split(|byte| *byte == b'\n');
    let first = lines.find(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"# "));
    if first.is_some_and(|line| line.contains(&b'\t')) {
        b'\t'
    } else {
        b','
    }
}

fn is_comment(record: &ByteRecord) -> bool {
    record
        .get(0)
        .is_some_and(|first| first == b"#" || first.starts_with(b"# "))
}

fn row(record: &ByteRecord, line: usize, columns: Columns) -> Result<PairRow, PairFileError> {
    let (count, wanted) = match columns.label {
        Some(_) => (3..=3, "three (picture, text, label)"),
        None => (2..=3, "two (picture, text)"),
    };
    let column = |at: usize| match record.get(at) {
        Some(value) => std::str::from_utf8(value).map_err(|_| PairFileError::Encoding { line }),
        None => Err(PairFileError::Columns {
            line,
            found: record.len(),
            wanted,
        }),
    };
    // Names may be among other columns; without names a further column is a mistake.
    if columns.are_unnamed() && !count.contains(&record.len()) {
        column(usize::MAX)?;
    }
    let (image, text) = (column(columns.image)?, column(columns.text)?);
    for (what, value) in [("picture", image), ("text", text)] {
        if value.is_empty() {
            return Err(PairFileError::Empty { line, what });
        }
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(PairFileError::TooLong { line });
    }
    let label = columns.label.map(column).transpose()?;
    Ok(PairRow {
        line,
        image: image.to_owned(),
        text: text.to_owned(),
        matches: label.map(|label| parse_label(label, line)).transpose()?,
    })
}

fn parse_label(label: &str, line: usize) -> Result<bool, PairFileError> {
    match label.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err(PairFileError::Label {
            line,
            label: label.chars().take(40).collect(),
        }),
    }
}

/// Lines of ascending positions in a file; the reader's own count leaves out empty lines before a row.
struct LineCounter<'a> {
    file: &'a [u8],
    position: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    const fn new(file: &'a [u8]) -> Self {
        Self {
            file,
            position: 0,
            line: 1,
        }
    }

    /// The line of the first byte from `start` on that ends no line.
    fn line_of(&mut self, start: usize) -> usize {
        let ends_line = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let rest = self.file.get(start..).unwrap_or_default();
        let first = start + rest.iter().take_while(|byte| ends_line(byte)).count();
        let passed = &self.file[self.position.min(first)..first];
        self.line += passed.split(|byte| *byte == b'\n').count() - 1;
        self.position = first;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(file: &str, labels: Labels) -> Vec<(usize, String, String, Option<bool>)> {
        let rows: Result<Vec<PairRow>, PairFileError> = parse_pairs(file.as_bytes(), labels).collect();
        let row = |row: PairRow| (row.line, row.image, row.text, row.matches);
        rows.unwrap().into_iter().map(row).collect()
    }

    fn found(
        line: usize,
        image: &str,
        text: &str,
        matches: Option<bool>,
    ) -> (usize, String, String, Option<bool>) {
        (line, image.to_owned(), text.to_owned(), matches)
    }

    #[test]
    fn tabs_or_commas_separate_columns() {
        let expected = [
            found(1, "a.jpg", "a \"red\" cat", Some(true)),
            found(3, "b.jpg", "一只猫, two", Some(false)),
        ];
        let tabs = "\u{feff}a.jpg\ta \"red\" cat\t1\r\n\n b.jpg \t一只猫, two\tno\r\n";
        assert_eq!(rows(tabs, Labels::Required), expected);
        let commas = "a.jpg,\"a \"\"red\"\" cat\",1\n\nb.jpg,\"一只猫, two\", 0\n";
        assert_eq!(rows(commas, Labels::Required), expected);
    }

    #[test]
    fn header_names_columns_in_any_order() {
        let file = "# shop, spring\nid,Caption,Label,Path\n7,a shoe,1,a.jpg\n8,a hat,0,b.jpg\n";
        assert_eq!(
            rows(file, Labels::Required),
            [
                found(3, "a.jpg", "a shoe", Some(true)),
                found(4, "b.jpg", "a hat", Some(false))
            ]
        );
        assert_eq!(rows(file, Labels::Ignored).len(), 2);
        assert_eq!(
            rows("image\ttext\na.jpg\tcat", Labels::Ignored),
            [found(2, "a.jpg", "cat", None)]
        );
    }

    #[test]
    fn third_column_is_ignored_without_labels() {
        assert_eq!(
            rows("a.jpg\tcat\t1\nb.jpg\tdog\n", Labels::Ignored),
            [found(1, "a.jpg", "cat", None), found(2, "b.jpg", "dog", None)]
        );
    }

    #[test]
    fn errors_name_line() {
        let error = |file: &[u8]| {
            let mut rows = parse_pairs(file, Labels::Required);
            rows.find_map(Result::err).unwrap().to_string()
        };
        assert_eq!(
            error(b"a.jpg\tcat\t1\nb.jpg cat 1"),
            "line 2: 1 column instead of three (picture, text, label); separate them by tabs or commas, or name them in the \
             first line"
        );
        assert_eq!(
            error(b"\n\na.jpg\tcat\tperhaps"),
            "line 3: the label must be 1 (the text matches) or 0 (it does not), not \"perhaps\""
        );
        assert_eq!(error(b"a.jpg\t \t1"), "line 1: the text is empty");
        assert_eq!(error(b"a.jpg,cat,1\n\n,cat,1"), "line 3: the picture is empty");
        assert_eq!(
            error(b"a.jpg,\"cat\ndog\",1\n\xff,cat,1"),
            "line 3: the text is not UTF-8"
        );
        let long = format!("a.jpg\t{}\t1", "x".repeat(10_001));
        assert_eq!(
            error(long.as_bytes()),
            "line 1: the text is longer than 10000 bytes"
        );
        assert!(error(b"a.jpg\tcat\t1\textra").contains("4 columns"));
    }

    #[test]
    fn bad_row_does_not_end_file() {
        let rows: Vec<_> = parse_pairs(b"a.jpg\tcat\nb.jpg\nc.jpg\tdog\n", Labels::Ignored).collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[1].is_err() && rows[2].is_ok());
    }

    proptest! {
        #[test]
        fn parser_never_panics(file in prop::collection::vec(any::<u8>(), 0..200), labeled: bool) {
            let labels = if labeled { Labels::Required } else { Labels::Ignored };
            let last = parse_pairs(&file, labels).filter_map(Result::ok).map(|row| row.line).last();
            prop_assert!(last.unwrap_or(0) <= file.split(|byte| *byte == b'\n').count());
        }
    }
}
