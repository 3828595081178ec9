//! Finds the JPEG previews in a raw camera file.
//!
//! Makers store them in TIFF directories, in maker notes, in boxes and behind private headers. All of them are found
//! alike, by the markers that begin a JPEG file (ITU T.81, annex B).

use std::cmp::Reverse;
use std::collections::HashMap;

use memchr::memmem;

/// SOI, and the first byte of the next marker.
const START: &[u8] = &[0xFF, 0xD8, 0xFF];

/// Mosaic data contain the bytes of [`START`] by chance, once in 16 MB.
const MAX_STARTS: usize = 4096;

/// Segments before the first scan: tables, application data, comments.
const MAX_SEGMENTS: usize = 64;

/// Pictures of one size occur a few times at most. More are tiles of a mosaic with lossy compression.
const MAX_OF_ONE_SIZE: u32 = 3;

/// A picture for viewing has at least this many pixels; smaller ones are icons.
const MIN_PIXELS: u32 = 8 * 8;

/// A JPEG picture in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Preview {
    /// Byte at which it begins.
    start: usize,
    width: u16,
    height: u16,
}

impl Preview {
    fn pixels(self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }

    fn size(self) -> (u16, u16) {
        (self.width, self.height)
    }
}

/// The JPEG pictures of a file, largest first, each from its beginning to the end of the file: decoders ignore what
/// follows a picture.
pub fn previews(bytes: &[u8]) -> Vec<&[u8]> {
    let mut found: Vec<Preview> = memmem::find_iter(bytes, START)
        .take(MAX_STARTS)
        .filter_map(|start| preview_at(bytes, start))
        .filter(|preview| preview.pixels() >= MIN_PIXELS)
        .collect();
    let mut counts = HashMap::new();
    for preview in &found {
        *counts.entry(preview.size()).or_insert(0) += 1;
    }
    found.retain(|preview| counts[&preview.size()] <= MAX_OF_ONE_SIZE);
    // Of one size the first: cameras write copies after the picture.
    found.sort_by_key(|preview| (Reverse(preview.pixels()), preview.start));
    found.iter().map(|preview| &bytes[preview.start..]).collect()
}

/// The picture that begins at `start`, if its header is whole up to the first scan. Mosaics are compressed without loss
/// or with more than 8 bits, which excludes them.
fn preview_at(bytes: &[u8], start: usize) -> Option<Preview> {
    let mut rest = bytes.get(start + 2..)?;
    let mut size = None;
    for _ in 0..MAX_SEGMENTS {
        let [0xFF, marker, ..] = *rest else { return None };
        if marker == 0xFF {
            rest = &rest[1..];
            continue;
        }
        let length = usize::from(u16::from_be_bytes(*rest.get(2..)?.first_chunk()?));
        let segment = rest.get(4..2 + length)?;
        match marker {
            0xC0..=0xC2 => size = Some(frame_size(segment)?),
            0xDA => {
                let (width, height) = size?;
                return Some(Preview { start, width, height });
            }
            // Tables, application data, comments.
            0xC4 | 0xCC | 0xDB | 0xDD | 0xE0..=0xEF | 0xFE => {}
            _ => return None,
        }
        rest = &rest[2 + length..];
    }
    None
}

/// Width and height of a frame with 8 bits and one or three components.
fn frame_size(segment: &[u8]) -> Option<(u16, u16)> {
    let [8, height @ .., _, _, 1 | 3] = *segment.first_chunk::<6>()? else {
        return None;
    };
    let [high, low] = height;
    let height = u16::from_be_bytes([high, low]);
    let width = u16::from_be_bytes([segment[3], segment[4]]);
    (width > 0 && height > 0).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The header of a JPEG file up to its first scan, with a comment of `filler` bytes.
    fn header(width: u16, height: u16, marker: u8, filler: usize) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xFE];
        bytes.extend((filler as u16 + 2).to_be_bytes());
        bytes.extend(std::iter::repeat_n(7, filler));
        bytes.extend([0xFF, marker, 0, 11, 8]);
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend([1, 1, 0x11, 0]);
        bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3]);
        bytes
    }

    fn starts(bytes: &[u8]) -> Vec<usize> {
        previews(bytes)
            .iter()
            .map(|preview| bytes.len() - preview.len())
            .collect()
    }

    #[test]
    fn largest_preview_comes_first() {
        let small = header(160, 120, 0xC0, 3);
        let large = header(1620, 1080, 0xC2, 40);
        let file = [b"II*\0".as_slice(), &small, &[0; 9], &large, &large].concat();
        let second = 4 + small.len() + 9;
        assert_eq!(starts(&file), [second, second + large.len(), 4]);
    }

    #[test]
    fn mosaics_and_tiles_are_no_previews() {
        let lossless = header(6000, 4000, 0xC3, 0);
        let tiles = header(512, 512, 0xC0, 0).repeat(4);
        let preview = header(1024, 683, 0xC0, 0);
        let file = [lossless.as_slice(), &tiles, &preview].concat();
        assert_eq!(starts(&file), [lossless.len() + tiles.len()]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![Just(0xFF), Just(0xD8), any::<u8>()], 0..400)) {
            let _ = previews(&bytes);
        }
    }
}
