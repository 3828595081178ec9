//! The similarity of two images in words.

use serde::{Deserialize, Serialize};

/// How similar a hit is to the image that was searched by, from
/// [`ConfidenceModel::similarities`](crate::ConfidenceModel::similarities).
///
/// On photos of 190 concepts in libraries of 300 to 7,000 images, the hit of an image query shows the same concept in
/// 100, 90, 59, 16 and 3 percent of cases at these levels, in falling order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimilarityLevel {
    /// Below 0.5.
    Different,
    /// At least 0.5.
    SomewhatSimilar,
    /// At least 0.7: such a hit counts as a match.
    Similar,
    /// At least 0.85.
    VerySimilar,
    /// At least 0.97: the same motif at the same moment, or a copy.
    AlmostIdentical,
}

impl SimilarityLevel {
    /// The level of a similarity, which is from 0 to 1.
    pub fn of(similarity: f32) -> Self {
        match similarity {
            s if s >= 0.97 => Self::AlmostIdentical,
            s if s >= 0.85 => Self::VerySimilar,
            s if s >= 0.7 => Self::Similar,
            s if s >= 0.5 => Self::SomewhatSimilar,
            _ => Self::Different,
        }
    }

    /// The level in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Different => "different",
            Self::SomewhatSimilar => "somewhat similar",
            Self::Similar => "similar",
            Self::VerySimilar => "very similar",
            Self::AlmostIdentical => "almost identical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_rise_with_similarity() {
        let levels = [0.0, 0.49, 0.5, 0.7, 0.85, 0.97, 1.0].map(SimilarityLevel::of);
        assert!(levels.is_sorted());
        assert_eq!(levels[0], SimilarityLevel::Different);
        assert_eq!(levels[6], SimilarityLevel::AlmostIdentical);
        assert_eq!(SimilarityLevel::of(f32::NAN), SimilarityLevel::Different);
    }
}
