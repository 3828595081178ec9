//! Photoshop documents (PSD, PSB): the flattened picture that they hold besides their layers, as in Adobe's "Photoshop File
//! Formats Specification" (2019).

use eidetic_domain::ImageFormat;
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use super::{Unoriented, format_name};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::lab::{LabKind, LabToSrgb};
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError};

mod document;
mod planes;

use document::{Document, Mode};

const FORMAT: &str = "Photoshop";

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let document = Document::parse(bytes).ok_or_else(|| ImagingError::truncated(FORMAT))?;
    let exif = document.exif.map(ExifData::parse).unwrap_or_default();
    if !document.has_composite {
        let preview = document.preview.ok_or_else(|| {
            ImagingError::Unsupported(
                "the Photoshop document was saved without a flattened picture; save it with \"Maximize compatibility\""
                    .to_owned(),
            )
        })?;
        let preview = super::jpeg::decode(preview, limits)?;
        return Ok(Unoriented { exif, ..preview });
    }
    let channels = document.channels_in_use()?;
    let declared = DeclaredSize {
        width: document.width,
        height: document.height,
        bytes_per_pixel: 2 * channels as u64,
    };
    declared.check(format_name(ImageFormat::Psd), limits)?;
    let pixels = planes::interleaved(&document, channels)?;
    let color = document.icc.map(ColorSpace::from_icc).unwrap_or_default();
    let (width, height) = (document.width, document.height);
    let rgb = |pixels| RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8);
    let image = match (document.mode, channels) {
        (Mode::Rgb, 4) => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8),
        (Mode::Rgb, _) => rgb(pixels),
        (Mode::Gray | Mode::Bitmap, _) => {
            GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
        }
        (Mode::Indexed, _) => rgb(document.colors_of(&pixels)),
        // Inks are stored inverted: 255 is none.
        (Mode::Cmyk, _) => {
            let inks = pixels.into_iter().map(|value| 255 - value).collect();
            return finished(rgb(color.inks_to_srgb(inks)), ColorSpace::Srgb, exif);
        }
        (Mode::Lab, _) => return finished(rgb(lab_to_srgb(pixels)), ColorSpace::Srgb, exif),
    };
    finished(image, color, exif)
}

fn finished(
    image: Option<DynamicImage>,
    color: ColorSpace,
    exif: ExifData,
) -> Result<Unoriented, ImagingError> {
    let image = image.ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))?;
    Ok(Unoriented {
        image,
        color,
        exif,
        damage: None,
    })
}

/// a* and b* are stored plus 128, as in ICC profiles.
fn lab_to_srgb(mut pixels: Vec<u8>) -> Vec<u8> {
    let lab = LabToSrgb::new(LabKind::Icc);
    let (values, _) = pixels.as_chunks_mut::<3>();
    for value in values.iter_mut() {
        *value = lab.convert(*value);
    }
    pixels
}
