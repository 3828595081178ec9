//! BMP, also of OS/2 2, whose longer header the image crate refuses. The common kind is read here, five times as fast.

use std::borrow::Cow;

use eidetic_domain::ImageFormat;
use image::{DynamicImage, RgbImage};

use super::{Unoriented, raster};
use crate::color::ColorSpace;
use crate::exif::ExifData;
use crate::limits::DeclaredSize;
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "BMP";

const FILE_HEADER: usize = 14;
const INFO_HEADER: usize = 40;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let bytes = with_info_header(bytes)?;
    let Some(plain) = PlainRows::find(&bytes) else {
        return raster::decode(ImageFormat::Bmp, &bytes, limits);
    };
    plain.declared.check(FORMAT, limits)?;
    Ok(Unoriented {
        image: DynamicImage::ImageRgb8(plain.image()),
        color: ColorSpace::Srgb,
        exif: ExifData::default(),
        damage: None,
    })
}

/// The rows of a whole file with 24 bits a pixel, no compression and the header of Windows 3, which knows no profiles.
struct PlainRows<'a> {
    declared: DeclaredSize,
    rows: &'a [u8],
    /// Bytes from one row to the next.
    stride: usize,
    is_top_down: bool,
}

impl<'a> PlainRows<'a> {
    fn find(bytes: &'a [u8]) -> Option<Self> {
        const BITS: [u8; 2] = [24, 0];
        let number = |at: usize| Some(i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let is_plain = bytes.starts_with(b"BM")
            && number(14)? == INFO_HEADER as i32
            && bytes.get(28..30)? == BITS
            && number(30)? == 0;
        let (width, height) = (number(18)?, number(22)?);
        if !is_plain || width <= 0 || height == 0 {
            return None;
        }
        let (width, lines) = (width.unsigned_abs(), height.unsigned_abs());
        let stride = (width as usize).checked_mul(3)?.next_multiple_of(4);
        let length = stride.checked_mul(lines as usize)?;
        Some(Self {
            declared: DeclaredSize {
                width,
                height: lines,
                bytes_per_pixel: 3,
            },
            rows: bytes.get(usize::try_from(number(10)?).ok()?..)?.get(..length)?,
            stride,
            is_top_down: height < 0,
        })
    }

    fn image(&self) -> RgbImage {
        let (width, height) = (self.declared.width, self.declared.height);
        let mut image = RgbImage::new(width, height);
        let (pixels, _) = image.as_chunks_mut::<3>();
        for (y, target) in pixels.chunks_exact_mut(width as usize).enumerate() {
            let line = if self.is_top_down {
                y
            } else {
                height as usize - 1 - y
            };
            let (row, _) = self.rows[line * self.stride..].as_chunks::<3>();
            for (pixel, &[blue, green, red]) in target.iter_mut().zip(row) {
                *pixel = [red, green, blue];
            }
        }
        image
    }
}

/// The same file with the header of Windows 3. OS/2 2 has 64 bytes, of which the first 40 are the same, or
/// as many of them as a writer needs.
fn with_info_header(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ImagingError> {
    let header = match bytes.get(FILE_HEADER..FILE_HEADER + 4) {
        Some(&[size @ (16 | 64), 0, 0, 0]) => bytes.get(FILE_HEADER..FILE_HEADER + usize::from(size)),
        _ => return Ok(Cow::Borrowed(bytes)),
    };
    let header = header.ok_or_else(|| ImagingError::truncated(FORMAT))?;
    check_compression(header)?;
    let mut file = bytes[..FILE_HEADER].to_vec();
    file.extend(&header[..header.len().min(INFO_HEADER)]);
    file.resize(FILE_HEADER + INFO_HEADER, 0);
    file[FILE_HEADER] = INFO_HEADER as u8;
    file.extend(&bytes[FILE_HEADER + header.len()..]);
    let pixels = u32::from_le_bytes([file[10], file[11], file[12], file[13]]);
    let moved = i64::from(pixels) + INFO_HEADER as i64 - header.len() as i64;
    let moved = u32::try_from(moved).map_err(|_| ImagingError::damaged(FORMAT, "invalid structure"))?;
    file[10..FILE_HEADER].copy_from_slice(&moved.to_le_bytes());
    Ok(Cow::Owned(file))
}

/// 3 and 4 are not what they are in Windows.
fn check_compression(header: &[u8]) -> Result<(), ImagingError> {
    match header.get(16) {
        Some(3) => Err(ImagingError::unsupported_feature(
            FORMAT,
            "Huffman compression of OS/2",
        )),
        Some(4) => Err(ImagingError::unsupported_feature(
            FORMAT,
            "24-bit run lengths of OS/2",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use image::codecs::bmp::BmpEncoder;

    fn picture() -> RgbImage {
        RgbImage::from_fn(5, 3, |x, y| Rgb([(40 * x) as u8, (90 * y) as u8, 7]))
    }

    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        let (width, height) = picture().dimensions();
        BmpEncoder::new(&mut bytes)
            .encode(&picture(), width, height, image::ExtendedColorType::Rgb8)
            .expect("encoding into memory");
        bytes
    }

    fn decoded(bytes: &[u8]) -> Option<RgbImage> {
        let decoded = decode(bytes, &DecodeLimits::default()).ok()?;
        Some(decoded.image.into_rgb8())
    }

    #[test]
    fn plain_rows_are_read_either_way() {
        let upward = file();
        assert!(PlainRows::find(&upward).is_some_and(|rows| rows.image() == picture()));
        let mut downward = upward;
        downward[22..26].copy_from_slice(&(-3_i32).to_le_bytes());
        let mut turned = picture();
        image::imageops::flip_vertical_in_place(&mut turned);
        assert_eq!(decoded(&downward), Some(turned));
    }

    #[test]
    fn truncated_rows_are_left_to_the_crate() {
        let whole = file();
        let cut = &whole[..whole.len() - 20];
        assert!(PlainRows::find(cut).is_none());
        assert!(decoded(cut).is_some());
        for length in 0..60 {
            let _ = decoded(&whole[..length]);
        }
    }

    #[test]
    fn declared_size_is_checked() {
        let limits = DecodeLimits {
            pixels: 14,
            ..DecodeLimits::default()
        };
        let refused = decode(&file(), &limits).map(|decoded| decoded.image.width());
        assert!(matches!(refused, Err(ImagingError::TooLarge { .. })));
    }
}
