//! Reads files of labeled pairs.

use std::path::Path;

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{
    CalibrationError, LabeledPair, MAX_LABELED, MIN_PER_CLASS, parse_labeled_pairs,
};

use crate::commands::pair_file;
use crate::failure::Failure;

/// Reads a file of pairs and makes its paths absolute.
pub(super) fn read(file: &Path, kind: QueryKind) -> Result<Vec<LabeledPair>, Failure> {
    let bytes = pair_file::read(file)?;
    let mut pairs = parse_labeled_pairs(&bytes).map_err(|error| Failure::in_file(file, error))?;
    check_counts(&pairs).map_err(|error| Failure::in_file(file, error))?;
    for pair in &mut pairs {
        pair.pair.image = pair_file::resolve(&pair.pair.image, file);
        if kind == QueryKind::Image {
            pair.pair.text = pair_file::resolve(&pair.pair.text, file);
        }
    }
    Ok(pairs)
}

/// Checks the number of pairs before their images are read.
fn check_counts(pairs: &[LabeledPair]) -> Result<(), CalibrationError> {
    let matching = pairs.iter().filter(|pair| pair.matches).count();
    let other = pairs.len() - matching;
    if pairs.len() > MAX_LABELED {
        return Err(CalibrationError::TooMany {
            pairs: pairs.len(),
            most: MAX_LABELED,
        });
    }
    if matching.min(other) < MIN_PER_CLASS {
        return Err(CalibrationError::TooFew {
            matching,
            other,
            needed: MIN_PER_CLASS,
        });
    }
    Ok(())
}
