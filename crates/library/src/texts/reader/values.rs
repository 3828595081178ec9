//! Texts in a column of comma- or tab-separated values.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use super::{MAX_RECORD_BYTES, ReadText, not_utf8, shortened, too_long};
use crate::texts::TextsError;

/// What the CSV reader may read ahead of the record that it returns.
const CSV_BUFFER: usize = 64 << 10;

/// Values with a header.
pub(super) struct Values<'a> {
    reader: csv::Reader<Bounded<'a>>,
    record: csv::ByteRecord,
    names: Vec<String>,
    text: usize,
    id: Option<usize>,
}

impl<'a> Values<'a> {
    pub(super) fn new(input: impl BufRead + 'a, separator: u8) -> Result<Self, TextsError> {
        let reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(CSV_BUFFER)
            .from_reader(Bounded::new(input));
        let mut values = Self {
            reader,
            record: csv::ByteRecord::new(),
            names: Vec::new(),
            text: 0,
            id: None,
        };
        let line = values.next_record()?.unwrap_or(1);
        let name = |bytes| std::str::from_utf8(bytes).map(|name| name.trim().to_owned());
        let names: Result<Vec<String>, _> = values.record.iter().map(name).collect();
        values.names = names.map_err(|_| not_utf8(line))?;
        let names = &values.names;
        let column = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        if let Some(twice) = (1..names.len()).find(|at| names[..*at].contains(&names[*at])) {
            let name = shortened(&names[twice]);
            let reason = format!("the header has column {name:?} twice");
            return Err(TextsError::line(line, reason));
        }
        let Some(text) = column("text") else {
            let found: Vec<String> = names
                .iter()
                .map(|name| format!("{:?}", shortened(name)))
                .collect();
            let found = if names.is_empty() {
                "is empty".to_owned()
            } else {
                format!("has {}", found.join(", "))
            };
            let reason = format!("expected a header with a column \"text\"; it {found}");
            return Err(TextsError::line(line, reason));
        };
        (values.text, values.id) = (text, column("id"));
        Ok(values)
    }

    pub(super) fn read(&mut self) -> Result<Option<ReadText>, TextsError> {
        let Some(line) = self.next_record()? else {
            return Ok(None);
        };
        let (columns, expected) = (self.record.len(), self.names.len());
        if columns != expected {
            return Err(TextsError::line(
                line,
                format!("it has {columns} columns, but the header has {expected}"),
            ));
        }
        let values: Result<Vec<&str>, _> = self.record.iter().map(std::str::from_utf8).collect();
        let values = values.map_err(|_| not_utf8(line))?;
        let id = self.id.map(|at| values[at].trim().to_owned());
        let others = self.names.iter().zip(&values).enumerate();
        let others = others.filter(|(at, _)| *at != self.text && Some(*at) != self.id);
        Ok(Some(ReadText {
            line,
            id: id.filter(|id| !id.is_empty()),
            text: values[self.text].to_owned(),
            fields: others
                .map(|(_, (name, value))| (name.clone(), (*value).into()))
                .collect(),
        }))
    }

    /// Reads a record and returns the line on which it begins. The reader's own position is before blank lines.
    fn next_record(&mut self) -> Result<Option<u64>, TextsError> {
        self.reader.get_mut().room = MAX_RECORD_BYTES + CSV_BUFFER;
        let start = self.reader.position().byte();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(self.error(error, start)),
        }
        let end = self.reader.position().byte();
        let (lines, is_at_line_end) = self.reader.get_mut().lines_before(end);
        let within = self.record.as_slice().split(|byte| *byte == b'\n').count() as u64 - 1;
        let line = 1 + lines - u64::from(is_at_line_end) - within;
        if self.record.as_slice().len() > MAX_RECORD_BYTES {
            return Err(too_long(line));
        }
        Ok(Some(line))
    }

    fn error(&mut self, error: csv::Error, start: u64) -> TextsError {
        let line = 1 + self.reader.get_mut().lines_before(start).0;
        match error.into_kind() {
            csv::ErrorKind::Io(error) if is_too_long(&error) => {
                let reason =
                    format!("the record is longer than {MAX_RECORD_BYTES} bytes; is a quote never closed?");
                TextsError::line(line, reason)
            }
            csv::ErrorKind::Io(error) => error.into(),
            _ => TextsError::line(line, "the record cannot be read".into()),
        }
    }
}

/// Input of which only so much is read for one record: a quote that is never closed would take in the rest of the file.
struct Bounded<'a> {
    input: Box<dyn BufRead + 'a>,
    room: usize,
    /// Bytes read.
    read: u64,
    /// Where lines end, of those that [`lines_before`](Self::lines_before) has not counted.
    line_ends: VecDeque<u64>,
    /// Where the last counted line ends.
    last_end: Option<u64>,
    counted: u64,
}

impl<'a> Bounded<'a> {
    fn new(input: impl BufRead + 'a) -> Self {
        Self {
            input: Box::new(input),
            room: 0,
            read: 0,
            line_ends: VecDeque::new(),
            last_end: None,
            counted: 0,
        }
    }

    /// Number of lines that end before this byte, which must not be before that of an earlier call, and whether one ends
    /// just before it.
    fn lines_before(&mut self, byte: u64) -> (u64, bool) {
        while let Some(&end) = self.line_ends.front().filter(|end| **end < byte) {
            self.line_ends.pop_front();
            self.counted += 1;
            self.last_end = Some(end);
        }
        (self.counted, self.last_end.is_some_and(|end| end + 1 == byte))
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.room == 0 && !self.input.fill_buf()?.is_empty() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, RecordTooLong));
        }
        let room = self.room.min(buffer.len());
        let read = self.input.read(&mut buffer[..room])?;
        let ends = (self.read..)
            .zip(&buffer[..read])
            .filter(|(_, byte)| **byte == b'\n');
        self.line_ends.extend(ends.map(|(at, _)| at));
        self.read += read as u64;
        self.room -= read;
        Ok(read)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a record is too long")]
struct RecordTooLong;

fn is_too_long(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<RecordTooLong>().is_some())
}
