//! Reads files of labeled pairs.

use std::fs;
use std::path::Path;

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{
    CalibrationError, LabeledPair, MAX_LABELED, MIN_PER_CLASS, parse_labeled_pairs,
};
use eidetic_domain::ImageId;

use crate::failure::Failure;

/// Limit for files of pairs, above the size of the maximum number of pairs.
const MAX_BYTES: u64 = 256 << 20;

/// Reads a file of pairs and makes its paths absolute.
pub(super) fn read(file: &Path, kind: QueryKind) -> Result<Vec<LabeledPair>, Failure> {
    let text = read_text(file).map_err(|reason| Failure::in_file(file, reason))?;
    let mut pairs = parse_labeled_pairs(&text).map_err(|error| Failure::in_file(file, error))?;
    check_counts(&pairs).map_err(|error| Failure::in_file(file, error))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    for pair in &mut pairs {
        pair.pair.image = resolve(&pair.pair.image, folder);
        if kind == QueryKind::Image {
            pair.pair.text = resolve(&pair.pair.text, folder);
        }
    }
    Ok(pairs)
}

fn read_text(file: &Path) -> Result<String, String> {
    let metadata = fs::metadata(file).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("this is not a regular file".to_owned());
    }
    if metadata.len() > MAX_BYTES {
        return Err(format!(
            "the file is too large ({})",
            crate::output::bytes(metadata.len())
        ));
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        format!("line {line}: the text is not UTF-8")
    })
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

/// An image id stays as it is; a path is relative to the file's folder or, if missing there, the working
/// directory.
fn resolve(name: &str, folder: &Path) -> String {
    if name.parse::<ImageId>().is_ok() {
        return name.to_owned();
    }
    let in_folder = folder.join(name);
    let path = if in_folder.exists() {
        in_folder
    } else {
        name.into()
    };
    let absolute = std::path::absolute(&path).unwrap_or(path);
    absolute.to_str().map_or_else(|| name.to_owned(), str::to_owned)
}
