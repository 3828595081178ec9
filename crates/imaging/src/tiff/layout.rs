//! What a directory says about its image: size, samples, colors, and where its strips or tiles are.

use super::chunks::{Chunks, Location};
use super::directory::Directory;
use super::source::Compression;
use super::tag;
use crate::ImagingError;
use crate::limits::DeclaredSize;

pub const FORMAT: &str = "TIFF";

/// Most samples of a pixel. Images of more bands are measurements, not pictures.
const MOST_SAMPLES: u64 = 64;

/// The description of one image.
#[derive(Debug)]
pub struct Layout<'a> {
    pub directory: Directory<'a>,
    pub width: u32,
    pub height: u32,
    pub samples: usize,
    pub bits: usize,
    pub sample_format: SampleFormat,
    pub photometric: Photometric,
    pub alpha: Alpha,
    pub compression: Compression,
    pub predictor: Predictor,
    /// Whether each sample has strips or tiles of its own.
    pub is_planar: bool,
    /// Whether the first pixel of a byte is in its lowest bit.
    pub is_fill_reversed: bool,
    /// Horizontal and vertical factor by which chroma is coarser than luma; 1 except for YCbCr.
    pub subsampling: (usize, usize),
    pub chunks: Chunks<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    Unsigned,
    Signed,
    Float,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Photometric {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    /// Inks: cyan, magenta, yellow and usually black.
    Separated,
    YCbCr,
    CieLab,
    IccLab,
}

/// What the first sample behind the colors is. Further ones are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpha {
    None,
    /// The colors are multiplied by it.
    Associated,
    Unassociated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predictor {
    None,
    /// Each sample is stored as its difference to the one on its left.
    Horizontal,
    /// The same for the bytes of numbers, the most significant bytes of a row first.
    FloatingPoint,
}

impl<'a> Layout<'a> {
    /// Reads the tags and checks that they describe an image of a kind that is supported.
    pub fn read(directory: Directory<'a>) -> Result<Self, ImagingError> {
        let width = dimension(&directory, tag::IMAGE_WIDTH)?;
        let height = dimension(&directory, tag::IMAGE_LENGTH)?;
        let samples = match samples_per_pixel(&directory) {
            samples @ 1..=MOST_SAMPLES => samples as usize,
            0 => return Err(ImagingError::damaged(FORMAT, "its pixels have no samples")),
            more => return Err(unsupported(format_args!("{more} samples a pixel"))),
        };
        let compression = Compression::of(directory.unsigned(tag::COMPRESSION).unwrap_or(1))?;
        let (bits, sample_format) = sample_type(&directory, samples)?;
        let photometric = photometric(&directory, samples, compression)?;
        let sample_format = match photometric {
            // Its kind says which of its samples are signed.
            Photometric::CieLab | Photometric::IccLab if sample_format == SampleFormat::Signed => {
                SampleFormat::Unsigned
            }
            _ => sample_format,
        };
        let is_planar = directory.unsigned(tag::PLANAR_CONFIGURATION) == Some(2) && samples > 1;
        let predictor = match directory.unsigned(tag::PREDICTOR).unwrap_or(1) {
            2 => Predictor::Horizontal,
            3 => Predictor::FloatingPoint,
            _ => Predictor::None,
        };
        let layout = Self {
            directory,
            width,
            height,
            samples,
            bits,
            sample_format,
            photometric,
            alpha: alpha(&directory, photometric, samples),
            compression,
            predictor,
            is_planar,
            is_fill_reversed: directory.unsigned(tag::FILL_ORDER) == Some(2),
            subsampling: subsampling(&directory, photometric)?,
            chunks: Chunks::read(&directory, width, height)?,
        };
        layout.check_colors()?;
        layout.check_predictor()?;
        Ok(layout)
    }

    /// What samples mean after decompression: JPEG and WebP decoders return RGB instead of YCbCr.
    pub fn decoded_photometric(&self) -> Photometric {
        if self.photometric == Photometric::YCbCr && self.compression.is_image_format() && !self.is_planar {
            Photometric::Rgb
        } else {
            self.photometric
        }
    }

    /// The horizontal predictor is undone at the depths at which libtiff defines it, and below eight bits; at others
    /// programs differ in what a difference is.
    fn check_predictor(&self) -> Result<(), ImagingError> {
        let is_float = self.sample_format == SampleFormat::Float;
        let is_defined = match self.predictor {
            Predictor::None => true,
            Predictor::Horizontal => matches!(self.bits, 1 | 2 | 4 | 8 | 16 | 32 | 64),
            Predictor::FloatingPoint => is_float,
        };
        if is_defined || !self.compression.has_predictor() {
            return Ok(());
        }
        let (predictor, kind) = match self.predictor {
            Predictor::FloatingPoint => ("floating-point", "whole-number samples"),
            _ => ("horizontal", "samples"),
        };
        Err(unsupported(format_args!(
            "the {predictor} predictor for {kind} of {} bits",
            self.bits
        )))
    }

    fn check_colors(&self) -> Result<(), ImagingError> {
        if self.samples < self.photometric.colors(self.samples) {
            return Err(ImagingError::damaged(
                FORMAT,
                format_args!("a pixel has {} samples, too few for its colors", self.samples),
            ));
        }
        let is_fine = match self.photometric {
            _ if self.compression.is_image_format() && self.bits != 8 => false,
            Photometric::YCbCr if self.compression.is_image_format() && self.is_planar => {
                self.subsampling == (1, 1)
            }
            Photometric::Palette => self.bits <= 16 && self.sample_format != SampleFormat::Float,
            Photometric::YCbCr => self.bits == 8,
            Photometric::CieLab | Photometric::IccLab => {
                matches!(self.bits, 8 | 16) && self.sample_format == SampleFormat::Unsigned
            }
            _ => true,
        };
        if is_fine {
            Ok(())
        } else {
            let (bits, colors) = (self.bits, self.photometric);
            Err(unsupported(format_args!(
                "{bits} bits a sample for {colors:?} colors"
            )))
        }
    }

    /// Number of chunks of one sample (planar) or of all samples.
    pub fn chunk_count(&self) -> usize {
        self.chunks.across as usize * self.chunks.down as usize
    }

    /// Samples of a pixel in a chunk.
    pub fn chunk_samples(&self) -> usize {
        if self.is_planar { 1 } else { self.samples }
    }

    /// Bytes of a row of `width` pixels of a chunk.
    pub fn row_bytes(&self, width: u32) -> u64 {
        (u64::from(width) * self.chunk_samples() as u64 * self.bits as u64).div_ceil(8)
    }

    /// Where the bytes of chunk `index` are. `expected` is the length of its contents.
    pub fn locate(&self, index: usize, expected: u64) -> Location<'a> {
        let expected = (self.compression == Compression::None).then_some(expected);
        self.chunks.locate(self.directory.file.bytes, index, expected)
    }

    /// The size for the check of limits, if decoding takes `bytes` besides the `channels` of the result.
    pub fn declared(&self, channels: u64, bytes: u64) -> DeclaredSize {
        let pixels = (u64::from(self.width) * u64::from(self.height)).max(1);
        // Gray is converted to RGB in a second buffer.
        let conversion = if channels < 3 { 3 } else { 0 };
        DeclaredSize {
            width: self.width,
            height: self.height,
            bytes_per_pixel: (channels + conversion).saturating_add(bytes.div_ceil(pixels)),
        }
    }
}

impl Photometric {
    /// Number of samples that are colors, of `samples`.
    pub fn colors(self, samples: usize) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Separated => samples.min(4),
            // The lightness alone is a gray image.
            Self::CieLab | Self::IccLab => samples.min(3),
        }
    }
}

fn dimension(directory: &Directory, tag: u16) -> Result<u32, ImagingError> {
    directory
        .small(tag)
        .filter(|&side| side > 0)
        .ok_or_else(|| ImagingError::damaged(FORMAT, "it does not say how wide and high it is"))
}

/// Bits and format of the samples, which must be the same for all.
fn sample_type(directory: &Directory, samples: usize) -> Result<(usize, SampleFormat), ImagingError> {
    let values = directory.values(tag::BITS_PER_SAMPLE);
    let bits = values.and_then(|values| values.unsigned(0)).unwrap_or(1);
    let is_uniform = values.is_none_or(|values| {
        (1..samples.min(values.len())).all(|index| values.unsigned(index) == Some(bits))
    });
    if !is_uniform {
        return Err(unsupported("samples of different depths"));
    }
    let format = match directory.unsigned(tag::SAMPLE_FORMAT).unwrap_or(1) {
        2 => SampleFormat::Signed,
        3 => SampleFormat::Float,
        5 | 6 => return Err(unsupported("complex numbers")),
        _ => SampleFormat::Unsigned,
    };
    match (format, bits) {
        (SampleFormat::Float, 16 | 32 | 64)
        | (SampleFormat::Signed, 8 | 16 | 32 | 64)
        | (SampleFormat::Unsigned, 1..=16 | 24 | 32 | 64) => Ok((bits as usize, format)),
        _ => Err(unsupported(format_args!("{bits} bits a sample"))),
    }
}

/// Without the tag, as many as there are depths or colors.
fn samples_per_pixel(directory: &Directory) -> u64 {
    const RGB: u64 = 2;
    const YCBCR: u64 = 6;
    let depths = directory
        .values(tag::BITS_PER_SAMPLE)
        .map_or(1, |values| values.len() as u64);
    directory
        .unsigned(tag::SAMPLES_PER_PIXEL)
        .unwrap_or(match directory.unsigned(tag::PHOTOMETRIC) {
            Some(RGB | YCBCR) => depths.max(3),
            _ => depths.max(1),
        })
}

fn photometric(
    directory: &Directory,
    samples: usize,
    compression: Compression,
) -> Result<Photometric, ImagingError> {
    let Some(number) = directory.unsigned(tag::PHOTOMETRIC) else {
        return Ok(if samples >= 3 {
            Photometric::Rgb
        } else if compression.is_fax() {
            Photometric::WhiteIsZero
        } else {
            Photometric::BlackIsZero
        });
    };
    Ok(match number {
        0 => Photometric::WhiteIsZero,
        // 4 is a mask: black where it hides.
        1 | 4 => Photometric::BlackIsZero,
        2 => Photometric::Rgb,
        3 => Photometric::Palette,
        5 if samples == 2 => return Err(unsupported("two inks")),
        5 => Photometric::Separated,
        6 => Photometric::YCbCr,
        8 => Photometric::CieLab,
        9 => Photometric::IccLab,
        32_803 | 34_892 => return Err(unsupported("sensor data of a camera")),
        32_844 | 32_845 => return Err(unsupported("logarithmic luminance (LogLuv)")),
        other => return Err(unsupported(format_args!("colors of kind {other}"))),
    })
}

/// Four samples of RGB without a word about the fourth are taken for RGB and alpha, as by other programs.
fn alpha(directory: &Directory, photometric: Photometric, samples: usize) -> Alpha {
    let colors = photometric.colors(samples);
    if samples <= colors {
        return Alpha::None;
    }
    match directory.unsigned(tag::EXTRA_SAMPLES) {
        Some(1) => Alpha::Associated,
        Some(2) => Alpha::Unassociated,
        None if photometric == Photometric::Rgb && samples == 4 => Alpha::Unassociated,
        _ => Alpha::None,
    }
}

fn subsampling(directory: &Directory, photometric: Photometric) -> Result<(usize, usize), ImagingError> {
    if photometric != Photometric::YCbCr {
        return Ok((1, 1));
    }
    let values = directory.values(tag::YCBCR_SUBSAMPLING);
    let factor = |index| values.map_or(Some(2), |values| values.unsigned(index));
    match (factor(0), factor(1)) {
        (Some(across @ (1 | 2 | 4)), Some(down @ (1 | 2 | 4))) => Ok((across as usize, down as usize)),
        _ => Err(ImagingError::damaged(FORMAT, "impossible subsampling of colors")),
    }
}

pub fn unsupported(feature: impl std::fmt::Display) -> ImagingError {
    ImagingError::unsupported_feature(FORMAT, feature)
}
