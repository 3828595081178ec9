use eidetic_catalog::Feedback;
use eidetic_domain::ImageId;
use eidetic_library::{ANSWERS_NEEDED, AnswerCount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many answers there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackCount {
    /// Answers to queries of this kind that the library keeps.
    pub answers: usize,
    /// From so many new ones on, confidences follow them.
    pub needed: usize,
}

/// The answers of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackList {
    /// The oldest first; the last 10,000 are kept.
    pub answers: Vec<FeedbackEntry>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackEntry {
    /// The image's id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Where it stands, or last stood.
    pub path: String,
    /// The words, or the id of the picture, that it was found by.
    pub query: String,
    /// Whether it matches.
    pub right: bool,
    /// When that was said, in milliseconds since 1970.
    pub at: i64,
}

impl From<AnswerCount> for FeedbackCount {
    fn from(count: AnswerCount) -> Self {
        Self {
            answers: count.answers,
            needed: ANSWERS_NEEDED,
        }
    }
}

impl From<Vec<Feedback>> for FeedbackList {
    fn from(answers: Vec<Feedback>) -> Self {
        Self {
            answers: answers.into_iter().map(FeedbackEntry::from).collect(),
        }
    }
}

impl From<Feedback> for FeedbackEntry {
    fn from(answer: Feedback) -> Self {
        Self {
            image: answer.image,
            path: answer.path.display().to_string(),
            query: answer.query,
            right: answer.right,
            at: answer.at_ms,
        }
    }
}
