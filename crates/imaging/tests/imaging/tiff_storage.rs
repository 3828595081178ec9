//! Compressions, strips, tiles and pages of TIFF files.

use crate::samples::{encoded, quarters};
use crate::tiff_samples::{
    BLACK_IS_ZERO, COMPRESSION, EXTRA_SAMPLES, FILL_ORDER, JPEG_TABLES, PLANAR_CONFIGURATION, PREDICTOR, RGB,
    ROWS_PER_STRIP, TILE_LENGTH, WHITE_IS_ZERO, YCBCR, deflated, grays, lzw, open, rgb_page, shown,
};
use crate::tiff_writer::{LITTLE, Page, TILE_WIDTH, Values, write};
use eidetic_imaging::{DecodeLimits, ImagingError, decode, decode_page, page_count};
use image::{DynamicImage, ImageFormat};

#[test]
fn every_general_compression_is_undone() {
    let raw = quarters().into_raw();
    let packed: Vec<u8> = raw
        .chunks(100)
        .flat_map(|part| [&[part.len() as u8 - 1], part].concat())
        .collect();
    let old_lzw = weezl::encode::Encoder::new(weezl::BitOrder::Lsb, 8)
        .encode(&raw)
        .expect("writing into memory");
    let zstd = zstd::encode_all(raw.as_slice(), 1).expect("it is compressed");
    let mut webp = Vec::new();
    image_webp::WebPEncoder::new(&mut webp)
        .encode(&raw, 40, 24, image_webp::ColorType::Rgb8)
        .expect("writing into memory");
    for (number, content) in [
        (5, lzw(&raw)),
        (5, old_lzw),
        (8, deflated(&raw)),
        (32_946, deflated(&raw)),
        (32_773, packed),
        (50_000, zstd),
        (50_001, webp),
    ] {
        let page = rgb_page().short(COMPRESSION, number).strips(vec![content]);
        assert_eq!(open(&page.write(LITTLE)).image, quarters(), "{number}");
    }
}

#[test]
fn predictor_counts_extra_samples() {
    let rgb = quarters();
    let samples: Vec<u8> = rgb
        .pixels()
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 77])
        .collect();
    let differences: Vec<u8> = samples
        .chunks(40 * 4)
        .flat_map(|row| {
            let left = |index: usize| if index < 4 { 0 } else { row[index - 4] };
            (0..row.len()).map(move |index| row[index].wrapping_sub(left(index)))
        })
        .collect();
    let page = Page::new((40, 24), RGB, &[8; 4], Vec::new())
        .short(COMPRESSION, 5)
        .short(PREDICTOR, 2)
        .short(EXTRA_SAMPLES, 0)
        .strips(vec![lzw(&differences)]);
    assert_eq!(open(&page.write(LITTLE)).image, rgb);
}

#[test]
fn tiles_beyond_the_edge_are_cut() {
    let image = quarters();
    let tile = |left: u32, top: u32| -> Vec<u8> {
        (0..16 * 16)
            .flat_map(|index| {
                let (x, y) = (left + index % 16, top + index / 16);
                if x < 40 && y < 24 {
                    image.get_pixel(x, y).0
                } else {
                    [9; 3]
                }
            })
            .collect()
    };
    let origins: Vec<(u32, u32)> = (0..6).map(|index| (index % 3 * 16, index / 3 * 16)).collect();
    let tiled = |page: Page| page.short(TILE_WIDTH, 16).short(TILE_LENGTH, 16);
    let tiles: Vec<Vec<u8>> = origins.iter().map(|&(x, y)| tile(x, y)).collect();
    let page = tiled(rgb_page()).strips(tiles.clone());
    assert_eq!(open(&page.write(LITTLE)).image, image);
    let planes = (0..3).flat_map(|plane| {
        tiles
            .iter()
            .map(move |tile| tile.iter().skip(plane).step_by(3).copied().collect())
    });
    let page = tiled(rgb_page())
        .short(PLANAR_CONFIGURATION, 2)
        .strips(planes.collect());
    assert_eq!(open(&page.write(LITTLE)).image, image);
}

#[test]
fn fax_in_either_bit_order_is_read() {
    let mut encoder = fax::encoder::Encoder::new(fax::VecWriter::new());
    for y in 0..6_u16 {
        let colors = (0..16).map(|x| {
            if x < 2 * y {
                fax::Color::Black
            } else {
                fax::Color::White
            }
        });
        encoder.encode_line(colors, 16).expect("writing into memory");
    }
    let content = encoder.finish().expect("writing into memory").finish();
    let page = Page::new((16, 6), WHITE_IS_ZERO, &[1], content.clone()).short(COMPRESSION, 4);
    let expected: Vec<u8> = (0..6)
        .flat_map(|y| (0..16).map(move |x| if x < 2 * y { 0 } else { 255 }))
        .collect();
    assert_eq!(shown(page.clone()), grays(&expected));
    let reversed = content.iter().map(|byte| byte.reverse_bits()).collect();
    // Without lengths of strips and with room behind them.
    let page = page
        .short(FILL_ORDER, 2)
        .strips(vec![reversed])
        .with(279, Values::Longs(vec![0]));
    assert_eq!(shown(page), grays(&expected));
}

#[test]
fn jpeg_strips_use_common_tables() {
    let jpeg = encoded(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Jpeg);
    let (tables, stream) = abbreviated(&jpeg);
    let reference = open(&jpeg).image;
    let page = Page::new((40, 24), YCBCR, &[8; 3], stream)
        .short(COMPRESSION, 7)
        .with(JPEG_TABLES, Values::Bytes(tables));
    let result = open(&page.write(LITTLE)).image;
    let worst = result
        .iter()
        .zip(reference.iter())
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    assert!(worst <= Some(2), "{worst:?}");
}

#[test]
fn jpeg_strips_may_have_separate_scans() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/420-scans.jpg");
    let jpeg = std::fs::read(path).expect("a file of the repository");
    let reference = open(&jpeg).image;
    let (tables, stream) = abbreviated(&jpeg);
    let page = |photometric, stream| {
        Page::new(reference.dimensions(), photometric, &[8; 3], stream).short(COMPRESSION, 7)
    };
    let whole = open(&page(YCBCR, jpeg.clone()).write(LITTLE)).image;
    assert_eq!(whole, reference);
    let shortened = page(YCBCR, stream).with(JPEG_TABLES, Values::Bytes(tables));
    assert_eq!(open(&shortened.write(LITTLE)).image, reference);
    // As RGB the components stay what they are, whatever the stream says: luma is red.
    let stored = open(&page(RGB, jpeg).write(LITTLE)).image;
    let luma = |color: &[u8]| {
        0.299 * f32::from(color[0]) + 0.587 * f32::from(color[1]) + 0.114 * f32::from(color[2])
    };
    let (pixel, expected) = (stored.get_pixel(90, 70).0, luma(&reference.get_pixel(90, 70).0));
    assert!(
        (f32::from(pixel[0]) - expected).abs() < 3.0,
        "{pixel:?}: {expected}"
    );
}

/// The tables of a JPEG file, and the file without them.
fn abbreviated(jpeg: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut tables, mut stream) = (jpeg[..2].to_vec(), jpeg[..2].to_vec());
    let mut at = 2;
    loop {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        match jpeg[at + 1] {
            0xDB | 0xC4 => tables.extend(&jpeg[at..end]),
            0xDA => break,
            _ => stream.extend(&jpeg[at..end]),
        }
        at = end;
    }
    tables.extend([0xFF, 0xD9]);
    stream.extend(&jpeg[at..]);
    (tables, stream)
}

#[test]
fn old_jpeg_is_read_from_its_interchange() {
    let jpeg = encoded(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Jpeg);
    let reference = open(&jpeg).image;
    let length = jpeg.len() as u32;
    let page = Page::new((40, 24), YCBCR, &[8; 3], jpeg)
        .short(COMPRESSION, 6)
        .with(513, Values::Longs(vec![8]))
        .with(514, Values::Longs(vec![length]));
    assert_eq!(open(&page.write(LITTLE)).image, reference);
}

#[test]
fn pages_are_counted_without_reduced_ones() {
    let small = Page::new((4, 2), BLACK_IS_ZERO, &[8], vec![50; 8]).short(254, 1);
    let second = Page::new((5, 2), BLACK_IS_ZERO, &[8], vec![60; 10]);
    let bytes = write(&[small, rgb_page(), second], LITTLE);
    assert_eq!(page_count(&bytes), 2);
    assert_eq!(open(&bytes).image, quarters());
    let page = |index| decode_page(&bytes, index, &DecodeLimits::default());
    assert_eq!(page(1).expect("a second page").image.dimensions(), (5, 2));
    assert!(matches!(page(2), Err(ImagingError::Damaged { .. })));
    let jpeg = encoded(&DynamicImage::ImageRgb8(quarters()), ImageFormat::Jpeg);
    assert_eq!(page_count(&jpeg), 1);
    assert!(decode_page(&jpeg, 1, &DecodeLimits::default()).is_err());
}

#[test]
fn missing_strips_are_gray_and_reported() {
    let raw = quarters().into_raw();
    let strips: Vec<Vec<u8>> = raw.chunks(40 * 3 * 8).map(lzw).collect();
    let page = rgb_page().short(COMPRESSION, 5).short(ROWS_PER_STRIP, 8);
    let whole = page.clone().strips(strips.clone());
    assert_eq!(open(&whole.write(LITTLE)).damage, None);
    let mut cut = strips;
    cut[2] = Vec::new();
    let decoded = open(
        &page
            .strips(cut)
            .with(273, Values::Longs(vec![8, 8, 9_999_999]))
            .write(LITTLE),
    );
    assert_eq!(
        decoded.damage.as_deref(),
        Some("only 66 % of the picture could be read")
    );
    assert_eq!(decoded.image.get_pixel(39, 23).0, [128; 3]);
}

#[test]
fn unusual_kinds_are_refused_by_name() {
    let reason = |page: Page| match decode(&page.write(LITTLE), &DecodeLimits::default()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("an image"),
    };
    assert!(reason(rgb_page().short(COMPRESSION, 34_712)).contains("JPEG 2000 compression"));
    assert!(reason(rgb_page().short(262, 32_845)).contains("LogLuv"));
    assert!(reason(rgb_page().with(258, Values::Shorts(vec![5, 6, 5]))).contains("depths"));
    let predicted = Page::new((4, 1), BLACK_IS_ZERO, &[12], vec![0; 6])
        .short(COMPRESSION, 5)
        .short(PREDICTOR, 2);
    let sentence = reason(predicted.clone());
    assert!(
        sentence.contains("horizontal predictor for samples of 12 bits"),
        "{sentence}"
    );
    assert!(reason(predicted.short(PREDICTOR, 3)).contains("floating-point predictor"));
    assert!(reason(rgb_page().with(256, Values::Longs(vec![0]))).contains("wide"));
}
