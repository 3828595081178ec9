//! Decodes image files of any supported format to upright 8-bit RGB within limits, with metadata and
//! thumbnails.
//!
//! The input is the whole content of one file, of any origin. Whatever its bytes, a call returns an image
//! or an [`ImagingError`] that explains to the owner of the file why there is none: it neither panics nor
//! takes more memory than [`DecodeLimits`] allow, since the size that a header declares is checked before
//! memory is allocated.
//!
//! - [`classify`] recognizes images by the first bytes of a file, so that other files need not be read.
//! - [`decode`] decodes every pixel. [`decode_at_least`] may decode a JPEG file at a half, a quarter or an
//!   eighth of its size, several times as fast, if a [`DecodeSize`] suffices for the use.
//! - [`decode_page`] decodes a further page of a TIFF file, of which [`page_count`] returns the number.
//! - A file that is damaged or ends early is shown as far as it goes; [`DecodedImage::damage`] says so.
//! - [`thumbnail`] shrinks an image; [`ThumbnailStore`] keeps thumbnails on disk.
//!
//! Formats: JPEG, PNG, GIF, WebP, HEIC, AVIF, JPEG XL, JPEG 2000, BMP, TIFF, QOI, ICO, PNM, TGA, Radiance HDR, SVG. Metadata
//! come from EXIF. Colors become sRGB.
//!
//! # Example
//!
//! ```
//! use std::path::Path;
//!
//! use eidetic_imaging::{DecodeLimits, DecodeSize, FileKind, classify, decode_at_least, thumbnail};
//! # use image::{ImageFormat, RgbImage};
//! # let mut file = std::io::Cursor::new(Vec::new());
//! # RgbImage::new(640, 480).write_to(&mut file, ImageFormat::Png)?;
//! # let bytes = file.into_inner();
//!
//! let kind = classify(&bytes[..64], Path::new("photo.png"));
//! assert!(matches!(kind, FileKind::Image(_)));
//!
//! let decoded = decode_at_least(&bytes, &DecodeLimits::default(), DecodeSize::for_thumbnail(128))?;
//! assert_eq!((decoded.metadata.width, decoded.metadata.height), (640, 480));
//! assert_eq!(thumbnail(&decoded.image, 128).dimensions(), (128, 96));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use eidetic_domain::Metadata;
use image::RgbImage;

mod boxes;
mod classify;
mod color;
mod damage;
mod decode;
mod error;
mod exif;
mod heif;
mod jpeg_scaled;
mod jpeg_segments;
mod lab;
mod limits;
mod metadata;
mod orientation;
mod pixels;
mod png_chunks;
mod png_texts;
mod raw;
mod reduced;
mod riff;
mod thumbnail;
mod tiff;

pub use classify::{FileKind, HEAD_LENGTH, classify, unsupported_format};
pub use decode::{
    decode, decode_at_least, decode_page, decode_scaled, decodes_differently, full_memory, page_count,
    scaled_memory,
};
pub use error::ImagingError;
pub use jpeg_scaled::DecodeSize;
pub use limits::DecodeLimits;
pub use metadata::{
    MAX_SIDE_CAR, SideCarKind, combine, has_all_details, read_details, read_side_car, taken_by_name,
};
pub use thumbnail::{ThumbnailStore, thumbnail};

/// A decoded image: upright, 8-bit sRGB, with transparency on white.
#[derive(Debug, Clone)]
pub struct DecodedImage {
    /// The pixels.
    pub image: RgbImage,
    /// Size of the full image, format, date, camera and position.
    pub metadata: Metadata,
    /// What is wrong with the file, in one sentence, if it is damaged and yet shows something.
    pub damage: Option<String>,
}
