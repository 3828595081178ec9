use thiserror::Error;

/// Why labelled scores give no calibration.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CalibrationError {
    /// A score is not a number, a sign of a broken vector.
    #[error("the score of pair {pair} is not a finite number")]
    NotFinite {
        /// Which pair, from 1.
        pair: usize,
    },
    /// One class is missing or too small to say anything about it.
    #[error(
        "{matching} matching and {other} other pairs are too few: at least {needed} of each are needed, \
         100 to 200 pairs in all give a calibration worth having"
    )]
    TooFew {
        /// Pairs labelled 1.
        matching: usize,
        /// Pairs labelled 0.
        other: usize,
        /// How many of each class are needed.
        needed: usize,
    },
    /// A file this long is a mistake.
    #[error("{pairs} pairs are more than the {most} that a calibration takes; 100 to 200 suffice")]
    TooMany {
        /// Pairs given.
        pairs: usize,
        /// Pairs taken at most.
        most: usize,
    },
    /// Every score is the same.
    #[error("all pairs have the same score, so that no threshold can tell them apart")]
    OneScore,
    /// No threshold reaches what was asked for.
    #[error("no threshold reaches a {goal} of {asked} on these pairs; the best is {best:.3}")]
    OutOfReach {
        /// `precision` or `recall`.
        goal: &'static str,
        /// What was asked for.
        asked: f64,
        /// What can be had.
        best: f64,
    },
}
