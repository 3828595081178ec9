//! HEIC and other HEIF pictures.

use super::{Scaled, Unoriented};
use crate::exif::ExifData;
use crate::heif::{Container, DecodedPicture, decode_primary, decode_primary_reduced};
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
    let picture = decode_primary(&container, format, limits)?;
    Ok(unoriented(&container, picture))
}

/// Decodes the primary picture at a reduced size, if it is a grid.
pub(super) fn decode_reduced(format: &'static str, bytes: &[u8], limits: &DecodeLimits) -> Option<Scaled> {
    let container = Container::read(bytes)?;
    let (picture, full_size) = decode_primary_reduced(&container, format, limits)?;
    Some(Scaled {
        unoriented: unoriented(&container, picture),
        full_size,
    })
}

fn unoriented(container: &Container, picture: DecodedPicture) -> Unoriented {
    let exif = container
        .exif()
        .map(|exif| ExifData::parse(&exif))
        .unwrap_or_default();
    Unoriented {
        image: picture.image,
        color: picture.color,
        // The container's orientation counts; writers leave EXIF's as the camera wrote it (ISO/IEC 23008-12, 6.5.10).
        exif: ExifData {
            orientation: Some(picture.orientation),
            ..exif
        },
        damage: None,
    }
}
