//! Stored texts, and what is said of their sets.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// A text of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredText {
    /// Unique within its set.
    pub id: String,
    /// The text, without surrounding spaces.
    pub text: String,
    /// What else its file said of it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// Why texts cannot be taken.
#[derive(Debug, Error)]
pub enum TextsError {
    /// A line of the input is wrong. Nothing of the input is taken.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The input cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A set cannot have this name.
    #[error("invalid name of a set {name:?}: {reason}")]
    Name {
        /// As given.
        name: String,
        /// Why.
        reason: &'static str,
    },
}

impl TextsError {
    pub(super) const fn line(line: u64, reason: String) -> Self {
        Self::Line { line, reason }
    }
}

/// What adding a set changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextsReport {
    /// The set.
    pub set: String,
    /// Its texts now.
    pub texts: u64,
    /// Ids that are new.
    pub added: u64,
    /// Ids whose text or fields are others than before.
    pub changed: u64,
    /// Ids with the same text and fields as before.
    pub unchanged: u64,
    /// Ids that are gone.
    pub removed: u64,
    /// Texts that were embedded in this run.
    pub embedded: u64,
    /// Different texts in which the model reads nothing that a picture can show; they are never found.
    pub unreadable: u64,
    /// Whether the run was stopped: the set is as it was before, but what was embedded is kept for the next run.
    pub cancelled: bool,
    /// The space of the vectors.
    pub space: String,
    /// Duration of the run.
    pub seconds: f64,
}

/// One set of the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSetStatus {
    /// Its name.
    pub name: String,
    /// Its texts.
    pub texts: u64,
    /// Its different texts.
    pub distinct: u64,
    /// Those of them that have no vector in the active space yet.
    pub missing: u64,
    /// Those of them in which the active space's model reads nothing that a picture can show.
    pub unreadable: u64,
    /// Size of its records in bytes.
    pub bytes: u64,
    /// What is wrong with its file, where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// A set of the library and how many texts it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSetCount {
    /// Its name.
    pub name: String,
    /// Its texts.
    pub texts: u64,
}
