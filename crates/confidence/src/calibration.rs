//! What scores mean, learnt from pairs of which somebody knows whether they match.
//!
//! A cosine says which of two pictures is nearer, not whether either is right. From a hundred labelled pairs follow a
//! threshold for a stated purpose ([`Strategy`]) and a probability for every score ([`Platt`], [`Isotonic`]), each
//! with the uncertainty that a hundred pairs leave.

mod calibrated;
mod choice;
mod curve;
mod error;
mod isotonic;
mod pairs;
mod platt;
mod refit;
mod reliability;
mod resampling;
mod sample;
mod strategy;
mod uncertainty;

pub use calibrated::{
    Calibrated, Chosen, CurvePoint, CurveSummary, Honesty, LabelledScore, MAX_LABELLED, Origin, Source,
};
pub use curve::{Curve, Cut, Outcome};
pub use error::CalibrationError;
pub use isotonic::Isotonic;
pub use pairs::{LabelledPair, MAX_PAIRS, Pair, PairsError, labelled_pairs, pair_of_line};
pub use platt::{Platt, Prior};
pub use refit::{Answered, Bounds, MIN_ANSWERS_OF_EACH_CLASS, Reach, Refit, Unchanged};
pub use reliability::{Reliability, ReliabilityBin};
pub use sample::{ClassSummary, Histogram, Labelled, MIN_OF_EACH_CLASS, Sample};
pub use strategy::Strategy;
pub use uncertainty::{Interval, Threshold};
