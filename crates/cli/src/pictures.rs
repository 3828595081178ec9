use std::fs;
use std::path::Path;

use eidetic_imaging::{Decoded, Limits, decode};

/// Reads a picture that the user named. The error says why not, for the user.
pub(crate) fn read(path: &Path) -> Result<Decoded, String> {
    let limits = Limits::default();
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > limits.file_bytes {
        return Err(format!("the file is too large ({})", crate::output::bytes(size)));
    }
    let content = fs::read(path).map_err(|error| error.to_string())?;
    decode(&content, &limits).map_err(|error| error.to_string())
}
