//! From the bytes of a file to an image: recognizes the format, decodes, applies orientation and reads
//! metadata.

use std::panic::{AssertUnwindSafe, catch_unwind};

use eidetic_domain::{ImageFormat, Metadata};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::classify::{format_of, other_content, unsupported_content};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::jpeg_scaled::DecodeSize;
use crate::metadata::xmp_orientation;
use crate::{DecodeLimits, DecodedImage, ImagingError, orientation, pixels};

mod animation;
mod avif;
mod bmp;
mod gif;
mod heif;
mod ico;
mod jp2;
pub mod jpeg;
mod jpeg_inks;
mod jxl;
mod padded;
mod png;
mod psd;
mod raster;
mod raw;
mod svg;
mod tga;
mod tiff;
mod webp;

/// The result of a format's decoder: pixels as stored, what their values mean, and the file's EXIF data.
///
/// Decoders leave conversion to sRGB, transparency and orientation to [`decode`].
struct Unoriented {
    image: DynamicImage,
    color: ColorSpace,
    exif: ExifData,
    /// What is wrong with the file, if it is damaged and yet shows something.
    damage: Option<String>,
}

/// The result of a decoder that returns another size than the full one.
struct Scaled {
    unoriented: Unoriented,
    /// Size of the full image as stored.
    full_size: (u32, u32),
}

impl From<Unoriented> for Scaled {
    fn from(unoriented: Unoriented) -> Self {
        Self {
            full_size: (unoriented.image.width(), unoriented.image.height()),
            unoriented,
        }
    }
}

/// How a format is decoded at a half, a quarter or an eighth of its size.
struct ScaledDecoder {
    /// Bytes that decoding takes at its peak, from the header alone; none where it cannot be tried.
    memory: fn(&[u8], DecodeSize) -> Option<u64>,
    /// None where the full decoder is needed.
    decode: fn(&[u8], &DecodeLimits, DecodeSize) -> Option<Scaled>,
}

/// Decodes a page at a reduced size that is within the limits, though the full size is not; none where that is impossible.
/// Only TIFF files have other pages than 0.
type ReducedDecoder = fn(&[u8], usize, &DecodeLimits) -> Option<Scaled>;

type FullDecoder = fn(&[u8], &DecodeLimits) -> Result<Unoriented, ImagingError>;

/// A supported format. A new format is a row of [`FORMATS`] and a variant of [`ImageFormat`].
struct Format {
    id: ImageFormat,
    /// As commonly written, for messages.
    name: &'static str,
    decode: Decoder,
    scaled: Option<ScaledDecoder>,
    reduced: Option<ReducedDecoder>,
}

enum Decoder {
    /// Of pictures made of pixels.
    Pixels(FullDecoder),
    /// Of drawings, whose size in pixels is chosen.
    Drawing(fn(&[u8], &DecodeLimits) -> Result<Scaled, ImagingError>),
}

const FORMATS: &[Format] = &[
    row(ImageFormat::Jpeg, "JPEG", jpeg::decode)
        .with(jpeg::SCALED)
        .or_reduced(|bytes, _, limits| jpeg::decode_reduced(bytes, limits)),
    row(ImageFormat::Png, "PNG", png::decode)
        .or_reduced(|bytes, _, limits| png::decode_reduced(bytes, limits)),
    row(ImageFormat::Gif, "GIF", gif::decode),
    row(ImageFormat::WebP, "WebP", webp::decode)
        .with(webp::SCALED)
        .or_reduced(|bytes, _, limits| webp::decode_reduced(bytes, limits)),
    row(ImageFormat::Heif, "HEIC", heif::decode)
        .with(heif::SCALED)
        .or_reduced(|bytes, _, limits| heif::decode_reduced("HEIC", bytes, limits)),
    row(ImageFormat::Avif, "AVIF", avif::decode)
        .with(avif::SCALED)
        .or_reduced(|bytes, _, limits| heif::decode_reduced("AVIF", bytes, limits)),
    row(ImageFormat::Jxl, "JPEG XL", jxl::decode)
        .or_reduced(|bytes, _, limits| jxl::decode_reduced(bytes, limits)),
    row(ImageFormat::Jp2, "JPEG 2000", jp2::decode)
        .or_reduced(|bytes, _, limits| jp2::decode_reduced(bytes, limits)),
    row(ImageFormat::Raw, "raw camera", raw::decode)
        .with(raw::SCALED)
        .or_reduced(|bytes, _, limits| raw::decode_reduced(bytes, limits)),
    row(ImageFormat::Psd, "Photoshop", psd::decode),
    row(ImageFormat::Bmp, "BMP", bmp::decode),
    row(ImageFormat::Tiff, "TIFF", |bytes, limits| {
        tiff::decode(bytes, 0, limits)
    })
    .or_reduced(tiff::decode_reduced),
    row(ImageFormat::Qoi, "QOI", |bytes, limits| {
        raster::decode(ImageFormat::Qoi, bytes, limits)
    }),
    row(ImageFormat::Ico, "ICO", ico::decode),
    row(ImageFormat::Pnm, "PNM", |bytes, limits| {
        raster::decode(ImageFormat::Pnm, bytes, limits)
    }),
    row(ImageFormat::Tga, "TGA", tga::decode),
    row(ImageFormat::Hdr, "HDR", |bytes, limits| {
        raster::decode(ImageFormat::Hdr, bytes, limits)
    }),
    Format {
        id: ImageFormat::Svg,
        name: "SVG",
        decode: Decoder::Drawing(svg::decode),
        scaled: None,
        reduced: None,
    },
];

const fn row(format: ImageFormat, name: &'static str, decode: FullDecoder) -> Format {
    Format {
        id: format,
        name,
        decode: Decoder::Pixels(decode),
        scaled: None,
        reduced: None,
    }
}

impl Format {
    const fn with(mut self, scaled: ScaledDecoder) -> Self {
        self.scaled = Some(scaled);
        self
    }

    const fn or_reduced(mut self, reduced: ReducedDecoder) -> Self {
        self.reduced = Some(reduced);
        self
    }

    /// Decodes a page of a file, of formats without pages the first one.
    fn decode(&self, bytes: &[u8], page: usize, limits: &DecodeLimits) -> Result<Scaled, ImagingError> {
        let unoriented = match self.decode {
            Decoder::Drawing(decode) => return decode(bytes, limits),
            Decoder::Pixels(_) if page > 0 => tiff::decode(bytes, page, limits),
            Decoder::Pixels(decode) => decode(bytes, limits),
        }?;
        Ok(unoriented.into())
    }

    /// The same; a page that is not within `limits` at a size that is, where that is possible.
    fn decode_or_reduce(
        &self,
        bytes: &[u8],
        page: usize,
        limits: &DecodeLimits,
    ) -> Result<Scaled, ImagingError> {
        match self.decode(bytes, page, limits) {
            Err(error @ ImagingError::TooLarge { .. }) => {
                let reduced = self.reduced.and_then(|decode| decode(bytes, page, limits));
                reduced.ok_or(error)
            }
            other => other,
        }
    }

    /// The format of a whole file.
    fn of(bytes: &[u8]) -> Option<&'static Self> {
        let format = format_of(bytes)?;
        FORMATS.iter().find(|row| row.id == format)
    }
}

/// Decodes one whole file, whatever its name, to upright 8-bit RGB.
///
/// - EXIF orientation is applied (JPEG, PNG `eXIf`, WebP `EXIF`, TIFF tag), transparency is composited on
///   white, 16 bits become 8, CMYK and Adobe's inverted CMYK become RGB by multiplication, as in browsers.
///   Radiance HDR is tone-mapped. The first frame of an animation and the largest icon of an icon file are
///   taken.
/// - Colors become sRGB: ICC profiles, code points of ITU-T H.273 (CICP, nclx), PNG's `gAMA`, `cHRM` and
///   `cICP`, EXIF's Adobe RGB. A broken profile is ignored. PQ and HLG are tone-mapped. See
///   `docs/decisions/0035-formats-and-colors.md`.
/// - A truncated or damaged JPEG is decoded as far as possible, the rest gray; it is
///   [`ImagingError::Damaged`] only if no pixel can be decoded.
/// - Other formats likewise; [`DecodedImage::damage`] says what is missing. Of TIFF the first page is taken
///   that is not a reduced version of another.
/// - SVG is drawn with its longer side at 512 to 2,048 pixels, without text; the metadata have its natural size.
/// - An image of more than 50 million pixels is returned at half its size, and one that is beyond `limits` at the
///   greatest size within them, where its format allows it; the metadata have its full size.
/// - No memory is allocated for pixels before the declared size has been checked against `limits`.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedImage, ImagingError> {
    decode_page(bytes, 0, limits)
}

/// Number of pages of a TIFF file; 1 for every other file, whatever it is.
pub fn page_count(bytes: &[u8]) -> usize {
    match format_of(bytes) {
        Some(ImageFormat::Tiff) => tiff::page_count(bytes),
        _ => 1,
    }
}

/// Like [`decode`], for page `page` of a TIFF file, counted from 0. Other files have only page 0.
pub fn decode_page(bytes: &[u8], page: usize, limits: &DecodeLimits) -> Result<DecodedImage, ImagingError> {
    if bytes.len() as u64 > limits.file_bytes {
        return Err(ImagingError::file_too_large(bytes.len() as u64, limits));
    }
    let format = Format::of(bytes).ok_or_else(|| unsupported(bytes))?;
    if page > 0 && format.id != ImageFormat::Tiff {
        return Err(ImagingError::damaged(
            format.name,
            format_args!("it has no page {}", page + 1),
        ));
    }
    let Scaled {
        unoriented,
        full_size,
    } = catch_panics(format.id, || format.decode_or_reduce(bytes, page, limits))?;
    let Unoriented {
        image,
        color,
        exif,
        damage,
    } = unoriented;
    let exif = with_xmp_orientation(format.id, bytes, exif);
    let rgb = pixels::halve_if_huge(color.to_srgb(image));
    Ok(DecodedImage {
        damage,
        ..oriented(format.id, rgb, full_size, exif)
    })
}

/// Like [`decode`], but at a half, a quarter or an eighth of the size where that suffices for `size` and is
/// faster.
///
/// Images whose embeddings are compared must be decoded with the same `size`: then equal files have equal
/// pixels.
pub fn decode_at_least(
    bytes: &[u8],
    limits: &DecodeLimits,
    size: DecodeSize,
) -> Result<DecodedImage, ImagingError> {
    decode_scaled(bytes, limits, size).map_or_else(|| decode(bytes, limits), Ok)
}

/// The fast path of [`decode_at_least`]: decodes at a smaller size, or returns none where [`decode`] is
/// needed, which says nothing about whether the file is valid. Takes the memory that [`scaled_memory`]
/// returns.
pub fn decode_scaled(bytes: &[u8], limits: &DecodeLimits, size: DecodeSize) -> Option<DecodedImage> {
    let format = Format::of(bytes)?;
    let decoder = format.scaled.as_ref()?;
    let memory = (decoder.memory)(bytes, size)?;
    if bytes.len() as u64 > limits.file_bytes || memory > limits.memory {
        return None;
    }
    let decode = || Ok((decoder.decode)(bytes, limits, size));
    let Scaled {
        unoriented,
        full_size,
    } = catch_panics(format.id, decode).ok()??;
    let Unoriented {
        image, color, exif, ..
    } = unoriented;
    let exif = with_xmp_orientation(format.id, bytes, exif);
    Some(oriented(format.id, color.to_srgb(image), full_size, exif))
}

/// Bytes that [`decode_scaled`] takes at its peak, from the header alone; none where it cannot be tried.
pub fn scaled_memory(bytes: &[u8], size: DecodeSize) -> Option<u64> {
    (Format::of(bytes)?.scaled.as_ref()?.memory)(bytes, size)
}

/// Bytes that [`decode`] takes at its peak within `limits`, from the header alone; the limit where the header does not tell.
pub fn full_memory(bytes: &[u8], limits: &DecodeLimits) -> u64 {
    // Every decoder checks the declared size before it allocates pixels, and says what it would take.
    let no_pixels = DecodeLimits { pixels: 0, ..*limits };
    let refused = Format::of(bytes).map(|row| catch_panics(row.id, || row.decode(bytes, 0, &no_pixels)));
    match refused {
        Some(Err(ImagingError::TooLarge {
            memory: Some(memory), ..
        })) => memory.min(limits.memory),
        _ => limits.memory,
    }
}

/// Takes the orientation from XMP where EXIF has none. (HEIF has its own, which its readers apply.)
fn with_xmp_orientation(format: ImageFormat, bytes: &[u8], exif: ExifData) -> ExifData {
    let may_be_in_xmp = matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP);
    if exif.orientation.is_some() || !may_be_in_xmp {
        return exif;
    }
    ExifData {
        orientation: xmp_orientation(bytes).and_then(Orientation::from_exif),
        ..exif
    }
}

/// The last resort against bugs in decoders: a panic fails one file.
///
/// Decoders share no state between files, so that nothing is left inconsistent.
fn catch_panics<T>(
    format: ImageFormat,
    decode: impl FnOnce() -> Result<T, ImagingError>,
) -> Result<T, ImagingError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ImagingError::damaged(format_name(format), "the decoder panicked")))
}

/// Applies orientation. `full_size` is the size of the full image as stored, whatever the size of `image`.
fn oriented(format: ImageFormat, image: RgbImage, full_size: (u32, u32), exif: ExifData) -> DecodedImage {
    let orientation = exif.orientation.unwrap_or(Orientation::NoTransforms);
    let (width, height) = if orientation::swaps_sides(orientation) {
        (full_size.1, full_size.0)
    } else {
        full_size
    };
    DecodedImage {
        image: orientation::apply_orientation(image, orientation),
        metadata: Metadata {
            width,
            height,
            format,
            taken: exif.taken,
            camera: exif.camera,
            position: exif.position,
        },
        damage: None,
    }
}

fn unsupported(bytes: &[u8]) -> ImagingError {
    let reason = if bytes.is_empty() {
        "the file is empty".to_owned()
    } else if let Some(reason) = unsupported_content(bytes) {
        reason.to_owned()
    } else if let Some(content) = other_content(bytes) {
        format!("the file is {content}, not an image")
    } else {
        "unknown image format".to_owned()
    };
    ImagingError::Unsupported(reason)
}

/// Whether versions before 0.2 returned other pixels for a file: they applied no color profiles, read the orientation from
/// fewer places, and mistook some kinds of JPEG and TIFF. The first bytes of a JPEG file, up to its first scan, suffice.
///
/// Images for which this holds are embedded again by the first run that reads them with this version.
pub fn decodes_differently(bytes: &[u8]) -> bool {
    let differs = |format| match format {
        ImageFormat::Jpeg => {
            jpeg::color_space(bytes).differs_from_srgb()
                || jpeg::has_separate_components(bytes)
                || is_turned_by_xmp(bytes, &jpeg::exif(bytes))
        }
        ImageFormat::Png => {
            let exif = png::exif(bytes);
            png::color_space(bytes).differs_from_srgb()
                || is_turned(exif.orientation)
                || is_turned_by_xmp(bytes, &exif)
        }
        ImageFormat::WebP => {
            webp::color_space(bytes).differs_from_srgb() || is_turned_by_xmp(bytes, &webp::exif(bytes))
        }
        ImageFormat::Tiff => tiff::color_space(bytes).differs_from_srgb() || tiff::has_extra_samples(bytes),
        _ => false,
    };
    let Some(format) = format_of(bytes) else {
        return false;
    };
    catch_panics(format, || Ok(differs(format))).unwrap_or(false)
}

fn is_turned(orientation: Option<Orientation>) -> bool {
    orientation.is_some_and(|orientation| orientation != Orientation::NoTransforms)
}

fn is_turned_by_xmp(bytes: &[u8], exif: &ExifData) -> bool {
    exif.orientation.is_none() && is_turned(xmp_orientation(bytes).and_then(Orientation::from_exif))
}

/// The format's name as commonly written.
fn format_name(format: ImageFormat) -> &'static str {
    let row = FORMATS.iter().find(|row| row.id == format);
    row.map_or("image", |row| row.name)
}
