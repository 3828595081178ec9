//! Icon files: the largest icon, which is a PNG file or a bitmap without its file header.

use std::cmp::Reverse;
use std::io::Cursor;

use eidetic_domain::ImageFormat;
use image::codecs::ico::IcoDecoder;

use super::Raw;
use super::raster::{self, explain, read};
use crate::{DecodeLimits, ImagingError};

const FORMAT: &str = "ICO";
const HEADER: usize = 6;
const ENTRY: usize = 16;

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Raw, ImagingError> {
    let entry = largest(bytes).ok_or_else(|| ImagingError::damaged(FORMAT, "it holds no icon"))?;
    let offset = u32::from_le_bytes([entry[12], entry[13], entry[14], entry[15]]) as usize;
    let content = bytes.get(offset..).unwrap_or_default();
    if content.starts_with(b"\x89PNG") {
        return raster::decode(ImageFormat::Png, content, limits);
    }
    let alone = with_one_entry(bytes, *entry);
    let decoder = IcoDecoder::new(Cursor::new(alone)).map_err(|error| explain(FORMAT, error))?;
    read(FORMAT, decoder, limits)
}

/// The directory entry of most pixels, and of most bits a pixel among equals. A side of 0 means 256.
fn largest(bytes: &[u8]) -> Option<&[u8; ENTRY]> {
    let count = usize::from(u16::from_le_bytes([*bytes.get(4)?, *bytes.get(5)?]));
    let side = |stored: u8| if stored == 0 { 256 } else { u32::from(stored) };
    let (entries, _) = bytes.get(HEADER..)?.as_chunks::<ENTRY>();
    entries
        .iter()
        .take(count)
        .min_by_key(|entry| Reverse((side(entry[0]) * side(entry[1]), entry[6])))
}

/// The same file with a directory of `entry` alone, since the decoder otherwise prefers deep icons to large ones.
fn with_one_entry(bytes: &[u8], entry: [u8; ENTRY]) -> Vec<u8> {
    let mut alone = bytes.to_vec();
    alone[4..HEADER].copy_from_slice(&[1, 0]);
    alone[HEADER..HEADER + ENTRY].copy_from_slice(&entry);
    alone
}
