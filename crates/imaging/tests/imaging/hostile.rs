//! Malicious and random input: bombs, mutations, noise.

use crate::samples::{encoded, quarters};
use eidetic_imaging::{DecodeLimits, ImagingError, decode};
use image::{DynamicImage, ImageFormat, RgbImage};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const FORMATS: [ImageFormat; 10] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::Gif,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Qoi,
    ImageFormat::Ico,
    ImageFormat::Pnm,
    ImageFormat::Tga,
];

/// Small limits, so that a decoder that exceeds them is visibly slow.
const SMALL: DecodeLimits = DecodeLimits {
    file_bytes: 1 << 20,
    pixels: 100_000,
    reduced_pixels: 100_000,
    memory: 4 << 20,
};

fn sample(format: ImageFormat) -> Vec<u8> {
    let image = DynamicImage::ImageRgb8(quarters());
    if format == ImageFormat::Ico {
        encoded(&DynamicImage::ImageRgba8(image.to_rgba8()), format)
    } else {
        encoded(&image, format)
    }
}

/// The result must be an image within the limits or an error, and no decoder may have panicked.
fn check_result(bytes: &[u8]) -> Result<(), TestCaseError> {
    match decode(bytes, &SMALL) {
        Ok(decoded) => {
            let pixels = u64::from(decoded.image.width()) * u64::from(decoded.image.height());
            prop_assert!(pixels <= SMALL.pixels, "{pixels} pixels");
        }
        Err(error) => {
            let reason = error.to_string();
            prop_assert!(!reason.contains("the decoder panicked"), "{reason}");
        }
    }
    Ok(())
}

fn too_large(bytes: &[u8]) {
    let answer = decode(bytes, &DecodeLimits::default()).map(|decoded| decoded.image.dimensions());
    assert!(matches!(answer, Err(ImagingError::TooLarge { .. })), "{answer:?}");
}

#[test]
fn png_of_3600_megapixels_is_refused() {
    let mut png = encoded(&DynamicImage::ImageRgb8(RgbImage::new(1, 1)), ImageFormat::Png);
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let checksum = crc32fast::hash(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    too_large(&png);
}

#[test]
fn giant_gif_canvas_and_frame_are_refused() {
    let mut gif = sample(ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xFF; 4]);
    too_large(&gif);
    // A canvas of one pixel, a frame of 65,535 × 65,535.
    let mut frame = b"GIF89a\x01\0\x01\0\x80\0\0\xFF\0\0\0\0\xFF".to_vec();
    frame.extend(b"\x2C\0\0\0\0\xFF\xFF\xFF\xFF\0\x02\x02\x44\x01\0\x3B");
    assert!(decode(&frame, &DecodeLimits::default()).is_err());
}

#[test]
fn webp_with_giant_canvas_is_refused() {
    let mut webp = b"RIFF\x16\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0".to_vec();
    webp.extend([0xFF; 6]);
    assert!(decode(&webp, &DecodeLimits::default()).is_err());
    // Lossless, 16,383 × 16,383; the header has both sides minus one in 14 bits each.
    let lossless = b"RIFF\x12\0\0\0WEBPVP8L\x06\0\0\0\x2F\xFE\xBF\xFF\x0F\0";
    too_large(lossless);
}

#[test]
fn tiff_with_huge_strips_is_refused() {
    let entry = |tag: u16, value: u32| {
        let mut bytes = tag.to_le_bytes().to_vec();
        bytes.extend([4, 0, 1, 0, 0, 0]);
        bytes.extend(value.to_le_bytes());
        bytes
    };
    let tiff = |width, height| {
        let mut bytes = b"II*\0\x08\0\0\0\x08\0".to_vec();
        for (tag, value) in [
            (0x100, width),
            (0x101, height),
            (0x102, 8),
            (0x103, 1),
            (0x106, 1),
            (0x111, 8),
            (0x116, height),
            (0x117, u32::MAX),
        ] {
            bytes.extend(entry(tag, value));
        }
        bytes.extend([0; 4]);
        bytes
    };
    too_large(&tiff(60_000, 60_000));
    assert!(decode(&tiff(8_000, 8_000), &DecodeLimits::default()).is_err());
}

#[test]
fn jpeg_of_4295_megapixels_is_refused() {
    let mut jpeg = sample(ImageFormat::Jpeg);
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .expect("a frame header");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    too_large(&jpeg);
}

#[test]
fn file_above_size_limit_is_refused() {
    let limits = DecodeLimits {
        file_bytes: 10,
        ..DecodeLimits::default()
    };
    let answer = decode(&sample(ImageFormat::Png), &limits);
    assert!(matches!(answer, Err(ImagingError::TooLarge { .. })));
}

#[test]
fn truncated_files_never_panic() {
    for format in FORMATS {
        let bytes = sample(format);
        for length in 0..bytes.len() {
            check_result(&bytes[..length]).expect("a valid result");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        rng_seed: RngSeed::Fixed(20_260),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn mutated_files_never_panic(
        format in prop::sample::select(&FORMATS),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        near_start: bool,
    ) {
        let mut bytes = sample(format);
        let range = if near_start { bytes.len().min(80) } else { bytes.len() };
        for (place, value) in edits {
            bytes[place.index(range)] = value;
        }
        check_result(&bytes)?;
    }

    #[test]
    fn noise_after_signature_never_panics(
        format in prop::sample::select(&FORMATS),
        kept in 4_usize..40,
        noise in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let bytes = sample(format);
        check_result(&[&bytes[..kept.min(bytes.len())], &noise].concat())?;
    }
}
