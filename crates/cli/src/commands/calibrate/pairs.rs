use std::fs;
use std::path::Path;

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{
    CalibrationError, LabelledPair, MAX_LABELLED, MIN_OF_EACH_CLASS, labelled_pairs,
};
use eidetic_domain::ImageId;

use crate::failure::Failure;

/// More than the longest file of pairs that is taken.
const MOST_BYTES: u64 = 256 << 20;

/// Reads the file of pairs, with every path made absolute. Whatever is wrong with it is a wrong argument.
pub(super) fn read(file: &Path, kind: QueryKind) -> Result<Vec<LabelledPair>, Failure> {
    let refused = |reason: String| Failure::arguments(format!("{}: {reason}", file.display()));
    let text = text_of(file).map_err(refused)?;
    let mut pairs = labelled_pairs(&text).map_err(|error| refused(error.to_string()))?;
    enough(&pairs).map_err(|error| refused(error.to_string()))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    for pair in &mut pairs {
        pair.pair.image = located(&pair.pair.image, folder);
        if kind == QueryKind::Picture {
            pair.pair.text = located(&pair.pair.text, folder);
        }
    }
    Ok(pairs)
}

fn text_of(file: &Path) -> Result<String, String> {
    let metadata = fs::metadata(file).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("this is no file".to_owned());
    }
    if metadata.len() > MOST_BYTES {
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

/// What the calibration would say after all pictures were read can be said before.
fn enough(pairs: &[LabelledPair]) -> Result<(), CalibrationError> {
    let matching = pairs.iter().filter(|pair| pair.matches).count();
    let other = pairs.len() - matching;
    if pairs.len() > MAX_LABELLED {
        return Err(CalibrationError::TooMany {
            pairs: pairs.len(),
            most: MAX_LABELLED,
        });
    }
    if matching.min(other) < MIN_OF_EACH_CLASS {
        return Err(CalibrationError::TooFew {
            matching,
            other,
            needed: MIN_OF_EACH_CLASS,
        });
    }
    Ok(())
}

/// An image's id stays; a relative path is looked for beside the file first, then in the working directory.
fn located(name: &str, folder: &Path) -> String {
    if name.parse::<ImageId>().is_ok() {
        return name.to_owned();
    }
    let beside = folder.join(name);
    let path = if beside.exists() { beside } else { name.into() };
    let absolute = std::path::absolute(&path).unwrap_or(path);
    absolute.to_str().map_or_else(|| name.to_owned(), str::to_owned)
}
