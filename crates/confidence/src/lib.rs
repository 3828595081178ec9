//! From cosine similarity to calibrated probability.
//!
//! A cosine ranks images but doesn't say whether any of them matches. This crate turns scores into
//! confidences, the probabilities of a match, and confidences into decisions:
//!
//! - [`ConfidenceModel`] computes the confidence of a hit or of a text. It holds one [`Calibrator`] for each
//!   [`QueryKind`].
//! - With labeled pairs, a calibrator is a curve from score to probability ([`Calibrator::Platt`],
//!   [`Calibrator::Isotonic`]); [`calibration`] fits and evaluates such curves.
//! - Without labels, [`Calibrator::Background`] compares a score with those of a [`Background`] of a
//!   thousand texts and with a [`LibraryScoreSample`].
//! - [`profile`] turns confidences into the levels of a purpose, such as `use`, `review` and `exclude`.
//! - [`tagging`] chooses words of a vocabulary for an image, without training.
//!
//! The crate does no file or network I/O.
//!
//! # Example
//! Fit a curve to labeled scores and compute a probability.
//! ```
//! use eidetic_confidence::calibration::{LabeledScore, Platt, Sample};
//!
//! // Scores of pairs, each with whether a person says that it matches.
//! let pairs = (0..20)
//!     .map(|i| LabeledScore {
//!         score: 0.10 + 0.01 * f64::from(i),
//!         matches: i >= 12 || i == 9,
//!     })
//!     .collect();
//! let sample = Sample::new(pairs)?;
//! let curve = Platt::fit(&sample, None);
//!
//! assert!(curve.probability(0.28) > 0.8);
//! assert!(curve.probability(0.12) < 0.2);
//! // The score at which a match is as probable as not.
//! assert!((0.15..0.25).contains(&curve.center()));
//! # Ok::<(), eidetic_confidence::calibration::CalibrationError>(())
//! ```

mod background;
mod breakdown;
pub mod calibration;
mod calibrator;
mod confidence_model;
mod level;
mod library_scores;
pub mod profile;
mod similarity;
pub mod tagging;
mod text_match;

pub(crate) use background::BUNDLED_TAGS;
pub use background::{Background, background_texts, cosine};
pub use breakdown::{Breakdown, BreakdownWeights, keyword_overlap};
pub use calibrator::{Calibrator, QueryKind};
pub use confidence_model::ConfidenceModel;
pub use level::{Level, MATCH_THRESHOLD};
pub use library_scores::{LibraryScoreSample, SAME_IMAGE, ScoreTail};
pub use similarity::SimilarityLevel;
pub use text_match::TextMatch;
