//! Reads texts from plain lines, CSV, TSV or JSON lines, one at a time and within bounds.

mod lines;
mod values;

use std::collections::HashMap;
use std::io::{BufRead, Cursor, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::lines::Lines;
use self::values::Values;
use super::{StoredText, TextsError};

/// Most bytes of one text; models read far less.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Most bytes of an id.
const MAX_ID_BYTES: usize = 1000;
/// Most bytes of one record with all its fields.
const MAX_RECORD_BYTES: usize = 1 << 20;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How texts are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    /// One text on each line; blank lines are skipped.
    Lines,
    /// Comma-separated values with a header that has a column `text`.
    Csv,
    /// Tab-separated values with such a header.
    Tsv,
    /// One JSON object on each line, with a string `text`.
    JsonLines,
}

impl TextFormat {
    /// The format that the ending of a file's name says; `None` where only the content can say it.
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "txt" => Some(Self::Lines),
            _ => None,
        }
    }

    /// The format of a file that begins with this line: JSON lines if it is an object, values with a header if it has a
    /// column `text` beside others, else plain lines.
    fn of_first_line(line: &[u8]) -> Self {
        let line = line.trim_ascii();
        if line.starts_with(b"{") && serde_json::from_slice::<Map<String, Value>>(line).is_ok() {
            return Self::JsonLines;
        }
        let has_text = |separator: u8| {
            let columns: Vec<&[u8]> = line.split(|byte| *byte == separator).collect();
            let is_text = |column: &&[u8]| {
                let name = column.trim_ascii();
                let name = name.strip_prefix(b"\"").unwrap_or(name);
                name.strip_suffix(b"\"")
                    .unwrap_or(name)
                    .eq_ignore_ascii_case(b"text")
            };
            columns.len() > 1 && columns.iter().any(is_text)
        };
        if has_text(b'\t') {
            Self::Tsv
        } else if has_text(b',') {
            Self::Csv
        } else {
            Self::Lines
        }
    }
}

/// The texts of an input, in order. Ids are unique: one that is given twice is an error, and a text without one gets the
/// beginning of its hash, with a number where the same text occurs again.
///
/// Memory grows with the number of texts by some 40 bytes each, for their ids.
pub struct TextReader<'a> {
    records: Records<'a>,
    format: TextFormat,
    /// Hash of each id, and the line that it is from.
    ids: HashMap<u128, u64>,
    /// How often a text without an id occurred, where more than once.
    repeats: HashMap<u128, u64>,
    has_ended: bool,
}

/// One text as it is written.
struct ReadText {
    line: u64,
    id: Option<String>,
    text: String,
    fields: Map<String, Value>,
}

impl<'a> TextReader<'a> {
    /// Reads `input`; its first line tells the format where `format` is `None`.
    pub fn new(mut input: impl BufRead + 'a, format: Option<TextFormat>) -> Result<Self, TextsError> {
        let head = first_lines(&mut input)?;
        let text = head.strip_prefix(BOM).unwrap_or(&head);
        let first = text
            .split(|byte| *byte == b'\n')
            .rfind(|line| !line.trim_ascii().is_empty());
        let format = format.unwrap_or_else(|| TextFormat::of_first_line(first.unwrap_or_default()));
        let input = Cursor::new(text.to_vec()).chain(input);
        let records = match format {
            TextFormat::Lines | TextFormat::JsonLines => Records::Lines(Lines::new(input, format)),
            TextFormat::Csv => Records::Values(Box::new(Values::new(input, b',')?)),
            TextFormat::Tsv => Records::Values(Box::new(Values::new(input, b'\t')?)),
        };
        Ok(Self {
            records,
            format,
            ids: HashMap::new(),
            repeats: HashMap::new(),
            has_ended: false,
        })
    }

    /// The format of the input.
    pub const fn format(&self) -> TextFormat {
        self.format
    }

    fn read(&mut self) -> Result<Option<StoredText>, TextsError> {
        let read = match &mut self.records {
            Records::Lines(lines) => lines.read()?,
            Records::Values(values) => values.read()?,
        };
        let Some(read) = read else { return Ok(None) };
        self.identify(read).map(Some)
    }

    fn identify(&mut self, read: ReadText) -> Result<StoredText, TextsError> {
        let ReadText {
            line,
            id,
            text,
            fields,
        } = read;
        let text = checked_text(line, &text)?;
        let id = match id {
            Some(id) => checked_id(line, id)?,
            None => self.default_id(&text),
        };
        if let Some(earlier) = self.ids.insert(hash(&id), line) {
            let id = shortened(&id);
            return Err(TextsError::line(
                line,
                format!("id {id:?} was used in line {earlier} already; ids are unique within a set"),
            ));
        }
        Ok(StoredText { id, text, fields })
    }

    /// The same text has the same id in every file, so that moved lines are unchanged ones.
    fn default_id(&mut self, text: &str) -> String {
        let id = blake3::hash(text.as_bytes()).to_hex()[..16].to_owned();
        if !self.ids.contains_key(&hash(&id)) {
            return id;
        }
        let repeats = self.repeats.entry(hash(&id)).or_insert(1);
        *repeats += 1;
        format!("{id}-{repeats}")
    }
}

impl Iterator for TextReader<'_> {
    type Item = Result<StoredText, TextsError>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let read = self.read().transpose();
        self.has_ended = !matches!(read, Some(Ok(_)));
        read
    }
}

enum Records<'a> {
    Lines(Lines<'a>),
    Values(Box<Values<'a>>),
}

/// The lines up to the first one that is not blank, with it.
fn first_lines(input: &mut impl BufRead) -> Result<Vec<u8>, TextsError> {
    let mut head = Vec::new();
    loop {
        let start = head.len();
        let limit = (MAX_RECORD_BYTES - start) as u64;
        let read = input.by_ref().take(limit).read_until(b'\n', &mut head)?;
        let line = &head[start..];
        let line = line.strip_prefix(BOM).unwrap_or(line);
        if read == 0 || !line.trim_ascii().is_empty() {
            return Ok(head);
        }
    }
}

/// The text without surrounding spaces.
fn checked_text(line: u64, text: &str) -> Result<String, TextsError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(TextsError::line(line, "the text is empty".into()));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(TextsError::line(
            line,
            format!("the text is longer than {MAX_TEXT_BYTES} bytes"),
        ));
    }
    if text.contains('\0') {
        return Err(TextsError::line(line, "the text contains a NUL character".into()));
    }
    Ok(text.to_owned())
}

fn checked_id(line: u64, id: String) -> Result<String, TextsError> {
    if id.trim().is_empty() {
        return Err(TextsError::line(line, "the id is empty".into()));
    }
    if id.len() > MAX_ID_BYTES {
        return Err(TextsError::line(
            line,
            format!("the id is longer than {MAX_ID_BYTES} bytes"),
        ));
    }
    Ok(id)
}

fn too_long(line: u64) -> TextsError {
    TextsError::line(line, format!("the line is longer than {MAX_RECORD_BYTES} bytes"))
}

fn not_utf8(line: u64) -> TextsError {
    TextsError::line(line, "it is not UTF-8 text".into())
}

/// Half of a BLAKE3 hash: no two ids of a set will ever share it.
pub(super) fn hash(text: &str) -> u128 {
    let hash = blake3::hash(text.as_bytes());
    let (first, _) = hash
        .as_bytes()
        .split_first_chunk::<16>()
        .expect("a hash has 32 bytes");
    u128::from_le_bytes(*first)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(content: &[u8], format: Option<TextFormat>) -> Result<Vec<StoredText>, String> {
        let reader = TextReader::new(content, format).map_err(|error| error.to_string())?;
        reader
            .collect::<Result<_, _>>()
            .map_err(|error: TextsError| error.to_string())
    }

    fn error(content: &[u8], format: TextFormat) -> String {
        read(content, Some(format)).expect_err("it is refused")
    }

    fn texts(read: &[StoredText]) -> Vec<(&str, &str)> {
        read.iter().map(|text| (&*text.id, &*text.text)).collect()
    }

    #[test]
    fn plain_lines_have_ids_by_text() {
        let found = read("\u{feff}a dog\r\n\n  a cat \na dog\na dog".as_bytes(), None).unwrap();
        let ids: Vec<&str> = found.iter().map(|text| &*text.id).collect();
        let dog = blake3::hash(b"a dog").to_hex()[..16].to_owned();
        assert_eq!(ids[0], dog);
        assert_eq!(ids[2..], [format!("{dog}-2"), format!("{dog}-3")]);
        assert_eq!(found[1].text, "a cat");
        let moved = read(b"a cat\na dog\n", None).unwrap();
        assert_eq!((&*moved[0].id, &*moved[1].id), (ids[1], ids[0]));
    }

    #[test]
    fn values_keep_other_columns_as_fields() {
        let csv = b"ID, Text ,price\n7,\"red, round\",1.5\n,\"two\nlines\",\n";
        let found = read(csv, Some(TextFormat::Csv)).unwrap();
        assert_eq!(texts(&found)[0], ("7", "red, round"));
        assert_eq!(Value::Object(found[0].fields.clone()), json!({"price": "1.5"}));
        assert_eq!(found[1].text, "two\nlines");
        assert_eq!(found[1].id.len(), 16);
        let tsv = read(b"text\tid\na dog\t1\n", None).unwrap();
        assert_eq!(texts(&tsv), [("1", "a dog")]);
    }

    #[test]
    fn json_lines_keep_fields_of_any_kind() {
        let json = "{\"id\":3,\"text\":\"a dog\",\"tags\":[\"pet\"]}\n\n{\"text\":\"a cat\",\"id\":\"x\"}\n";
        let found = read(json.as_bytes(), None).unwrap();
        assert_eq!(texts(&found), [("3", "a dog"), ("x", "a cat")]);
        assert_eq!(found[0].fields["tags"], json!(["pet"]));
    }

    #[test]
    fn content_decides_where_name_does_not() {
        let of = |line: &str| TextFormat::of_first_line(line.as_bytes());
        assert_eq!(of("{\"text\":\"x\"}"), TextFormat::JsonLines);
        assert_eq!(of("{not json"), TextFormat::Lines);
        assert_eq!(of("\"text\",\"price\""), TextFormat::Csv);
        assert_eq!(of("id\ttext"), TextFormat::Tsv);
        assert_eq!(of("text"), TextFormat::Lines);
        assert_eq!(of("a dog, a cat"), TextFormat::Lines);
        let named = |name: &str| TextFormat::of_name(Path::new(name));
        assert_eq!(named("a.CSV"), Some(TextFormat::Csv));
        assert_eq!(named("a.ndjson"), Some(TextFormat::JsonLines));
        assert_eq!((named("-"), named("a.log")), (None, None));
    }

    use TextFormat::{Csv, JsonLines, Lines, Tsv};

    /// Invalid files with how their errors begin.
    const FAULTS: [(&[u8], TextFormat, &str); 16] = [
        (b"a\nb\xff\n", Lines, "line 2: it is not UTF-8 text"),
        (b"a\n\nb\0c\n", Lines, "line 3: the text contains a NUL"),
        (
            b"id,text\n1,a\n\n1,b\n",
            Csv,
            "line 4: id \"1\" was used in line 2",
        ),
        (b"id,text\n1,a\n2,b,c\n", Csv, "line 3: it has 3 columns"),
        (
            b"\n\nid,text\r\n\r\n1,a\r\n2,b,c",
            Csv,
            "line 6: it has 3 columns",
        ),
        (b"id,text\n1,a\n2,\n", Csv, "line 3: the text is empty"),
        (b"id,text\n1,\"a\nb\"\n2,\xff\n", Csv, "line 4: it is not UTF-8"),
        (
            b"id,name\n1,a\n",
            Csv,
            "line 1: expected a header with a column \"text\"; it has \"id\", \"name\"",
        ),
        (
            b"",
            Csv,
            "line 1: expected a header with a column \"text\"; it is empty",
        ),
        (b"text\tx\tx\n", Tsv, "line 1: the header has column \"x\" twice"),
        (
            b"{\"text\":\"a\"}\n{\"text\":3}\n",
            JsonLines,
            "line 2: \"text\" is not a string",
        ),
        (
            b"{\"text\":\"a\"}\n\n{\"id\":3}\n",
            JsonLines,
            "line 3: the object has no \"text\"",
        ),
        (
            b"{\"text\":\"a\",\"id\":[]}\n",
            JsonLines,
            "line 1: \"id\" is neither",
        ),
        (
            b"{\"text\":\"a\",\"id\":\" \"}\n",
            JsonLines,
            "line 1: the id is empty",
        ),
        (
            b"{\"text\":\"a\"\n",
            JsonLines,
            "line 1: not a JSON object: EOF while parsing an object",
        ),
        (
            b"[{\"text\":\"a\"}]",
            JsonLines,
            "line 1: expected a JSON object on each line, found an array",
        ),
    ];

    #[test]
    fn errors_name_the_line() {
        for (content, format, expected) in FAULTS {
            let found = error(content, format);
            assert!(found.starts_with(expected), "{found:?}, not {expected:?}");
        }
    }

    #[test]
    fn endless_records_are_refused() {
        let long = [b"a\n".as_slice(), &vec![b'x'; MAX_RECORD_BYTES + 2]].concat();
        assert!(error(&long, TextFormat::Lines).starts_with("line 2: the line is longer"));
        let text = [b"a\n".as_slice(), &vec![b'x'; MAX_TEXT_BYTES + 1]].concat();
        assert!(error(&text, TextFormat::Lines).starts_with("line 2: the text is longer"));
        let open = [b"text\na\n\"b\n".as_slice(), &vec![b'x'; 2 * MAX_RECORD_BYTES]].concat();
        let found = error(&open, TextFormat::Csv);
        assert!(found.starts_with("line 3: the record is longer"), "{found}");
    }

    #[test]
    fn nothing_is_read_after_an_error() {
        let mut reader = TextReader::new(&b"a\n\xff\nb\n"[..], None).unwrap();
        assert!(reader.next().unwrap().is_ok());
        assert!(reader.next().unwrap().is_err());
        assert!(reader.next().is_none());
    }
}
