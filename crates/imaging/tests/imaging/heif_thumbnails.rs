//! Thumbnails of HEIF files in place of their pictures. The picture is a grid of four, each of which is the thumbnail, of both
//! of which the middle is shown.

use std::fs;
use std::path::Path;

use crate::samples::heif::{HeifBuilder, clap, irot, ispe};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode, decode_scaled, scaled_memory};

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    fs::read(path).expect("a readable file")
}

/// A thumbnail of 48 × 32 pixels, and a picture of `width` × `height`.
fn builder_of(width: u32, height: u32) -> HeifBuilder {
    HeifBuilder::from_file(&file("picture.heic"))
        .grid(2, 2, 128, 128)
        .property(ispe(128, 128))
        .property(clap(width, height))
        .part_property(ispe(64, 64))
        .part_property(clap(48, 32))
        .with_part_as_thumbnail()
}

fn builder() -> HeifBuilder {
    builder_of(96, 64)
}

const SUFFICIENT: DecodeSize = DecodeSize {
    short_side: 16,
    long_side: 48,
};

fn scaled_size(bytes: &[u8], size: DecodeSize) -> Option<(u32, u32)> {
    let decoded = decode_scaled(bytes, &DecodeLimits::default(), size)?;
    assert!(scaled_memory(bytes, size).is_some());
    Some(decoded.image.dimensions())
}

#[test]
fn sufficient_thumbnail_stands_for_picture() {
    let bytes = builder().build();
    let limits = DecodeLimits::default();
    let scaled = decode_scaled(&bytes, &limits, SUFFICIENT).expect("a thumbnail");
    assert_eq!(scaled.image.dimensions(), (48, 32));
    let full = decode(&bytes, &limits).expect("a picture");
    assert_eq!(full.image.dimensions(), (96, 64));
    assert_eq!(scaled.metadata, full.metadata);
    let thumbnail = HeifBuilder::from_file(&file("picture.heic")).property(clap(48, 32));
    let thumbnail = decode(&thumbnail.build(), &limits).expect("the same as a picture");
    assert!(scaled.image == thumbnail.image);
}

#[test]
fn too_small_thumbnail_is_left_alone() {
    let larger = |short_side, long_side| DecodeSize {
        short_side,
        long_side,
    };
    let bytes = builder().build();
    assert_eq!(scaled_size(&bytes, larger(17, 48)), None);
    assert_eq!(scaled_size(&bytes, larger(16, 49)), None);
    assert_eq!(scaled_size(&bytes, DecodeSize::FULL), None);
    let limits = DecodeLimits {
        memory: 1000,
        ..DecodeLimits::default()
    };
    assert!(decode_scaled(&bytes, &limits, SUFFICIENT).is_none());
}

#[test]
fn thumbnail_must_be_turned_like_picture() {
    let turned = builder().property(irot(1));
    assert_eq!(scaled_size(&turned.build(), SUFFICIENT), None);
    let both = turned.part_property(irot(1)).build();
    assert_eq!(scaled_size(&both, SUFFICIENT), Some((32, 48)));
    let decoded = decode_scaled(&both, &DecodeLimits::default(), SUFFICIENT).expect("a thumbnail");
    assert_eq!((decoded.metadata.width, decoded.metadata.height), (64, 96));
}

#[test]
fn thumbnail_of_other_shape_is_left_alone() {
    assert_eq!(
        scaled_size(&builder_of(94, 64).build(), SUFFICIENT),
        Some((48, 32))
    );
    assert_eq!(scaled_size(&builder_of(92, 64).build(), SUFFICIENT), None);
}

#[test]
fn truncated_picture_is_decoded_in_full() {
    let bytes = builder().build();
    assert_eq!(scaled_size(&bytes[..bytes.len() - 1], SUFFICIENT), None);
}
