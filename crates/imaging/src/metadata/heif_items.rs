//! The items of HEIF and AVIF files that hold metadata (ISO/IEC 14496-12, 8.11).

use std::borrow::Cow;

use super::blocks::Blocks;
use super::boxes::{MAX_BOXES, add_exif};
use crate::boxes::{Reader, boxes};

/// Most items of a file, and most parts of an item.
const MAX_ITEMS: usize = 10_000;
/// Bytes of one item that are kept.
const MAX_ITEM: usize = 8 << 20;
const XMP_TYPE: &[u8] = b"application/rdf+xml";

#[derive(Clone, Copy, PartialEq, Eq)]
enum ItemKind {
    Exif,
    Xmp,
}

/// Adds the blocks among the items of `meta`, the content of that box in the file `bytes`.
pub fn add_blocks<'a>(blocks: &mut Blocks<'a>, bytes: &'a [u8], meta: &'a [u8]) {
    // A full box: version and flags come first, but not in QuickTime files.
    let meta = if meta.get(4..8) == Some(b"hdlr") {
        meta
    } else {
        meta.get(4..).unwrap_or_default()
    };
    let part = |kind: &[u8; 4]| {
        let found = boxes(meta).take(MAX_BOXES).find(|(found, _)| found == kind);
        found.map(|(_, content)| content)
    };
    let (Some(information), Some(locations)) = (part(b"iinf"), part(b"iloc")) else {
        return;
    };
    let data = part(b"idat").unwrap_or_default();
    for (id, kind) in metadata_items(information) {
        let Some(content) = read_item(locations, id, bytes, data) else {
            continue;
        };
        match kind {
            ItemKind::Exif => add_exif(blocks, content),
            ItemKind::Xmp => blocks.xmp.push(content),
        }
    }
}

/// The ids of the items with metadata.
fn metadata_items(information: &[u8]) -> Vec<(u32, ItemKind)> {
    let version = information.first().copied().unwrap_or_default();
    let entries = information
        .get(if version == 0 { 6 } else { 8 }..)
        .unwrap_or_default();
    let entry = |content| {
        let mut fields = Reader::new(content);
        let (version, _) = fields.version_and_flags()?;
        let id = match version {
            2 => u32::from(fields.u16()?),
            3 => fields.u32()?,
            _ => return None,
        };
        fields.u16()?;
        let kind = fields.array::<4>()?;
        match &kind {
            b"Exif" => Some((id, ItemKind::Exif)),
            b"mime" => {
                let named = fields.rest;
                let name = named.iter().position(|&byte| byte == 0)?;
                let is_xmp = named[name + 1..].starts_with(XMP_TYPE);
                is_xmp.then_some((id, ItemKind::Xmp))
            }
            _ => None,
        }
    };
    boxes(entries)
        .take(MAX_BOXES)
        .filter(|(kind, _)| kind == b"infe")
        .filter_map(|(_, content)| entry(content))
        .take(16)
        .collect()
}

/// The content of an item: its parts in the file or in the data of the box.
fn read_item<'a>(locations: &[u8], id: u32, file: &'a [u8], data: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let mut fields = Reader::new(locations);
    let (version, _) = fields.version_and_flags()?;
    let sizes = fields.u16()?;
    let size = |shift: u32| (sizes >> shift & 15) as u8;
    let (offset_size, length_size, base_size, index_size) = (size(12), size(8), size(4), size(0));
    let wide = if version < 2 { 2 } else { 4 };
    let items = (fields.number(wide)? as usize).min(MAX_ITEMS);
    for _ in 0..items {
        let item = fields.number(wide)?;
        let method = if version == 0 { 0 } else { fields.u16()? & 15 };
        fields.u16()?;
        let base = fields.number(base_size)?;
        // Parts without a size in the file all are the whole source.
        let is_sized = offset_size + length_size + index_size > 0;
        let parts = fields.u16()?.min(if is_sized { u16::MAX } else { 1 });
        let source = if method == 0 { file } else { data };
        let mut content = Cow::Borrowed(&[][..]);
        for _ in 0..parts {
            if version > 0 {
                fields.number(index_size)?;
            }
            let (offset, length) = (fields.number(offset_size)?, fields.number(length_size)?);
            if item == u64::from(id) && method <= 1 {
                append(&mut content, part(source, base.checked_add(offset)?, length)?)?;
            }
        }
        if item == u64::from(id) {
            return (method <= 1).then_some(content);
        }
    }
    None
}

/// A length of 0 reaches to the end.
fn part(source: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let rest = source.get(usize::try_from(offset).ok()?..)?;
    let length = usize::try_from(length).ok()?;
    Some(if length == 0 { rest } else { rest.get(..length)? })
}

fn append<'a>(content: &mut Cow<'a, [u8]>, part: &'a [u8]) -> Option<()> {
    if content.len() + part.len() > MAX_ITEM {
        return None;
    }
    if content.is_empty() {
        *content = Cow::Borrowed(part);
    } else {
        content.to_mut().extend_from_slice(part);
    }
    Some(())
}
