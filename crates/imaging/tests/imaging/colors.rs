//! Color spaces of every container, in generated files.

use std::io::Cursor;

use crate::samples::{encoded, four_channel_jpeg, jpeg_with_exif, png_with_chunk, segment_of_jpeg};
use crate::tiff_writer::{LITTLE, Page, Values};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode, decode_at_least, decodes_differently};
use exif::experimental::Writer;
use exif::{Field, In, Tag, Value};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};
use moxcms::{ColorProfile, DataColorSpace, ToneReprCurve};

/// A color, and what it is in sRGB if its values are those of another space.
const COLOR: [u8; 3] = [150, 120, 100];
const FROM_ADOBE_RGB: [u8; 3] = [162, 121, 99];
const FROM_DISPLAY_P3: [u8; 3] = [156, 119, 97];
const FROM_LINEAR: [u8; 3] = [202, 182, 168];

fn image() -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_pixel(16, 16, Rgb(COLOR)))
}

fn first(bytes: &[u8]) -> [u8; 3] {
    let decoded = decode(bytes, &DecodeLimits::default()).expect("a valid file");
    decoded.image.get_pixel(5, 5).0
}

#[track_caller]
fn assert_near(actual: [u8; 3], expected: [u8; 3]) {
    let near = actual.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2);
    assert!(near, "{actual:?}, not {expected:?}");
}

fn icc(profile: &ColorProfile) -> Vec<u8> {
    profile.encode().expect("a profile")
}

fn png() -> Vec<u8> {
    encoded(&image(), ImageFormat::Png)
}

fn png_with_profile(png: &[u8], profile: &[u8]) -> Vec<u8> {
    let compressed = miniz_oxide::deflate::compress_to_vec_zlib(profile, 6);
    png_with_chunk(png, *b"iCCP", &[b"name\0\0", &compressed[..]].concat())
}

fn jpeg_with_profile(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    // In two segments, the second one first, as the numbers allow.
    let (start, end) = profile.split_at(profile.len() / 2);
    let jpeg = segment_of_jpeg(jpeg, 0xE2, &[b"ICC_PROFILE\0\x01\x02", start].concat());
    segment_of_jpeg(&jpeg, 0xE2, &[b"ICC_PROFILE\0\x02\x02", end].concat())
}

#[test]
fn profiles_of_every_container_are_applied() {
    let profile = icc(&ColorProfile::new_display_p3());
    assert_near(first(&png_with_profile(&png(), &profile)), FROM_DISPLAY_P3);
    let jpeg = encoded(&image(), ImageFormat::Jpeg);
    assert_near(first(&jpeg_with_profile(&jpeg, &profile)), FROM_DISPLAY_P3);
    let mut webp = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut webp);
    encoder.set_icc_profile(profile.clone());
    encoder
        .encode(image().as_bytes(), 16, 16, image_webp::ColorType::Rgb8)
        .expect("encoding into memory");
    assert_near(first(&webp), FROM_DISPLAY_P3);
    let tiff = Page::new((16, 16), 2, &[8; 3], image().into_bytes())
        .with(34_675, Values::Bytes(profile))
        .write(LITTLE);
    assert_near(first(&tiff), FROM_DISPLAY_P3);
}

#[test]
fn converted_files_are_known_without_decoding() {
    let jpeg = encoded(&image(), ImageFormat::Jpeg);
    for plain in [&jpeg, &png()] {
        assert!(!decodes_differently(plain));
    }
    assert!(!decodes_differently(&png_with_profile(
        &png(),
        &icc(&ColorProfile::new_srgb())
    )));
    assert!(decodes_differently(&png_with_profile(
        &png(),
        &icc(&ColorProfile::new_adobe_rgb())
    )));
    assert!(decodes_differently(&jpeg_with_profile(
        &jpeg,
        &icc(&ColorProfile::new_adobe_rgb())
    )));
    assert!(decodes_differently(&jpeg_with_exif(&jpeg, &adobe_rgb_block())));
}

#[test]
fn broken_and_foreign_profiles_are_ignored() {
    let profile = icc(&ColorProfile::new_display_p3());
    for broken in [&b"no profile"[..], &profile[..200], &[0xFF; 3000], &[]] {
        assert_eq!(first(&png_with_profile(&png(), broken)), COLOR);
    }
    let gray = icc(&ColorProfile::new_gray_with_gamma(1.0));
    assert_eq!(
        first(&jpeg_with_profile(&encoded(&image(), ImageFormat::Jpeg), &gray)),
        first(&encoded(&image(), ImageFormat::Jpeg))
    );
}

#[test]
fn types_that_corbis_wrote_are_understood() {
    let mut profile = icc(&ColorProfile::new_display_p3());
    let types: Vec<usize> = profile
        .windows(8)
        .enumerate()
        .filter(|(_, window)| *window == b"XYZ \0\0\0\0")
        .map(|(at, _)| at)
        .collect();
    for at in types {
        profile[at..at + 4].copy_from_slice(&[0x17, 0xA5, 0x05, 0xB8]);
    }
    assert_near(first(&png_with_profile(&png(), &profile)), FROM_DISPLAY_P3);
}

#[test]
fn srgb_profile_changes_no_pixel() {
    let original = RgbImage::from_fn(256, 256, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8]));
    let png = encoded(&DynamicImage::ImageRgb8(original.clone()), ImageFormat::Png);
    let png = png_with_profile(&png, &icc(&ColorProfile::new_srgb()));
    let decoded = decode(&png, &DecodeLimits::default()).expect("a valid file");
    assert_eq!(decoded.image, original);
}

#[test]
fn deep_and_gray_samples_are_converted() {
    let linear = ToneReprCurve::Parametric(vec![1.0]);
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    profile.red_trc = Some(linear.clone());
    profile.green_trc = Some(linear.clone());
    profile.blue_trc = Some(linear);
    let deep = ImageBuffer::from_pixel(16, 16, Rgb(COLOR.map(|value| u16::from(value) * 257)));
    let png = encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png);
    assert_near(first(&png_with_profile(&png, &icc(&profile))), FROM_LINEAR);
    let gray = GrayImage::from_pixel(16, 16, Luma([COLOR[0]]));
    let png = encoded(&DynamicImage::ImageLuma8(gray.clone()), ImageFormat::Png);
    let gray_profile = icc(&ColorProfile::new_gray_with_gamma(1.0));
    assert_near(first(&png_with_profile(&png, &gray_profile)), [FROM_LINEAR[0]; 3]);
    let jpeg = encoded(&DynamicImage::ImageLuma8(gray), ImageFormat::Jpeg);
    assert_near(
        first(&jpeg_with_profile(&jpeg, &gray_profile)),
        [FROM_LINEAR[0]; 3],
    );
}

#[test]
fn png_chunks_state_colors() {
    let gamma = |value: u32| png_with_chunk(&png(), *b"gAMA", &value.to_be_bytes());
    assert_near(first(&gamma(100_000)), FROM_LINEAR);
    assert_eq!(first(&gamma(45_455)), COLOR);
    assert_eq!(first(&gamma(0)), COLOR);
    let cicp = |codes| png_with_chunk(&png(), *b"cICP", codes);
    assert_near(first(&cicp(&[12, 13, 0, 1])), FROM_DISPLAY_P3);
    assert_eq!(first(&cicp(&[1, 13, 0, 1])), COLOR);
    assert_eq!(first(&cicp(&[1, 255, 0, 1])), COLOR);
    let primaries =
        |numbers: [u32; 8]| png_with_chunk(&png(), *b"cHRM", &numbers.map(u32::to_be_bytes).concat());
    let display_p3 = [31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000];
    assert_near(first(&primaries(display_p3)), FROM_DISPLAY_P3);
    assert_eq!(first(&primaries([0; 8])), COLOR);
    // Chunks put in front of others come first: sRGB overrides gAMA.
    assert_eq!(first(&png_with_chunk(&gamma(100_000), *b"sRGB", &[0])), COLOR);
}

#[test]
fn bright_pictures_are_tone_mapped() {
    let pixel = Rgb([38_000_u16; 3]);
    let png = encoded(
        &DynamicImage::ImageRgb16(ImageBuffer::from_pixel(16, 16, pixel)),
        ImageFormat::Png,
    );
    // 58 % of PQ is diffuse white.
    let [r, g, b] = first(&png_with_chunk(&png, *b"cICP", &[9, 16, 0, 1]));
    assert!(r > 225 && r.abs_diff(g) <= 1 && g.abs_diff(b) <= 1, "{r} {g} {b}");
}

fn adobe_rgb_block() -> Vec<u8> {
    let fields = [
        (Tag::ColorSpace, Value::Short(vec![0xFFFF])),
        (Tag::InteroperabilityIndex, Value::Ascii(vec![b"R03".to_vec()])),
    ];
    let fields = fields.map(|(tag, value)| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    });
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut bytes = Cursor::new(Vec::new());
    writer.write(&mut bytes, false).expect("writing into memory");
    bytes.into_inner()
}

#[test]
fn adobe_rgb_is_known_from_exif() {
    let jpeg = jpeg_with_exif(&encoded(&image(), ImageFormat::Jpeg), &adobe_rgb_block());
    assert_near(first(&jpeg), FROM_ADOBE_RGB);
    let png = png_with_chunk(&png(), *b"eXIf", &adobe_rgb_block());
    assert_near(first(&png), FROM_ADOBE_RGB);
}

#[test]
fn scaled_jpeg_has_same_colors() {
    let large = DynamicImage::ImageRgb8(RgbImage::from_pixel(1024, 768, Rgb(COLOR)));
    let profile = icc(&ColorProfile::new_display_p3());
    let jpeg = jpeg_with_profile(&encoded(&large, ImageFormat::Jpeg), &profile);
    let size = DecodeSize::for_thumbnail(128);
    let scaled = decode_at_least(&jpeg, &DecodeLimits::default(), size).expect("a valid file");
    assert_eq!(scaled.image.dimensions(), (128, 96));
    assert_near(scaled.image.get_pixel(50, 50).0, FROM_DISPLAY_P3);
}

#[test]
fn ink_profile_replaces_multiplication() {
    let jpeg = four_channel_jpeg([200, 150, 100, 255], 0);
    let plain = first_of_inks(&jpeg);
    // A profile for RGB is not for inks.
    let foreign = jpeg_with_profile(&jpeg, &icc(&ColorProfile::new_display_p3()));
    assert_eq!(first_of_inks(&foreign), plain);
    let mut profile = ColorProfile::new_srgb();
    profile.color_space = DataColorSpace::Cmyk;
    let without_tables = jpeg_with_profile(&jpeg, &icc(&profile));
    assert_eq!(first_of_inks(&without_tables), plain);
}

fn first_of_inks(bytes: &[u8]) -> [u8; 3] {
    let decoded = decode(bytes, &DecodeLimits::default()).expect("a valid file");
    decoded.image.get_pixel(3, 3).0
}
