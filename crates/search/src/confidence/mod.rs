//! How probable it is that a hit really matches.
//!
//! With labels, a curve from score to probability ([`Fit::Platt`], [`Fit::Isotonic`]) says it. Without any, the bundled
//! background does ([`Fit::Background`]): a picture that prefers the query to a thousand other texts by some logits matches
//! with a probability that hardly depends on the model; docs/decisions has the measurements.

mod background;

use std::sync::Arc;

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder, LogisticCurve, ScoreFacts};
use serde::{Deserialize, Serialize};

use crate::calibration::{Isotonic, Platt};

pub(crate) use background::BUNDLED_TAGS;
pub use background::{Background, background_texts, cosine};

/// Hits at least so probable are matches, unless told otherwise.
pub const MATCH_LEVEL: f32 = 0.5;

/// From the margin over the background (logits) to the probability that the text is right.
const MARGIN: LogisticCurve = LogisticCurve {
    slope: 0.79,
    intercept: -2.30,
};
/// From the likeness of two descriptions to the probability that two pictures show the same.
const LIKENESS: LogisticCurve = LogisticCurve {
    slope: 4.1,
    intercept: -0.68,
};

/// A confidence in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// No match, or nothing known.
    None,
    /// At least 0.2: perhaps.
    Low,
    /// At least 0.5: more likely than not.
    Medium,
    /// At least 0.8.
    High,
}

impl Level {
    /// The level of a confidence; `None` of none.
    pub fn of(confidence: Option<f32>) -> Self {
        match confidence {
            Some(p) if p >= 0.8 => Self::High,
            Some(p) if p >= MATCH_LEVEL => Self::Medium,
            Some(p) if p >= 0.2 => Self::Low,
            _ => Self::None,
        }
    }

    /// As it stands in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What is held against a picture; each kind has scores of its own, and a calibration of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryKind {
    /// Words.
    Text,
    /// Another picture.
    Picture,
}

/// How scores of one kind become probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// By the bundled background; no labels.
    Background,
    /// By a logistic curve of the score.
    Platt(Platt),
    /// By rising steps of the score.
    Isotonic(Isotonic),
}

/// Says how probable matches are, in one space.
#[derive(Debug, Clone)]
pub struct Judge {
    /// For queries by words.
    pub text: Fit,
    /// For queries by a picture.
    pub picture: Fit,
    /// Needed by [`Fit::Background`] alone; without it such a fit gives no confidence.
    pub background: Option<Arc<Background>>,
}

impl Fit {
    /// What the model's makers measured, else the background.
    pub fn shipped(facts: &ScoreFacts, kind: QueryKind) -> Self {
        let curve = match kind {
            QueryKind::Text => facts.text,
            QueryKind::Picture => facts.picture,
        };
        curve.map_or(Self::Background, |curve| {
            Self::Platt(Platt {
                slope: curve.slope,
                intercept: curve.intercept,
            })
        })
    }
}

impl Fit {
    /// Probability of a match at `score`; `None` where it takes more than a score to say.
    pub fn of_score(&self, score: f64) -> Option<f64> {
        match self {
            Self::Background => None,
            Self::Platt(platt) => Some(platt.probability(score)),
            Self::Isotonic(isotonic) => Some(isotonic.probability(score)),
        }
    }
}

impl Judge {
    /// As far as anything is known of a model that nobody calibrated.
    pub fn shipped(encoder: &dyn Encoder) -> Result<Self, EncodeError> {
        let facts = encoder.score_facts();
        let (text, picture) = (
            Fit::shipped(&facts, QueryKind::Text),
            Fit::shipped(&facts, QueryKind::Picture),
        );
        let needed = text == Fit::Background || picture == Fit::Background;
        let background = needed.then(|| Background::embed(encoder)).transpose()?;
        Ok(Self {
            text,
            picture,
            background: background.map(Arc::new),
        })
    }

    /// How a kind is judged.
    pub const fn fit(&self, kind: QueryKind) -> &Fit {
        match kind {
            QueryKind::Text => &self.text,
            QueryKind::Picture => &self.picture,
        }
    }

    /// The probability that each of `pictures` matches `query`, which is a text's or a picture's vector as `kind` says.
    pub fn confidences(
        &self,
        kind: QueryKind,
        query: &Embedding,
        pictures: &[Embedding],
    ) -> Option<Vec<f32>> {
        let by_score = |probability: &dyn Fn(f64) -> f64| {
            let score = |picture| f64::from(background::cosine(query, picture));
            pictures
                .iter()
                .map(|picture| probability(score(picture)) as f32)
                .collect()
        };
        match self.fit(kind) {
            Fit::Platt(platt) => Some(by_score(&|score| platt.probability(score))),
            Fit::Isotonic(isotonic) => Some(by_score(&|score| isotonic.probability(score))),
            Fit::Background => {
                let background = self.background.as_ref()?;
                let (evidence, curve) = match kind {
                    QueryKind::Text => (background.margins(query, pictures), MARGIN),
                    QueryKind::Picture => (background.likenesses(query, pictures), LIKENESS),
                };
                Some(
                    evidence
                        .into_iter()
                        .map(|x| curve.probability(x) as f32)
                        .collect(),
                )
            }
        }
    }

    /// The probability that `picture` matches each of `texts`, where it can be known.
    pub fn texts_of<'a>(
        &self,
        picture: &Embedding,
        texts: impl IntoIterator<Item = &'a Embedding>,
    ) -> Vec<Option<f32>> {
        let one = std::slice::from_ref(picture);
        let each = texts
            .into_iter()
            .map(|text| self.confidences(QueryKind::Text, text, one)?.pop());
        each.collect()
    }
}
