use serde::Serialize;

use crate::failure::Failure;

/// Prints one JSON object on a line of its own.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
    line(&text)
}

/// Prints a line; a reader that went away, such as `head`, is no failure.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(anyhow::Error::from(error).into()),
        _ => Ok(()),
    }
}

/// A probability as people read it: whole percents, which is more than it is known to; nothing where none is known.
pub(crate) fn percent(probability: Option<f32>) -> String {
    match probability {
        None => String::new(),
        Some(p) if p < 0.01 => "<1%".to_owned(),
        Some(p) if p > 0.99 => ">99%".to_owned(),
        Some(p) => format!("{:.0}%", p * 100.0),
    }
}

/// Bytes as people read them.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}
