//! Conversion of whole images to 8-bit sRGB on white.

use image::{DynamicImage, RgbImage};

use super::hdr::Hdr;
use super::profile::{Channels, Profile};
use crate::pixels::{self, blend};

/// Pixels converted at a time: their copies stay in the cache.
const RUN: usize = 4096;

/// An image of samples that the profile is not for, such as gray ones of an RGB profile, is converted without it.
pub fn with_profile(profile: &Profile, image: DynamicImage) -> RgbImage {
    let is_gray = !image.color().has_color();
    match profile.channels() {
        Channels::Gray => gray_with_profile(profile, image),
        Channels::Three if !is_gray || profile.serves_gray() => three_with_profile(profile, image),
        Channels::Three | Channels::Inks => pixels::to_rgb(image),
    }
}

fn three_with_profile(profile: &Profile, image: DynamicImage) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let deep = match image {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => {
            let mut rgb = pixels::to_rgb(image);
            convert_rgb8(profile, &mut rgb);
            return rgb;
        }
        DynamicImage::ImageLumaA8(_) | DynamicImage::ImageRgba8(_) => {
            let mut rgba = image.into_rgba8();
            convert_rgba8(profile, &mut rgba);
            return pixels::to_rgb(DynamicImage::ImageRgba8(rgba));
        }
        deep => deep,
    };
    let pixels = if deep.color().has_alpha() {
        convert_deep::<4>(profile, deep.into_rgba16().as_raw())
    } else {
        convert_deep::<3>(profile, deep.into_rgb16().as_raw())
    };
    RgbImage::from_raw(width, height, pixels).unwrap_or_default()
}

fn convert_rgb8(profile: &Profile, samples: &mut [u8]) {
    let mut converted = vec![0; 3 * RUN];
    for run in samples.chunks_mut(3 * RUN) {
        let converted = &mut converted[..run.len()];
        if profile.convert8(run, converted) {
            run.copy_from_slice(converted);
        }
    }
}

fn convert_rgba8(profile: &Profile, samples: &mut [u8]) {
    let (pixels, _) = samples.as_chunks_mut::<4>();
    let mut converted = vec![[0; 3]; RUN];
    for run in pixels.chunks_mut(RUN) {
        let rgb: Vec<[u8; 3]> = run.iter().map(|&[r, g, b, _]| [r, g, b]).collect();
        let converted = &mut converted[..run.len()];
        if profile.convert8(rgb.as_flattened(), converted.as_flattened_mut()) {
            for (pixel, color) in run.iter_mut().zip(converted) {
                pixel[..3].copy_from_slice(color);
            }
        }
    }
}

/// 16-bit pixels of `N` channels, RGB and alpha, to 8-bit RGB on white.
fn convert_deep<const N: usize>(profile: &Profile, samples: &[u16]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<N>();
    let mut result = Vec::with_capacity(pixels.len() * 3);
    let mut converted = vec![[0; 3]; RUN];
    for run in pixels.chunks(RUN) {
        let rgb: Vec<[u16; 3]> = run.iter().map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        let converted = &mut converted[..run.len()];
        if !profile.convert16(rgb.as_flattened(), converted.as_flattened_mut()) {
            converted.copy_from_slice(&rgb);
        }
        for (pixel, color) in run.iter().zip(converted) {
            let alpha = pixel.get(3).map_or(u8::MAX, |&alpha| to_8_bits(alpha));
            result.extend(color.map(|value| blend(to_8_bits(value), alpha)));
        }
    }
    result
}

/// Also for RGB images: decoders of some formats return gray files so.
fn gray_with_profile(profile: &Profile, image: DynamicImage) -> RgbImage {
    let levels: Vec<u8> = (0..=255).collect();
    let mut table = vec![0; 3 * levels.len()];
    if !profile.convert8(&levels, &mut table) {
        return pixels::to_rgb(image);
    }
    let (table, _) = table.as_chunks::<3>();
    if image.color().has_alpha() {
        let mut rgba = image.into_rgba8();
        for pixel in rgba.pixels_mut() {
            let color = table[usize::from(pixel.0[0])];
            pixel.0[..3].copy_from_slice(&color);
        }
        return pixels::to_rgb(DynamicImage::ImageRgba8(rgba));
    }
    let mut rgb = pixels::to_rgb(image);
    for pixel in rgb.pixels_mut() {
        pixel.0 = table[usize::from(pixel.0[0])];
    }
    rgb
}

pub fn tone_mapped(hdr: Hdr, image: DynamicImage) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let coded = |value: u16| f32::from(value) / f32::from(u16::MAX);
    let mut result = Vec::with_capacity(width as usize * height as usize * 3);
    if image.color().has_alpha() {
        for pixel in image.into_rgba16().pixels() {
            let [r, g, b, alpha] = pixel.0;
            let color = hdr.to_srgb([r, g, b].map(coded));
            result.extend(color.map(|value| blend(value, to_8_bits(alpha))));
        }
    } else {
        for pixel in image.into_rgb16().pixels() {
            result.extend(hdr.to_srgb(pixel.0.map(coded)));
        }
    }
    RgbImage::from_raw(width, height, result).unwrap_or_default()
}

/// Pixels of four inks by their profile; by multiplication if it is for other samples.
pub fn inks_with_profile(profile: &Profile, mut inks: Vec<u8>) -> Vec<u8> {
    if profile.channels() != Channels::Inks {
        return inks_multiplied(inks);
    }
    let count = inks.len() / 4;
    let mut converted = vec![0; 3 * RUN];
    for start in (0..count).step_by(RUN) {
        let end = count.min(start + RUN);
        let converted = &mut converted[..3 * (end - start)];
        if !profile.convert8(&inks[4 * start..4 * end], converted) {
            converted.fill(u8::MAX);
        }
        // The pixels read so far are in front of those to be read.
        inks[3 * start..3 * end].copy_from_slice(converted);
    }
    inks.truncate(3 * count);
    inks.shrink_to_fit();
    inks
}

/// (255 − ink) × (255 − black) / 255.
pub fn inks_multiplied(mut inks: Vec<u8>) -> Vec<u8> {
    let count = inks.len() / 4;
    for index in 0..count {
        let light = 255 - u32::from(inks[4 * index + 3]);
        for channel in 0..3 {
            let value = 255 - u32::from(inks[4 * index + channel]);
            inks[3 * index + channel] = ((value * light + 127) / 255) as u8;
        }
    }
    inks.truncate(3 * count);
    inks.shrink_to_fit();
    inks
}

fn to_8_bits(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_767) / 65_535) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_multiply() {
        let white_red_black = vec![0, 0, 0, 0, 0, 255, 255, 0, 9, 9, 9, 255];
        assert_eq!(
            inks_multiplied(white_red_black),
            [255, 255, 255, 255, 0, 0, 0, 0, 0]
        );
    }
}
