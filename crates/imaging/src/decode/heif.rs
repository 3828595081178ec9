//! HEIC and other HEIF pictures.

use super::Unoriented;
use crate::exif::ExifData;
use crate::heif::{Container, DecodedPicture, decode_primary};
use crate::{DecodeLimits, ImagingError};

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    decode_container("HEIC", bytes, limits)
}

/// Decodes the primary picture of a HEIF container of any codec.
pub(super) fn decode_container(
    format: &'static str,
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<Unoriented, ImagingError> {
    let container = Container::read(bytes)
        .ok_or_else(|| ImagingError::damaged(format, "the list of its pictures is missing or incomplete"))?;
    let DecodedPicture {
        image,
        color,
        orientation,
    } = decode_primary(&container, format, limits)?;
    let exif = container
        .exif()
        .map(|exif| ExifData::parse(&exif))
        .unwrap_or_default();
    // The container's orientation counts; writers leave EXIF's as the camera wrote it (ISO/IEC 23008-12, 6.5.10).
    let exif = ExifData {
        orientation: Some(orientation),
        ..exif
    };
    Ok(Unoriented {
        image,
        color,
        exif,
        damage: None,
    })
}
