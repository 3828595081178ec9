//! HEIC and other HEIF pictures.

use super::{Scaled, ScaledDecoder, Unoriented};
use crate::exif::ExifData;
use crate::heif::{Container, DecodedPicture, Thumbnail, decode_primary, decode_primary_reduced};
use crate::jpeg_scaled::DecodeSize;
use crate::{DecodeLimits, ImagingError};

pub(super) const SCALED: ScaledDecoder = ScaledDecoder {
    memory: thumbnail_memory,
    decode: |bytes, limits, size| decode_thumbnail("HEIC", bytes, limits, size),
};

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

/// Decodes a thumbnail instead of the primary picture, where one suffices.
pub(super) fn decode_thumbnail(
    format: &'static str,
    bytes: &[u8],
    limits: &DecodeLimits,
    size: DecodeSize,
) -> Option<Scaled> {
    let container = Container::read(bytes)?;
    let thumbnail = Thumbnail::find(&container, size)?;
    let picture = thumbnail.decode(&container, format, limits).ok()?;
    let is_as_stated = (picture.image.width(), picture.image.height()) == thumbnail.size;
    is_as_stated.then(|| Scaled {
        unoriented: unoriented(&container, picture),
        full_size: thumbnail.full_size,
    })
}

/// Bytes that decoding the thumbnail takes at its peak.
pub(super) fn thumbnail_memory(bytes: &[u8], size: DecodeSize) -> Option<u64> {
    /// What a decoder takes, the canvas, and the result once more to apply orientation.
    const BYTES_PER_PIXEL: u64 = 12 + 3 + 6;
    let thumbnail = Thumbnail::find(&Container::read(bytes)?, size)?;
    let (width, height) = thumbnail.size;
    Some(u64::from(width) * u64::from(height) * BYTES_PER_PIXEL)
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
