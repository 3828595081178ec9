//! JPEG marker segments (ITU T.81, annex B), as far as a scaled decode supports them.

use super::bit_reader::contains_ff;
use super::huffman::{HuffmanTable, TableClass};

/// Order in which the coefficients of a block are coded (figure A.6).
pub const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Second bytes of markers (table B.1).
mod marker {
    /// Baseline DCT.
    pub const SOF0: u8 = 0xC0;
    /// Extended sequential DCT.
    pub const SOF1: u8 = 0xC1;
    /// Progressive DCT.
    pub const SOF2: u8 = 0xC2;
    /// Huffman tables.
    pub const DHT: u8 = 0xC4;
    /// End of image.
    pub const EOI: u8 = 0xD9;
    /// Start of scan.
    pub const SOS: u8 = 0xDA;
    /// Quantization tables.
    pub const DQT: u8 = 0xDB;
    /// Restart interval.
    pub const DRI: u8 = 0xDD;
    pub const APP0: u8 = 0xE0;
    /// EXIF.
    pub const APP1: u8 = 0xE1;
    /// Adobe's color transform.
    pub const APP14: u8 = 0xEE;
    pub const APP15: u8 = 0xEF;
    /// Comment.
    pub const COM: u8 = 0xFE;
}

/// Everything that the segments before a scan define. Later segments replace earlier definitions.
#[derive(Default)]
pub struct JpegHeader<'a> {
    pub frame: Option<Frame>,
    /// Quantization steps in zigzag order, by table number.
    pub quantization: [Option<[u16; 64]>; 4],
    pub dc: [Option<HuffmanTable>; 4],
    pub ac: [Option<HuffmanTable>; 4],
    /// MCUs between restart markers; 0 if there are no restart markers.
    pub restart_interval: usize,
    /// The EXIF segment, beginning with `Exif\0\0`.
    pub exif: Option<&'a [u8]>,
    /// Color transform in Adobe's marker, if present.
    adobe_transform: Option<u8>,
}

/// A frame of Huffman-coded 8-bit samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub is_progressive: bool,
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
}

/// One component of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    pub id: u8,
    /// Sampling factors: blocks of an MCU across and down.
    pub horizontal: usize,
    pub vertical: usize,
    /// Number of its quantization table.
    pub quantization: usize,
}

impl Frame {
    /// The greatest horizontal and vertical sampling factors of any component, at least 1.
    pub fn max_sampling(&self) -> (usize, usize) {
        let max = |factor: fn(&Component) -> usize| self.components.iter().map(factor).max().unwrap_or(1);
        (max(|c| c.horizontal), max(|c| c.vertical))
    }
}

/// A scan header (B.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    pub components: Vec<ScanComponent>,
    /// The first and the last coefficient in zigzag order that the scan codes.
    pub first: usize,
    pub last: usize,
    /// The number of low bits that the coefficients lacked before the scan; 0 in their first scan.
    pub bits_before: u32,
    /// The number of low bits that they lack after it.
    pub bits_after: u32,
}

impl Scan {
    /// Whether the scan adds a bit to coefficients of an earlier scan.
    pub fn is_refinement(&self) -> bool {
        self.bits_before != 0
    }
}

/// One component of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanComponent {
    /// Its index in the frame.
    pub component: usize,
    /// Numbers of its Huffman tables.
    pub dc: usize,
    pub ac: usize,
}

/// What follows the segments that were read.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterHeader {
    /// Entropy-coded data.
    Scan(Scan),
    EndOfImage,
}

impl<'a> JpegHeader<'a> {
    /// To read further scans of `frame` without the tables before them.
    pub fn for_scans(frame: Frame) -> Self {
        Self {
            frame: Some(frame),
            ..Self::default()
        }
    }

    /// Reads segments of `bytes` from `position` on, up to and including a scan header or the end of the
    /// image, and advances `position`. None for anything that a scaled decode does not support.
    pub fn read(&mut self, bytes: &'a [u8], position: &mut usize) -> Option<AfterHeader> {
        loop {
            let marker = next_marker(bytes, position)?;
            if marker == marker::EOI {
                return Some(AfterHeader::EndOfImage);
            }
            let length = usize::from(u16::from_be_bytes(*bytes.get(*position..)?.first_chunk()?));
            let segment = bytes.get(*position + 2..*position + length)?;
            *position += length;
            match marker {
                marker::SOF0 | marker::SOF1 | marker::SOF2 => {
                    self.read_frame(segment, marker == marker::SOF2)?;
                }
                marker::DHT => self.read_huffman_tables(segment)?,
                marker::SOS => return self.read_scan(segment).map(AfterHeader::Scan),
                marker::DQT => self.read_quantization_tables(segment)?,
                marker::DRI => {
                    self.restart_interval = usize::from(u16::from_be_bytes(segment.try_into().ok()?));
                }
                marker::APP1 if segment.starts_with(b"Exif\0\0") => self.exif = Some(segment),
                marker::APP14 if segment.starts_with(b"Adobe") => {
                    self.adobe_transform = Some(*segment.get(11)?);
                }
                marker::APP0..=marker::APP15 | marker::COM => {}
                _ => return None,
            }
        }
    }

    /// Whether the three components are certainly Y, Cb and Cr.
    pub fn is_ycbcr(&self) -> bool {
        let ids = self.frame.iter().flat_map(|frame| &frame.components);
        let ids: Vec<u8> = ids.map(|component| component.id).collect();
        match self.adobe_transform {
            None => ids == [1, 2, 3] || ids == [0, 1, 2],
            Some(transform) => transform == 1 && ids.len() == 3,
        }
    }

    fn read_frame(&mut self, segment: &[u8], is_progressive: bool) -> Option<()> {
        let [8, h1, h0, w1, w0, count, rest @ ..] = segment else {
            return None;
        };
        if self.frame.is_some() || !matches!(count, 1 | 3) || rest.len() != 3 * usize::from(*count) {
            return None;
        }
        let component = |bytes: &[u8]| Component {
            id: bytes[0],
            horizontal: usize::from(bytes[1] >> 4),
            vertical: usize::from(bytes[1] & 15),
            quantization: bytes[2].into(),
        };
        let frame = Frame {
            is_progressive,
            width: u16::from_be_bytes([*w1, *w0]).into(),
            height: u16::from_be_bytes([*h1, *h0]).into(),
            components: rest.chunks_exact(3).map(component).collect(),
        };
        let is_valid = |component: &Component| {
            (1..=4).contains(&component.horizontal)
                && (1..=4).contains(&component.vertical)
                && component.quantization < 4
        };
        if frame.width == 0 || frame.height == 0 || !frame.components.iter().all(is_valid) {
            return None;
        }
        self.frame = Some(frame);
        Some(())
    }

    fn read_huffman_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&class_and_number, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            let number = usize::from(class_and_number & 15);
            let (class, tables) = match class_and_number >> 4 {
                0 => (TableClass::Dc, &mut self.dc),
                1 => (TableClass::Ac, &mut self.ac),
                _ => return None,
            };
            let table = HuffmanTable::new(class, counts, symbols).filter(|table| table.has_8_bits)?;
            *tables.get_mut(number)? = Some(match class {
                TableClass::Ac if table.is_sequential => table.with_skip_lookup(),
                _ => table,
            });
            segment = rest;
        }
        Some(())
    }

    fn read_quantization_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&precision_and_number, rest)) = segment.split_first() {
            let (steps, rest) = match precision_and_number >> 4 {
                0 => rest
                    .split_first_chunk::<64>()
                    .map(|(steps, rest)| (steps.map(u16::from), rest))?,
                1 => {
                    let (steps, rest) = rest.split_first_chunk::<128>()?;
                    let step = |at: usize| u16::from_be_bytes([steps[2 * at], steps[2 * at + 1]]);
                    (std::array::from_fn(step), rest)
                }
                _ => return None,
            };
            let number = usize::from(precision_and_number & 15);
            *self.quantization.get_mut(number)? = Some(steps);
            segment = rest;
        }
        Some(())
    }

    fn read_scan(&self, segment: &[u8]) -> Option<Scan> {
        let (&count, rest) = segment.split_first()?;
        let (components, selection) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, approximation] = selection else {
            return None;
        };
        let frame = self.frame.as_ref()?;
        let component = |bytes: &[u8]| {
            Some(ScanComponent {
                component: frame
                    .components
                    .iter()
                    .position(|component| component.id == bytes[0])?,
                dc: usize::from(bytes[1] >> 4),
                ac: usize::from(bytes[1] & 15),
            })
        };
        let scan = Scan {
            components: components.chunks_exact(2).map(component).collect::<Option<_>>()?,
            first: first.into(),
            last: last.into(),
            bits_before: u32::from(approximation >> 4),
            bits_after: u32::from(approximation & 15),
        };
        is_valid_scan(&scan, frame.is_progressive).then_some(scan)
    }
}

/// Sequential scans code all coefficients at full precision. Progressive ones code DC coefficients, or AC
/// coefficients of one component, and a refinement adds one bit (G.1.1.1).
fn is_valid_scan(scan: &Scan, is_progressive: bool) -> bool {
    let approximation = (scan.bits_before, scan.bits_after);
    if scan.components.is_empty() {
        return false;
    }
    if !is_progressive {
        return (scan.first, scan.last, approximation) == (0, 63, (0, 0));
    }
    let is_valid_band = match scan.first {
        0 => scan.last == 0,
        first => (first..64).contains(&scan.last) && scan.components.len() == 1,
    };
    is_valid_band
        && scan.bits_after <= 13
        && (!scan.is_refinement() || scan.bits_before == scan.bits_after + 1)
}

/// The position of the next marker from `position` on that is not a restart marker.
pub fn end_of_data(bytes: &[u8], mut position: usize) -> Option<usize> {
    loop {
        let at = find_marker(bytes, position)?;
        match bytes[at + 1] {
            0xD0..=0xD7 => position = at + 2,
            _ => return Some(at),
        }
    }
}

/// The position of the next marker from `position` on. There is a byte behind it.
pub fn find_marker(bytes: &[u8], mut position: usize) -> Option<usize> {
    loop {
        let (words, _) = bytes.get(position..)?.as_chunks::<8>();
        let without_ff = |word: &&[u8; 8]| !contains_ff(u64::from_be_bytes(**word));
        position += 8 * words.iter().take_while(without_ff).count();
        position += bytes[position..].iter().position(|&byte| byte == 0xFF)?;
        match bytes.get(position + 1)? {
            0 => position += 2,
            0xFF => position += 1,
            _ => return Some(position),
        }
    }
}

/// The second byte of the marker at `position`, after any number of fill bytes 0xFF; advances `position`
/// past it.
fn next_marker(bytes: &[u8], position: &mut usize) -> Option<u8> {
    if *bytes.get(*position)? != 0xFF {
        return None;
    }
    let fill = bytes[*position..]
        .iter()
        .take_while(|&&byte| byte == 0xFF)
        .count();
    let marker = *bytes.get(*position + fill)?;
    *position += fill + 1;
    (marker != 0).then_some(marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zigzag_is_permutation_along_diagonals() {
        let mut seen = [false; 64];
        for pair in ZIGZAG.windows(2) {
            let diagonal = |at: u8| at / 8 + at % 8;
            assert!(diagonal(pair[1]) - diagonal(pair[0]) <= 1);
        }
        for at in ZIGZAG {
            seen[usize::from(at)] = true;
        }
        assert_eq!(seen, [true; 64]);
    }

    #[test]
    fn markers_are_found_behind_stuffing() {
        let data = [
            [7; 20].as_slice(),
            &[0xFF, 0, 0xFF, 0xFF, 0xD3, 9, 0xFF, 0xD9, 0xFF],
        ]
        .concat();
        assert_eq!(find_marker(&data, 0), Some(23));
        assert_eq!(end_of_data(&data, 0), Some(26));
        assert_eq!(end_of_data(&data, 28), None);
        assert_eq!(find_marker(&data, 100), None);
    }

    #[test]
    fn unsupported_frames_are_refused() {
        let read = |marker: u8, precision: u8, components: u8| {
            let mut bytes = vec![
                0xFF,
                marker,
                0,
                8 + 3 * components,
                precision,
                0,
                9,
                0,
                7,
                components,
            ];
            for id in 1..=components {
                bytes.extend([id, 0x11, 0]);
            }
            bytes.extend([0xFF, 0xD9]);
            JpegHeader::default().read(&bytes, &mut 0)
        };
        assert_eq!(read(0xC0, 8, 3), Some(AfterHeader::EndOfImage));
        assert_eq!(read(0xC1, 8, 1), Some(AfterHeader::EndOfImage));
        assert_eq!(read(0xC1, 12, 3), None, "12 bits");
        assert_eq!(read(0xC0, 8, 4), None, "four components");
        assert_eq!(read(0xC2, 8, 3), Some(AfterHeader::EndOfImage));
        for marker in [0xC3, 0xC5, 0xC9, 0xCC, 0xDC] {
            assert_eq!(read(marker, 8, 3), None, "{marker:X}");
        }
    }
}
