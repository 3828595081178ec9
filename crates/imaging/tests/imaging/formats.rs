//! Every format, sample type and orientation, in generated files.

use crate::samples::{
    encoded, four_channel_jpeg, jpeg_with_exif, orientation_block, png_with_chunk, quarters,
};
use crate::tiff_writer::{LITTLE, Page};
use eidetic_imaging::{DecodeLimits, DecodedImage, FileKind, ImagingError, classify, decode};
use image::{DynamicImage, GrayAlphaImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};

fn decoded(bytes: &[u8]) -> DecodedImage {
    decode(bytes, &DecodeLimits::default()).expect("a valid file")
}

/// Greatest difference of any sample.
fn difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter()
        .zip(b.iter())
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap_or(0)
}

#[test]
fn lossless_formats_keep_every_pixel() {
    use ImageFormat as F;
    let original = DynamicImage::ImageRgb8(quarters());
    for format in [F::Png, F::WebP, F::Bmp, F::Tiff, F::Qoi, F::Pnm, F::Tga, F::Gif] {
        let bytes = encoded(&original, format);
        let DecodedImage { image, metadata, .. } = decoded(&bytes);
        assert_eq!(difference(&image, &quarters()), 0, "{format:?}");
        assert_eq!((metadata.width, metadata.height), (40, 24));
        let kind = classify(&bytes[..64], format!("x.{}", format.extensions_str()[0]).as_ref());
        assert_eq!(kind, FileKind::Image(metadata.format), "{format:?}");
    }
}

#[test]
fn jpeg_and_icons_keep_image() {
    let original = DynamicImage::ImageRgb8(quarters());
    let jpeg = decoded(&encoded(&original, ImageFormat::Jpeg)).image;
    // Chroma is subsampled, so that colors bleed over the edges between the quarters.
    for (x, y) in [(4, 4), (34, 4), (4, 20), (34, 20)] {
        let (kept, original) = (jpeg.get_pixel(x, y), quarters().get_pixel(x, y).0);
        assert!(
            kept.0.iter().zip(original).all(|(a, b)| a.abs_diff(b) <= 6),
            "{kept:?}"
        );
    }
    let icon = encoded(&DynamicImage::ImageRgba8(original.to_rgba8()), ImageFormat::Ico);
    assert_eq!(difference(&decoded(&icon).image, &quarters()), 0);
}

#[test]
fn radiance_images_are_tone_mapped() {
    let scene = DynamicImage::ImageRgb32F(ImageBuffer::from_fn(8, 8, |x, _| {
        Rgb([if x < 4 { 0.5 } else { 50.0 }; 3])
    }));
    let image = decoded(&encoded(&scene, ImageFormat::Hdr)).image;
    let (dark, bright) = (image.get_pixel(0, 0).0[0], image.get_pixel(7, 0).0[0]);
    assert!((20..90).contains(&dark) && bright >= 200, "{dark} {bright}");
}

#[test]
fn all_sample_types_become_8_bit_rgb() {
    let first = |image: DynamicImage, format| decoded(&encoded(&image, format)).image.get_pixel(0, 0).0;
    let gray16 = DynamicImage::ImageLuma16(ImageBuffer::from_pixel(3, 2, Luma([0x8080])));
    let rgb16 = DynamicImage::ImageRgb16(ImageBuffer::from_pixel(3, 2, Rgb([0, 0x4040, 0xFFFF])));
    let rgba16 = DynamicImage::ImageRgba16(ImageBuffer::from_pixel(3, 2, Rgba([0, 0, 0, 0])));
    let gray_alpha = DynamicImage::ImageLumaA8(GrayAlphaImage::from_pixel(3, 2, LumaA([0, 51])));
    let float = DynamicImage::ImageRgb32F(ImageBuffer::from_pixel(3, 2, Rgb([0.0, 0.5, 1.0])));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        assert_eq!(first(gray16.clone(), format), [128; 3]);
        assert_eq!(first(rgb16.clone(), format), [0, 64, 255]);
        assert_eq!(first(rgba16.clone(), format), [255; 3]);
    }
    assert_eq!(first(gray_alpha, ImageFormat::Png), [204; 3]);
    // Floating-point numbers are linear light.
    assert_eq!(first(float, ImageFormat::Tiff), [0, 188, 255]);
}

#[test]
fn gif_frame_is_placed_on_canvas() {
    // A canvas of 4 × 3 with one red pixel at (2, 1). The rest has the color of the background, blue.
    let header = b"GIF89a\x04\0\x03\0\x80\x01\0\xFF\0\0\0\0\xFF";
    let frame = b"\x2C\x02\0\x01\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3B";
    let check = |gif: &[u8], rest: [u8; 3]| {
        let image = decoded(gif).image;
        for (x, y, pixel) in image.enumerate_pixels() {
            let expected = if (x, y) == (2, 1) { [255, 0, 0] } else { rest };
            assert_eq!(pixel.0, expected, "({x}, {y})");
        }
        assert_eq!(image.dimensions(), (4, 3));
    };
    check(&[header.as_slice(), frame].concat(), [0, 0, 255]);
    // With a transparent color, here the second, the rest is transparent, which shows white.
    let control = b"\x21\xF9\x04\x01\0\0\x01\0";
    check(&[header.as_slice(), control, frame].concat(), [255; 3]);
}

#[test]
fn largest_icon_is_decoded() {
    let original = |side| {
        let image = RgbImage::from_pixel(side, side, Rgb([side as u8, 0, 0]));
        encoded(&DynamicImage::ImageRgb8(image), ImageFormat::Png)
    };
    let (small, large) = (original(16), original(48));
    let mut icon = vec![0, 0, 1, 0, 2, 0];
    let directory = 6 + 2 * 16;
    for (side, depth, content, offset) in [
        (48, 8, &large, directory),
        (16, 32, &small, directory + large.len()),
    ] {
        icon.extend([side, side, 0, 0, 1, 0, depth, 0]);
        icon.extend((content.len() as u32).to_le_bytes());
        icon.extend((offset as u32).to_le_bytes());
    }
    icon.extend(large);
    icon.extend(small);
    let image = decoded(&icon).image;
    assert_eq!(image.dimensions(), (48, 48));
    assert_eq!(image.get_pixel(0, 0), &Rgb([48, 0, 0]));
}

#[test]
fn adobe_cmyk_is_decoded_as_in_browsers() {
    let shown = |values, transform| {
        let jpeg = four_channel_jpeg(values, transform);
        decoded(&jpeg).image.get_pixel(3, 3).0
    };
    let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 2);
    assert!(near(shown([255, 1, 128, 255], 0), [255, 1, 128]));
    assert!(near(shown([255, 1, 128, 128], 0), [128, 0, 64]));
    // YCCK: gray 100 is an inverted ink of 155.
    assert!(near(shown([100, 128, 128, 255], 2), [155; 3]));
}

#[test]
fn all_orientations_become_upright_in_every_format() {
    let upright = DynamicImage::ImageRgb8(quarters());
    for number in 1..=8 {
        // Stored as a rotated camera stores it: transformed by the inverse of the orientation.
        let inverse = match number {
            6 => 8,
            8 => 6,
            same => same,
        };
        let mut stored = upright.clone();
        stored.apply_orientation(image::metadata::Orientation::from_exif(inverse).expect("1 to 8"));
        let block = orientation_block(number.into());
        let png = png_with_chunk(&encoded(&stored, ImageFormat::Png), *b"eXIf", &block);
        assert_eq!(difference(&decoded(&png).image, &quarters()), 0, "PNG {number}");
        let webp = webp_with_exif(&stored, block.clone());
        assert_eq!(difference(&decoded(&webp).image, &quarters()), 0, "WebP {number}");
        let tiff = tiff_with_orientation(&stored, number.into());
        assert_eq!(difference(&decoded(&tiff).image, &quarters()), 0, "TIFF {number}");
        let jpeg = decoded(&jpeg_with_exif(&encoded(&stored, ImageFormat::Jpeg), &block));
        assert_eq!((jpeg.metadata.width, jpeg.metadata.height), (40, 24));
        let corner = jpeg.image.get_pixel(3, 3).0;
        assert!(
            corner.iter().zip([250, 10, 10]).all(|(a, b)| a.abs_diff(b) <= 8),
            "JPEG {number}"
        );
    }
}

fn webp_with_exif(image: &DynamicImage, block: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut bytes);
    encoder.set_exif_metadata(block);
    encoder
        .encode(
            image.as_bytes(),
            image.width(),
            image.height(),
            image_webp::ColorType::Rgb8,
        )
        .expect("encoding into memory");
    bytes
}

fn tiff_with_orientation(image: &DynamicImage, number: u16) -> Vec<u8> {
    let content = image.to_rgb8().into_raw();
    Page::new((image.width(), image.height()), 2, &[8; 3], content)
        .short(274, number)
        .write(LITTLE)
}

#[test]
fn other_content_is_named() {
    let reason = |bytes: &[u8]| match decode(bytes, &DecodeLimits::default()) {
        Err(ImagingError::Unsupported(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(b""), "the file is empty");
    assert_eq!(reason(b"%PDF-1.4"), "the file is a PDF document, not an image");
    assert_eq!(
        reason(b"gimp xcf v011"),
        "GIMP (XCF) images are not supported; convert to JPEG or PNG"
    );
    assert_eq!(
        reason(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
        "the file is a video, not an image"
    );
    assert!(reason(b"once upon a time").contains("unknown image format"));
}
