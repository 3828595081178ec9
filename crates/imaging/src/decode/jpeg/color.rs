//! The meaning of the components of a JPEG image, and their conversion to RGB.

use super::segments::{Frame, Mode, Segments};
use crate::jpeg_scaled::ycbcr_to_rgb;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorModel {
    Gray,
    YCbCr,
    Rgb,
    /// With amounts of ink, or, as Adobe's programs write it, of white.
    Cmyk {
        is_inverted: bool,
    },
    /// Adobe's CMYK with the complements of the first three channels as YCbCr.
    Ycck,
}

impl ColorModel {
    /// As libjpeg decides: by JFIF's marker, then Adobe's, then the identifiers of the components.
    pub fn find(segments: &Segments, frame: &Frame) -> Self {
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        match (ids.as_slice(), segments.adobe_transform) {
            ([_], _) => Self::Gray,
            ([_, _, _], _) if segments.has_jfif => Self::YCbCr,
            ([_, _, _], Some(0)) | (b"RGB", None) => Self::Rgb,
            ([_, _, _], None) if frame.mode == Mode::Lossless => Self::Rgb,
            ([_, _, _], _) => Self::YCbCr,
            (_, None) => Self::Cmyk { is_inverted: false },
            (_, Some(0)) => Self::Cmyk { is_inverted: true },
            (_, Some(_)) => Self::Ycck,
        }
    }

    /// Converts one row. Each slice of `samples` has as many samples as `rgb` has pixels.
    pub fn write_row(self, samples: &[&[u8]], rgb: &mut [[u8; 3]]) {
        match (self, samples) {
            (Self::Gray, [gray, ..]) => {
                for (pixel, &gray) in rgb.iter_mut().zip(*gray) {
                    *pixel = [gray; 3];
                }
            }
            (Self::YCbCr, [y, cb, cr, ..]) => ycbcr_to_rgb(y, cb, cr, rgb),
            (Self::Rgb, [red, green, blue, ..]) => interleave(red, green, blue, rgb),
            (Self::Cmyk { is_inverted }, [cyan, magenta, yellow, black]) => {
                interleave(cyan, magenta, yellow, rgb);
                add_black(black, rgb, is_inverted);
            }
            (Self::Ycck, [y, cb, cr, black]) => {
                ycbcr_to_rgb(y, cb, cr, rgb);
                for pixel in rgb.iter_mut() {
                    *pixel = pixel.map(|value| 255 - value);
                }
                add_black(black, rgb, true);
            }
            _ => {}
        }
    }
}

fn interleave(first: &[u8], second: &[u8], third: &[u8], rgb: &mut [[u8; 3]]) {
    for ((pixel, &first), (&second, &third)) in rgb.iter_mut().zip(first).zip(second.iter().zip(third)) {
        *pixel = [first, second, third];
    }
}

/// From inks to RGB, by multiplication.
fn add_black(black: &[u8], rgb: &mut [[u8; 3]], is_inverted: bool) {
    let white = |ink: u8| u32::from(if is_inverted { ink } else { 255 - ink });
    for (pixel, &black) in rgb.iter_mut().zip(black) {
        *pixel = pixel.map(|ink| ((white(ink) * white(black) + 127) / 255) as u8);
    }
}
