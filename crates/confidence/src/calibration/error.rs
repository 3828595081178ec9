//! Why labeled scores cannot be calibrated.

use thiserror::Error;

/// Why labeled scores cannot be calibrated.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CalibrationError {
    /// A score is NaN or infinite, which a damaged vector can cause.
    #[error("the score of pair {pair} is not a finite number")]
    NotFinite {
        /// The pair, from 1.
        pair: usize,
    },
    /// A class has too few pairs.
    #[error(
        "{matching} matching and {other} other pairs are too few; expected at least {needed} of each, \
         and better 100 to 200 pairs in all"
    )]
    TooFew {
        /// Pairs with the label 1.
        matching: usize,
        /// Pairs with the label 0.
        other: usize,
        /// Pairs of each class that are needed.
        needed: usize,
    },
    /// There are too many pairs.
    #[error("{pairs} pairs are too many; expected at most {most}, and 100 to 200 suffice")]
    TooMany {
        /// Pairs given.
        pairs: usize,
        /// Maximum number of pairs.
        most: usize,
    },
    /// All scores are equal.
    #[error("all pairs have the same score, so no threshold separates them")]
    OneScore,
    /// No threshold reaches the goal.
    #[error("no threshold reaches a {goal} of {wanted} on these pairs; the best is {best:.3}")]
    OutOfReach {
        /// `precision` or `recall`.
        goal: &'static str,
        /// The goal.
        wanted: f64,
        /// The best value that a threshold reaches.
        best: f64,
    },
}
