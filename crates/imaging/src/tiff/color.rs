//! Colors of 8-bit samples to gray, RGB or inks, with alpha.

use super::layout::{Alpha, Layout, Photometric};
use super::tag;
use crate::ImagingError;
use crate::lab::{LabKind, LabToSrgb};

/// Converts rows of pixels of one layout.
pub struct Converter {
    samples: usize,
    colors: Colors,
    alpha: Alpha,
}

enum Colors {
    Gray {
        is_inverted: bool,
    },
    Rgb,
    /// Cyan, magenta, yellow.
    Cmy,
    Cmyk {
        keeps_inks: bool,
    },
    Lab(Box<LabToSrgb>),
    /// RGB for each index.
    Palette(Vec<[u8; 3]>),
}

impl Converter {
    /// `keeps_inks`: whether CMYK without alpha stays as it is.
    pub fn new(layout: &Layout, keeps_inks: bool) -> Result<Self, ImagingError> {
        let lab = |kind| Colors::Lab(Box::new(LabToSrgb::new(kind)));
        let colors = match (layout.decoded_photometric(), layout.samples) {
            (Photometric::WhiteIsZero, _) | (Photometric::Separated, 1) => Colors::Gray { is_inverted: true },
            // The lightness of L*a*b* alone is gray.
            (Photometric::BlackIsZero, _) | (Photometric::CieLab | Photometric::IccLab, 1 | 2) => {
                Colors::Gray { is_inverted: false }
            }
            (Photometric::Rgb | Photometric::YCbCr, _) => Colors::Rgb,
            (Photometric::Palette, _) => Colors::Palette(palette(layout)?),
            (Photometric::Separated, 3) => Colors::Cmy,
            (Photometric::Separated, _) => Colors::Cmyk {
                keeps_inks: keeps_inks && layout.alpha == Alpha::None,
            },
            (Photometric::CieLab, _) => lab(LabKind::Cie),
            (Photometric::IccLab, _) => lab(LabKind::Icc),
        };
        Ok(Self {
            samples: layout.samples,
            colors,
            alpha: layout.alpha,
        })
    }

    /// Bytes of a pixel of the result: colors, and alpha if the image has one.
    pub fn channels(&self) -> usize {
        let colors = match self.colors {
            Colors::Gray { .. } => 1,
            Colors::Cmyk { keeps_inks: true } => 4,
            _ => 3,
        };
        colors + usize::from(self.alpha != Alpha::None)
    }

    /// Whether the samples are the result as they are.
    pub fn is_identity(&self) -> bool {
        let is_same = match self.colors {
            Colors::Gray { is_inverted } => !is_inverted,
            Colors::Rgb | Colors::Cmyk { keeps_inks: true } => true,
            _ => false,
        };
        is_same && self.alpha != Alpha::Associated && self.samples == self.channels()
    }

    /// Whether [`indices`](Self::indices) is to be called instead of [`convert`](Self::convert).
    pub fn is_indexed(&self) -> bool {
        matches!(self.colors, Colors::Palette(_))
    }

    /// Converts pixels of 8-bit samples.
    pub fn convert(&self, pixels: &[u8], result: &mut [u8]) {
        if self.is_identity() {
            return result.copy_from_slice(&pixels[..result.len()]);
        }
        match &self.colors {
            Colors::Gray { is_inverted: false } => self.each(pixels, result, |gray: [u8; 1]| gray),
            Colors::Gray { is_inverted: true } => self.each(pixels, result, |[gray]| [255 - gray]),
            Colors::Rgb => self.each(pixels, result, |rgb: [u8; 3]| rgb),
            Colors::Cmy => self.each(pixels, result, |inks: [u8; 3]| inks.map(|ink| 255 - ink)),
            Colors::Cmyk { keeps_inks: true } => self.each(pixels, result, |inks: [u8; 4]| inks),
            Colors::Cmyk { keeps_inks: false } => self.each(pixels, result, multiply_inks),
            Colors::Lab(lab) => self.each(pixels, result, |pixel| lab.convert(pixel)),
            Colors::Palette(_) => {}
        }
    }

    /// Converts pixels whose first sample is an index. The first sample behind it may be `bits` bits of
    /// alpha.
    pub fn indices(&self, pixels: &[u16], bits: usize, result: &mut [u8]) {
        let Colors::Palette(palette) = &self.colors else {
            return;
        };
        let greatest = (1_u32 << bits) - 1;
        let rows = pixels
            .chunks_exact(self.samples)
            .zip(result.chunks_exact_mut(self.channels()));
        for (pixel, result) in rows {
            let color = palette.get(usize::from(pixel[0])).copied().unwrap_or_default();
            result[..3].copy_from_slice(&color);
            if let Some(alpha) = result.get_mut(3) {
                *alpha = (u32::from(pixel[1]) * 255 / greatest) as u8;
            }
        }
    }

    /// Converts the colors, of which a pixel has `S` samples, and adds alpha.
    fn each<const S: usize, const N: usize>(
        &self,
        pixels: &[u8],
        result: &mut [u8],
        convert: impl Fn([u8; S]) -> [u8; N],
    ) {
        if self.alpha == Alpha::None && self.samples == S {
            // Sizes that are known beforehand are worth half of the time.
            let (pixels, _) = pixels.as_chunks::<S>();
            let (result, _) = result.as_chunks_mut::<N>();
            for (result, &pixel) in result.iter_mut().zip(pixels) {
                *result = convert(pixel);
            }
            return;
        }
        let rows = pixels
            .chunks_exact(self.samples)
            .zip(result.chunks_exact_mut(self.channels()));
        for (pixel, result) in rows {
            let Some((&colors, others)) = pixel.split_first_chunk::<S>() else {
                return;
            };
            let color = convert(colors);
            let alpha = others.first().copied().unwrap_or(255);
            let color = match self.alpha {
                Alpha::Associated => color.map(|value| divide_by_alpha(value, alpha)),
                Alpha::None | Alpha::Unassociated => color,
            };
            result[..N].copy_from_slice(&color);
            if self.alpha != Alpha::None {
                result[N] = alpha;
            }
        }
    }
}

/// CMYK to RGB by multiplication, as in browsers.
fn multiply_inks([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - u32::from(black);
    [cyan, magenta, yellow].map(|ink| (((255 - u32::from(ink)) * light + 127) / 255) as u8)
}

fn divide_by_alpha(value: u8, alpha: u8) -> u8 {
    if alpha == 0 {
        return 0;
    }
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * 255 + alpha / 2) / alpha).min(255) as u8
}

/// The colors of indices. They have 16 bits, but some writers store 8.
fn palette(layout: &Layout) -> Result<Vec<[u8; 3]>, ImagingError> {
    let missing = || ImagingError::damaged(super::layout::FORMAT, "its palette is missing");
    let values = layout.directory.values(tag::COLOR_MAP).ok_or_else(missing)?;
    let size = (1_usize << layout.bits).min(values.len() / 3);
    let value = |index| values.unsigned(index).unwrap_or(0) as u16;
    let has_8_bits = (0..3 * size).all(|index| value(index) < 256);
    let scaled = |index| {
        if has_8_bits {
            value(index) as u8
        } else {
            super::samples::round_to_8(value(index))
        }
    };
    if size == 0 {
        return Err(missing());
    }
    Ok((0..size)
        .map(|index| [index, index + size, index + 2 * size].map(scaled))
        .collect())
}
