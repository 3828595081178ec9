//! Feedback of users: whether an image matches a query.

use std::path::PathBuf;

use eidetic_domain::ImageId;
use serde::{Deserialize, Serialize};

use crate::CatalogError;

/// Number of answers that are kept, the latest ones.
pub const MAX_FEEDBACK: usize = 10_000;

/// A user's answer to whether an image matches a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// When it was given, in milliseconds since 1970.
    pub at_ms: i64,
    /// Type of the query.
    pub kind: FeedbackKind,
    /// The profile in whose review it was given; `None`: on a hit of a search.
    pub profile: Option<String>,
    /// The query: the text as typed, or the name of the query image.
    pub query: String,
    /// The image that the answer is about.
    pub image: ImageId,
    /// Path of the image when the answer was given; answers are kept when their image is deleted.
    pub path: PathBuf,
    /// Whether it matches.
    pub right: bool,
    /// Whether it counted as a match when the answer was given, if that was known.
    pub expected: Option<bool>,
}

/// Type of the query that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// A text.
    Text,
    /// An image.
    #[serde(rename = "picture")]
    Image,
}

/// What identifies an answer: a later answer with the same key replaces the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedbackKey<'a> {
    /// Type of the query.
    pub kind: FeedbackKind,
    /// The profile in whose review it was given.
    pub profile: Option<&'a str>,
    /// The query.
    pub query: &'a str,
    /// The image that the answer is about.
    pub image: ImageId,
}

impl Feedback {
    /// The answer's key.
    pub fn key(&self) -> FeedbackKey<'_> {
        FeedbackKey {
            kind: self.kind,
            profile: self.profile.as_deref(),
            query: &self.query,
            image: self.image,
        }
    }
}

/// Answers of users. They are kept when their image is deleted.
pub trait FeedbackStore {
    /// Adds answers in order, atomically and durably. A later answer replaces an earlier one with the same
    /// key; beyond [`MAX_FEEDBACK`] the oldest are removed.
    fn add_feedback(&self, answers: &[Feedback]) -> Result<(), CatalogError>;

    /// Every answer, the oldest first.
    fn feedback(&self) -> Result<Vec<Feedback>, CatalogError>;

    /// Removes the answer with a key, durably. Returns whether there was one.
    fn remove_feedback(&self, key: &FeedbackKey<'_>) -> Result<bool, CatalogError>;
}
