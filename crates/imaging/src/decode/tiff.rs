//! TIFF, decoded by the image crate, and raw camera files, which have a TIFF header and are refused.

use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::tiff::TiffDecoder;

use super::Unoriented;
use super::raster::{convert_error, read_with_overhead};
use crate::exif::{ExifData, Ifd, tag};
use crate::{DecodeLimits, ImagingError, classify};

const FORMAT: &str = "TIFF";

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    if is_camera_raw(bytes) {
        return Err(ImagingError::Unsupported(classify::RAW.to_owned()));
    }
    if has_tiled_planes(bytes) {
        return Err(ImagingError::unsupported_feature(
            FORMAT,
            "tiles in separate color planes",
        ));
    }
    let decoder = TiffDecoder::new(Cursor::new(bytes)).map_err(|error| convert_error(FORMAT, error))?;
    // The decoder keeps its samples besides the buffer that it fills; CMYK takes a third more than RGB.
    let overhead = (u64::from(decoder.color_type().bytes_per_pixel()) * 4).div_ceil(3);
    let unoriented = read_with_overhead(FORMAT, decoder, limits, overhead)?;
    Ok(Unoriented {
        exif: ExifData::parse(bytes),
        ..unoriented
    })
}

/// DNG has a tag of its own; other raw files have a reduced image first and the sensor data in sub-IFDs.
fn is_camera_raw(bytes: &[u8]) -> bool {
    const REDUCED: u32 = 1;
    Ifd::first(bytes).is_some_and(|ifd| {
        ifd.has(tag::DNG_VERSION)
            || (ifd.has(tag::SUB_IFDS)
                && ifd
                    .unsigned(tag::SUBFILE_TYPE)
                    .is_some_and(|kind| kind & REDUCED != 0))
    })
}

/// Tiles with one color each: tiff 0.11 fails an assertion on tiles that extend beyond the image.
fn has_tiled_planes(bytes: &[u8]) -> bool {
    const PLANES: u32 = 2;
    Ifd::first(bytes).is_some_and(|ifd| {
        ifd.has(tag::TILE_WIDTH) && ifd.unsigned(tag::PLANAR_CONFIGURATION) == Some(PLANES)
    })
}
