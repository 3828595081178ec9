use crate::classify::{format_of, other_content, unsupported_content};
use crate::{Decoded, ImagingError, Limits};

/// Decodes one picture.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, ImagingError> {
    if bytes.len() as u64 > limits.file_bytes {
        return Err(ImagingError::TooLarge("file".into()));
    }
    let _ = format_of(bytes);
    let _ = other_content(bytes);
    Err(ImagingError::Unsupported(
        unsupported_content(bytes).unwrap_or("unknown content").into(),
    ))
}
