//! Texts on lines of their own, plain or as JSON objects.

use std::io::{BufRead, Read};

use serde_json::{Map, Value};

use super::{MAX_RECORD_BYTES, ReadText, TextFormat, not_utf8, too_long};
use crate::texts::TextsError;

/// Plain lines, or JSON lines.
pub(super) struct Lines<'a> {
    input: Box<dyn BufRead + 'a>,
    format: TextFormat,
    line: u64,
    bytes: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(input: impl BufRead + 'a, format: TextFormat) -> Self {
        Self {
            input: Box::new(input),
            format,
            line: 0,
            bytes: Vec::new(),
        }
    }

    pub(super) fn read(&mut self) -> Result<Option<ReadText>, TextsError> {
        loop {
            self.bytes.clear();
            let limit = MAX_RECORD_BYTES as u64 + 1;
            let mut limited = self.input.by_ref().take(limit);
            if limited.read_until(b'\n', &mut self.bytes)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if self.bytes.len() > MAX_RECORD_BYTES {
                return Err(too_long(self.line));
            }
            let line = std::str::from_utf8(&self.bytes).map_err(|_| not_utf8(self.line))?;
            if line.trim().is_empty() {
                continue;
            }
            return match self.format {
                TextFormat::JsonLines => from_json(self.line, line).map(Some),
                _ => Ok(Some(ReadText {
                    line: self.line,
                    id: None,
                    text: line.to_owned(),
                    fields: Map::new(),
                })),
            };
        }
    }
}

fn from_json(line: u64, json: &str) -> Result<ReadText, TextsError> {
    if json.trim_start().starts_with('[') {
        let reason = "expected a JSON object on each line, found an array";
        return Err(TextsError::line(line, reason.into()));
    }
    let mut fields: Map<String, Value> =
        serde_json::from_str(json.trim_end()).map_err(|error| TextsError::line(line, json_reason(&error)))?;
    let text = match fields.remove("text") {
        Some(Value::String(text)) => text,
        Some(_) => return Err(TextsError::line(line, "\"text\" is not a string".into())),
        None => return Err(TextsError::line(line, "the object has no \"text\"".into())),
    };
    let id = match fields.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(Value::Number(id)) => Some(id.to_string()),
        Some(_) => {
            let reason = "\"id\" is neither a string nor a number";
            return Err(TextsError::line(line, reason.into()));
        }
    };
    Ok(ReadText {
        line,
        id,
        text,
        fields,
    })
}

/// The parser counts lines within what it is given, which is one line.
fn json_reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or_default();
    match error.column() {
        0 => format!("not a JSON object: {what}"),
        column => format!("not a JSON object: {what}, at column {column}"),
    }
}
