//! Metadata in the first directory of TIFF files, and of raw files that are such.

use std::borrow::Cow;

use super::blocks::Blocks;
use crate::exif::Ifd;

const XMP: u16 = 700;
const IPTC: u16 = 33_723;
const PHOTOSHOP: u16 = 34_377;

/// The blocks of metadata in a TIFF file.
pub fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks {
        exif: Some(Cow::Borrowed(bytes)),
        ..Blocks::default()
    };
    let Some(directory) = Ifd::first(bytes) else {
        return blocks;
    };
    let value = |tag| directory.raw(tag).map(|value| value.bytes);
    blocks.xmp.extend(value(XMP).map(Cow::Borrowed));
    blocks.iptc = value(IPTC).map(records);
    if let Some(resources) = value(PHOTOSHOP) {
        blocks.add_resources(resources);
    }
    blocks
}

/// Some programs store the records as numbers of four bytes in the other byte order.
fn records(value: &[u8]) -> Cow<'_, [u8]> {
    const MARKER: u8 = 0x1C;
    match value {
        [first, _, _, MARKER, ..] if *first != MARKER => {
            let (numbers, _) = value.as_chunks::<4>();
            Cow::Owned(numbers.iter().flat_map(|[a, b, c, d]| [*d, *c, *b, *a]).collect())
        }
        _ => Cow::Borrowed(value),
    }
}
