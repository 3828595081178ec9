//! JPEG files of four inks with a profile for them.

use image::{DynamicImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace as Coded;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::jpeg;
use crate::DecodeLimits;
use crate::jpeg_segments::segments;
use crate::limits::DeclaredSize;

/// Bytes per pixel: four inks, and coefficients of two bytes each where they come in several scans.
const BYTES_PER_PIXEL: u64 = 4 + 4 * 2;

/// Decodes to inks and converts them by their profile. None if the file is not of four inks, has no profile for them, or is
/// damaged.
pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Option<DynamicImage> {
    let color = jpeg::color_space(bytes);
    if !color.is_for_inks() {
        return None;
    }
    let options = DecoderOptions::default()
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let coded = decoder.input_colorspace();
    let is_ycck = coded == Some(Coded::YCCK);
    if !is_ycck && coded != Some(Coded::CMYK) {
        return None;
    }
    let info = decoder.info()?;
    let declared = DeclaredSize {
        width: info.width.into(),
        height: info.height.into(),
        bytes_per_pixel: BYTES_PER_PIXEL,
    };
    declared.check("JPEG", limits).ok()?;
    let options = decoder
        .options()
        .jpeg_set_out_colorspace(if is_ycck { Coded::YCCK } else { Coded::CMYK });
    decoder.set_options(options);
    let mut samples = vec![0; declared.pixels() as usize * 4];
    decoder.decode_into(&mut samples).ok()?;
    let (pixels, _) = samples.as_chunks_mut::<4>();
    if is_ycck {
        for pixel in pixels.iter_mut() {
            *pixel = ycck_to_inks(*pixel);
        }
    } else if has_adobe_marker(bytes) {
        // Adobe's programs write 255 for no ink.
        pixels.iter_mut().flatten().for_each(|ink| *ink = 255 - *ink);
    }
    let rgb = RgbImage::from_raw(declared.width, declared.height, color.inks_to_srgb(samples));
    rgb.map(DynamicImage::ImageRgb8)
}

fn has_adobe_marker(bytes: &[u8]) -> bool {
    segments(bytes).any(|(marker, content)| marker == 0xEE && content.starts_with(b"Adobe"))
}

/// Adobe's YCCK: inverted cyan, magenta and yellow as YCbCr, and inverted black.
fn ycck_to_inks([y, cb, cr, k]: [u8; 4]) -> [u8; 4] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let inks = [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ];
    let [c, m, y] = inks.map(|ink| ink.round() as u8);
    [c, m, y, 255 - k]
}
