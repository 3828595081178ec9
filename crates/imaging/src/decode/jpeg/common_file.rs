//! Files of the common kind, which zune-jpeg decodes.

use image::{DynamicImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace as Coded;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::UNDECODED;
use super::coefficients::{Grid, has_all_restarts};
use super::color::ColorModel;
use super::segments::{Mode, Segments};
use crate::color::ColorSpace;
use crate::damage;
use crate::decode::Unoriented;
use crate::exif::ExifData;
use crate::limits::DeclaredSize;

/// A file with one scan in sequential mode, with Huffman codes, 8 bits, in gray or YCbCr.
pub struct CommonFile {
    pub declared: DeclaredSize,
    /// One or three.
    pub components: usize,
    exif: ExifData,
}

/// What of a file must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// All of it.
    Whole,
    /// Any part.
    Part,
}

impl CommonFile {
    /// None for a file of another kind.
    pub fn find(bytes: &[u8]) -> Option<Self> {
        let mut segments = Segments::new(bytes);
        let scan = segments.next_scan().ok()??;
        let frame = segments.frame.as_ref()?;
        let is_common_sampling = match frame.components.as_slice() {
            [_] => true,
            [first, others @ ..] => {
                first.horizontal <= 2
                    && first.vertical <= 2
                    && others
                        .iter()
                        .all(|component| (component.horizontal, component.vertical) == (1, 1))
            }
            [] => false,
        };
        let grid = Grid::of_scan(frame, &scan, 8);
        let is_common = frame.mode == Mode::Sequential
            && !frame.is_arithmetic
            && frame.precision == 8
            && frame.height > 0
            && scan.components.len() == frame.components.len()
            && matches!(
                ColorModel::find(&segments, frame),
                ColorModel::Gray | ColorModel::YCbCr
            )
            && matches!(segments.adobe_transform, None | Some(1))
            && is_common_sampling
            && has_all_restarts(
                bytes,
                segments.position,
                segments.restart_interval,
                grid.columns * grid.rows,
            );
        is_common.then(|| Self {
            declared: DeclaredSize {
                width: frame.width as u32,
                height: frame.height as u32,
                bytes_per_pixel: 3,
            },
            components: frame.components.len(),
            exif: segments.exif.map(ExifData::parse).unwrap_or_default(),
        })
    }

    /// The image in RGB; none if less is there than `strictness` asks for.
    pub fn decode(&self, bytes: &[u8], strictness: Strictness) -> Option<Unoriented> {
        let pixels = self.samples(bytes, Coded::RGB, strictness)?;
        let image = RgbImage::from_raw(self.declared.width, self.declared.height, pixels)?;
        Some(Unoriented {
            image: DynamicImage::ImageRgb8(image),
            color: ColorSpace::of_jpeg(bytes, &self.exif),
            exif: self.exif.clone(),
            damage: (strictness == Strictness::Part).then(damage::of_unknown_part),
        })
    }

    /// The pixels of a whole file in RGB.
    pub fn rgb(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.samples(bytes, Coded::RGB, Strictness::Whole)
    }

    /// The components as they are, side by side, of a whole file.
    pub fn stored(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let stored = match self.components {
            1 => Coded::Luma,
            _ => Coded::YCbCr,
        };
        self.samples(bytes, stored, Strictness::Whole)
    }

    fn samples(&self, bytes: &[u8], wanted: Coded, strictness: Strictness) -> Option<Vec<u8>> {
        let options = DecoderOptions::default()
            .set_strict_mode(strictness == Strictness::Whole)
            .set_max_width(usize::MAX)
            .set_max_height(usize::MAX)
            .jpeg_set_out_colorspace(wanted);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().ok()?;
        let info = decoder.info()?;
        let (width, height) = (u32::from(info.width), u32::from(info.height));
        if (width, height) != (self.declared.width, self.declared.height) {
            return None;
        }
        let channels = wanted.num_components();
        // Zeros cost nothing until they are written, and a strict decoder writes all pixels or fails.
        let background = match strictness {
            Strictness::Whole => 0,
            Strictness::Part => UNDECODED,
        };
        let mut pixels = vec![background; self.declared.pixels() as usize * channels];
        decoder.decode_into(&mut pixels).ok()?;
        Some(pixels)
    }
}
