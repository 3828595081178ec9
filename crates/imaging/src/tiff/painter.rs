//! Unpacks bands of samples and converts their colors.

use super::bands::Band;
use super::canvas::Canvas;
use super::color::Converter;
use super::directory::ByteOrder;
use super::layout::{Layout, Photometric, Predictor, SampleFormat};
use super::samples::Packing;
use super::ycbcr::YCbCrToRgb;

/// Converts bands of whole-number samples.
pub struct Painter<'a> {
    layout: &'a Layout<'a>,
    converter: &'a Converter,
    packing: Packing,
    samples: Vec<u8>,
    plane: Vec<u8>,
    indices: Vec<u16>,
}

impl<'a> Painter<'a> {
    pub fn new(layout: &'a Layout, converter: &'a Converter) -> Self {
        Self {
            layout,
            converter,
            packing: packing(layout),
            samples: Vec::new(),
            plane: Vec::new(),
            indices: Vec::new(),
        }
    }

    pub fn paint(&mut self, canvas: &mut Canvas, band: &Band) {
        let row_bits = band.chunk_width as usize * self.layout.samples * self.layout.bits;
        let is_seamless = row_bits.is_multiple_of(8) && !self.layout.is_planar;
        if is_seamless && band.width == self.layout.width && band.chunk_width == band.width {
            // The rows of a strip follow one another in the result too.
            let pixels = band.rows * band.width as usize;
            if let Some(result) = canvas.rows(band.y, pixels) {
                let bytes = &band.planes[0][..band.rows * band.row_bytes[0]];
                return self.paint_pixels(bytes, result, pixels);
            }
        }
        let width = band.width as usize;
        for row in 0..band.rows {
            canvas.paint_row(band.x, band.y + row as u32, width, |result| {
                if self.layout.is_planar {
                    self.paint_planes(band, row, result, width);
                } else {
                    self.paint_pixels(&band.planes[0][row * band.row_bytes[0]..], result, width);
                }
            });
        }
    }

    /// Converts `count` pixels whose samples are side by side.
    fn paint_pixels(&mut self, bytes: &[u8], result: &mut [u8], count: usize) {
        let samples = count * self.layout.samples;
        if self.converter.is_indexed() {
            self.indices.resize(samples, 0);
            self.packing.unpack_indices(bytes, &mut self.indices);
            self.converter.indices(&self.indices, self.layout.bits, result);
        } else if self.layout.bits == 8 && self.layout.sample_format == SampleFormat::Unsigned {
            self.converter.convert(&bytes[..samples], result);
        } else {
            self.samples.resize(samples, 0);
            self.packing.unpack_to_8_bits(bytes, &mut self.samples);
            self.converter.convert(&self.samples, result);
        }
    }

    /// Converts a row of `width` pixels whose samples are in planes.
    fn paint_planes(&mut self, band: &Band, row: usize, result: &mut [u8], width: usize) {
        let samples = self.layout.samples;
        if self.converter.is_indexed() {
            self.indices.resize(width * samples, 0);
            let mut plane = vec![0_u16; width];
            for (index, bytes) in band.planes.iter().enumerate() {
                self.packing
                    .unpack_indices(&bytes[row * band.row_bytes[index]..], &mut plane);
                scatter(&plane, &mut self.indices, index, samples);
            }
            self.converter.indices(&self.indices, self.layout.bits, result);
            return;
        }
        self.samples.resize(width * samples, 0);
        self.plane.resize(width, 0);
        for (index, bytes) in band.planes.iter().enumerate() {
            let bytes = &bytes[row * band.row_bytes[index]..];
            self.packing.unpack_to_8_bits(bytes, &mut self.plane);
            scatter(&self.plane, &mut self.samples, index, samples);
        }
        self.converter.convert(&self.samples, result);
    }
}

pub fn scatter<T: Copy>(plane: &[T], samples: &mut [T], index: usize, stride: usize) {
    for (sample, &value) in samples.iter_mut().skip(index).step_by(stride).zip(plane) {
        *sample = value;
    }
}

/// The predictor of floating point numbers leaves them in big-endian order.
pub fn packing(layout: &Layout) -> Packing {
    let is_big = layout.predictor == Predictor::FloatingPoint && layout.sample_format == SampleFormat::Float;
    Packing {
        bits: layout.bits,
        format: layout.sample_format,
        order: if is_big {
            ByteOrder::Big
        } else {
            layout.directory.file.order
        },
        // L*a*b* of 16 bits is that of 8 bits with a fraction, in which a* and b* may be signed.
        drops_fraction: matches!(layout.photometric, Photometric::CieLab | Photometric::IccLab),
    }
}

/// Converts a band of YCbCr: blocks of luma samples with one Cb and one Cr each.
pub fn paint_ycbcr(layout: &Layout, colors: &YCbCrToRgb, canvas: &mut Canvas, band: &Band) {
    let (across, down) = layout.subsampling;
    let block_bytes = across * down + layout.samples - 1;
    for row in 0..band.rows {
        for line in 0..down {
            let y = band.y + (row * down + line) as u32;
            if y >= layout.height {
                break;
            }
            canvas.paint_row(band.x, y, band.width as usize, |result| {
                let (pixels, _) = result.as_chunks_mut::<3>();
                for (x, pixel) in pixels.iter_mut().enumerate() {
                    let block = x / across;
                    *pixel = if layout.is_planar {
                        let start = row * band.row_bytes[0] + line * band.chunk_width as usize;
                        let chroma = |plane: usize| band.planes[plane][row * band.row_bytes[plane] + block];
                        colors.convert(band.planes[0][start + x], chroma(1), chroma(2))
                    } else {
                        let start = row * band.row_bytes[0] + block * block_bytes;
                        let block = &band.planes[0][start..start + block_bytes];
                        let luma = block[line * across + x % across];
                        colors.convert(luma, block[across * down], block[across * down + 1])
                    };
                }
            });
        }
    }
}
