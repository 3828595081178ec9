use std::fs;
use std::path::Path;

use eidetic_imaging::{DecodeLimits, DecodeSize, DecodedImage, decode_at_least};

/// Reads a picture that the user named, at least at `size`. The error says why not, for the user.
pub(crate) fn read(path: &Path, size: DecodeSize) -> Result<DecodedImage, String> {
    let limits = DecodeLimits::default();
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > limits.file_bytes {
        return Err(format!(
            "the file is too large ({})",
            crate::output::bytes(length)
        ));
    }
    let content = fs::read(path).map_err(|error| error.to_string())?;
    decode_at_least(&content, &limits, size).map_err(|error| error.to_string())
}
