//! Stored feedback.

use eidetic_catalog::Feedback;
use eidetic_domain::ImageId;
use eidetic_library::{AnswerCount, FEEDBACK_NEEDED};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{path_bytes, path_text};

/// The number of entries of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackCount {
    /// Entries of this kind that the library keeps.
    pub answers: usize,
    /// Number of new entries after which confidences are refitted.
    pub needed: usize,
}

/// The feedback of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackList {
    /// The oldest first; the last 10,000 are kept.
    pub answers: Vec<FeedbackEntry>,
}

/// Feedback on one image and query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackEntry {
    /// The image's id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Its path, or its last one.
    pub path: String,
    /// Its bytes in base64, only where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// The text that it was found by, or the id of the image.
    pub query: String,
    /// Whether it matches.
    pub right: bool,
    /// Time of the feedback in milliseconds since 1970.
    pub at: i64,
}

impl From<AnswerCount> for FeedbackCount {
    fn from(count: AnswerCount) -> Self {
        Self {
            answers: count.answers,
            needed: FEEDBACK_NEEDED,
        }
    }
}

impl From<Vec<Feedback>> for FeedbackList {
    fn from(feedback: Vec<Feedback>) -> Self {
        Self {
            answers: feedback.into_iter().map(FeedbackEntry::from).collect(),
        }
    }
}

impl From<Feedback> for FeedbackEntry {
    fn from(feedback: Feedback) -> Self {
        Self {
            image: feedback.image,
            path: path_text(&feedback.path),
            path_bytes: path_bytes(&feedback.path),
            query: feedback.query,
            right: feedback.right,
            at: feedback.at_ms,
        }
    }
}
