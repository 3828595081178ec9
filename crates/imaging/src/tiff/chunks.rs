//! Strips and tiles: their size and their places in the file.

use super::directory::{Directory, Values};
use super::layout::FORMAT;
use super::tag;
use crate::ImagingError;

/// Strips or tiles.
#[derive(Debug)]
pub struct Chunks<'a> {
    /// Pixels of each, except that the last strip may be lower.
    pub width: u32,
    pub height: u32,
    pub across: u32,
    pub down: u32,
    pub is_tiled: bool,
    offsets: Values<'a>,
    lengths: Option<Values<'a>>,
}

/// Where the bytes of a strip or tile are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location<'a> {
    Bytes(&'a [u8]),
    /// Left out on purpose: it is all zeros.
    Sparse,
    /// Beyond the end of the file, or not listed.
    Missing,
}

impl<'a> Chunks<'a> {
    pub fn read(directory: &Directory<'a>, width: u32, height: u32) -> Result<Self, ImagingError> {
        let tile = directory
            .small(tag::TILE_WIDTH)
            .zip(directory.small(tag::TILE_LENGTH));
        let is_tiled = tile.is_some();
        let (offsets, lengths) = if is_tiled && directory.values(tag::TILE_OFFSETS).is_some() {
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        let offsets = directory
            .values(offsets)
            .or_else(|| directory.values(tag::JPEG_INTERCHANGE))
            .filter(|offsets| offsets.len() > 0)
            .ok_or_else(|| ImagingError::damaged(FORMAT, "it does not say where its pixels are"))?;
        let (chunk_width, chunk_height) = match tile {
            Some((0, _) | (_, 0)) => return Err(ImagingError::damaged(FORMAT, "its tiles are empty")),
            Some(size) => size,
            None => (width, strip_height(directory, &offsets, height)),
        };
        Ok(Self {
            width: chunk_width,
            height: chunk_height,
            across: width.div_ceil(chunk_width),
            down: height.div_ceil(chunk_height),
            is_tiled,
            offsets,
            lengths: directory.values(lengths),
        })
    }

    /// An uncompressed chunk has `expected` bytes, whatever the file says, and a chunk without a length
    /// extends to the next one or to the end of the file.
    pub fn locate(&self, file: &'a [u8], index: usize, expected: Option<u64>) -> Location<'a> {
        let Some(offset) = self.offsets.unsigned(index) else {
            return Location::Missing;
        };
        let length = self.lengths.and_then(|lengths| lengths.unsigned(index));
        if offset == 0 {
            return if length == Some(0) {
                Location::Sparse
            } else {
                Location::Missing
            };
        }
        let length = expected
            .or(length.filter(|&length| length > 0))
            .unwrap_or_else(|| self.distance_to_next(offset, index));
        let rest = usize::try_from(offset).ok().and_then(|start| file.get(start..));
        match rest {
            Some(rest) if !rest.is_empty() => {
                Location::Bytes(&rest[..length.min(rest.len() as u64) as usize])
            }
            _ => Location::Missing,
        }
    }

    fn distance_to_next(&self, offset: u64, index: usize) -> u64 {
        self.offsets
            .unsigned(index + 1)
            .and_then(|next| next.checked_sub(offset))
            .filter(|&distance| distance > 0)
            .unwrap_or(u64::MAX)
    }
}

/// Some writers put all rows into one strip and say otherwise.
fn strip_height(directory: &Directory, offsets: &Values, height: u32) -> u32 {
    let rows = directory.small(tag::ROWS_PER_STRIP).unwrap_or(u32::MAX);
    if rows == 0 || offsets.len() == 1 {
        height.max(1)
    } else {
        rows.min(height).max(1)
    }
}
