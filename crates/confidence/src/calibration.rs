//! Calibration of scores from labeled pairs.
//!
//! A cosine says which of two images is closer, not whether either of them matches. A hundred labeled pairs
//! give a threshold for a stated purpose ([`Strategy`]) and a probability for every score ([`Platt`],
//! [`Isotonic`]), each with the uncertainty that a hundred pairs leave. [`Calibration`] is the result;
//! [`Calibrator::refit`](crate::Calibrator::refit) moves a curve towards feedback on hits.

mod curve;
mod error;
mod isotonic;
mod metrics;
mod model_selection;
mod pairs;
mod platt;
mod refit;
mod reliability;
mod resampling;
mod sample;
mod stored;
mod strategy;
mod uncertainty;
mod wordings;

pub use curve::{ConfusionMatrix, Curve, Cut};
pub use error::CalibrationError;
pub use isotonic::Isotonic;
pub use metrics::CalibrationMetrics;
pub use pairs::{ImageTextPair, LabeledPair, parse_labeled_pairs};
pub use platt::{Platt, Prior};
pub use refit::{Clamped, MIN_FEEDBACK_PER_CLASS, Refit, RefitBounds, ScoredFeedback, UnchangedReason};
pub use reliability::{Reliability, ReliabilityBin};
pub use sample::{ClassSummary, Histogram, LabeledScore, MIN_PER_CLASS, Sample};
pub use stored::{
    Calibration, CalibrationOrigin, CalibrationScope, CurvePoint, CurveSummary, LabelSource, MAX_LABELED,
    ScoredPair, ThresholdChoice, with_answers,
};
pub use strategy::Strategy;
pub use uncertainty::{Interval, Threshold};
pub use wordings::{MeasuredRule, WordingChoice, WordingPair, WordingRule, learn_weights};
