//! JPEG 2000 (ISO/IEC 15444-1), as a codestream or in a JP2 or JPX file, decoded by hayro-jpeg2000.

use hayro_jpeg2000::{ColorSpace as Jp2Color, DecodeSettings, DecoderContext, Image};
use image::{DynamicImage, ImageBuffer, RgbImage};

use super::{Scaled, Unoriented};
use crate::boxes::{Reader, boxes, find};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::limits::{DeclaredSize, HALVE_ABOVE_PIXELS};
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "JPEG 2000";

/// Samples and coefficients of four bytes each.
const BYTES_PER_SAMPLE: u64 = 9;

/// Channels of one image that a picture may have: four inks, opacity and some unused.
const MAX_CHANNELS: u16 = 8;

/// The greatest number of times that a picture is halved here.
const MAX_LEVELS: u32 = 5;

/// Identifies boxes with EXIF data.
const EXIF_UUID: &[u8; 16] = b"JpgTiffExif->JP2";

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let declared = declared(bytes)?;
    declared.check(FORMAT, limits)?;
    decode_with(bytes, &DecodeSettings::default(), &declared)
}

/// Leaves out as many of the finest resolution levels as `limits` require.
pub(super) fn decode_reduced(bytes: &[u8], limits: &DecodeLimits) -> Option<Scaled> {
    let full = declared(bytes).ok()?;
    if full.pixels() > limits.reduced_pixels {
        return None;
    }
    let at_level = |level: u32| DeclaredSize {
        width: full.width.div_ceil(1 << level),
        height: full.height.div_ceil(1 << level),
        ..full
    };
    let level = (1..=MAX_LEVELS).find(|&level| {
        let reduced = at_level(level);
        reduced.pixels() <= HALVE_ABOVE_PIXELS && reduced.check(FORMAT, limits).is_ok()
    })?;
    let settings = DecodeSettings {
        target_resolution: Some((full.width >> level, full.height >> level)),
        ..DecodeSettings::default()
    };
    Some(Scaled {
        unoriented: decode_with(bytes, &settings, &at_level(level)).ok()?,
        full_size: (full.width, full.height),
    })
}

/// The size in the header.
fn declared(bytes: &[u8]) -> Result<DeclaredSize, ImagingError> {
    let codestream = if bytes.starts_with(&[0xFF, 0x4F]) {
        Some(bytes)
    } else {
        find(bytes, *b"jp2c")
    };
    let (width, height, channels) = codestream
        .and_then(declared_size)
        .ok_or_else(|| ImagingError::truncated(FORMAT))?;
    if channels > MAX_CHANNELS {
        return Err(ImagingError::unsupported_feature(
            FORMAT,
            format_args!("{channels} channels"),
        ));
    }
    Ok(DeclaredSize {
        width,
        height,
        bytes_per_pixel: 3 + u64::from(channels) * BYTES_PER_SAMPLE,
    })
}

/// Fails if the result would be larger than `expected`: palettes and files of few levels cannot be reduced.
fn decode_with(
    bytes: &[u8],
    settings: &DecodeSettings,
    expected: &DeclaredSize,
) -> Result<Unoriented, ImagingError> {
    let image = Image::new(bytes, settings).map_err(convert_error)?;
    if image.width() > expected.width || image.height() > expected.height {
        return Err(ImagingError::out_of_memory_limit());
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(convert_error)?;
    let channels = decoded.components().len();
    let samples = decoded.data_u8();
    let exif = exif(bytes).map(ExifData::parse).unwrap_or_default();
    let color = match image.color_space() {
        Jp2Color::Icc { profile, .. } => ColorSpace::from_icc(profile),
        _ => ColorSpace::of_exif(&exif),
    };
    let colors = usize::from(image.color_space().num_channels());
    let pixels = Samples {
        size: (image.width(), image.height()),
        channels,
        colors,
        has_alpha: image.has_alpha(),
        values: samples,
    };
    let (image, color) = pixels
        .into_image(color)
        .ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))?;
    Ok(Unoriented {
        image,
        color,
        exif,
        damage: None,
    })
}

/// Interleaved samples of 8 bits.
struct Samples {
    size: (u32, u32),
    channels: usize,
    /// Channels of color among them, the first ones.
    colors: usize,
    has_alpha: bool,
    values: Vec<u8>,
}

impl Samples {
    /// Inks become sRGB at once; channels that are neither color nor opacity are dropped.
    fn into_image(self, color: ColorSpace) -> Option<(DynamicImage, ColorSpace)> {
        let (width, height) = self.size;
        let kept = match (self.colors, self.has_alpha && self.channels > self.colors) {
            (4, _) | (3, true) => 4,
            (3, false) => 3,
            (_, true) => 2,
            (_, false) => 1,
        };
        if self.channels < kept {
            return None;
        }
        let samples = if self.channels == kept {
            self.values
        } else {
            let pixels = self.values.chunks_exact(self.channels);
            pixels.flat_map(|pixel| &pixel[..kept]).copied().collect()
        };
        let image = match kept {
            4 if self.colors == 4 => {
                let rgb = color.inks_to_srgb(samples);
                let image = DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, rgb)?);
                return Some((image, ColorSpace::Srgb));
            }
            4 => DynamicImage::ImageRgba8(ImageBuffer::from_raw(width, height, samples)?),
            3 => DynamicImage::ImageRgb8(ImageBuffer::from_raw(width, height, samples)?),
            2 => DynamicImage::ImageLumaA8(ImageBuffer::from_raw(width, height, samples)?),
            _ => DynamicImage::ImageLuma8(ImageBuffer::from_raw(width, height, samples)?),
        };
        Some((image, color))
    }
}

/// Width, height and number of channels in the codestream's header (ISO/IEC 15444-1, A.5.1).
fn declared_size(codestream: &[u8]) -> Option<(u32, u32, u16)> {
    let mut reader = Reader::new(codestream.strip_prefix(&[0xFF, 0x4F, 0xFF, 0x51])?);
    reader.bytes(4)?;
    let [right, bottom, left, top] = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
    reader.bytes(16)?;
    Some((
        right.saturating_sub(left),
        bottom.saturating_sub(top),
        reader.u16()?,
    ))
}

fn exif(bytes: &[u8]) -> Option<&[u8]> {
    boxes(bytes)
        .filter(|(kind, _)| kind == b"uuid")
        .find_map(|(_, content)| content.strip_prefix(EXIF_UUID))
}

fn convert_error(error: hayro_jpeg2000::DecodeError) -> ImagingError {
    ImagingError::damaged(FORMAT, error)
}
