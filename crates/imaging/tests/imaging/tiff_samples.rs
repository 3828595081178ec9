//! What tests of TIFF files share: numbers, pages and encoders.

use std::io::Write;

use crate::samples::quarters;
use crate::tiff_writer::{Kind, LITTLE, Page};
use eidetic_imaging::{DecodeLimits, DecodedImage, decode};

pub const WHITE_IS_ZERO: u16 = 0;
pub const BLACK_IS_ZERO: u16 = 1;
pub const RGB: u16 = 2;
pub const PALETTE: u16 = 3;
pub const CMYK: u16 = 5;
pub const YCBCR: u16 = 6;
pub const CIE_LAB: u16 = 8;
pub const COMPRESSION: u16 = 259;
pub const FILL_ORDER: u16 = 266;
pub const ROWS_PER_STRIP: u16 = 278;
pub const PLANAR_CONFIGURATION: u16 = 284;
pub const PREDICTOR: u16 = 317;
pub const COLOR_MAP: u16 = 320;
pub const TILE_LENGTH: u16 = 323;
pub const EXTRA_SAMPLES: u16 = 338;
pub const SAMPLE_FORMAT: u16 = 339;
pub const JPEG_TABLES: u16 = 347;
pub const YCBCR_SUBSAMPLING: u16 = 530;
pub const REFERENCE_BLACK_WHITE: u16 = 532;

pub const KINDS: [Kind; 4] = [
    LITTLE,
    Kind {
        is_big_endian: true,
        is_big_tiff: false,
    },
    Kind {
        is_big_endian: false,
        is_big_tiff: true,
    },
    Kind {
        is_big_endian: true,
        is_big_tiff: true,
    },
];

pub fn open(bytes: &[u8]) -> DecodedImage {
    decode(bytes, &DecodeLimits::default()).expect("a valid file")
}

/// The decoded pixels of an undamaged file.
pub fn pixels(bytes: &[u8]) -> Vec<[u8; 3]> {
    let decoded = open(bytes);
    assert_eq!(decoded.damage, None);
    decoded.image.pixels().map(|pixel| pixel.0).collect()
}

pub fn shown(page: Page) -> Vec<[u8; 3]> {
    pixels(&page.write(LITTLE))
}

pub fn grays(levels: &[u8]) -> Vec<[u8; 3]> {
    levels.iter().map(|&level| [level; 3]).collect()
}

/// 40 × 24 pixels of RGB.
pub fn rgb_page() -> Page {
    Page::new((40, 24), RGB, &[8; 3], quarters().into_raw())
}

pub fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).expect("writing into memory");
    encoder.finish().expect("writing into memory")
}

pub fn lzw(content: &[u8]) -> Vec<u8> {
    weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
        .encode(content)
        .expect("writing into memory")
}
