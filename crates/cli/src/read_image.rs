//! Reads the image files that arguments name.

use std::fs;
use std::path::Path;

use eidetic_imaging::{DecodeLimits, DecodeSize, DecodedImage, decode_at_least};

/// Decodes the image at `path`, at least at `size`. The error is the reason alone, without the path.
pub(crate) fn read_image(
    path: &Path,
    size: DecodeSize,
    limits: &DecodeLimits,
) -> Result<DecodedImage, String> {
    let length = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > limits.file_bytes {
        return Err(format!(
            "the file is too large ({})",
            crate::output::bytes(length)
        ));
    }
    let content = fs::read(path).map_err(|error| error.to_string())?;
    decode_at_least(&content, limits, size).map_err(|error| error.to_string())
}
