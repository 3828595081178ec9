//! Raw camera files, shown by the largest picture that the camera stored in them.

use super::{Scaled, ScaledDecoder, Unoriented, jpeg, tiff};
use crate::color::ColorSpace;
use crate::raw::{self, previews};
use crate::{DecodeLimits, ImagingError};

pub(super) const SCALED: ScaledDecoder = ScaledDecoder {
    memory: |bytes, size| (jpeg::SCALED.memory)(previews(bytes).first()?, size),
    decode: |bytes, limits, size| {
        let preview = (jpeg::SCALED.decode)(previews(bytes).first()?, limits, size)?;
        Some(Scaled {
            unoriented: with_fields_of_file(bytes, preview.unoriented),
            ..preview
        })
    },
};

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let mut first_error = None;
    for preview in previews(bytes) {
        match jpeg::decode(preview, limits) {
            Ok(decoded) => {
                return Ok(with_fields_of_file(bytes, decoded));
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    // Older cameras store a small picture without compression in the first directory.
    if let Ok(decoded) = tiff::decode(bytes, 0, limits) {
        return Ok(decoded);
    }
    Err(first_error.unwrap_or_else(|| {
        ImagingError::Unsupported(
            "the camera file holds no preview picture; export it as JPEG or TIFF".to_owned(),
        )
    }))
}

/// The largest picture in the file, at a reduced size.
pub(super) fn decode_reduced(bytes: &[u8], limits: &DecodeLimits) -> Option<Scaled> {
    let preview = jpeg::decode_reduced(previews(bytes).first()?, limits)?;
    Some(Scaled {
        unoriented: with_fields_of_file(bytes, preview.unoriented),
        ..preview
    })
}

/// The file's own fields; those of the preview where the file has none.
fn with_fields_of_file(bytes: &[u8], preview: Unoriented) -> Unoriented {
    let exif = raw::exif(bytes).or(preview.exif);
    let color = match preview.color {
        ColorSpace::Srgb => ColorSpace::of_exif(&exif),
        stated => stated,
    };
    Unoriented {
        color,
        exif,
        ..preview
    }
}
