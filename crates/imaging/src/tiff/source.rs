//! The decompressed bytes of one strip or tile, as a stream.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use flate2::{Decompress, FlushDecompress, Status};
use image_webp::WebPDecoder;
use weezl::{BitOrder, LzwStatus};

use super::ccitt::{CcittReader, Coding};
use super::chunks::Location;
use super::jpeg;
use super::layout::{FORMAT, Layout, unsupported};
use super::lzw::LzwReader;
use super::packbits::PackBitsReader;
use super::tag;
use crate::ImagingError;

/// Most memory for the history of Zstandard, beyond what libtiff's levels of compression use.
pub const ZSTD_WINDOW: u64 = 64 << 20;
/// The largest window that libzstd decodes on every machine, as the logarithm of its bytes.
const ZSTD_MAX_WINDOW_LOG: u32 = 30;

/// A decompressed image, row by row, whose rows may be longer or shorter than asked for.
pub struct PixelBuffer {
    pub content: Vec<u8>,
    pub row_bytes: usize,
}

/// The compressions of TIFF files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    ModifiedHuffman { alignment: usize },
    Group3,
    Group4,
    Lzw,
    OldJpeg,
    Jpeg,
    Deflate,
    PackBits,
    Zstd,
    WebP,
}

impl Compression {
    pub fn of(number: u64) -> Result<Self, ImagingError> {
        Ok(match number {
            1 => Self::None,
            2 => Self::ModifiedHuffman { alignment: 8 },
            3 => Self::Group3,
            4 => Self::Group4,
            5 => Self::Lzw,
            6 => Self::OldJpeg,
            7 => Self::Jpeg,
            8 | 32_946 => Self::Deflate,
            32_771 => Self::ModifiedHuffman { alignment: 16 },
            32_773 => Self::PackBits,
            34_925 | 50_002..=50_003 => return Err(unsupported("LZMA or JPEG XL compression")),
            33_003 | 33_004 | 33_005 | 34_712 => return Err(unsupported("JPEG 2000 compression")),
            50_000 => Self::Zstd,
            50_001 => Self::WebP,
            other => return Err(unsupported(format_args!("compression of kind {other}"))),
        })
    }

    /// Whether a chunk is an image file of its own, which is decompressed as a whole.
    pub fn is_image_format(self) -> bool {
        matches!(self, Self::OldJpeg | Self::Jpeg | Self::WebP)
    }

    /// Whether a predictor may have been applied before it: only before general compressions.
    pub fn has_predictor(self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstd)
    }

    /// Whether it is one of fax machines.
    pub fn is_fax(self) -> bool {
        matches!(self, Self::ModifiedHuffman { .. } | Self::Group3 | Self::Group4)
    }

    /// Bytes that decompression keeps per byte of a chunk.
    pub fn memory_per_byte(self) -> u64 {
        match self {
            // The samples, and the coefficients of a progressive JPEG or the planes of a WebP.
            Self::OldJpeg | Self::Jpeg | Self::WebP => 3,
            Self::Zstd => 1,
            _ => 0,
        }
    }
}

/// What a chunk is, for its decompression.
#[derive(Debug, Clone, Copy)]
pub struct ChunkShape {
    pub width: u32,
    pub height: u32,
    /// Samples of a pixel in this chunk.
    pub samples: usize,
    /// Bytes of a row.
    pub row_bytes: usize,
}

/// A stream of decompressed bytes.
pub enum Source<'a> {
    /// Sparse files leave chunks out that are zero.
    Zeros,
    Bytes(&'a [u8]),
    PackBits(PackBitsReader<'a>),
    Lzw(LzwReader<'a>),
    OldLzw(Box<weezl::decode::Decoder>, &'a [u8]),
    Deflate(Decompress, &'a [u8]),
    Zstd(Box<dyn Read + 'a>),
    Ccitt(Box<CcittReader<'a>>, usize),
    Pixels {
        buffer: PixelBuffer,
        row_bytes: usize,
        row: usize,
    },
}

/// The compressed bytes, with the order of bits reversed where the file says so.
pub fn stored_bytes<'a>(layout: &Layout, compression: Compression, location: Location<'a>) -> Cow<'a, [u8]> {
    match location {
        Location::Bytes(bytes) if layout.is_fill_reversed && !compression.is_image_format() => {
            bytes.iter().map(|byte| byte.reverse_bits()).collect()
        }
        Location::Bytes(bytes) => Cow::Borrowed(bytes),
        Location::Sparse | Location::Missing => Cow::Borrowed(&[]),
    }
}

impl<'a> Source<'a> {
    /// The contents of a chunk with the compressed `bytes`.
    pub fn open(
        layout: &Layout,
        compression: Compression,
        bytes: &'a [u8],
        shape: ChunkShape,
    ) -> Result<Self, ImagingError> {
        let pixels = u64::from(shape.width) * u64::from(shape.height);
        let from_pixels = |buffer| Self::Pixels {
            buffer,
            row_bytes: shape.row_bytes,
            row: 0,
        };
        Ok(match compression {
            Compression::None => Self::Bytes(bytes),
            Compression::PackBits => Self::PackBits(PackBitsReader::new(bytes)),
            Compression::Lzw if is_old_lzw(bytes) => Self::OldLzw(Box::new(old_lzw_decoder()), bytes),
            Compression::Lzw => Self::Lzw(LzwReader::new(bytes)),
            Compression::Deflate => Self::Deflate(Decompress::new(true), bytes),
            Compression::Zstd => Self::Zstd(zstd(bytes, shape)?),
            Compression::ModifiedHuffman { .. } | Compression::Group3 | Compression::Group4 => {
                if layout.bits != 1 || shape.samples != 1 {
                    return Err(unsupported("fax compression of colors"));
                }
                let reader = CcittReader::new(bytes, coding(layout, compression), shape.width);
                Self::Ccitt(Box::new(reader), shape.row_bytes)
            }
            Compression::Jpeg => from_pixels(jpeg::decode_chunk(layout, bytes, shape.samples, pixels)?),
            Compression::OldJpeg => from_pixels(jpeg::decode_old(layout, pixels)?),
            Compression::WebP => from_pixels(webp(bytes, shape.samples, pixels)?),
        })
    }

    /// Fills `buffer` as far as there are data and returns the number of bytes. The buffer's length must be
    /// a multiple of the row's.
    pub fn fill(&mut self, buffer: &mut [u8]) -> usize {
        match self {
            Self::Zeros => {
                buffer.fill(0);
                buffer.len()
            }
            Self::Bytes(rest) => {
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                *rest = &rest[count..];
                count
            }
            Self::PackBits(reader) => reader.fill(buffer),
            Self::Lzw(reader) => reader.fill(buffer),
            Self::OldLzw(decoder, rest) => fill_from_old_lzw(decoder, rest, buffer),
            Self::Deflate(decoder, rest) => fill_from_deflate(decoder, rest, buffer),
            Self::Zstd(reader) => fill_from_reader(reader.as_mut(), buffer),
            Self::Ccitt(reader, row_bytes) => {
                let rows = buffer.chunks_exact_mut(*row_bytes);
                rows.map_while(|row| reader.read_row(row).then_some(*row_bytes))
                    .sum()
            }
            Self::Pixels {
                buffer: pixels,
                row_bytes,
                row,
            } => {
                let rows = buffer.chunks_exact_mut(*row_bytes);
                rows.map_while(|target| {
                    let start = *row * pixels.row_bytes;
                    let source = pixels.content.get(start..start + pixels.row_bytes)?;
                    let count = source.len().min(target.len());
                    target[..count].copy_from_slice(&source[..count]);
                    *row += 1;
                    Some(*row_bytes)
                })
                .sum()
            }
        }
    }
}

/// Before TIFF 6.0, codes were stored from the lowest bit: such data begin with the bytes 0 and 1.
fn is_old_lzw(bytes: &[u8]) -> bool {
    matches!(*bytes, [0, second, ..] if second & 1 == 1)
}

fn old_lzw_decoder() -> weezl::decode::Decoder {
    weezl::decode::Configuration::new(BitOrder::Lsb, 8)
        .with_yield_on_full_buffer(true)
        .build()
}

fn fill_from_old_lzw(decoder: &mut weezl::decode::Decoder, rest: &mut &[u8], buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < buffer.len() {
        let result = decoder.decode_bytes(rest, &mut buffer[filled..]);
        *rest = &rest[result.consumed_in..];
        filled += result.consumed_out;
        let goes_on = matches!(result.status, Ok(LzwStatus::Ok));
        if !goes_on || result.consumed_in + result.consumed_out == 0 {
            break;
        }
    }
    filled
}

fn fill_from_deflate(decoder: &mut Decompress, rest: &mut &[u8], buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < buffer.len() {
        let (before_in, before_out) = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(rest, &mut buffer[filled..], FlushDecompress::None);
        let consumed = (decoder.total_in() - before_in) as usize;
        let produced = (decoder.total_out() - before_out) as usize;
        *rest = &rest[consumed..];
        filled += produced;
        if !matches!(status, Ok(Status::Ok)) || consumed + produced == 0 {
            break;
        }
    }
    filled
}

fn fill_from_reader(reader: &mut dyn Read, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => break,
            Ok(count) => filled += count,
        }
    }
    filled
}

/// A frame in one segment declares its whole content, here of `shape`, as its history.
fn zstd(bytes: &[u8], shape: ChunkShape) -> Result<Box<dyn Read + '_>, ImagingError> {
    let damaged = |error| ImagingError::damaged(FORMAT, error);
    let window = ZSTD_WINDOW.max(shape.row_bytes as u64 * u64::from(shape.height));
    let mut decoder = zstd::Decoder::with_buffer(bytes).map_err(damaged)?;
    let log = window.next_power_of_two().ilog2().min(ZSTD_MAX_WINDOW_LOG);
    decoder.window_log_max(log).map_err(damaged)?;
    Ok(Box::new(decoder))
}

fn coding(layout: &Layout, compression: Compression) -> Coding {
    const TWO_DIMENSIONAL: u64 = 1;
    match compression {
        Compression::ModifiedHuffman { alignment } => Coding::ModifiedHuffman { alignment },
        Compression::Group4 => Coding::Group4,
        _ => {
            let options = layout.directory.unsigned(tag::T4_OPTIONS).unwrap_or(0);
            Coding::Group3 {
                is_2d: options & TWO_DIMENSIONAL != 0,
            }
        }
    }
}

fn webp(bytes: &[u8], samples: usize, pixels: u64) -> Result<PixelBuffer, ImagingError> {
    let damaged = |error: &dyn std::fmt::Display| ImagingError::damaged(FORMAT, error);
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > pixels || !matches!(samples, 3 | 4) {
        return Err(damaged(&"a WebP strip does not match the image"));
    }
    decoder.set_memory_limit(usize::try_from(pixels.saturating_mul(8)).unwrap_or(usize::MAX));
    let stored = if decoder.has_alpha() { 4 } else { 3 };
    let mut content = vec![0; width as usize * height as usize * stored];
    decoder
        .read_image(&mut content)
        .map_err(|error| damaged(&error))?;
    if stored != samples {
        content = content
            .chunks_exact(stored)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255].into_iter().take(samples))
            .collect();
    }
    Ok(PixelBuffer {
        row_bytes: width as usize * samples,
        content,
    })
}
