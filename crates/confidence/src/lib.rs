//! From cosine similarity to calibrated probability.
//!
//! With labels, a curve from score to probability ([`Fit::Platt`], [`Fit::Isotonic`]) says it. Without any, a background of
//! texts and the library's own scores do ([`Fit::Background`]). Above that: profiles, which turn probabilities into levels
//! of use, and zero-shot tags.

mod background;
pub mod calibration;
mod library_scores;
mod model;
pub mod profile;
pub mod tagging;
mod text_match;

pub(crate) use background::BUNDLED_TAGS;
pub use background::{Background, background_texts, cosine};
pub use library_scores::{OwnScores, Tail};
pub use model::*;
pub use text_match::TextMatch;
