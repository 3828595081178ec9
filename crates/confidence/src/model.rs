//! How probable it is that a hit really matches.
//!
//! With labels, a curve from score to probability ([`Fit::Platt`], [`Fit::Isotonic`]) says it. Without any, what is known of
//! scores that mean nothing does ([`Fit::Background`]): by how many logits a picture prefers the query to a thousand other
//! texts, and how surprising its score is among the library's own. Both hardly depend on the model;
//! docs/decisions/0014-confidence.md has the measurements.

use std::sync::Arc;

use eidetic_domain::Embedding;
use eidetic_encoder::{EncodeError, Encoder, LogisticCurve, ScoreCalibration};
use serde::{Deserialize, Serialize};

use crate::calibration::{Isotonic, Platt};

use crate::{Background, OwnScores, Tail, cosine};

/// Hits at least so probable are matches, unless told otherwise.
pub const MATCH_LEVEL: f32 = 0.5;

/// From the margin over the background (logits) to the probability that a text describes a picture.
const MARGIN: LogisticCurve = LogisticCurve {
    slope: 0.836,
    intercept: -2.117,
};
/// The same for the hits of a search, where the library's own scores have a say.
const MARGIN_OF_HIT: LogisticCurve = LogisticCurve {
    slope: 0.752,
    intercept: -1.922,
};
/// What a unit of a score's surprise among the library's own adds to the log odds of a hit.
const SURPRISE: f64 = 0.245;
/// From the likeness of two descriptions to the probability that two pictures show the same.
const LIKENESS: LogisticCurve = LogisticCurve {
    slope: 6.415,
    intercept: -0.48,
};

/// From the closeness of two pictures, in comparison with others of the library, to the same probability: models differ in
/// what a distance means, and agree only that what all but coincides is the same.
const CLOSENESS: LogisticCurve = LogisticCurve {
    slope: 1.685,
    intercept: -8.733,
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
    /// By the bundled background and the library's own scores; no labels.
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
    /// What else such a fit knows of the library, where it is large enough to tell.
    pub own_scores: Option<Arc<OwnScores>>,
}

impl Fit {
    /// What the model's makers measured, else the background.
    pub fn shipped(facts: &ScoreCalibration, kind: QueryKind) -> Self {
        let curve = match kind {
            QueryKind::Text => facts.text,
            QueryKind::Picture => facts.image,
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
    /// Whether a low probability of a kind means that nothing matches. Without labels, two pictures are hardly ever told to be
    /// the same unless they all but coincide.
    pub fn can_deny(&self, kind: QueryKind) -> bool {
        kind == QueryKind::Text || self.picture != Fit::Background
    }

    /// As far as anything is known of a model that nobody calibrated.
    pub fn shipped(encoder: &dyn Encoder) -> Result<Self, EncodeError> {
        let facts = encoder.score_calibration();
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
            own_scores: None,
        })
    }

    /// How a kind is judged.
    pub const fn fit(&self, kind: QueryKind) -> &Fit {
        match kind {
            QueryKind::Text => &self.text,
            QueryKind::Picture => &self.picture,
        }
    }

    /// The probability that each of `pictures`, the hits of a search, matches `query`, which is a text's or a picture's
    /// vector as `kind` says.
    pub fn confidences(
        &self,
        kind: QueryKind,
        query: &Embedding,
        pictures: &[Embedding],
    ) -> Option<Vec<f32>> {
        if *self.fit(kind) != Fit::Background {
            return self.by_score(kind, query, pictures);
        }
        let background = self.background.as_ref()?;
        let probabilities = match (kind, &self.own_scores) {
            (QueryKind::Picture, own) => by_likeness(background, own.as_deref(), query, pictures),
            (QueryKind::Text, None) => by_margin(background, query, pictures),
            (QueryKind::Text, Some(own)) => {
                by_margin_and_surprise(background, &own.tail(query), query, pictures)
            }
        };
        Some(narrowed(probabilities))
    }

    fn by_score(&self, kind: QueryKind, query: &Embedding, pictures: &[Embedding]) -> Option<Vec<f32>> {
        let probability = |picture| self.fit(kind).of_score(f64::from(cosine(query, picture)));
        pictures
            .iter()
            .map(probability)
            .collect::<Option<_>>()
            .map(narrowed)
    }

    /// The probability that each of `texts` describes `picture`, which may be from anywhere: nothing is known of what else
    /// the texts score.
    pub fn texts_of<'a>(
        &self,
        picture: &Embedding,
        texts: impl IntoIterator<Item = &'a Embedding>,
    ) -> Vec<Option<f32>> {
        match (&self.text, &self.background) {
            (Fit::Background, None) => texts.into_iter().map(|_| None).collect(),
            (Fit::Background, Some(background)) => {
                let margins = background.margins_of(picture, texts).into_iter();
                margins
                    .map(|margin| Some(MARGIN.probability(margin) as f32))
                    .collect()
            }
            (fit, _) => {
                let score = |text| f64::from(cosine(picture, text));
                let probability = |text| fit.of_score(score(text)).map(|p| p as f32);
                texts.into_iter().map(probability).collect()
            }
        }
    }
}

fn by_margin(background: &Background, text: &Embedding, pictures: &[Embedding]) -> Vec<f64> {
    let margins = background.margins(text, pictures).into_iter();
    margins.map(|margin| MARGIN.probability(margin)).collect()
}

fn by_margin_and_surprise(
    background: &Background,
    tail: &Tail,
    text: &Embedding,
    pictures: &[Embedding],
) -> Vec<f64> {
    let margins = background.margins(text, pictures);
    let evidence = pictures.iter().zip(margins).map(|(picture, margin)| {
        let surprise = tail.surprise(f64::from(cosine(text, picture)));
        margin + SURPRISE / MARGIN_OF_HIT.slope * surprise
    });
    evidence
        .map(|evidence| MARGIN_OF_HIT.probability(evidence))
        .collect()
}

/// Pictures are the same if they are described alike, or if they lie so close as others of the library do not.
fn by_likeness(
    background: &Background,
    own: Option<&OwnScores>,
    query: &Embedding,
    pictures: &[Embedding],
) -> Vec<f64> {
    let median = own.map(|own| own.median(query));
    let likenesses = background.likenesses(query, pictures).into_iter();
    let both = likenesses.zip(pictures).map(|(likeness, picture)| {
        let alike = LIKENESS.probability(likeness);
        let closeness = median.map(|median| closeness(f64::from(cosine(query, picture)), median));
        closeness.map_or(alike, |closeness| alike.max(CLOSENESS.probability(closeness)))
    });
    both.collect()
}

/// By what factor two pictures lie closer than two of the library usually do, as a logarithm; at most that of a thousand.
fn closeness(score: f64, median: f64) -> f64 {
    -((1.0 - score) / (1.0 - median).max(f64::EPSILON)).max(1e-3).ln()
}

fn narrowed(probabilities: Vec<f64>) -> Vec<f32> {
    probabilities.into_iter().map(|p| p as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_but_coincides_is_the_same_and_a_neighbour_is_not_known_to_be() {
        assert!(CLOSENESS.probability(closeness(1.0, 0.2)) > 0.9);
        assert!(CLOSENESS.probability(closeness(0.999, 0.2)) > 0.5);
        assert!(CLOSENESS.probability(closeness(0.9, 0.2)) < 0.1);
        assert!(CLOSENESS.probability(closeness(0.9, 0.899)) < 0.01);
        // A library of one and the same picture, and rounding above 1.
        assert!(closeness(1.0, 1.0).is_finite() && closeness(1.000_001, 0.5).is_finite());
    }
}
