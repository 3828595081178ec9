//! One JSON object a line. Each line says of which space it is, so that lines can be sorted, selected and joined.

use std::fs::File;
use std::io::{BufRead, BufWriter, Read, Write};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::path_text::{exact_bytes, from_bytes, text};
use crate::{
    ExchangeError, ExportInfo, FileInfo, ImportedRow, MAX_DIMENSION, RowColumns, VectorReader, VectorRow,
    VectorWriter, block_rows,
};

/// Longest line that is read.
const MAX_LINE: u64 = 4 << 20;

#[derive(Serialize)]
struct WrittenLine<'a> {
    id: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    paths: Vec<String>,
    space: &'a str,
    #[serde(flatten)]
    metadata: Option<WrittenMetadata<'a>>,
    embedding: &'a [f32],
}

#[derive(Serialize)]
struct WrittenMetadata<'a> {
    taken: Option<String>,
    width: u32,
    height: u32,
    tags: &'a [String],
}

/// A line; what it has beside these is ignored.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(default, alias = "image_path", alias = "file_path")]
    path: Option<String>,
    /// In base64.
    #[serde(default)]
    path_bytes: Option<String>,
    #[serde(default)]
    space: Option<String>,
    #[serde(alias = "embeddings", alias = "vector")]
    embedding: Vec<f32>,
}

/// Writes lines.
pub struct Writer<'a> {
    out: BufWriter<&'a mut File>,
    space: String,
    columns: RowColumns,
}

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut File, info: &ExportInfo) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 18, out),
            space: info.space.to_string(),
            columns: info.columns,
        }
    }
}

impl VectorWriter for Writer<'_> {
    fn write(&mut self, rows: &[VectorRow]) -> Result<(), ExchangeError> {
        for row in rows {
            let details = &row.details;
            let metadata = WrittenMetadata {
                taken: details.taken.map(|taken| taken.to_string()),
                width: details.width,
                height: details.height,
                tags: &details.tags,
            };
            let first = row.paths.first();
            let line = WrittenLine {
                id: row.image.to_string(),
                path: first.map(|path| text(path)).unwrap_or_default(),
                path_bytes: first
                    .and_then(|path| exact_bytes(path))
                    .map(|bytes| STANDARD.encode(bytes)),
                paths: row.paths.iter().map(|path| text(path)).collect(),
                space: &self.space,
                metadata: (self.columns == RowColumns::Metadata).then_some(metadata),
                embedding: row.embedding.as_slice(),
            };
            serde_json::to_writer(&mut self.out, &line).map_err(std::io::Error::from)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExchangeError> {
        Ok(self.out.flush()?)
    }
}

/// Reads lines.
pub struct Reader {
    input: Box<dyn BufRead>,
    info: FileInfo,
    /// The first line, which was read for the space and the dimension.
    first: Option<Line>,
    /// Number of the last line that was read, from 1.
    line: u64,
}

impl Reader {
    pub fn new(input: Box<dyn BufRead>) -> Result<Self, ExchangeError> {
        let mut reader = Self {
            input,
            info: FileInfo::default(),
            first: None,
            line: 0,
        };
        reader.first = reader.read_line()?;
        if let Some(first) = &reader.first {
            reader.info.space.clone_from(&first.space);
            reader.info.dimension = first.embedding.len();
        }
        Ok(reader)
    }

    /// The next line that is not blank.
    fn read_line(&mut self) -> Result<Option<Line>, ExchangeError> {
        loop {
            let mut bytes = Vec::new();
            let length = (&mut self.input).take(MAX_LINE).read_until(b'\n', &mut bytes)?;
            if length == 0 {
                return Ok(None);
            }
            self.line += 1;
            if length as u64 == MAX_LINE && bytes.last() != Some(&b'\n') {
                return Err(self.wrong(&format!("it has more than {} MiB", MAX_LINE >> 20)));
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let line: Line =
                serde_json::from_slice(&bytes).map_err(|error| self.wrong(&error.to_string()))?;
            if line.embedding.len() > MAX_DIMENSION {
                return Err(self.wrong(&format!("its embedding has more than {MAX_DIMENSION} components")));
            }
            return Ok(Some(line));
        }
    }

    fn next_line(&mut self) -> Result<Option<Line>, ExchangeError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let Some(line) = self.read_line()? else {
            return Ok(None);
        };
        if line.space != self.info.space {
            return Err(self.wrong("it is of another space than the lines before"));
        }
        Ok(Some(line))
    }

    fn wrong(&self, reason: &str) -> ExchangeError {
        ExchangeError::invalid(format!("line {}: {reason}", self.line))
    }
}

impl VectorReader for Reader {
    fn info(&self) -> &FileInfo {
        &self.info
    }

    fn next_block(&mut self) -> Result<Vec<ImportedRow>, ExchangeError> {
        let mut rows = Vec::new();
        while rows.len() < block_rows(self.info.dimension) {
            let Some(line) = self.next_line()? else {
                break;
            };
            rows.push(line.into());
        }
        Ok(rows)
    }
}

impl From<Line> for ImportedRow {
    /// An id of another program is none of ours.
    fn from(line: Line) -> Self {
        let exact = line.path_bytes.and_then(|text| STANDARD.decode(text).ok());
        let exact = exact.and_then(|bytes| from_bytes(&bytes));
        Self {
            image: line.id.and_then(|id| id.as_str()?.parse().ok()),
            path: exact.or_else(|| line.path.filter(|path| !path.is_empty()).map(PathBuf::from)),
            components: line.embedding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn open(text: &str) -> Result<Reader, ExchangeError> {
        Reader::new(Box::new(Cursor::new(text.as_bytes().to_vec())))
    }

    fn all(text: &str) -> Result<Vec<ImportedRow>, ExchangeError> {
        open(text)?.next_block()
    }

    #[test]
    fn lines_of_other_programs_are_read() {
        let rows =
            all("{\"image_path\":\"a.jpg\",\"vector\":[1,2.5],\"caption\":\"x\",\"id\":7}\n\n").unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].image, rows[0].path.clone()),
            (None, Some("a.jpg".into()))
        );
        assert_eq!(rows[0].components, [1.0, 2.5]);
    }

    #[test]
    fn wrong_line_is_named() {
        let message = |text: &str| all(text).unwrap_err().to_string();
        let line = "{\"path\":\"a\",\"space\":\"s\",\"embedding\":[1]}\n";
        assert!(message(&format!("{line}nonsense\n")).starts_with("line 2: "));
        assert!(message(&format!("{line}{{\"path\":\"b\",\"embedding\":[1]}}")).contains("another space"));
        assert!(message(&"x".repeat(5 << 20)).contains("more than 4 MiB"));
        assert!(message("{\"path\":\"a\",\"embedding\":[1e999]}").starts_with("line 1"));
    }

    #[test]
    fn empty_file_has_no_rows() {
        let reader = open("").unwrap();
        assert_eq!(reader.info(), &FileInfo::default());
        assert!(all("\n \n").unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = all(&text);
        }
    }
}
