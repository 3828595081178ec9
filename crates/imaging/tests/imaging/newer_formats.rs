//! HEIC, AVIF, JPEG XL and JPEG 2000: small files that `tests/data/generate.py` wrote, all of one picture.

use std::fs;
use std::path::Path;

use crate::samples::heif::{self, HeifBuilder};
use eidetic_domain::ImageFormat;
use eidetic_imaging::{DecodeLimits, DecodedImage, ImagingError, decode};
use image::RgbImage;
use proptest::prelude::*;

const FILES: [&str; 13] = [
    "picture.heic",
    "alpha.heic",
    "gray.heic",
    "ten_bits.heic",
    "picture.avif",
    "alpha.avif",
    "full_chroma.avif",
    "turned.avif",
    "picture.jxl",
    "lossless.jxl",
    "picture.jp2",
    "lossless.j2k",
    "gray.jp2",
];

fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    fs::read(path).expect("a readable file")
}

fn decoded(bytes: &[u8]) -> DecodedImage {
    decode(bytes, &DecodeLimits::default()).expect("a valid file")
}

/// The picture of the script.
fn picture() -> RgbImage {
    RgbImage::from_fn(48, 32, |x, y| {
        let blue = if x < 24 && y < 16 { 200 } else { 40 };
        image::Rgb([(x * 5) as u8, (y * 7) as u8, blue])
    })
}

/// Mean difference of samples, except at the edges of the blue quarter, where subsampled chroma cannot follow.
fn difference(image: &RgbImage, expected: &RgbImage) -> f64 {
    assert_eq!(image.dimensions(), expected.dimensions());
    let total: u32 = image
        .iter()
        .zip(expected.iter())
        .map(|(a, b)| u32::from(a.abs_diff(*b)))
        .sum();
    f64::from(total) / image.len() as f64
}

#[test]
fn every_format_shows_picture() {
    for (name, format, tolerance) in [
        ("picture.heic", ImageFormat::Heif, 6.0),
        ("ten_bits.heic", ImageFormat::Heif, 3.0),
        ("picture.avif", ImageFormat::Avif, 6.0),
        ("full_chroma.avif", ImageFormat::Avif, 3.0),
        ("picture.jxl", ImageFormat::Jxl, 6.0),
        ("lossless.jxl", ImageFormat::Jxl, 0.0),
        ("picture.jp2", ImageFormat::Jp2, 6.0),
        ("lossless.j2k", ImageFormat::Jp2, 0.0),
    ] {
        let decoded = decoded(&bytes(name));
        assert_eq!(decoded.metadata.format, format, "{name}");
        let difference = difference(&decoded.image, &picture());
        assert!(difference <= tolerance, "{name}: {difference}");
    }
}

#[test]
fn gray_pictures_have_equal_channels() {
    for name in ["gray.heic", "gray.jp2"] {
        let image = decoded(&bytes(name)).image;
        assert_eq!(image.dimensions(), (48, 32), "{name}");
        assert!(
            image
                .pixels()
                .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]),
            "{name}"
        );
    }
    assert_eq!(decoded(&bytes("gray.jp2")).image.get_pixel(40, 9).0, [200; 3]);
}

#[test]
fn transparent_half_is_white() {
    for name in ["alpha.heic", "alpha.avif"] {
        let image = decoded(&bytes(name)).image;
        assert_eq!(image.get_pixel(44, 20).0, [255; 3], "{name}");
        let [r, g, b] = image.get_pixel(6, 24).0;
        assert!(
            r.abs_diff(30) < 12 && g.abs_diff(168) < 12 && b.abs_diff(40) < 12,
            "{name}: {r} {g} {b}"
        );
    }
}

#[test]
fn container_turns_and_dates_picture() {
    let decoded = decoded(&bytes("turned.avif"));
    assert_eq!(decoded.image.dimensions(), (32, 48));
    assert_eq!((decoded.metadata.width, decoded.metadata.height), (32, 48));
    assert_eq!(
        decoded.metadata.taken.expect("a date").to_string(),
        "2020-03-05T11:28:10"
    );
    // The upper left quarter is turned to the right.
    let blue = |x, y| decoded.image.get_pixel(x, y).0[2];
    assert!(blue(28, 4) > 150 && blue(4, 4) < 90 && blue(28, 44) < 90);
}

#[test]
fn grid_of_parts_is_assembled() {
    let builder = HeifBuilder::from_file(&bytes("picture.heic"));
    // The coded picture, of which the file shows a part.
    let part = decoded(&builder.build()).image;
    let (width, height) = part.dimensions();
    let (shown_width, shown_height) = (width as u16 * 2 - 6, height as u16 * 2 - 4);
    let image = decoded(&builder.grid(2, 2, shown_width, shown_height).build()).image;
    assert_eq!(image.dimensions(), (shown_width.into(), shown_height.into()));
    for (x, y, pixel) in image.enumerate_pixels() {
        assert_eq!(pixel, part.get_pixel(x % width, y % height), "({x}, {y})");
    }
}

#[test]
fn crop_precedes_rotation() {
    let builder = HeifBuilder::from_file(&bytes("picture.heic"));
    let whole = decoded(&builder.build()).image;
    // The middle 20 × 10 pixels, a quarter turn to the left.
    let turned = builder
        .property(heif::clap(20, 10))
        .property(heif::irot(1))
        .build();
    let image = decoded(&turned).image;
    assert_eq!(image.dimensions(), (10, 20));
    let (left, top) = ((whole.width() - 20) / 2, (whole.height() - 10) / 2);
    let crop = image::imageops::crop_imm(&whole, left, top, 20, 10).to_image();
    assert_eq!(image, image::imageops::rotate270(&crop));
}

#[test]
fn absurd_grids_are_refused() {
    let builder = || HeifBuilder::from_file(&bytes("picture.heic"));
    let answer =
        |file: &[u8]| decode(file, &DecodeLimits::default()).map(|decoded| decoded.image.dimensions());
    let giant = builder().grid(2, 2, 60_000, 60_000).build();
    assert!(matches!(answer(&giant), Err(ImagingError::TooLarge { .. })));
    let incomplete = builder().grid(3, 3, 90, 60).with_parts(4).build();
    assert!(matches!(answer(&incomplete), Err(ImagingError::Damaged { .. })));
    let own_part = builder().grid(1, 1, 48, 32).containing_itself().build();
    assert!(answer(&own_part).is_err());
}

#[test]
fn declared_size_is_checked_first() {
    let limits = DecodeLimits {
        pixels: 1000,
        reduced_pixels: 1000,
        ..DecodeLimits::default()
    };
    for name in FILES {
        let answer = decode(&bytes(name), &limits).map(|decoded| decoded.image.dimensions());
        assert!(answer.is_err(), "{name}");
        if Path::new(name)
            .extension()
            .is_none_or(|extension| extension != "avif")
        {
            assert!(
                matches!(answer, Err(ImagingError::TooLarge { .. })),
                "{name}: {answer:?}"
            );
        }
    }
}

fn never_panics(bytes: &[u8]) -> Result<(), TestCaseError> {
    let limits = DecodeLimits {
        file_bytes: 1 << 20,
        pixels: 100_000,
        reduced_pixels: 100_000,
        memory: 8 << 20,
    };
    if let Err(error) = decode(bytes, &limits) {
        let reason = error.to_string();
        prop_assert!(!reason.contains("the decoder panicked"), "{reason}");
    }
    Ok(())
}

#[test]
fn truncated_files_never_panic() {
    for name in FILES {
        let bytes = bytes(name);
        for length in (0..bytes.len()).step_by(3) {
            never_panics(&bytes[..length]).unwrap_or_else(|error| panic!("{name} at {length}: {error}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: prop::test_runner::RngSeed::Fixed(20_261),
        ..ProptestConfig::default()
    })]

    #[test]
    fn mutated_files_never_panic(
        name in prop::sample::select(&FILES),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = bytes(name);
        for (place, value) in edits {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        never_panics(&bytes)?;
    }
}
