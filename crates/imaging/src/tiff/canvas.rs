//! The picture that is filled while a file is read.

use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

use super::layout::{Alpha, FORMAT, Layout};
use super::page::Pixels;
use crate::ImagingError;

/// The gray of pixels for which the file has no data; a fax is white there.
pub const UNDECODED: u8 = 128;

/// The bytes of the result.
pub struct Canvas {
    width: u32,
    height: u32,
    channels: usize,
    pub content: Vec<u8>,
}

impl Canvas {
    pub fn new(layout: &Layout, channels: usize) -> Self {
        let pixels = layout.width as usize * layout.height as usize;
        let background = if layout.bits == 1 { 255 } else { UNDECODED };
        let mut content = vec![background; pixels * channels];
        if channels.is_multiple_of(2) && layout.alpha != Alpha::None {
            content
                .iter_mut()
                .skip(channels - 1)
                .step_by(channels)
                .for_each(|alpha| *alpha = 255);
        }
        Self {
            width: layout.width,
            height: layout.height,
            channels,
            content,
        }
    }

    /// `width` pixels at (`x`, `y`).
    pub fn row(&mut self, x: u32, y: u32, width: usize) -> &mut [u8] {
        let start = (y as usize * self.width as usize + x as usize) * self.channels;
        &mut self.content[start..start + width * self.channels]
    }

    pub fn into_pixels(self, are_inks: bool) -> Result<Pixels, ImagingError> {
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
        image
            .map(Pixels::Image)
            .ok_or_else(|| ImagingError::damaged(FORMAT, "wrong number of pixels"))
    }
}
