//! Scaled decoding compared with full decoding.
//!
//! `tests/data` contains one synthetic image of 203 × 149 pixels, written by Pillow with each chroma
//! subsampling, optimized codes, restart markers, progressive, grayscale, and CMYK, and the same coefficients
//! in other scans and codes, written by jpegtran.

use std::fs;
use std::path::Path;

use crate::corpus::{corpus, files_below};
use crate::samples::{jpeg_with_exif, orientation_block};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode, decode_at_least, decode_scaled, scaled_memory};
use image::{Rgb, RgbImage};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const SUPPORTED: [&str; 14] = [
    "444",
    "422",
    "420",
    "420-optimised",
    "420-restarts",
    "grey",
    "grey-restarts",
    "420-scans",
    "progressive",
    "444-progressive",
    "422-progressive",
    "grey-progressive",
    "420-progressive-restarts",
    "420-progressive-deep",
];
/// Pairs of files that have equal coefficients.
const EQUAL: [(&str, &str); 7] = [
    ("420", "420-scans"),
    ("420", "progressive"),
    ("444", "444-progressive"),
    ("422", "422-progressive"),
    ("grey", "grey-progressive"),
    ("420", "420-progressive-restarts"),
    // 18 scans, coefficients in up to four steps of precision.
    ("420", "420-progressive-deep"),
];
/// Factor, width and height of each scale.
const SCALES: [(u32, (u32, u32)); 3] = [(8, (25, 18)), (4, (50, 37)), (2, (101, 74))];

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{name}.jpg"));
    fs::read(path).expect("a file of the repository")
}

fn at_least((width, height): (u32, u32)) -> DecodeSize {
    DecodeSize {
        short_side: height,
        long_side: width,
    }
}

/// Means of squares of `factor` × `factor` pixels; incomplete squares are dropped.
fn shrunk(image: &RgbImage, factor: u32) -> RgbImage {
    RgbImage::from_fn(image.width() / factor, image.height() / factor, |x, y| {
        let mut sums = [0; 3];
        for at in 0..factor * factor {
            let pixel = image.get_pixel(x * factor + at % factor, y * factor + at / factor);
            for (sum, &sample) in sums.iter_mut().zip(&pixel.0) {
                *sum += u32::from(sample);
            }
        }
        Rgb(sums.map(|sum| ((sum + factor * factor / 2) / (factor * factor)) as u8))
    })
}

#[test]
fn scaled_decode_resembles_shrunk_full_decode() {
    for name in SUPPORTED {
        let bytes = file(name);
        let full = decode(&bytes, &DecodeLimits::default())
            .expect("a whole file")
            .image;
        for (factor, size) in SCALES {
            let scaled = decode_scaled(&bytes, &DecodeLimits::default(), at_least(size)).expect(name);
            assert_eq!(scaled.image.dimensions(), size, "{name}");
            assert_eq!((scaled.metadata.width, scaled.metadata.height), (203, 149));
            let differences: Vec<u8> = scaled
                .image
                .iter()
                .zip(shrunk(&full, factor).iter())
                .map(|(a, b)| a.abs_diff(*b))
                .collect();
            let total: u32 = differences.iter().copied().map(u32::from).sum();
            let (mean, worst) = (
                f64::from(total) / differences.len() as f64,
                differences.iter().max().expect("pixels"),
            );
            // The full decoder smooths subsampled chroma, and means of squares are softer than band-limited
            // samples.
            assert!(mean < 2.0, "{name} by {factor}: {mean} on average");
            assert!(*worst <= 24, "{name} by {factor}: {worst} at worst");
        }
    }
}

#[test]
fn progressive_equals_sequential_at_any_scale() {
    for (left, right) in EQUAL {
        for (_, size) in SCALES {
            let decoded = |name| {
                decode_scaled(&file(name), &DecodeLimits::default(), at_least(size))
                    .expect(name)
                    .image
            };
            assert_eq!(decoded(left), decoded(right), "{right} at {size:?}");
        }
    }
}

#[test]
fn memory_includes_progressive_coefficients() {
    let memory = |name, size| scaled_memory(&file(name), at_least(size)).expect("a whole header");
    // 26 × 20 blocks of one level each, and twice 13 × 10 of five levels with a mask.
    let coefficients = 26 * 20 * 2 + 2 * 13 * 10 * (5 * 2 + 8);
    assert_eq!(
        memory("progressive", (25, 18)),
        memory("420", (25, 18)) + coefficients
    );
    let bytes = file("progressive");
    let limits = DecodeLimits {
        memory: memory("420", (25, 18)) + coefficients - 1,
        ..DecodeLimits::default()
    };
    assert!(decode_scaled(&bytes, &limits, at_least((25, 18))).is_none());
}

#[test]
fn too_many_scans_need_full_decode() {
    let bytes = file("420-progressive-deep");
    let end = bytes.len() - 2;
    let refined_once: Vec<u8> = [&bytes[..end], &[0xFF, 0xD9]].concat();
    assert!(decode_scaled(&refined_once, &DecodeLimits::default(), at_least((25, 18))).is_some());
    let scan = [0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0];
    let many = [&bytes[..end], &scan.repeat(10_000), &[0xFF, 0xD9]].concat();
    assert!(decode_scaled(&many, &DecodeLimits::default(), at_least((25, 18))).is_none());
    let full = |bytes: &[u8]| decode(bytes, &DecodeLimits::default()).expect("an image").image;
    assert_eq!(full(&many).dimensions(), full(&bytes).dimensions());
}

#[test]
fn smallest_sufficient_scale_is_taken() {
    let bytes = file("420");
    let width = |short_side, long_side| {
        let size = DecodeSize {
            short_side,
            long_side,
        };
        decode_scaled(&bytes, &DecodeLimits::default(), size).map(|decoded| decoded.image.width())
    };
    assert_eq!(width(18, 25), Some(25));
    assert_eq!(width(19, 25), Some(50));
    assert_eq!(width(18, 26), Some(50));
    assert_eq!(width(38, 1), Some(101));
    assert_eq!(width(75, 1), None);
    assert!(decode_scaled(&bytes, &DecodeLimits::default(), DecodeSize::FULL).is_none());
    assert_eq!(scaled_memory(&bytes, at_least((25, 18))), Some(25 * 18 * 9));
}

#[test]
fn orientation_is_applied_at_any_scale() {
    let bytes = jpeg_with_exif(&file("420"), &orientation_block(6));
    let scaled = decode_scaled(&bytes, &DecodeLimits::default(), at_least((25, 18))).expect("a plain file");
    assert_eq!(scaled.image.dimensions(), (18, 25));
    assert_eq!((scaled.metadata.width, scaled.metadata.height), (149, 203));
    let full = decode(&bytes, &DecodeLimits::default()).expect("a whole file");
    assert_eq!(full.metadata, scaled.metadata);
    let stored =
        decode_scaled(&file("420"), &DecodeLimits::default(), at_least((25, 18))).expect("a plain file");
    assert_eq!(scaled.image, image::imageops::rotate90(&stored.image));
}

#[test]
fn unsupported_and_truncated_files_need_full_decode() {
    for name in ["420-arithmetic", "420-arithmetic-progressive", "cmyk"] {
        assert!(
            decode_scaled(&file(name), &DecodeLimits::default(), at_least((25, 18))).is_none(),
            "{name}"
        );
        assert!(
            decode_at_least(&file(name), &DecodeLimits::default(), at_least((25, 18))).is_ok(),
            "{name}"
        );
    }
    for name in ["420", "420-restarts", "grey", "progressive"] {
        let bytes = file(name);
        for length in 0..bytes.len() - 1 {
            let cut = &bytes[..length];
            assert!(
                decode_scaled(cut, &DecodeLimits::default(), at_least((25, 18))).is_none(),
                "{name}: {length}"
            );
        }
    }
}

#[test]
fn limits_apply_to_scaled_decode() {
    let bytes = file("420");
    let refused = |limits: DecodeLimits| decode_scaled(&bytes, &limits, at_least((25, 18))).is_none();
    assert!(refused(DecodeLimits {
        reduced_pixels: 203 * 149 - 1,
        ..DecodeLimits::default()
    }));
    assert!(refused(DecodeLimits {
        file_bytes: 100,
        ..DecodeLimits::default()
    }));
    assert!(refused(DecodeLimits {
        memory: 25 * 18 * 9 - 1,
        ..DecodeLimits::default()
    }));
}

#[test]
fn metadata_are_equal_at_any_scale() {
    for folder in ["broken", "formats", "photos"].into_iter().filter_map(corpus) {
        for path in files_below(&folder) {
            let bytes = fs::read(&path).expect("a readable file");
            let wanted = DecodeSize {
                short_side: 40,
                long_side: 60,
            };
            let Some(scaled) = decode_scaled(&bytes, &DecodeLimits::default(), wanted) else {
                continue;
            };
            let full = decode(&bytes, &DecodeLimits::default()).unwrap_or_else(|error| {
                panic!("{} is refused: {error}", path.display());
            });
            assert_eq!(scaled.metadata, full.metadata, "{}", path.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        rng_seed: RngSeed::Fixed(20_261),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn scaled_decode_accepts_no_more_than_full(
        name in prop::sample::select(&SUPPORTED),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        scale in prop::sample::select(&SCALES),
        near_start: bool,
    ) {
        let mut bytes = file(name);
        let range = if near_start { bytes.len().min(700) } else { bytes.len() };
        for (place, value) in edits {
            bytes[place.index(range)] = value;
        }
        let limits = DecodeLimits { pixels: 1_000_000, reduced_pixels: 1_000_000, ..DecodeLimits::default() };
        if let Some(scaled) = decode_scaled(&bytes, &limits, at_least(scale.1)) {
            let full = decode(&bytes, &limits);
            prop_assert!(full.is_ok(), "{:?}", full.map(drop));
            prop_assert_eq!(scaled.metadata, full.expect("just seen").metadata);
        }
    }
}
