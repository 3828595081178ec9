//! Floating-point samples.

use image::{DynamicImage, Rgb32FImage, RgbImage, RgbaImage};

use super::bands::{Band, Bands};
use super::layout::{Alpha, FORMAT, Layout, Photometric, unsupported};
use super::page::{Page, Pixels, damage_of};
use super::painter::{packing, scatter};
use crate::{DecodeLimits, ImagingError, pixels};

/// Floating-point samples are linear light. Values up to 1 are shown as they are, brighter scenes are tone
/// mapped.
pub fn decode(layout: &Layout, bands: &Bands, limits: &DecodeLimits) -> Result<Page, ImagingError> {
    /// Three numbers, an alpha value and the result.
    const BYTES_PER_PIXEL: u64 = 12 + 1 + 4;
    let colors = match layout.photometric {
        Photometric::BlackIsZero | Photometric::WhiteIsZero => 1,
        Photometric::Rgb => 3,
        other => {
            return Err(unsupported(format_args!(
                "floating-point numbers for {other:?} colors"
            )));
        }
    };
    let row = u64::from(layout.chunks.width.max(layout.width)) * layout.samples as u64 * 4;
    layout
        .declared(BYTES_PER_PIXEL, bands.memory() + row)
        .check(FORMAT, limits)?;
    let (width, height) = (layout.width, layout.height);
    let pixels = width as usize * height as usize;
    let mut scene = vec![0.0_f32; pixels * 3];
    let mut alphas = vec![255_u8; if layout.alpha == Alpha::None { 0 } else { pixels }];
    let mut samples = vec![0.0_f32; width as usize * layout.samples];
    let coverage = bands.for_each(|band| {
        for row in 0..band.rows {
            let start = (band.y as usize + row) * width as usize + band.x as usize;
            let samples = &mut samples[..band.width as usize * layout.samples];
            unpack_float_row(layout, band, row, samples);
            for (index, pixel) in samples.chunks_exact(layout.samples).enumerate() {
                let (color, alpha) = linear_color(layout, colors, pixel);
                scene[3 * (start + index)..3 * (start + index) + 3].copy_from_slice(&color);
                if let Some(stored) = alphas.get_mut(start + index) {
                    *stored = alpha;
                }
            }
        }
    });
    let damage = damage_of(layout, coverage)?;
    let shown = pixels::show_linear(Rgb32FImage::from_raw(width, height, scene).unwrap_or_default());
    let image = if alphas.is_empty() {
        DynamicImage::ImageRgb8(shown)
    } else {
        DynamicImage::ImageRgba8(with_alpha(&shown, &alphas))
    };
    Ok(Page {
        pixels: Pixels::Image(image),
        damage,
    })
}

/// RGB and alpha of a pixel with `colors` colors.
fn linear_color(layout: &Layout, colors: usize, pixel: &[f32]) -> ([f32; 3], u8) {
    let opacity = if layout.alpha == Alpha::None {
        1.0
    } else {
        pixel[colors].clamp(0.0, 1.0)
    };
    let color = std::array::from_fn(|channel| {
        let value = pixel[channel.min(colors - 1)];
        match (layout.photometric, layout.alpha) {
            (Photometric::WhiteIsZero, _) => 1.0 - value,
            (_, Alpha::Associated) if opacity > 0.0 => value / opacity,
            _ => value,
        }
    });
    (color, (opacity * 255.0 + 0.5) as u8)
}

fn unpack_float_row(layout: &Layout, band: &Band, row: usize, samples: &mut [f32]) {
    let packing = packing(layout);
    if !layout.is_planar {
        return packing.unpack_floats(&band.planes[0][row * band.row_bytes[0]..], samples);
    }
    let mut plane = vec![0.0; samples.len() / layout.samples];
    for (index, bytes) in band.planes.iter().enumerate() {
        packing.unpack_floats(&bytes[row * band.row_bytes[index]..], &mut plane);
        scatter(&plane, samples, index, layout.samples);
    }
}

fn with_alpha(image: &RgbImage, alphas: &[u8]) -> RgbaImage {
    let pixels = image.pixels().zip(alphas);
    let content = pixels.flat_map(|(pixel, &alpha)| {
        let [red, green, blue] = pixel.0;
        [red, green, blue, alpha]
    });
    RgbaImage::from_raw(image.width(), image.height(), content.collect()).unwrap_or_default()
}
