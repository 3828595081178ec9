//! Icon files: decodes the largest icon, which is a PNG file or a bitmap without its file header.

use std::cmp::Reverse;
use std::io::Cursor;

use image::codecs::ico::IcoDecoder;

use super::raster::{convert_error, read};
use super::{Unoriented, png};
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "ICO";
const HEADER: usize = 6;
const ENTRY: usize = 16;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Unoriented, ImagingError> {
    let entry = largest(bytes).ok_or_else(|| ImagingError::damaged(FORMAT, "the file contains no icon"))?;
    let offset = u32::from_le_bytes([entry[12], entry[13], entry[14], entry[15]]) as usize;
    let content = bytes.get(offset..).unwrap_or_default();
    if content.starts_with(b"\x89PNG") {
        return png::decode(content, limits);
    }
    let single = with_single_entry(bytes, *entry);
    let decoder = IcoDecoder::new(Cursor::new(single)).map_err(|error| convert_error(FORMAT, error))?;
    read(FORMAT, decoder, limits)
}

/// The directory entry with the most pixels, and among equals with the most bits per pixel. A side of 0
/// means 256.
fn largest(bytes: &[u8]) -> Option<&[u8; ENTRY]> {
    let count = usize::from(u16::from_le_bytes([*bytes.get(4)?, *bytes.get(5)?]));
    let side = |stored: u8| if stored == 0 { 256 } else { u32::from(stored) };
    let (entries, _) = bytes.get(HEADER..)?.as_chunks::<ENTRY>();
    entries
        .iter()
        .take(count)
        .min_by_key(|entry| Reverse((side(entry[0]) * side(entry[1]), entry[6])))
}

/// The same file with `entry` as its only directory entry, since the decoder prefers deep icons to large
/// ones.
fn with_single_entry(bytes: &[u8], entry: [u8; ENTRY]) -> Vec<u8> {
    let mut single = bytes.to_vec();
    single[4..HEADER].copy_from_slice(&[1, 0]);
    single[HEADER..HEADER + ENTRY].copy_from_slice(&entry);
    single
}
