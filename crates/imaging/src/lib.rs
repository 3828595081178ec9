//! Bytes of any picture format to upright RGB within limits, with its metadata; thumbnails.

use eidetic_domain::Metadata;
use image::RgbImage;

mod error;

pub use error::ImagingError;

/// What decoding may cost. Checked before memory is taken, against what the file's header claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes.
    pub file_bytes: u64,
    /// Largest number of pixels (width × height).
    pub pixels: u64,
    /// Largest memory in bytes that a decoder may take at once.
    pub memory: u64,
}

/// A picture ready to look at: upright, three channels of eight bits, transparent parts on white.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The pixels.
    pub image: RgbImage,
    /// What the file says about itself.
    pub metadata: Metadata,
}
