//! JPEG decoding at an eighth, a quarter or half of the size.
//!
//! A full decode spends its time on the inverse transform of every block and on millions of pixels. Here
//! each block yields 1, 4 or 16 samples, and the codes of finer coefficients are skipped, several per table
//! look-up. Only the common kinds of file are supported: sequential or progressive mode, Huffman codes, 8
//! bits, grayscale or YCbCr, and no irregularity up to the last bit. All other files, damaged ones above all, are left to the
//! full decoder, whose result counts. See `docs/decisions/0012-scaled-decode.md`.

use image::RgbImage;

use crate::exif::ExifData;

mod bit_reader;
mod entropy;
mod header;
mod huffman;
mod idct;
mod progressive;
mod scan;
mod ycbcr;

use header::{AfterHeader, Frame, JpegHeader};
use scan::Plane;

pub use bit_reader::BitReader;
pub use header::{Component, ZIGZAG, end_of_data, find_marker};
pub use huffman::{HuffmanTable, TableClass};
#[cfg(test)]
pub use idct::weights as idct_weights;
pub use progressive::{AcBand, MAX_SCANS};
pub use ycbcr::row_to_rgb as ycbcr_to_rgb;

/// The least size at which an image is decoded: [`decode_at_least`](crate::decode_at_least) may shrink it
/// down to this.
///
/// Images are never enlarged: one that is smaller keeps its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeSize {
    /// Pixels of the shorter side.
    pub short_side: u32,
    /// Pixels of the longer side.
    pub long_side: u32,
}

impl DecodeSize {
    /// The size of the file.
    pub const FULL: Self = Self {
        short_side: u32::MAX,
        long_side: u32::MAX,
    };

    /// Sufficient for a thumbnail whose longer side has `long_side` pixels.
    pub const fn for_thumbnail(long_side: u32) -> Self {
        Self {
            short_side: 1,
            long_side,
        }
    }

    /// Sufficient for a model that resizes the shorter side to `side` pixels, and for a stored thumbnail.
    /// `None` for a model that reads every pixel.
    pub const fn for_model(side: Option<u32>) -> Self {
        match side {
            None => Self::FULL,
            Some(side) => Self {
                short_side: side.saturating_mul(3).div_ceil(2),
                long_side: crate::ThumbnailStore::LONG_SIDE,
            },
        }
    }
}

/// Factor by which a decode shrinks the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Half,
    Quarter,
    Eighth,
}

impl Scale {
    /// From the least factor to the greatest.
    pub const ALL: [Self; 3] = [Self::Half, Self::Quarter, Self::Eighth];

    /// The smallest scale at which an image of `width` × `height` pixels has at least `size`.
    pub fn for_size(width: usize, height: usize, size: DecodeSize) -> Option<Self> {
        let suffices = |scale: &Self| {
            let (width, height) = (scale.scaled(width), scale.scaled(height));
            width.min(height) >= size.short_side as usize && width.max(height) >= size.long_side as usize
        };
        Self::ALL.into_iter().rev().find(suffices)
    }

    /// Length of a side at this scale. The part of a last block that does not fill a pixel is dropped.
    pub fn scaled(self, side: usize) -> usize {
        side * self.samples_per_block() / 8
    }

    /// Samples across a block of luminance.
    fn samples_per_block(self) -> usize {
        match self {
            Self::Half => 4,
            Self::Quarter => 2,
            Self::Eighth => 1,
        }
    }
}

/// The result of a scaled decode.
pub struct ScaledImage {
    /// The pixels as stored, before orientation.
    pub image: RgbImage,
    /// Width and height of the full image as stored.
    pub full_size: (u32, u32),
    pub exif: ExifData,
}

/// The smallest scale at which the image has at least `size`, from the header alone.
pub fn scale_for_size(bytes: &[u8], size: DecodeSize) -> Option<Scale> {
    let frame = read_frame(bytes)?;
    Scale::for_size(frame.width, frame.height, size)
}

/// Decodes `bytes` at `scale`. None if the image has more than `max_pixels`, or if the file has to be decoded in full.
pub fn decode(bytes: &[u8], max_pixels: u64, scale: Scale) -> Option<ScaledImage> {
    let (mut header, mut position) = (JpegHeader::default(), 2);
    bytes.strip_prefix(&[0xFF, 0xD8])?;
    let AfterHeader::Scan(mut scan) = header.read(bytes, &mut position)? else {
        return None;
    };
    let frame = header.frame.clone()?;
    let is_supported = frame.components.len() == 1 || header.is_ycbcr();
    if frame.width as u64 * frame.height as u64 > max_pixels || !is_supported {
        return None;
    }
    let mut planes = scan::allocate_planes(&frame, scale)?;
    if frame.is_progressive {
        progressive::decode(&mut header, scan, &mut planes, bytes, position)?;
    } else {
        loop {
            scan::decode_scan(&header, &scan.components, &mut planes, bytes, &mut position)?;
            match header.read(bytes, &mut position)? {
                AfterHeader::Scan(next) => scan = next,
                AfterHeader::EndOfImage => break,
            }
        }
    }
    if !planes.iter().all(|plane| plane.is_decoded) {
        return None;
    }
    Some(ScaledImage {
        image: to_rgb(&frame, scale, &planes)?,
        full_size: (frame.width as u32, frame.height as u32),
        exif: header.exif.map(ExifData::parse).unwrap_or_default(),
    })
}

/// Bytes that [`decode`] takes at its peak if it supports the file, from the header alone; none if nothing would be left.
pub fn memory(bytes: &[u8], scale: Scale) -> Option<u64> {
    /// Three planes, RGB, and RGB once more to apply orientation.
    const BYTES_PER_PIXEL: u64 = 9;
    let frame = read_frame(bytes)?;
    let coefficients = if frame.is_progressive {
        progressive::coefficient_bytes(&frame, scale)?
    } else {
        0
    };
    let pixels = scale.scaled(frame.width) as u64 * scale.scaled(frame.height) as u64;
    (pixels > 0).then_some(pixels * BYTES_PER_PIXEL + coefficients)
}

fn read_frame(bytes: &[u8]) -> Option<Frame> {
    let mut header = JpegHeader::default();
    bytes.strip_prefix(&[0xFF, 0xD8])?;
    header.read(bytes, &mut 2)?;
    header.frame
}

fn to_rgb(frame: &Frame, scale: Scale, planes: &[Plane]) -> Option<RgbImage> {
    let (width, height) = (scale.scaled(frame.width), scale.scaled(frame.height));
    let mut image = RgbImage::new(width as u32, height as u32);
    let (pixels, _) = image.as_chunks_mut::<3>();
    for (y, row) in pixels.chunks_exact_mut(width).enumerate() {
        let range = |plane: &'_ Plane| y * plane.stride..y * plane.stride + width;
        match planes {
            [gray] => {
                let samples = gray.samples.get(range(gray))?;
                row.iter_mut()
                    .zip(samples)
                    .for_each(|(pixel, &level)| *pixel = [level; 3]);
            }
            [y, cb, cr] => ycbcr::row_to_rgb(
                y.samples.get(range(y))?,
                cb.samples.get(range(cb))?,
                cr.samples.get(range(cr))?,
                row,
            ),
            _ => return None,
        }
    }
    Some(image)
}
