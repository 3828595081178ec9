//! Mutated TIFF files of all kinds.

use crate::samples::{encoded, quarters};
use crate::tiff_samples::{
    CIE_LAB, CMYK, COLOR_MAP, COMPRESSION, FILL_ORDER, KINDS, PALETTE, PLANAR_CONFIGURATION, PREDICTOR, RGB,
    SAMPLE_FORMAT, TILE_LENGTH, WHITE_IS_ZERO, YCBCR, deflated, lzw, rgb_page,
};
use crate::tiff_writer::{Page, TILE_WIDTH, Values};
use eidetic_imaging::{DecodeLimits, decode};
use image::{DynamicImage, ImageFormat};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Pages of all kinds whose readers differ.
fn kinds_of_pages() -> Vec<Page> {
    let raw = quarters().into_raw();
    let float: Vec<u8> = raw
        .iter()
        .flat_map(|&byte| f32::from(byte).to_le_bytes())
        .collect();
    let bits = vec![0x5A; 5 * 24];
    let jpeg = encoded(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Jpeg);
    let length = jpeg.len() as u32;
    let zstd = zstd::encode_all(raw.as_slice(), 1).expect("it is compressed");
    let bilevel = Page::new((40, 24), WHITE_IS_ZERO, &[1], bits);
    let compressed = |number, content| rgb_page().short(COMPRESSION, number).strips(vec![content]);
    let interchange = compressed(6, jpeg.clone())
        .short(262, YCBCR)
        .with(513, Values::Longs(vec![8]))
        .with(514, Values::Longs(vec![length]));
    vec![
        rgb_page().short(TILE_WIDTH, 16).short(TILE_LENGTH, 16),
        rgb_page().short(PLANAR_CONFIGURATION, 2),
        Page::new((40, 24), RGB, &[32; 3], float)
            .short(SAMPLE_FORMAT, 3)
            .short(PREDICTOR, 3),
        Page::new((80, 12), YCBCR, &[8; 3], raw.clone()),
        Page::new((40, 24), CIE_LAB, &[8; 3], raw.clone()),
        Page::new((40, 24), PALETTE, &[8], raw.clone()).with(COLOR_MAP, Values::Shorts(vec![7; 768])),
        Page::new((30, 24), CMYK, &[8; 4], raw.clone()),
        bilevel.clone().short(COMPRESSION, 2),
        bilevel.clone().short(COMPRESSION, 3).short(292, 1),
        bilevel.short(COMPRESSION, 4).short(FILL_ORDER, 2),
        compressed(5, lzw(&raw)).short(PREDICTOR, 2),
        compressed(8, deflated(&raw)),
        compressed(7, jpeg).short(262, YCBCR),
        compressed(32_773, raw.clone()),
        compressed(50_000, zstd),
        interchange,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        rng_seed: RngSeed::Fixed(20_261),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn mutated_kinds_never_panic_or_grow(
        page in 0_usize..16,
        kind in 0_usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_directory: bool,
    ) {
        const SMALL: DecodeLimits = DecodeLimits {
            file_bytes: 1 << 20,
            pixels: 100_000,
            reduced_pixels: 400_000,
            memory: 4 << 20,
        };
        let mut bytes = kinds_of_pages()[page].clone().write(KINDS[kind]);
        // The directory is at the end.
        let start = if in_directory { bytes.len() - 300.min(bytes.len()) } else { 0 };
        for (place, value) in edits {
            let at = start + place.index(bytes.len() - start);
            bytes[at] = value;
        }
        match decode(&bytes, &SMALL) {
            Ok(decoded) => prop_assert!(decoded.image.len() <= 3 * 100_000),
            Err(error) => prop_assert!(!error.to_string().contains("panicked"), "{}", error),
        }
    }
}
