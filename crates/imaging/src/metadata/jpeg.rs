//! Metadata in the segments of JPEG files before the first scan.

use std::borrow::Cow;

use super::blocks::Blocks;
use super::xmp::MAX_PACKET;

const APP1: u8 = 0xE1;
const APP13: u8 = 0xED;
const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
/// A GUID, the length of the whole and the offset of the part.
const EXTENDED_HEADER: usize = 32 + 4 + 4;
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
/// Bytes of image resources that are kept.
const MAX_RESOURCES: usize = 4 << 20;

/// The blocks of metadata in a JPEG file.
pub fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let mut blocks = Blocks::default();
    let mut extended = Vec::new();
    let mut resources = Vec::new();
    for (marker, segment) in Segments::new(bytes) {
        match marker {
            APP1 if segment.starts_with(b"Exif\0") => {
                blocks
                    .exif
                    .get_or_insert(Cow::Borrowed(segment.get(6..).unwrap_or_default()));
            }
            APP1 if segment.starts_with(XMP) => blocks.xmp.push(Cow::Borrowed(&segment[XMP.len()..])),
            APP1 if segment.starts_with(EXTENDED_XMP) => {
                let part = segment
                    .get(EXTENDED_XMP.len() + EXTENDED_HEADER..)
                    .unwrap_or_default();
                append(&mut extended, part, MAX_PACKET);
            }
            APP13 if segment.starts_with(PHOTOSHOP) => {
                append(&mut resources, &segment[PHOTOSHOP.len()..], MAX_RESOURCES);
            }
            _ => {}
        }
    }
    if !extended.is_empty() {
        blocks.xmp.push(Cow::Owned(extended));
    }
    let mut of_resources = Blocks::default();
    of_resources.add_resources(&resources);
    blocks.iptc = of_resources.iptc.map(|iptc| Cow::Owned(iptc.into_owned()));
    blocks
}

/// Whether `head`, the first bytes of a JPEG file, holds all segments before the first scan.
pub fn is_header_whole(head: &[u8]) -> bool {
    let mut segments = Segments::new(head);
    segments.by_ref().for_each(drop);
    segments.reached_scan
}

fn append(whole: &mut Vec<u8>, part: &[u8], most: usize) {
    let room = most.saturating_sub(whole.len());
    whole.extend_from_slice(&part[..part.len().min(room)]);
}

/// The segments up to the first scan: marker and content.
struct Segments<'a> {
    rest: &'a [u8],
    reached_scan: bool,
}

impl<'a> Segments<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes.get(2..).unwrap_or_default(),
            reached_scan: false,
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            // Damaged files have other bytes between segments, and fill bytes are allowed.
            let start = self
                .rest
                .windows(2)
                .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF))?;
            let marker = self.rest[start + 1];
            self.rest = &self.rest[start + 2..];
            match marker {
                START_OF_SCAN | END_OF_IMAGE => {
                    self.reached_scan = true;
                    self.rest = &[];
                    return None;
                }
                0xD0..=0xD8 | 0x01 => continue,
                _ => {}
            }
            let length = usize::from(u16::from_be_bytes(*self.rest.first_chunk()?));
            let segment = self.rest.get(2..length)?;
            self.rest = &self.rest[length..];
            return Some((marker, segment));
        }
    }
}
