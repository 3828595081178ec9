//! The picture that is filled while a file is read.

use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

use super::layout::{Alpha, FORMAT, Layout};
use super::page::Pixels;
use crate::ImagingError;
use crate::reduced::{Original, SquareAverages};

/// The gray of pixels for which the file has no data.
pub const UNDECODED: u8 = 128;

/// The pixels of the result, which has the size of the image or is reduced.
pub enum Canvas {
    Full(FullCanvas),
    Reduced {
        averages: SquareAverages,
        /// Pixels that are about to be added.
        row: Vec<u8>,
        channels: usize,
        size: (u32, u32),
    },
}

/// The bytes of all pixels.
pub struct FullCanvas {
    width: u32,
    height: u32,
    channels: usize,
    content: Vec<u8>,
}

impl Canvas {
    pub fn new(layout: &Layout, channels: usize) -> Self {
        let pixels = layout.width as usize * layout.height as usize;
        let mut content = vec![background(layout); pixels * channels];
        if channels.is_multiple_of(2) && layout.alpha != Alpha::None {
            content
                .iter_mut()
                .skip(channels - 1)
                .step_by(channels)
                .for_each(|alpha| *alpha = 255);
        }
        Self::Full(FullCanvas {
            width: layout.width,
            height: layout.height,
            channels,
            content,
        })
    }

    /// A canvas for the averages of squares of `side` × `side` pixels, without alpha.
    pub fn reduced(layout: &Layout, original: &Original, side: u32) -> Self {
        let has_alpha = layout.alpha != Alpha::None;
        Self::Reduced {
            averages: SquareAverages::new(original, side, has_alpha, background(layout)),
            row: Vec::new(),
            channels: original.colors + usize::from(has_alpha),
            size: (original.width / side, original.height / side),
        }
    }

    /// All pixels, if they are kept.
    pub fn content(&mut self) -> Option<&mut [u8]> {
        match self {
            Self::Full(full) => Some(&mut full.content),
            Self::Reduced { .. } => None,
        }
    }

    /// Lets `paint` write the `width` pixels at (`x`, `y`).
    pub fn paint_row(&mut self, x: u32, y: u32, width: usize, paint: impl FnOnce(&mut [u8])) {
        match self {
            Self::Full(full) => paint(full.row(x, y, width)),
            Self::Reduced {
                averages,
                row,
                channels,
                ..
            } => {
                row.resize(width * *channels, 0);
                paint(row);
                averages.add(x, y, row);
            }
        }
    }

    /// The `pixels` pixels from row `y` on, if all pixels are kept.
    pub fn rows(&mut self, y: u32, pixels: usize) -> Option<&mut [u8]> {
        match self {
            Self::Full(full) => Some(full.row(0, y, pixels)),
            Self::Reduced { .. } => None,
        }
    }

    pub fn into_pixels(self, are_inks: bool) -> Result<Pixels, ImagingError> {
        match self {
            Self::Full(full) => full.into_pixels(are_inks),
            Self::Reduced {
                averages,
                channels: 4,
                size: (width, height),
                ..
            } if are_inks => Ok(Pixels::Inks {
                width,
                height,
                inks: averages.into_samples(),
            }),
            Self::Reduced { averages, .. } => averages
                .into_image()
                .map(Pixels::Image)
                .ok_or_else(wrong_number_of_pixels),
        }
    }
}

/// The gray of pixels for which the file has no data; a fax is white there.
fn background(layout: &Layout) -> u8 {
    if layout.bits == 1 { 255 } else { UNDECODED }
}

fn wrong_number_of_pixels() -> ImagingError {
    ImagingError::damaged(FORMAT, "wrong number of pixels")
}

impl FullCanvas {
    /// `width` pixels at (`x`, `y`).
    fn row(&mut self, x: u32, y: u32, width: usize) -> &mut [u8] {
        let start = (y as usize * self.width as usize + x as usize) * self.channels;
        &mut self.content[start..start + width * self.channels]
    }

    fn into_pixels(self, are_inks: bool) -> Result<Pixels, ImagingError> {
        let (width, height, content) = (self.width, self.height, self.content);
        if are_inks && self.channels == 4 {
            return Ok(Pixels::Inks {
                width,
                height,
                inks: content,
            });
        }
        let image = match self.channels {
            1 => GrayImage::from_raw(width, height, content).map(DynamicImage::ImageLuma8),
            2 => GrayAlphaImage::from_raw(width, height, content).map(DynamicImage::ImageLumaA8),
            3 => RgbImage::from_raw(width, height, content).map(DynamicImage::ImageRgb8),
            _ => RgbaImage::from_raw(width, height, content).map(DynamicImage::ImageRgba8),
        };
        image.map(Pixels::Image).ok_or_else(wrong_number_of_pixels)
    }
}
