//! Where the bytes of items stand: the `iloc` box (ISO/IEC 14496-12, 8.11.3).

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::boxes::Reader;

/// An entry may list extents in no bytes at all, so that their number is limited.
const MAX_EXTENTS: usize = 1 << 16;

/// The extents of one item.
#[derive(Debug, Clone)]
pub struct Location {
    in_idat: bool,
    /// Offset and length; a length of 0 is the rest.
    extents: Vec<(u64, u64)>,
}

/// Reads an `iloc` box. Items that are constructed from other items are left out.
pub fn locations(content: &[u8]) -> Option<BTreeMap<u32, Location>> {
    let mut reader = Reader::new(content);
    let (version, _) = reader.version_and_flags()?;
    let [sizes, more_sizes] = reader.array()?;
    let (offset_size, length_size) = (sizes >> 4, sizes & 15);
    let (base_size, index_size) = (more_sizes >> 4, if version == 0 { 0 } else { more_sizes & 15 });
    if version > 2
        || [offset_size, length_size, base_size, index_size]
            .iter()
            .any(|&size| size > 8)
    {
        return None;
    }
    let count = reader.narrow_or_wide(version == 2)?;
    let (mut result, mut extents_left) = (BTreeMap::new(), MAX_EXTENTS);
    for _ in 0..count {
        let id = reader.narrow_or_wide(version == 2)?;
        let method = if version == 0 { 0 } else { reader.u16()? & 15 };
        reader.u16()?;
        let base = reader.number(base_size)?;
        let extent_count = usize::from(reader.u16()?);
        extents_left = extents_left.checked_sub(extent_count)?;
        let mut extents = Vec::new();
        for _ in 0..extent_count {
            reader.number(index_size)?;
            let offset = reader.number(offset_size)?.checked_add(base)?;
            extents.push((offset, reader.number(length_size)?));
        }
        if method <= 1 {
            let in_idat = method == 1;
            result.insert(id, Location { in_idat, extents });
        }
    }
    Some(result)
}

impl Location {
    /// One extent.
    pub fn in_file(offset: u64, length: u64) -> Self {
        Self {
            in_idat: false,
            extents: vec![(offset, length)],
        }
    }

    /// The bytes of the item. None if an extent reaches beyond the file, or if together they are longer.
    pub fn bytes<'a>(&self, file: &'a [u8], idat: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let source = if self.in_idat { idat } else { file };
        let extent = |&(offset, length): &(u64, u64)| {
            let rest = source.get(usize::try_from(offset).ok()?..)?;
            if length == 0 {
                Some(rest)
            } else {
                rest.get(..usize::try_from(length).ok()?)
            }
        };
        if let [single] = self.extents.as_slice() {
            return extent(single).map(Cow::Borrowed);
        }
        let mut bytes = Vec::new();
        for each in &self.extents {
            let part = extent(each)?;
            if bytes.len() + part.len() > source.len() {
                return None;
            }
            bytes.extend_from_slice(part);
        }
        Some(Cow::Owned(bytes))
    }
}
