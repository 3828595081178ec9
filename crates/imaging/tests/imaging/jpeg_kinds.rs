//! JPEG files of all kinds that cameras, scanners and damaged disks produce.
//!
//! Files of `tests/data` are patched here; see `jpeg_scaled.rs` for their origin.

use std::fs;
use std::path::Path;

use crate::samples::lossless_jpeg;
use eidetic_imaging::{DecodeLimits, ImagingError, decode};
use image::RgbImage;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const FILES: [&str; 12] = [
    "420",
    "422",
    "420-scans",
    "420-restarts",
    "grey-restarts",
    "progressive",
    "420-progressive-restarts",
    "420-progressive-deep",
    "420-arithmetic",
    "420-arithmetic-progressive",
    "cmyk",
    "444-progressive",
];

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{name}.jpg"));
    fs::read(path).expect("a file of the repository")
}

fn decoded(bytes: &[u8]) -> RgbImage {
    decode(bytes, &DecodeLimits::default()).expect("an image").image
}

/// Position behind the first marker with this code.
fn behind_marker(bytes: &[u8], code: u8) -> usize {
    let at = bytes.windows(2).position(|pair| pair == [0xFF, code]);
    at.expect("a marker") + 2
}

fn mean_difference(left: &RgbImage, right: &RgbImage) -> f64 {
    assert_eq!(left.dimensions(), right.dimensions());
    let total: u32 = left
        .iter()
        .zip(right.iter())
        .map(|(a, b)| u32::from(a.abs_diff(*b)))
        .sum();
    f64::from(total) / left.len() as f64
}

#[test]
fn scans_and_codes_do_not_matter() {
    let reference = decoded(&file("420-scans"));
    for name in [
        "420-arithmetic",
        "420-arithmetic-progressive",
        "progressive",
        "420-progressive-deep",
        "420-progressive-restarts",
    ] {
        assert_eq!(decoded(&file(name)), reference, "{name}");
    }
    // Another decoder, which interpolates chroma in another way.
    let difference = mean_difference(&decoded(&file("420")), &reference);
    assert!(difference < 1.5, "{difference}");
}

#[test]
fn lossless_files_are_exact() {
    for predictor in 1..=7 {
        for precision in [8, 12, 16] {
            let samples: Vec<u16> = (0..15 * 9)
                .map(|at: u32| {
                    ((at.wrapping_mul(at).wrapping_mul(2_654_435) >> 3) & ((1 << precision) - 1)) as u16
                })
                .collect();
            let image = decoded(&lossless_jpeg(&samples, 15, precision, predictor));
            assert_eq!(image.dimensions(), (15, 9));
            let maximum = (1_u32 << precision) - 1;
            for (pixel, &sample) in image.pixels().zip(&samples) {
                let expected = ((u32::from(sample) * 255 + maximum / 2) / maximum) as u8;
                assert_eq!(pixel.0, [expected; 3], "predictor {predictor}, {precision} bits");
            }
        }
    }
}

#[test]
fn missing_height_is_found() {
    let whole = file("420");
    let reference = decoded(&whole);
    let mut bytes = whole.clone();
    let frame = behind_marker(&bytes, 0xC0);
    let height = [bytes[frame + 3], bytes[frame + 4]];
    bytes[frame + 3..frame + 5].fill(0);
    // The last MCUs are whole.
    assert_eq!(decoded(&bytes).dimensions(), (203, 160));
    let end = bytes.len() - 2;
    bytes.splice(end..end, [0xFF, 0xDC, 0, 4, height[0], height[1]]);
    assert!(mean_difference(&decoded(&bytes), &reference) < 1.5);
}

#[test]
fn duplicate_identifiers_mean_components_in_order() {
    let mut bytes = file("420");
    let reference = decoded(&bytes);
    let (frame, scan) = (behind_marker(&bytes, 0xC0), behind_marker(&bytes, 0xDA));
    for component in 0..3 {
        bytes[frame + 8 + 3 * component] = 1;
        bytes[scan + 3 + 2 * component] = 1;
    }
    assert!(mean_difference(&decoded(&bytes), &reference) < 1.5);
}

#[test]
fn unknown_color_transform_is_ycbcr() {
    let whole = file("444");
    let adobe = [b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0".as_slice(), &[66]].concat();
    let bytes = [&whole[..2], &adobe, &whole[2..]].concat();
    assert!(mean_difference(&decoded(&bytes), &decoded(&whole)) < 1.5);
}

#[test]
fn twelve_bits_are_reduced_to_eight() {
    let mut bytes = file("grey");
    let frame = behind_marker(&bytes, 0xC0);
    bytes[frame - 1] = 0xC1;
    bytes[frame + 2] = 12;
    // The same coefficients mean a sixteenth of the contrast.
    let image = decoded(&bytes);
    assert!(image.iter().all(|&sample| sample.abs_diff(128) <= 9));
    assert!(image.iter().any(|&sample| sample != 128));
}

#[test]
fn decoding_resumes_at_next_restart_marker() {
    let whole = file("420-restarts");
    let reference = decoded(&whole);
    let first = behind_marker(&whole, 0xD0);
    for code in [0x01, 0xBF, 0xD7, 0xC0, 0xC5, 0xD8, 0xE1, 0xFE] {
        let stray = [0xFF, code];
        let mut bytes = whole.clone();
        bytes.splice(first + 20..first + 20, stray);
        let image = decoded(&bytes);
        // The last row of MCUs is far behind the damage. The reference is of another decoder, which interpolates chroma in
        // another way.
        let row = |image: &RgbImage| RgbImage::from_fn(200, 1, |x, _| *image.get_pixel(x, 147));
        let difference = mean_difference(&row(&image), &row(&reference));
        assert!(difference < 4.0, "{stray:X?}: {difference}");
    }
}

#[test]
fn truncated_files_keep_first_lines() {
    for name in ["420", "420-arithmetic", "420-restarts"] {
        let bytes = file(name);
        let (whole, half) = (decoded(&bytes), decoded(&bytes[..bytes.len() * 2 / 3]));
        assert_eq!(whole.dimensions(), half.dimensions());
        let difference = |y| {
            let pixel = |image: &RgbImage| image.get_pixel(100, y).0;
            pixel(&whole)
                .iter()
                .zip(pixel(&half))
                .map(|(a, b)| a.abs_diff(b))
                .max()
        };
        assert!(difference(20) <= Some(16), "{name}: {:?}", difference(20));
        assert_eq!(half.get_pixel(100, 148).0, [128; 3], "{name}");
    }
}

#[test]
fn hierarchical_files_are_refused_by_name() {
    let mut bytes = file("grey");
    let frame = behind_marker(&bytes, 0xC0);
    bytes[frame - 1] = 0xC5;
    let answer = decode(&bytes, &DecodeLimits::default()).map(drop);
    assert!(matches!(answer, Err(ImagingError::Unsupported(_))), "{answer:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1200,
        rng_seed: RngSeed::Fixed(20_262),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn mutated_files_stay_within_limits(
        name in prop::sample::select(&FILES),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
        near_start: bool,
    ) {
        let mut bytes = file(name);
        let range = if near_start { 700 } else { bytes.len() };
        for (place, value) in edits {
            bytes[place.index(range)] = value;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = DecodeLimits { file_bytes: 1 << 20, pixels: 1_000_000, reduced_pixels: 1_000_000, memory: 16 << 20 };
        match decode(&bytes, &limits) {
            Ok(image) => prop_assert!(image.image.len() <= 3_000_000),
            Err(error) => prop_assert!(!error.to_string().contains("panicked"), "{error}"),
        }
    }
}
