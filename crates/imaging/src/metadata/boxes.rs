//! Metadata in files of boxes: JPEG XL, JPEG 2000, HEIF and AVIF, and Canon's raw files.

use std::borrow::Cow;
use std::io::Read;

use super::blocks::Blocks;
use super::heif_items;
use super::xmp::MAX_PACKET;
use crate::boxes::boxes;

/// Most boxes in one box or file that are read.
pub const MAX_BOXES: usize = 10_000;
/// Bytes of an unpacked box that are kept.
const MAX_UNPACKED: u64 = MAX_PACKET as u64;

const XMP_UUID: [u8; 16] = [
    0xBE, 0x7A, 0xCF, 0xCB, 0x97, 0xA9, 0x42, 0xE8, 0x9C, 0x71, 0x99, 0x94, 0x91, 0xE3, 0xAF, 0xAC,
];
const IPTC_UUID: [u8; 16] = [
    0x33, 0xC7, 0xA4, 0xD2, 0xB8, 0x1D, 0x47, 0x23, 0xA0, 0xBA, 0xF1, 0xA3, 0xE0, 0x97, 0xAD, 0x38,
];
const EXIF_UUID: &[u8; 16] = b"JpgTiffExif->JP2";

/// Whether a file begins with one of the boxes that these formats begin with.
pub fn has_boxes(bytes: &[u8]) -> bool {
    matches!(bytes.get(4..8), Some(b"ftyp" | b"JXL " | b"jP  "))
}

/// The blocks of metadata in a file of boxes.
pub fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    for (kind, content) in boxes(bytes).take(MAX_BOXES) {
        match &kind {
            b"Exif" => add_exif(&mut blocks, Cow::Borrowed(content)),
            b"xml " => blocks.xmp.push(Cow::Borrowed(content)),
            b"brob" => add_packed(&mut blocks, content),
            b"uuid" => add_uuid(&mut blocks, content),
            b"meta" => heif_items::add_blocks(&mut blocks, bytes, content),
            _ => {}
        }
    }
    blocks
}

/// EXIF after four bytes that tell where in it the TIFF header begins.
pub fn add_exif<'a>(blocks: &mut Blocks<'a>, content: Cow<'a, [u8]>) {
    let start = content
        .first_chunk::<4>()
        .map(|offset| u32::from_be_bytes(*offset) as usize);
    let Some(start) = start.and_then(|offset| offset.checked_add(4)) else {
        return;
    };
    // Some programs write the block without the offset, or a wrong one.
    let has_header = |at: usize| matches!(content.get(at..at + 4), Some(b"II*\0" | b"MM\0*"));
    let begins = [start, 4, 10, 0, 6]
        .into_iter()
        .find(|at| content.len() > *at && has_header(*at));
    if let (Some(begins), None) = (begins, &blocks.exif) {
        blocks.exif = Some(match content {
            Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[begins..]),
            Cow::Owned(bytes) => Cow::Owned(bytes[begins..].to_vec()),
        });
    }
}

/// A box that is compressed with Brotli, after its kind.
fn add_packed(blocks: &mut Blocks<'_>, content: &[u8]) {
    const BUFFER: usize = 4096;
    let Some((kind @ (b"Exif" | b"xml "), packed)) = content.split_first_chunk::<4>() else {
        return;
    };
    let mut unpacked = Vec::new();
    let reader = brotli_decompressor::Decompressor::new(packed, BUFFER);
    // Damaged data give what comes before the damage.
    let _ = reader.take(MAX_UNPACKED).read_to_end(&mut unpacked);
    if kind == b"Exif" {
        add_exif(blocks, Cow::Owned(unpacked));
    } else {
        blocks.xmp.push(Cow::Owned(unpacked));
    }
}

fn add_uuid<'a>(blocks: &mut Blocks<'a>, content: &'a [u8]) {
    let Some((uuid, content)) = content.split_first_chunk::<16>() else {
        return;
    };
    if *uuid == XMP_UUID {
        blocks.xmp.push(Cow::Borrowed(content));
    } else if uuid == EXIF_UUID {
        blocks.exif.get_or_insert(Cow::Borrowed(content));
    } else if *uuid == IPTC_UUID {
        blocks.iptc.get_or_insert(Cow::Borrowed(content));
    }
}
