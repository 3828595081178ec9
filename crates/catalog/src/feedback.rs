use std::path::PathBuf;

use eidetic_domain::ImageId;
use serde::{Deserialize, Serialize};

use crate::CatalogError;

/// So many answers are kept, the latest ones.
pub const MAX_FEEDBACK: usize = 10_000;

/// Somebody's answer to whether an image matches a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// When it was given, in milliseconds since 1970.
    pub at_ms: i64,
    /// What the query was.
    pub kind: FeedbackKind,
    /// The query: words as they were typed, or the query picture's name.
    pub query: String,
    /// The image that was judged.
    pub image: ImageId,
    /// Where it stood then: the answer outlives its image.
    pub path: PathBuf,
    /// Whether it matches.
    pub right: bool,
}

/// What an answer's query was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// Words.
    Text,
    /// An image.
    #[serde(rename = "picture")]
    Image,
}

/// The key that an answer answers: a later answer to it takes the earlier one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedbackKey<'a> {
    /// What the query was.
    pub kind: FeedbackKind,
    /// The query.
    pub query: &'a str,
    /// The image that was judged.
    pub image: ImageId,
}

impl Feedback {
    /// What was asked.
    pub fn key(&self) -> FeedbackKey<'_> {
        FeedbackKey {
            kind: self.kind,
            query: &self.query,
            image: self.image,
        }
    }
}

/// Answers of people to whether images match their queries. They stay when their image is forgotten.
pub trait FeedbackStore {
    /// Adds answers in order, atomically, and returns once they would survive power loss. A later answer to the same
    /// key replaces the earlier one; beyond [`MAX_FEEDBACK`] the oldest go.
    fn add_feedback(&self, answers: &[Feedback]) -> Result<(), CatalogError>;

    /// Every answer, the oldest first.
    fn feedback(&self) -> Result<Vec<Feedback>, CatalogError>;

    /// Takes the answer to a key back, durably; says whether there was one.
    fn remove_feedback(&self, key: &FeedbackKey<'_>) -> Result<bool, CatalogError>;
}
