//! Reads the image files that arguments name.

use std::fs;
use std::path::Path;

use eidetic_imaging::{Decoded, Detail, Limits, decode_for};

/// Decodes the image at `path` at the given detail. The error is the reason alone, without the path.
pub(crate) fn read_image(path: &Path, detail: Detail) -> Result<Decoded, String> {
    let limits = Limits::default();
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > limits.file_bytes {
        return Err(format!("the file is too large ({})", crate::output::bytes(size)));
    }
    let content = fs::read(path).map_err(|error| error.to_string())?;
    decode_for(&content, &limits, detail).map_err(|error| error.to_string())
}
