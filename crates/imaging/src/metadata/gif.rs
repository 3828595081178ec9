//! XMP in GIF files, which is an application extension whose data are the packet itself.

use std::borrow::Cow;

use super::blocks::Blocks;
use super::xmp::MAX_PACKET;

/// The start of the extension, up to its data.
const EXTENSION: &[u8] = b"\x21\xFF\x0BXMP DataXMP";
/// The start of the bytes behind the packet, which lead readers of data blocks to its end.
const TRAILER: &[u8] = &[0x01, 0xFF, 0xFE, 0xFD];

/// The blocks of metadata in a GIF file.
pub fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let found = bytes
        .windows(EXTENSION.len())
        .position(|window| window == EXTENSION);
    if let Some(start) = found {
        let data = &bytes[start + EXTENSION.len()..];
        let data = &data[..data.len().min(MAX_PACKET)];
        let end = data.windows(TRAILER.len()).position(|window| window == TRAILER);
        blocks.xmp.push(Cow::Borrowed(&data[..end.unwrap_or(data.len())]));
    }
    blocks
}
