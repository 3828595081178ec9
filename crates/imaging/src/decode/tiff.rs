//! TIFF by the image crate, told from the raw camera files that wear its header.

use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::tiff::TiffDecoder;

use super::Raw;
use super::raster::{explain, read_beside};
use crate::exif::{Directory, Facts, tag};
use crate::{DecodeLimits, ImagingError, classify};

const FORMAT: &str = "TIFF";

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Raw, ImagingError> {
    if is_camera_raw(bytes) {
        return Err(ImagingError::Unsupported(classify::RAW.to_owned()));
    }
    if has_tiled_planes(bytes) {
        return Err(ImagingError::unsupported_feature(
            FORMAT,
            "tiles in separate colour planes",
        ));
    }
    let decoder = TiffDecoder::new(Cursor::new(bytes)).map_err(|error| explain(FORMAT, error))?;
    // The decoder holds its samples beside the buffer that it fills; CMYK takes a third more than RGB.
    let own = (u64::from(decoder.color_type().bytes_per_pixel()) * 4).div_ceil(3);
    let raw = read_beside(FORMAT, decoder, limits, own)?;
    Ok(Raw {
        facts: Facts::read(bytes),
        ..raw
    })
}

/// DNG says so; others keep a reduced picture in front and the sensor's data in sub-directories.
fn is_camera_raw(bytes: &[u8]) -> bool {
    const REDUCED: u32 = 1;
    Directory::first(bytes).is_some_and(|directory| {
        directory.has(tag::DNG_VERSION)
            || (directory.has(tag::SUB_DIRECTORIES)
                && directory
                    .unsigned(tag::SUBFILE_TYPE)
                    .is_some_and(|kind| kind & REDUCED != 0))
    })
}

/// Tiles of which each holds one colour: tiff 0.11 fails an assertion on those that reach over the picture's edge.
fn has_tiled_planes(bytes: &[u8]) -> bool {
    const PLANES: u32 = 2;
    Directory::first(bytes).is_some_and(|directory| {
        directory.has(tag::TILE_WIDTH) && directory.unsigned(tag::PLANAR_CONFIGURATION) == Some(PLANES)
    })
}
