//! The mapping from scores of one kind of query to probabilities.

use eidetic_encoder::ScoreCalibration;
use serde::{Deserialize, Serialize};

use crate::calibration::{Isotonic, Platt};

/// What images are compared with. Each kind has its own range of scores, and so its own calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryKind {
    /// A text.
    Text,
    /// Another image; `picture` in files and JSON.
    #[serde(rename = "picture")]
    Image,
}

/// How scores of one kind of query become probabilities.
// The library hashes the debug form to find out whether stored tags are current: keep the names of variants
// and fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibrator {
    /// By comparison with the bundled background texts and the library's own scores; needs no labels.
    Background,
    /// By a logistic curve of the score.
    Platt(Platt),
    /// By a rising step function of the score.
    Isotonic(Isotonic),
}

impl Calibrator {
    /// The curve that ships with the model, else the background.
    pub fn shipped(scores: &ScoreCalibration, kind: QueryKind) -> Self {
        let curve = match kind {
            QueryKind::Text => scores.text,
            QueryKind::Image => scores.image,
        };
        curve.map_or(Self::Background, |curve| {
            Self::Platt(Platt {
                slope: curve.slope,
                intercept: curve.intercept,
            })
        })
    }

    /// Probability of a match at `score`; `None` if the score alone doesn't decide it.
    pub fn probability(&self, score: f64) -> Option<f64> {
        match self {
            Self::Background => None,
            Self::Platt(platt) => Some(platt.probability(score)),
            Self::Isotonic(isotonic) => Some(isotonic.probability(score)),
        }
    }
}
