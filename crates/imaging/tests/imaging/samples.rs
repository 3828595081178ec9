//! Small generated files.

use std::io::Cursor;

use crate::tiff_writer::{LITTLE, Page};
use exif::experimental::Writer;
use exif::{Field, In, Tag, Value};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

pub mod heif;

/// An image of 40 × 24 pixels that differs from all its rotations and flips: each quarter has another color.
pub fn quarters() -> RgbImage {
    RgbImage::from_fn(40, 24, |x, y| match (x < 20, y < 12) {
        (true, true) => Rgb([250, 10, 10]),
        (false, true) => Rgb([10, 240, 10]),
        (true, false) => Rgb([10, 10, 230]),
        (false, false) => Rgb([200, 200, 40]),
    })
}

pub fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    if format == ImageFormat::Tiff {
        return tiff(image);
    }
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("encoding into memory");
    let mut bytes = bytes.into_inner();
    if format == ImageFormat::Tga {
        bytes.extend([0; 8]);
        bytes.extend(b"TRUEVISION-XFILE.\0");
    }
    bytes
}

/// An uncompressed TIFF file; 8 bits of RGB unless `image` has other samples that tests need.
fn tiff(image: &DynamicImage) -> Vec<u8> {
    const FLOAT: u16 = 3;
    let size = (image.width(), image.height());
    let content = image.as_bytes().to_vec();
    let page = match image {
        DynamicImage::ImageLuma16(_) => Page::new(size, 1, &[16], content),
        DynamicImage::ImageRgb16(_) => Page::new(size, 2, &[16; 3], content),
        DynamicImage::ImageRgba16(_) => Page::new(size, 2, &[16; 4], content),
        DynamicImage::ImageRgb32F(_) => Page::new(size, 2, &[32; 3], content).short(339, FLOAT),
        other => Page::new(size, 2, &[8; 3], other.to_rgb8().into_raw()),
    };
    page.write(LITTLE)
}

pub fn orientation_block(number: u16) -> Vec<u8> {
    let field = Field {
        tag: Tag::Orientation,
        ifd_num: In::PRIMARY,
        value: Value::Short(vec![number]),
    };
    let mut writer = Writer::new();
    writer.push_field(&field);
    let mut bytes = Cursor::new(Vec::new());
    writer.write(&mut bytes, false).expect("writing into memory");
    bytes.into_inner()
}

/// `jpeg` with an APP1 segment after its first marker.
pub fn jpeg_with_exif(jpeg: &[u8], block: &[u8]) -> Vec<u8> {
    segment_of_jpeg(jpeg, 0xE1, &[b"Exif\0\0", block].concat())
}

/// `jpeg` with a segment after its first marker.
pub fn segment_of_jpeg(jpeg: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg[..2].to_vec();
    segment(&mut bytes, marker, content);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// `png` with a chunk after its header.
pub fn png_with_chunk(png: &[u8], kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    const HEADER: usize = 8 + 25;
    let body = [&kind, content].concat();
    let length = u32::try_from(content.len()).expect("a short chunk");
    let checksum = crc32fast::hash(&body);
    [
        &png[..HEADER],
        &length.to_be_bytes(),
        &body,
        &checksum.to_be_bytes(),
        &png[HEADER..],
    ]
    .concat()
}

/// A baseline JPEG of 8 × 8 pixels in four components of the given values, with Adobe's marker and
/// `transform`.
///
/// All quantization steps are 8, so that the DC coefficient of each block is the value minus 128. Codes:
/// four bits for the sizes 0 to 8 of that coefficient, one zero bit for the end of the block.
pub fn four_channel_jpeg(values: [u8; 4], transform: u8) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8];
    segment(
        &mut bytes,
        0xEE,
        &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat(),
    );
    segment(&mut bytes, 0xDB, &[[0].as_slice(), &[8; 64]].concat());
    segment(
        &mut bytes,
        0xC0,
        &[8, 0, 8, 0, 8, 4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0],
    );
    let sizes = [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    segment(
        &mut bytes,
        0xC4,
        &[[0].as_slice(), &sizes, &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat(),
    );
    let ends = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    segment(&mut bytes, 0xC4, &[[0x10].as_slice(), &ends, &[0]].concat());
    segment(&mut bytes, 0xDA, &[4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
    bytes.extend(blocks(values));
    bytes.extend([0xFF, 0xD9]);
    bytes
}

fn segment(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) {
    let length = u16::try_from(content.len() + 2).expect("a short segment");
    bytes.extend([0xFF, marker]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
}

fn blocks(values: [u8; 4]) -> Vec<u8> {
    packed(values.into_iter().map(block_bits).collect())
}

/// Entropy-coded data of the given bits.
fn packed(mut bits: String) -> Vec<u8> {
    let padding = bits.len().next_multiple_of(8) - bits.len();
    bits += &"1".repeat(padding);
    let bytes = bits.as_bytes().chunks(8).map(|byte| {
        let text = std::str::from_utf8(byte).expect("digits");
        u8::from_str_radix(text, 2).expect("eight bits")
    });
    bytes
        .flat_map(|byte| if byte == 0xFF { vec![byte, 0] } else { vec![byte] })
        .collect()
}

/// One block: size of the DC level, the level (ITU T.81, F.1.2.1), end of block.
fn block_bits(value: u8) -> String {
    let level = i32::from(value) - 128;
    let size = (32 - level.unsigned_abs().leading_zeros()) as usize;
    let code = if level < 0 { level + (1 << size) - 1 } else { level };
    if size == 0 {
        "00000".to_owned()
    } else {
        format!("{size:04b}{code:0size$b}0")
    }
}

/// A grayscale file in lossless mode, with a given predictor (ITU T.81, annex H). Code of the size of a
/// difference: its number in five bits.
pub fn lossless_jpeg(samples: &[u16], width: usize, precision: u8, predictor: u8) -> Vec<u8> {
    let height = samples.len() / width;
    let sides = [height as u16, width as u16].map(u16::to_be_bytes).concat();
    let mut bytes = vec![0xFF, 0xD8];
    let frame = [&[precision], sides.as_slice(), &[1, 1, 0x11, 0]].concat();
    segment(&mut bytes, 0xC3, &frame);
    let mut codes = vec![0, 0, 0, 0, 0, 17];
    codes.resize(17, 0);
    codes.extend(0..=16);
    segment(&mut bytes, 0xC4, &codes);
    segment(&mut bytes, 0xDA, &[1, 1, 0, predictor, 0, 0]);
    let difference = |at| difference_bits(samples, width, at, precision, predictor);
    bytes.extend(packed((0..samples.len()).map(difference).collect()));
    bytes.extend([0xFF, 0xD9]);
    bytes
}

fn difference_bits(samples: &[u16], width: usize, at: usize, precision: u8, predictor: u8) -> String {
    let sample = |distance: usize| i32::from(samples[at - distance]);
    let predicted = match (!at.is_multiple_of(width), at >= width) {
        (false, false) => 1 << (precision - 1),
        (true, false) => sample(1),
        (false, true) => sample(width),
        (true, true) => {
            let (left, above, corner) = (sample(1), sample(width), sample(width + 1));
            match predictor {
                1 => left,
                2 => above,
                3 => corner,
                4 => left + above - corner,
                5 => left + ((above - corner) >> 1),
                6 => above + ((left - corner) >> 1),
                _ => (left + above) >> 1,
            }
        }
    };
    let difference = i32::from((i32::from(samples[at]) - predicted) as i16);
    let size = (32 - difference.unsigned_abs().leading_zeros()) as usize;
    let code = if difference < 0 {
        difference + (1 << size) - 1
    } else {
        difference
    };
    if matches!(size, 0 | 16) {
        format!("{size:05b}")
    } else {
        format!("{size:05b}{code:0size$b}")
    }
}
