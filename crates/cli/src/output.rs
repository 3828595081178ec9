//! Printing to standard output, and formatting of numbers.

use serde::Serialize;

use crate::failure::Failure;

/// Prints one JSON object on its own line.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
    line(&text)
}

/// Prints a line; a closed pipe, as with `| head`, is not an error.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(anyhow::Error::from(error).into()),
        _ => Ok(()),
    }
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
