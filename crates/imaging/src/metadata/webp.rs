//! Metadata in the chunks of WebP files.

use std::borrow::Cow;

use super::blocks::Blocks;

/// The blocks of metadata in a WebP file.
pub fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((kind, sized)) = rest.split_first_chunk::<4>()
        && let Some((size, data)) = sized.split_first_chunk::<4>()
    {
        let size = u32::from_le_bytes(*size) as usize;
        let content = &data[..size.min(data.len())];
        match kind {
            b"EXIF" => {
                blocks.exif.get_or_insert(Cow::Borrowed(content));
            }
            b"XMP " | b"XMP\0" => blocks.xmp.push(Cow::Borrowed(content)),
            _ => {}
        }
        let next = size.checked_next_multiple_of(2).and_then(|end| data.get(end..));
        rest = next.unwrap_or_default();
    }
    blocks
}
