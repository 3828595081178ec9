//! Printing to standard output, and formatting of numbers.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use serde::Serialize;

use crate::arguments::PathEnd;
use crate::failure::Failure;

pub(crate) use crate::escape::{message, path, text};

/// Prints one JSON object on its own line.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
    line(&text)
}

/// Prints a line; a closed pipe, as with `| head`, is not an error.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    write(format!("{text}\n").as_bytes())
}

fn write(bytes: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(anyhow::Error::from(error).into()),
        _ => Ok(()),
    }
}

/// Prints a path alone: as it is for programs, escaped on a terminal, which would obey what is in it.
pub(crate) fn path_alone(path: &Path, end: PathEnd) -> Result<(), Failure> {
    let mut bytes = if io::stdout().is_terminal() {
        self::path(path).into_bytes()
    } else {
        path.as_os_str().as_encoded_bytes().to_vec()
    };
    bytes.push(match end {
        PathEnd::Line => b'\n',
        PathEnd::Nul => b'\0',
    });
    write(&bytes)
}

/// A probability in whole percent; empty for an unknown one.
pub(crate) fn percent(probability: Option<f32>) -> String {
    match probability {
        None => String::new(),
        Some(p) if p < 0.01 => "<1%".to_owned(),
        Some(p) if p > 0.99 => ">99%".to_owned(),
        Some(p) => format!("{:.0}%", p * 100.0),
    }
}

/// A number of bytes with a binary unit.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// Such as `"cute", "fluffy"`.
pub(crate) fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{}\"", text(word))).collect();
    words.join(", ")
}
