//! Pictures beyond the limit of pixels, decoded at a reduced size. The limits are small, and so are the pictures.

use std::fs;
use std::path::Path;

use crate::samples::heif::{HeifBuilder, clap, ispe};
use crate::samples::{encoded, jpeg_with_exif, orientation_block};
use crate::tiff_writer::{LITTLE, Page, TILE_WIDTH, Values};
use eidetic_imaging::{DecodeLimits, DecodeSize, ImagingError, decode, decode_scaled, full_memory};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

const WIDTH: u32 = 70;
const HEIGHT: u32 = 50;

/// Pictures of more than 400 pixels are beyond these.
fn limits() -> DecodeLimits {
    DecodeLimits {
        pixels: 400,
        reduced_pixels: 10_000,
        ..DecodeLimits::default()
    }
}

fn picture() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        Rgb([(x * 3) as u8, (y * 5) as u8, (x + y) as u8])
    })
}

/// The averages of squares of four pixels.
fn halved(image: &RgbImage) -> RgbImage {
    RgbImage::from_fn(image.width() / 2, image.height() / 2, |x, y| {
        let corners = [(0, 0), (1, 0), (0, 1), (1, 1)];
        let channel = |channel: usize| {
            let value = |(dx, dy)| u32::from(image.get_pixel(2 * x + dx, 2 * y + dy).0[channel]);
            ((corners.map(value).iter().sum::<u32>() + 2) / 4) as u8
        };
        Rgb([channel(0), channel(1), channel(2)])
    })
}

fn greatest_difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    let differences = a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
    differences.max().unwrap_or(0)
}

/// The picture is reduced by half, and its metadata say how large it is.
fn is_halved(bytes: &[u8], expected: &RgbImage, tolerance: u8) {
    let decoded = decode(bytes, &limits()).expect("a picture that can be reduced");
    let size = (decoded.metadata.width, decoded.metadata.height);
    assert_eq!(size, expected.dimensions());
    assert_eq!(decoded.damage, None);
    let difference = greatest_difference(&decoded.image, &halved(expected));
    assert!(difference <= tolerance, "{difference}");
}

fn data(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    fs::read(path).expect("a readable file")
}

#[test]
fn png_of_any_samples_is_averaged() {
    let rgb = DynamicImage::ImageRgb8(picture());
    is_halved(&encoded(&rgb, ImageFormat::Png), &picture(), 0);
    let deep = DynamicImage::ImageRgb16(rgb.to_rgb16());
    is_halved(&encoded(&deep, ImageFormat::Png), &picture(), 1);
    let gray = DynamicImage::ImageLuma8(rgb.to_luma8());
    is_halved(&encoded(&gray, ImageFormat::Png), &gray.to_rgb8(), 0);
    let clear = RgbaImage::from_fn(WIDTH, HEIGHT, |x, _| {
        Rgba([0, 0, 0, if x < 30 { 255 } else { 0 }])
    });
    let on_white = RgbImage::from_fn(WIDTH, HEIGHT, |x, _| Rgb([if x < 30 { 0 } else { 255 }; 3]));
    let clear = encoded(&DynamicImage::ImageRgba8(clear), ImageFormat::Png);
    is_halved(&clear, &on_white, 0);
}

#[test]
fn truncated_png_is_averaged_in_part() {
    let bytes = encoded(&DynamicImage::ImageRgb8(picture()), ImageFormat::Png);
    let decoded = decode(&bytes[..bytes.len() / 2], &limits()).expect("some rows");
    assert_eq!(decoded.image.dimensions(), (WIDTH / 2, HEIGHT / 2));
    assert_eq!(decoded.image.get_pixel(3, 0), halved(&picture()).get_pixel(3, 0));
    assert_eq!(decoded.image.get_pixel(3, HEIGHT / 2 - 1), &Rgb([128; 3]));
    assert!(decoded.damage.is_some());
}

#[test]
fn jpeg_and_webp_are_decoded_at_half() {
    let rgb = DynamicImage::ImageRgb8(picture());
    is_halved(&encoded(&rgb, ImageFormat::Jpeg), &picture(), 12);
    is_halved(&encoded(&rgb, ImageFormat::WebP), &picture(), 4);
    let full = |name| {
        decode(&data(name), &DecodeLimits::default())
            .expect("an image")
            .image
    };
    for name in ["progressive.jpg", "grey.jpg", "422-progressive.jpg"] {
        let decoded = decode(&data(name), &limits_of(50_000)).expect(name);
        let expected = full(name);
        assert_eq!(
            decoded.image.dimensions(),
            (expected.width() / 2, expected.height() / 2)
        );
        assert_eq!(
            (decoded.metadata.width, decoded.metadata.height),
            expected.dimensions()
        );
    }
}

fn limits_of(reduced_pixels: u64) -> DecodeLimits {
    DecodeLimits {
        reduced_pixels,
        ..limits()
    }
}

#[test]
fn newer_formats_are_reduced() {
    for name in [
        "picture.jxl",
        "lossless.jxl",
        "picture.jp2",
        "lossless.j2k",
        "gray.jp2",
    ] {
        let full = decode(&data(name), &DecodeLimits::default()).expect(name).image;
        let reduced = decode(&data(name), &limits()).expect(name);
        let size = (reduced.metadata.width, reduced.metadata.height);
        assert_eq!(size, full.dimensions(), "{name}");
        let difference = greatest_difference(&reduced.image, &halved(&full));
        // Wavelets overshoot at edges.
        let tolerance = if name.ends_with("xl") { 1 } else { 60 };
        assert!(difference <= tolerance, "{name}: {difference}");
    }
}

#[test]
fn grid_is_averaged_part_by_part() {
    let grid = |builder: HeifBuilder| builder.grid(2, 2, 90, 60).part_property(ispe(64, 64));
    let bytes = grid(HeifBuilder::from_file(&data("picture.heic"))).build();
    let full = decode(&bytes, &DecodeLimits::default()).expect("an image").image;
    let limits = DecodeLimits {
        // More than those of a part.
        pixels: 5000,
        ..limits()
    };
    let reduced = decode(&bytes, &limits).expect("a grid that can be reduced");
    assert_eq!((reduced.metadata.width, reduced.metadata.height), (90, 60));
    assert!(greatest_difference(&reduced.image, &halved(&full)) <= 1);
    let cropped = grid(HeifBuilder::from_file(&data("picture.heic")).property(clap(60, 40))).build();
    let reduced = decode(&cropped, &limits).expect("a grid that can be reduced");
    assert_eq!((reduced.metadata.width, reduced.metadata.height), (60, 40));
    assert_eq!(reduced.image.dimensions(), (30, 20));
}

fn page() -> Page {
    Page::new((WIDTH, HEIGHT), 2, &[8; 3], picture().into_raw())
}

#[test]
fn tiff_strips_are_averaged() {
    is_halved(&page().write(LITTLE), &picture(), 0);
    // Three rows each: squares extend over two strips.
    let row = 3 * WIDTH as usize;
    let strips = picture().chunks(3 * row).map(<[u8]>::to_vec).collect();
    let strips = page().with(278, Values::Longs(vec![3])).strips(strips);
    is_halved(&strips.write(LITTLE), &picture(), 0);
    let plane = |channel: usize| picture().iter().skip(channel).step_by(3).copied().collect();
    let planes = page().short(284, 2).strips((0..3).map(plane).collect());
    is_halved(&planes.write(LITTLE), &picture(), 0);
}

#[test]
fn tiff_tiles_are_averaged() {
    let tile = |left: u32, top: u32| -> Vec<u8> {
        let pixel = |x, y| picture().get_pixel_checked(x, y).map_or([9; 3], |pixel| pixel.0);
        let rows = (0..16).flat_map(|y| (0..16).map(move |x| (x, y)));
        rows.flat_map(|(x, y)| pixel(left + x, top + y)).collect()
    };
    let places = (0..HEIGHT)
        .step_by(16)
        .flat_map(|top| (0..WIDTH).step_by(16).map(move |left| (left, top)));
    let tiles = places.map(|(left, top)| tile(left, top)).collect();
    let tiled = page().short(TILE_WIDTH, 16).short(323, 16).strips(tiles);
    is_halved(&tiled.write(LITTLE), &picture(), 0);
}

#[test]
fn tiff_colors_are_converted_before_averaging() {
    let index = |x: u32, y: u32| (x + y) % 2;
    let indices: Vec<u8> = (0..HEIGHT)
        .flat_map(|y| (0..WIDTH).map(move |x| index(x, y) as u8))
        .collect();
    let mut palette = vec![0; 3 * 256];
    palette[1] = 0xFFFF;
    let paletted = Page::new((WIDTH, HEIGHT), 3, &[8], indices).with(320, Values::Shorts(palette));
    let expected = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| Rgb([index(x, y) as u8 * 255, 0, 0]));
    is_halved(&paletted.write(LITTLE), &expected, 0);
    let inks = [0, 255, 255, 0].repeat((WIDTH * HEIGHT) as usize);
    let inks = Page::new((WIDTH, HEIGHT), 5, &[8; 4], inks);
    is_halved(
        &inks.write(LITTLE),
        &RgbImage::from_pixel(WIDTH, HEIGHT, Rgb([255, 0, 0])),
        0,
    );
}

#[test]
fn orientation_is_applied_to_reduced_picture() {
    let jpeg = encoded(&DynamicImage::ImageRgb8(picture()), ImageFormat::Jpeg);
    let decoded = decode(&jpeg_with_exif(&jpeg, &orientation_block(6)), &limits()).expect("an image");
    assert_eq!(decoded.image.dimensions(), (HEIGHT / 2, WIDTH / 2));
    assert_eq!((decoded.metadata.width, decoded.metadata.height), (HEIGHT, WIDTH));
}

#[test]
fn memory_decides_how_much_is_reduced() {
    let gray = DynamicImage::ImageLuma8(image::GrayImage::from_fn(2000, 1600, |x, y| {
        image::Luma([((x ^ y) & 0xFF) as u8])
    }));
    let png = encoded(&gray, ImageFormat::Png);
    let width = |memory| {
        let limits = DecodeLimits {
            memory,
            ..DecodeLimits::default()
        };
        assert!(full_memory(&png, &limits) <= memory);
        decode(&png, &limits).map(|decoded| decoded.image.width())
    };
    assert_eq!(width(32 << 20).ok(), Some(2000));
    assert_eq!(width(8 << 20).ok(), Some(1000));
    assert_eq!(width(4 << 20).ok(), Some(666));
    assert!(matches!(width(1 << 20), Err(ImagingError::TooLarge { .. })));
}

#[test]
fn limit_of_reduced_pixels_is_kept() {
    let rgb = DynamicImage::ImageRgb8(picture());
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Tiff,
    ];
    let files = formats.map(|format| (encoded(&rgb, format), u64::from(WIDTH * HEIGHT)));
    let others = ["picture.jxl", "picture.jp2"].map(|name| (data(name), 48 * 32));
    for (bytes, pixels) in files.into_iter().chain(others) {
        let answer = decode(&bytes, &limits_of(pixels - 1)).map(|decoded| decoded.image.dimensions());
        assert!(matches!(answer, Err(ImagingError::TooLarge { .. })), "{answer:?}");
    }
    let limits = limits_of(u64::from(WIDTH * HEIGHT) - 1);
    let jpeg = encoded(&rgb, ImageFormat::Jpeg);
    assert!(decode_scaled(&jpeg, &limits, DecodeSize::for_thumbnail(10)).is_none());
}
