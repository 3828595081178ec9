//! Bytes of any picture format to upright RGB within limits, with its metadata; thumbnails.

use eidetic_domain::Metadata;
use image::RgbImage;

mod budget;
mod classify;
mod decode;
mod error;
mod exif;
mod orientation;
mod pixels;
mod scaled;
mod thumbnail;

pub use classify::{FileKind, HEAD_LENGTH, classify};
pub use decode::{decode, decode_at_least, decode_scaled, scaled_memory};
pub use error::ImagingError;
pub use scaled::DecodeSize;
pub use thumbnail::{ThumbnailStore, thumbnail};

/// What decoding may cost. Checked before memory is taken, against what the file's header claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Largest file in bytes.
    pub file_bytes: u64,
    /// Largest number of pixels (width × height).
    pub pixels: u64,
    /// Largest memory in bytes that a decoder may take at once.
    pub memory: u64,
}

impl Default for DecodeLimits {
    /// Files to 128 MiB, 120 million pixels, 400 MiB for one decoding.
    ///
    /// 120 million pixels cover the 108 megapixels of today's telephones; 400 MiB hold them in eight bits. Two decodings
    /// at once then stay under 1.1 GB in the worst case, files included, which leaves room for an encoder in 1.5 GB.
    fn default() -> Self {
        Self {
            file_bytes: 128 << 20,
            pixels: 120_000_000,
            memory: 400 << 20,
        }
    }
}

/// A picture ready to look at: upright, three channels of eight bits, transparent parts on white.
#[derive(Debug, Clone)]
pub struct DecodedImage {
    /// The pixels.
    pub image: RgbImage,
    /// What the file says about itself.
    pub metadata: Metadata,
}
