//! Conversion of all sample types to 8-bit RGB, and tone mapping.

use image::{DynamicImage, Rgb, Rgb32FImage, RgbImage};

use crate::limits::HALVE_ABOVE_PIXELS;

/// 8-bit RGB, with transparency composited on white. 8-bit RGB and RGBA are converted in place.
///
/// The common kinds are converted here: the image crate's general conversion goes through floating point, which takes ten
/// times as long.
pub fn to_rgb(image: DynamicImage) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let pixels = match image {
        DynamicImage::ImageRgb8(rgb) => return rgb,
        DynamicImage::ImageLuma8(gray) => each_pixel(&gray, |[gray]: [u8; 1]| [gray; 3]),
        DynamicImage::ImageLumaA8(gray) => each_pixel(&gray, |[gray, alpha]| [blend(gray, alpha); 3]),
        DynamicImage::ImageLuma16(gray) => each_pixel(&gray, |[gray]: [u16; 1]| [round_to_8(gray); 3]),
        DynamicImage::ImageRgb16(rgb) => each_pixel(&rgb, |rgb: [u16; 3]| rgb.map(round_to_8)),
        with_alpha if with_alpha.color().has_alpha() => {
            composite_on_white(with_alpha.into_rgba8().into_raw())
        }
        other => return other.into_rgb8(),
    };
    RgbImage::from_raw(width, height, pixels).unwrap_or_default()
}

/// The pixels of `N` samples each, converted to RGB.
fn each_pixel<T: Copy, const N: usize>(samples: &[T], convert: impl Fn([T; N]) -> [u8; 3]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<N>();
    let mut rgb = vec![0; 3 * pixels.len()];
    let (results, _) = rgb.as_chunks_mut::<3>();
    for (result, &pixel) in results.iter_mut().zip(pixels) {
        *result = convert(pixel);
    }
    rgb
}

/// 16 bits to 8, rounded to nearest, as the image crate does.
fn round_to_8(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}

/// Composites RGBA on white. The result overwrites the beginning of the buffer.
fn composite_on_white(mut pixels: Vec<u8>) -> Vec<u8> {
    let count = pixels.len() / 4;
    for index in 0..count {
        let Some(&[red, green, blue, alpha]) = pixels.get(4 * index..).and_then(|rest| rest.first_chunk())
        else {
            break;
        };
        let color = match alpha {
            u8::MAX => [red, green, blue],
            _ => [red, green, blue].map(|value| blend(value, alpha)),
        };
        pixels[3 * index..3 * index + 3].copy_from_slice(&color);
    }
    pixels.truncate(3 * count);
    pixels.shrink_to_fit();
    pixels
}

/// `value` composited on white, rounded to nearest.
pub fn blend(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

/// Halves images of more than [`HALVE_ABOVE_PIXELS`] in place, by averaging. An odd last row or column is
/// dropped.
pub fn halve_if_huge(image: RgbImage) -> RgbImage {
    if u64::from(image.width()) * u64::from(image.height()) <= HALVE_ABOVE_PIXELS
        || image.width().min(image.height()) < 2
    {
        return image;
    }
    halve(image)
}

fn halve(image: RgbImage) -> RgbImage {
    let (stride, width, height) = (image.width() as usize * 3, image.width() / 2, image.height() / 2);
    let mut pixels = image.into_raw();
    let mut written = 0;
    for y in 0..height as usize {
        for x in 0..width as usize {
            for channel in 0..3 {
                let corner = 2 * y * stride + 6 * x + channel;
                let sum: u16 = [corner, corner + 3, corner + stride, corner + stride + 3]
                    .into_iter()
                    .map(|at| u16::from(pixels[at]))
                    .sum();
                pixels[written] = ((sum + 2) / 4) as u8;
                written += 1;
            }
        }
    }
    pixels.truncate(written);
    pixels.shrink_to_fit();
    RgbImage::from_raw(width, height, pixels).unwrap_or_default()
}

/// Linear light as sRGB: as it is if no value is above 1, and tone mapped if one is.
pub fn show_linear(scene: Rgb32FImage) -> RgbImage {
    /// Rounding by writers may take white a little above 1.
    const WHITE: f32 = 1.001;
    if scene.iter().any(|&value| value > WHITE) {
        return tone_map(&scene);
    }
    let (width, height) = scene.dimensions();
    let pixels = scene.into_raw().into_iter().map(srgb_encode).collect();
    RgbImage::from_raw(width, height, pixels).unwrap_or_default()
}

/// Tone mapping of scene luminance: Reinhard's global operator ("Photographic tone reproduction for digital
/// images", 2002, equations 1, 2 and 4), then the sRGB curve. The log-average luminance becomes middle
/// gray, the greatest becomes white.
pub fn tone_map(scene: &Rgb32FImage) -> RgbImage {
    const MIDDLE_GRAY: f32 = 0.18;
    let (average, greatest) = luminance_range(scene);
    let exposure = MIDDLE_GRAY / average;
    let white = (greatest * exposure).max(1.0);
    RgbImage::from_fn(scene.width(), scene.height(), |x, y| {
        let pixel = scene.get_pixel(x, y);
        let scaled = luminance(pixel) * exposure;
        let gain = exposure * (1.0 + scaled / (white * white)) / (1.0 + scaled);
        Rgb(pixel.0.map(|value| srgb_encode(clamp_finite(value) * gain)))
    })
}

/// The log-average and the greatest luminance.
fn luminance_range(scene: &Rgb32FImage) -> (f32, f32) {
    const MINIMUM: f32 = 1e-6;
    let mut logarithms = 0.0_f64;
    let mut greatest = MINIMUM;
    for pixel in scene.pixels() {
        let value = luminance(pixel).max(MINIMUM);
        logarithms += f64::from(value.ln());
        greatest = greatest.max(value);
    }
    let count = f64::from(scene.width()) * f64::from(scene.height());
    ((logarithms / count.max(1.0)).exp() as f32, greatest)
}

fn luminance(pixel: &Rgb<f32>) -> f32 {
    let [r, g, b] = pixel.0.map(clamp_finite);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Replaces NaN, negative and infinite values, which files may contain.
fn clamp_finite(value: f32) -> f32 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1e9)
    }
}

/// The sRGB code (IEC 61966-2-1) of a linear value in 0..=1.
pub fn srgb_encode(linear: f32) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let code = if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    };
    (code * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{LumaA, Rgba, RgbaImage};

    #[test]
    fn transparency_becomes_white() {
        let rgba = RgbaImage::from_raw(3, 1, vec![10, 20, 30, 0, 10, 20, 30, 255, 0, 0, 0, 128])
            .expect("three pixels");
        let rgb = to_rgb(DynamicImage::ImageRgba8(rgba));
        assert_eq!(rgb.into_raw(), [255, 255, 255, 10, 20, 30, 127, 127, 127]);
    }

    #[test]
    fn gray_alpha_and_16_bits_keep_values() {
        let gray = image::ImageBuffer::from_pixel(2, 1, LumaA([0x8080_u16, 0xFFFF]));
        assert_eq!(to_rgb(DynamicImage::ImageLumaA16(gray)).into_raw(), [128; 6]);
        let deep = image::ImageBuffer::from_pixel(1, 1, Rgba([0xFFFF_u16, 0, 0x8080, 0xFFFF]));
        assert_eq!(to_rgb(DynamicImage::ImageRgba16(deep)).into_raw(), [255, 0, 128]);
    }

    #[test]
    fn samples_are_rounded_as_by_the_crate() {
        use image::{GrayAlphaImage, GrayImage, ImageBuffer, Luma};
        let gray = GrayImage::from_fn(256, 1, |x, _| Luma([x as u8]));
        let opaque = GrayAlphaImage::from_fn(256, 1, |x, _| image::LumaA([x as u8, 255]));
        let deep = ImageBuffer::from_fn(256, 256, |x, y| Luma([(x + 256 * y) as u16]));
        let color = ImageBuffer::from_fn(256, 1, |x, _| Rgb([x as u16 * 257, 40_000 + x as u16, 77]));
        for image in [
            DynamicImage::ImageLuma8(gray),
            DynamicImage::ImageLumaA8(opaque),
            DynamicImage::ImageLuma16(deep),
            DynamicImage::ImageRgb16(color),
        ] {
            assert!(to_rgb(image.clone()) == image.to_rgb8(), "{:?}", image.color());
        }
    }

    #[test]
    fn halve_averages_four_pixels() {
        let image = RgbImage::from_fn(5, 3, |x, y| Rgb([(x * 10) as u8, (y * 10) as u8, 7]));
        let half = halve(image);
        assert_eq!(half.dimensions(), (2, 1));
        assert_eq!(half.into_raw(), [5, 5, 7, 25, 5, 7]);
    }

    #[test]
    fn tone_map_is_monotonic_and_total() {
        let values = [0.0, 0.01, 0.1, 1.0, 10.0, 1000.0, f32::NAN, f32::INFINITY, -3.0];
        let scene = Rgb32FImage::from_fn(9, 1, |x, _| Rgb([values[x as usize]; 3]));
        let shown: Vec<u8> = tone_map(&scene).pixels().map(|pixel| pixel.0[0]).collect();
        assert!(shown[..6].is_sorted(), "{shown:?}");
        assert_eq!((shown[6], shown[7], shown[8]), (0, 255, 0));
    }

    #[test]
    fn uniform_scene_becomes_middle_gray() {
        let scene = Rgb32FImage::from_pixel(4, 4, Rgb([37.0; 3]));
        let shown = tone_map(&scene);
        // Linear 0.18 · (1 + 0.18) / (1 + 0.18) is code 118.
        assert_eq!(shown.get_pixel(0, 0), &Rgb([118; 3]));
    }
}
