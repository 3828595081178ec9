//! Metadata in the chunks of WebP files.

use std::borrow::Cow;

use super::blocks::Blocks;
use crate::riff::chunks;

/// The blocks of metadata in a WebP file.
pub fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    for chunk in chunks(bytes) {
        match &chunk.kind {
            b"EXIF" => {
                blocks.exif.get_or_insert(Cow::Borrowed(chunk.content));
            }
            b"XMP " | b"XMP\0" => blocks.xmp.push(Cow::Borrowed(chunk.content)),
            _ => {}
        }
    }
    blocks
}
