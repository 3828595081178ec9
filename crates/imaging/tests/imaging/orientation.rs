//! Orientation in the places where programs other than cameras write it.

use crate::samples::{encoded, jpeg_with_exif, orientation_block, png_with_chunk, quarters, segment_of_jpeg};
use eidetic_imaging::{DecodeLimits, decode};
use image::{DynamicImage, ImageFormat, RgbImage};

fn decoded(bytes: &[u8]) -> RgbImage {
    decode(bytes, &DecodeLimits::default())
        .expect("a valid file")
        .image
}

/// A picture that orientation 6, a quarter turn to the right, makes upright.
fn stored(format: ImageFormat) -> Vec<u8> {
    encoded(&DynamicImage::ImageRgb8(quarters()).rotate270(), format)
}

/// `png` with a chunk behind its pixels.
fn png_with_last_chunk(png: &[u8], kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    const END: usize = 12;
    let body = [&kind, content].concat();
    let (pixels, end) = png.split_at(png.len() - END);
    let length = (content.len() as u32).to_be_bytes();
    [pixels, &length, &body, &crc32fast::hash(&body).to_be_bytes(), end].concat()
}

const XMP: &[u8] = br#"<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>"#;

#[test]
fn exif_behind_pixels_of_png_is_read() {
    let png = png_with_last_chunk(&stored(ImageFormat::Png), *b"eXIf", &orientation_block(6));
    assert_eq!(decoded(&png), quarters());
}

#[test]
fn exif_in_text_of_png_is_read() {
    let block = [b"Exif\0\0", &orientation_block(6)[..]].concat();
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("below 16");
    let digits: String = block
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect();
    let text = format!("\nexif\n{:8}\n{digits}\n", block.len());
    let plain = [b"Raw profile type exif\0", text.as_bytes()].concat();
    let png = png_with_chunk(&stored(ImageFormat::Png), *b"tEXt", &plain);
    assert_eq!(decoded(&png), quarters());
    let compressed = miniz_oxide::deflate::compress_to_vec_zlib(text.as_bytes(), 6);
    let compressed = [b"Raw profile type APP1\0\0", &compressed[..]].concat();
    let png = png_with_last_chunk(&stored(ImageFormat::Png), *b"zTXt", &compressed);
    assert_eq!(decoded(&png), quarters());
}

#[test]
fn xmp_counts_where_exif_is_silent() {
    let text = [b"XML:com.adobe.xmp\0\0\0\0\0", XMP].concat();
    let png = png_with_chunk(&stored(ImageFormat::Png), *b"iTXt", &text);
    assert_eq!(decoded(&png), quarters());
    let packet = [b"http://ns.adobe.com/xap/1.0/\0", XMP].concat();
    let jpeg = segment_of_jpeg(&stored(ImageFormat::Jpeg), 0xE1, &packet);
    assert_eq!(decoded(&jpeg).dimensions(), (40, 24));
    let upright = jpeg_with_exif(&jpeg, &orientation_block(1));
    assert_eq!(decoded(&upright).dimensions(), (24, 40));
}

#[test]
fn orientation_of_any_integer_type_counts() {
    for (kind, value) in [
        (1, [6, 0, 0, 0]),
        (3, [0, 6, 0, 0]),
        (4, [0, 0, 0, 6]),
        (6, [6, 0, 0, 0]),
        (8, [0, 6, 0, 0]),
        (9, [0, 0, 0, 6]),
    ] {
        let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0".to_vec();
        block.push(kind);
        block.extend([0, 0, 0, 1]);
        block.extend(value);
        block.extend([0; 4]);
        let jpeg = jpeg_with_exif(&stored(ImageFormat::Jpeg), &block);
        assert_eq!(decoded(&jpeg).dimensions(), (40, 24), "type {kind}");
    }
}
