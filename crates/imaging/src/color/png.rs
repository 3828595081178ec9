//! The color space of a PNG file: `cICP`, `iCCP`, `sRGB`, then `gAMA` and `cHRM` (PNG 3, 12.1 and 13.14).

use moxcms::{Chromaticity, ColorPrimaries, ColorProfile, ToneReprCurve, curve_from_gamma};

use super::{Cicp, ColorSpace};
use crate::png_chunks::chunks;

/// Gamma of files for screens: that of sRGB, whose curve it stands for.
const SCREEN_GAMMA: std::ops::RangeInclusive<u32> = 44_900..=46_000;

/// None if the file does not say. `icc` is the content of `iCCP`, decompressed.
pub fn color_space(bytes: &[u8], icc: Option<&[u8]>) -> Option<ColorSpace> {
    let (mut gamma, mut chromaticities, mut is_srgb) = (None, None, false);
    for (kind, content) in chunks(bytes).take_while(|(kind, _)| **kind != *b"IDAT") {
        match kind {
            b"cICP" => {
                if let &[primaries, transfer, 0, _] = content {
                    return Some(ColorSpace::from_cicp(Cicp { primaries, transfer }));
                }
            }
            b"sRGB" => is_srgb = true,
            b"gAMA" => gamma = content.first_chunk().map(|number| u32::from_be_bytes(*number)),
            b"cHRM" => chromaticities = numbers(content),
            _ => {}
        }
    }
    if let Some(icc) = icc {
        return Some(ColorSpace::from_icc(icc));
    }
    if is_srgb {
        return Some(ColorSpace::Srgb);
    }
    if gamma.is_none() && chromaticities.is_none() {
        return None;
    }
    Some(assembled(gamma, chromaticities).map_or(ColorSpace::Srgb, ColorSpace::of_profile))
}

/// White point, red, green and blue as x and y, times 100,000.
fn numbers(content: &[u8]) -> Option<[u32; 8]> {
    let (numbers, _) = content.as_chunks::<4>();
    numbers
        .try_into()
        .ok()
        .map(|numbers: [[u8; 4]; 8]| numbers.map(u32::from_be_bytes))
}

/// None for numbers that are no colors.
fn assembled(gamma: Option<u32>, chromaticities: Option<[u32; 8]>) -> Option<ColorProfile> {
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    if let Some(numbers) = chromaticities {
        let [white_x, white_y, rx, ry, gx, gy, bx, by] = numbers.map(|number| number as f32 / 100_000.0);
        let area = (gx - rx) * (by - ry) - (bx - rx) * (gy - ry);
        let in_range = [white_x, rx, gx, bx].iter().all(|x| *x <= 1.1)
            && [white_y, ry, gy, by].iter().all(|y| *y <= 1.1)
            && white_y >= 0.05;
        if !in_range || area.abs() < 0.01 {
            return None;
        }
        let primaries = ColorPrimaries {
            red: Chromaticity::new(rx, ry),
            green: Chromaticity::new(gx, gy),
            blue: Chromaticity::new(bx, by),
        };
        profile.update_rgb_colorimetry(Chromaticity::new(white_x, white_y).to_xyyb(), primaries);
    }
    match gamma {
        None => {}
        Some(gamma) if SCREEN_GAMMA.contains(&gamma) => {}
        Some(gamma @ 10_000..=1_000_000) => {
            let curve: ToneReprCurve = curve_from_gamma(100_000.0 / gamma as f32);
            profile.red_trc = Some(curve.clone());
            profile.green_trc = Some(curve.clone());
            profile.blue_trc = Some(curve);
        }
        Some(_) => return None,
    }
    Some(profile)
}
