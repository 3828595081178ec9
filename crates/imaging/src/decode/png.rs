//! PNG: metadata wherever they stand, damaged files as far as their rows can be read, and animations that begin with a blank
//! frame.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::{AnimationDecoder, DynamicImage, GrayAlphaImage, GrayImage, ImageDecoder, RgbImage, RgbaImage};
use png::{BitDepth, ColorType, Decoder, DecodingError, InterlaceInfo, Reader, Transformations};

use super::animation::{first_visible, is_blank};
use super::raster::{convert_error, image_limits, read};
use super::{Scaled, Unoriented};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::png_chunks::chunks;
use crate::png_texts::{Text, raw_profile};
use crate::reduced::{Original, SquareAverages};
use crate::{DecodeLimits, ImagingError, damage};

const FORMAT: &str = "PNG";

/// The gray of rows for which the file has no data.
const UNDECODED: u8 = 128;

/// Compressed texts are read up to this length.
const MAX_TEXT: usize = 1 << 20;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let unoriented = match decode_whole(bytes, limits) {
        Err(error @ ImagingError::Damaged { .. }) => decode_part(bytes, limits).ok_or(error),
        result => result,
    }?;
    let exif = exif(bytes);
    Ok(Unoriented {
        color: color_of(bytes, limits, &exif),
        exif,
        ..unoriented
    })
}

/// The color space of a file, from its chunks.
pub(super) fn color_space(bytes: &[u8]) -> ColorSpace {
    color_of(bytes, &DecodeLimits::default(), &exif(bytes))
}

fn color_of(bytes: &[u8], limits: &DecodeLimits, exif: &ExifData) -> ColorSpace {
    let decoder = open(bytes, limits).ok();
    let profile = decoder.and_then(|mut decoder| decoder.icc_profile().ok().flatten());
    ColorSpace::of_png(bytes, profile.as_deref(), exif)
}

fn decode_whole(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let decoder = open(bytes, limits)?;
    let is_animated = decoder.is_apng().unwrap_or(false);
    let mut unoriented = read(FORMAT, decoder, limits)?;
    if is_animated
        && is_blank(&unoriented.image)
        && let Some(frame) = visible_frame(bytes, &unoriented.image, limits)
    {
        unoriented.image = frame;
    }
    Ok(unoriented)
}

fn open<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<PngDecoder<Cursor<&'a [u8]>>, ImagingError> {
    PngDecoder::with_limits(Cursor::new(bytes), image_limits(limits.memory))
        .map_err(|error| convert_error(FORMAT, error))
}

/// The first frame that shows something, if composing frames is within the limits.
fn visible_frame(bytes: &[u8], first: &DynamicImage, limits: &DecodeLimits) -> Option<DynamicImage> {
    let declared = DeclaredSize {
        width: first.width(),
        height: first.height(),
        // The composed frame, the one before, the next one and its copy, RGBA.
        bytes_per_pixel: 4 * 4 + u64::from(first.color().bytes_per_pixel()),
    };
    declared.check(FORMAT, limits).ok()?;
    let frames = open(bytes, limits).ok()?.apng().ok()?.into_frames();
    let images =
        frames.map(|frame| Ok::<_, image::ImageError>(DynamicImage::ImageRgba8(frame?.into_buffer())));
    first_visible(images, declared.pixels())
}

/// The rows before the damage, or all rows if their checksums are wrong; none if there are no rows.
fn decode_part(bytes: &[u8], limits: &DecodeLimits) -> Option<Unoriented> {
    let mut reader = open_rows(bytes, limits)?;
    let (width, height) = reader.info().size();
    let declared = DeclaredSize {
        width,
        height,
        bytes_per_pixel: 4 + 4,
    };
    declared.check(FORMAT, limits).ok()?;
    let channels = channels(&reader)?;
    let mut content = vec![UNDECODED; declared.pixels() as usize * channels];
    if matches!(channels, 2 | 4) {
        content
            .iter_mut()
            .skip(channels - 1)
            .step_by(channels)
            .for_each(|alpha| *alpha = 255);
    }
    let read = read_rows(&mut reader, &mut content, width as usize * channels, channels);
    if read == 0 {
        return None;
    }
    let image = match channels {
        1 => DynamicImage::ImageLuma8(GrayImage::from_raw(width, height, content)?),
        2 => DynamicImage::ImageLumaA8(GrayAlphaImage::from_raw(width, height, content)?),
        3 => DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, content)?),
        _ => DynamicImage::ImageRgba8(RgbaImage::from_raw(width, height, content)?),
    };
    let damage = damage::of_part(read, declared.pixels()).unwrap_or_else(damage::beside_picture);
    Some(Unoriented {
        image,
        color: ColorSpace::Srgb,
        exif: ExifData::default(),
        damage: Some(damage),
    })
}

/// Averages squares of pixels while rows are read, which interlaced files do not allow.
pub(super) fn decode_reduced(bytes: &[u8], limits: &DecodeLimits) -> Option<Scaled> {
    /// Of decompression, whatever the size.
    const STATE: u64 = 1 << 20;
    let mut reader = open_rows(bytes, limits)?;
    let (width, height) = reader.info().size();
    let channels = channels(&reader).filter(|_| !reader.info().interlaced)?;
    let has_alpha = matches!(channels, 2 | 4);
    let original = Original {
        width,
        height,
        colors: channels - usize::from(has_alpha),
        // Two rows as stored and one as expanded.
        decoder_memory: STATE + u64::from(width) * 8 * 3,
    };
    let side = original.square_side(limits)?;
    let mut averages = SquareAverages::new(&original, side, has_alpha, UNDECODED);
    let mut rows = 0;
    while let Ok(Some(row)) = reader.next_row() {
        averages.add(0, rows, row.data());
        rows += 1;
    }
    let exif = exif(bytes);
    (rows > 0).then_some(Scaled {
        unoriented: Unoriented {
            image: averages.into_image()?,
            color: color_of(bytes, limits, &exif),
            exif,
            damage: damage::of_part(rows.into(), height.into()),
        },
        full_size: (width, height),
    })
}

/// A reader of rows with 8 bits a sample, whatever their checksums.
fn open_rows<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Option<Reader<Cursor<&'a [u8]>>> {
    let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: memory });
    decoder.ignore_checksums(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.read_info().ok()
}

/// Samples of a pixel that such a reader returns.
fn channels(reader: &Reader<Cursor<&[u8]>>) -> Option<usize> {
    match reader.output_color_type() {
        (color, BitDepth::Eight) if color != ColorType::Indexed => Some(color.samples()),
        _ => None,
    }
}

/// Reads rows up to the first damage and returns the number of pixels read.
fn read_rows(reader: &mut Reader<Cursor<&[u8]>>, content: &mut [u8], stride: usize, channels: usize) -> u64 {
    let (mut pixels, mut line) = (0, 0);
    let mut next = || -> Result<bool, DecodingError> {
        let Some(row) = reader.next_interlaced_row()? else {
            return Ok(false);
        };
        match row.interlace() {
            InterlaceInfo::Null(_) => {
                content[line * stride..(line + 1) * stride].copy_from_slice(row.data());
                line += 1;
            }
            InterlaceInfo::Adam7(pass) => {
                png::splat_interlaced_row(content, stride, row.data(), pass, channels as u8 * 8);
            }
        }
        pixels += (row.data().len() / channels) as u64;
        Ok(true)
    };
    while matches!(next(), Ok(true)) {}
    pixels
}

/// EXIF data of the `eXIf` chunk, which many programs write behind the pixels, or of the text that `ImageMagick` writes
/// instead.
pub(super) fn exif(bytes: &[u8]) -> ExifData {
    let block = chunks(bytes).find(|(kind, _)| *kind == b"eXIf");
    let block = block.map(|(_, content)| Cow::Borrowed(content)).or_else(|| {
        let mut texts = chunks(bytes).filter_map(|(kind, content)| Text::read(*kind, content));
        let profile =
            texts.find(|text| matches!(text.keyword, b"Raw profile type exif" | b"Raw profile type APP1"))?;
        raw_profile(&profile.unpacked(MAX_TEXT)).map(Cow::Owned)
    });
    block.map(|block| ExifData::parse(&block)).unwrap_or_default()
}
