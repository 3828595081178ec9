//! The content of messages: pages of the tree and changes of them.

use super::message::{read_byte, read_bytes, read_number};

/// A page of the tree.
pub(super) struct Node<'a> {
    /// Its first key.
    pub low: &'a [u8],
    /// The first key after it; empty for the last page.
    pub high: &'a [u8],
    prefix: usize,
    /// Keys, without their common beginning, and values. Of a damaged page, those that can be read.
    records: Vec<(&'a [u8], &'a [u8])>,
    /// Whether it has records; other pages lead to pages.
    pub is_leaf: bool,
}

/// A change of one page.
pub(super) enum Link<'a> {
    /// The key is without the beginning that all keys of the page have in common.
    Set(&'a [u8], &'a [u8]),
    Delete(&'a [u8]),
    /// It changes no record.
    Other,
}

impl<'a> Node<'a> {
    pub fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let (_next, _merging_child) = (read_number(bytes)?, read_number(bytes)?);
        let (_merging, prefix) = (read_byte(bytes)?, usize::from(read_byte(bytes)?));
        let (low, high) = (read_bytes(bytes)?, read_bytes(bytes)?);
        if prefix > low.len() {
            return None;
        }
        let is_leaf = read_byte(bytes)? == 0;
        let records = if is_leaf {
            records(bytes).unwrap_or_default()
        } else {
            Vec::new()
        };
        Some(Self {
            low,
            high,
            prefix,
            records,
            is_leaf,
        })
    }

    /// What all keys of the page begin with.
    pub fn prefix(&self) -> &'a [u8] {
        &self.low[..self.prefix]
    }

    /// Its records, with whole keys.
    pub fn records(&self) -> impl Iterator<Item = (Vec<u8>, &'a [u8])> {
        let whole = |key: &[u8]| [self.prefix(), key].concat();
        self.records.iter().map(move |(key, value)| (whole(key), *value))
    }
}

/// All keys are before all values. Values after a damaged one are left out.
fn records<'a>(bytes: &mut &'a [u8]) -> Option<Vec<(&'a [u8], &'a [u8])>> {
    let count = usize::try_from(read_number(bytes)?).ok()?;
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(read_bytes(bytes)?);
    }
    Some(
        keys.into_iter()
            .map_while(|key| Some((key, read_bytes(bytes)?)))
            .collect(),
    )
}

impl<'a> Link<'a> {
    pub fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let bytes = &mut bytes;
        Some(match read_byte(bytes)? {
            0 => Self::Set(read_bytes(bytes)?, read_bytes(bytes)?),
            1 => Self::Delete(read_bytes(bytes)?),
            2..=4 => Self::Other,
            _ => return None,
        })
    }
}
