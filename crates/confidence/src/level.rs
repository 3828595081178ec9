//! Confidences as words.

use serde::{Deserialize, Serialize};

/// The default confidence from which a hit counts as a match.
pub const MATCH_THRESHOLD: f32 = 0.5;

/// A confidence as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Below 0.2, or unknown.
    None,
    /// At least 0.2.
    Low,
    /// At least 0.5: a match is more probable than not.
    Medium,
    /// At least 0.8.
    High,
}

impl Level {
    /// The level of a confidence; [`Level::None`] if it is unknown.
    pub fn of(confidence: Option<f32>) -> Self {
        match confidence {
            Some(p) if p >= 0.8 => Self::High,
            Some(p) if p >= MATCH_THRESHOLD => Self::Medium,
            Some(p) if p >= 0.2 => Self::Low,
            _ => Self::None,
        }
    }

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
