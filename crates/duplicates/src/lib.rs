//! Finds images that are copies of each other in another encoding, size, orientation, frame or crop, and bursts.
//!
//! A [`Fingerprint`] of a small picture is computed once for each image and stored. [`near_pairs`] compares any number of
//! them in four steps, none of which is quadratic:
//!
//! 1. Pictures with equal pixels are folded, blank ones are left out.
//! 2. Candidates (`candidates`): similar hashes of the whole picture in any of eight orientations, and at least two local
//!    features that agree on a scale and an offset, which finds crops, frames and captions.
//! 3. For each candidate the placement of one picture in the other is refined by least squares (`comparison`).
//! 4. The correlations of gray values and of details give a probability, by a curve that was fitted to labeled pairs.
//!
//! [`groups`] connects pairs, [`best_first`] orders the copies of a group, and [`burst_candidates`] with
//! [`burst_probability`] find bursts. The crate does no I/O and knows no library; images are positions in a list of the
//! caller's. Measurements are in `docs/decisions/0042-duplicates.md`.

mod best;
mod bursts;
mod candidates;
mod comparison;
mod cosine;
mod features;
mod fingerprint;
mod groups;
mod orientation;
mod pairs;
mod placement;
mod plane;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod tests;

pub use best::{CopyFacts, Encoding, best_first};
pub use bursts::{BURST_SECONDS, Shot, burst_candidates, burst_probability};
pub use fingerprint::Fingerprint;
pub use groups::{Group, groups};
pub use pairs::{NearPair, near_pairs};
