//! Small generated files.

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Tag, Value};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

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
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("encoding into memory");
    let mut bytes = bytes.into_inner();
    if format == ImageFormat::Tga {
        bytes.extend([0; 8]);
        bytes.extend(b"TRUEVISION-XFILE.\0");
    }
    bytes
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
    let length = u16::try_from(2 + 6 + block.len()).expect("a short block");
    [
        &jpeg[..2],
        &[0xFF, 0xE1],
        &length.to_be_bytes(),
        b"Exif\0\0",
        block,
        &jpeg[2..],
    ]
    .concat()
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

/// A baseline JPEG of 8 × 8 pixels in four components of the given values, with Adobe's marker and `transform`.
///
/// All quantization steps are 8, so that the DC coefficient of each block is the value minus 128. Codes: four bits for the
/// sizes 0 to 8 of that coefficient, one zero bit for the end of the block.
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
    let mut bits: String = values.into_iter().map(block_bits).collect();
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
