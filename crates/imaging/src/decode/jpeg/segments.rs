//! JPEG marker segments (ITU T.81, annex B) of any file that can be shown, damaged ones included.

use self::frame::read_frame;
use super::standard_tables::{HuffmanCodes, standard_codes};
use crate::ImagingError;
use crate::jpeg_scaled::{Component, HuffmanTable, MAX_SCANS, TableClass, end_of_data};

mod frame;

pub use frame::{Frame, Mode};

/// Everything that the segments so far define.
pub struct Segments<'a> {
    bytes: &'a [u8],
    /// Where the next segment is searched, or entropy-coded data begin.
    pub position: usize,
    pub frame: Option<Frame>,
    /// Quantization steps in zigzag order, by table number.
    pub quantization: [Option<[u16; 64]>; 4],
    dc: [Option<HuffmanCodes<'a>>; 4],
    ac: [Option<HuffmanCodes<'a>>; 4],
    /// Bounds of small differences (L and U in F.1.4.4.1.2), by table number.
    pub dc_conditioning: [(u8, u8); 4],
    /// Bound of low coefficients (Kx in F.1.4.4.2), by table number.
    pub ac_conditioning: [u8; 4],
    /// MCUs between restart markers; 0 if there are no restart markers.
    pub restart_interval: usize,
    /// The EXIF segment, beginning with `Exif\0\0`.
    pub exif: Option<&'a [u8]>,
    /// Color transform in Adobe's marker, if present.
    pub adobe_transform: Option<u8>,
    pub has_jfif: bool,
    scans: usize,
}

/// A scan header (B.2.3).
#[derive(Debug, Clone)]
pub struct Scan {
    pub components: Vec<ScanComponent>,
    /// The first and the last coefficient in zigzag order; in lossless mode `first` is the predictor.
    pub first: usize,
    pub last: usize,
    /// Whether the scan adds a bit to coefficients of an earlier scan.
    pub is_refinement: bool,
    /// The number of low bits that are not coded yet.
    pub low_bits: u32,
}

/// One component of a scan.
#[derive(Debug, Clone, Copy)]
pub struct ScanComponent {
    /// Its index in the frame.
    pub component: usize,
    /// Numbers of its tables, below 4.
    pub dc: usize,
    pub ac: usize,
}

impl<'a> Segments<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 2,
            frame: None,
            quantization: [None; 4],
            dc: [None; 4],
            ac: [None; 4],
            dc_conditioning: [(0, 1); 4],
            ac_conditioning: [5; 4],
            restart_interval: 0,
            exif: None,
            adobe_transform: None,
            has_jfif: false,
            scans: 0,
        }
    }

    /// Reads segments up to the next scan header. None at the end of the image, where a damaged file makes
    /// no more sense, and after [`MAX_SCANS`].
    pub fn next_scan(&mut self) -> Result<Option<Scan>, ImagingError> {
        while let Some((marker, segment)) = self.next_segment() {
            match marker {
                0xC4 => self.read_huffman_tables(segment),
                0xCC => self.read_conditioning(segment),
                0xC0..=0xCF if self.frame.is_some() => return Ok(None),
                0xC0..=0xCF => self.frame = Some(read_frame(marker, segment)?),
                0xDA if self.scans == MAX_SCANS => return Ok(None),
                0xDA => {
                    self.scans += 1;
                    if let Some(scan) = self.read_scan(segment) {
                        return Ok(Some(scan));
                    }
                }
                0xDB => self.read_quantization_tables(segment),
                0xDD => {
                    if let Some(interval) = segment.first_chunk() {
                        self.restart_interval = usize::from(u16::from_be_bytes(*interval));
                    }
                }
                0xE0 if segment.starts_with(b"JFIF") => self.has_jfif = true,
                0xE1 if segment.starts_with(b"Exif\0\0") => self.exif = Some(segment),
                0xEE if segment.starts_with(b"Adobe") => {
                    self.adobe_transform = segment.get(11).copied().or(self.adobe_transform);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The marker and content of the next segment, after whatever is no marker; none at the end of the image.
    fn next_segment(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let at = end_of_data(self.bytes, self.position)?;
            let marker = *self.bytes.get(at + 1)?;
            self.position = at + 2;
            match marker {
                // End of image, unless it is that of a thumbnail in a damaged segment.
                0xD9 if self.frame.is_some() => return None,
                // Start of image and reserved markers have no content.
                0xD8 | 0xD9 | 0x01..=0xBF => {}
                _ => {
                    let length = usize::from(u16::from_be_bytes(*self.bytes.get(at + 2..)?.first_chunk()?));
                    let end = at + 2 + length.max(2);
                    self.position = end;
                    return Some((marker, self.bytes.get(at + 4..end)?));
                }
            }
        }
    }

    /// The number of lines in the segment that may follow the first scan (B.2.5).
    pub fn find_number_of_lines(&self) -> Option<usize> {
        let at = end_of_data(self.bytes, self.position)?;
        match self.bytes.get(at..at + 6)? {
            [_, 0xDC, 0, 4, high, low] => Some(u16::from_be_bytes([*high, *low]).into()),
            _ => None,
        }
    }

    /// The table of the given class and number; none if it is damaged or missing. Abbreviated files, as in
    /// Motion JPEG, rely on those of annex K.
    pub fn huffman_table(&self, class: TableClass, number: usize) -> Option<HuffmanTable> {
        let tables = match class {
            TableClass::Dc => &self.dc,
            TableClass::Ac => &self.ac,
        };
        let (counts, symbols) = tables.get(number)?.or_else(|| standard_codes(class, number))?;
        HuffmanTable::new(class, counts, symbols)
    }

    fn read_huffman_tables(&mut self, mut segment: &'a [u8]) {
        while let Some((class_and_number, rest)) = segment.split_first() {
            let Some((counts, rest)) = rest.split_first_chunk::<16>() else {
                return;
            };
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let Some((symbols, rest)) = rest.split_at_checked(total) else {
                return;
            };
            let tables = match class_and_number >> 4 {
                0 => &mut self.dc,
                _ => &mut self.ac,
            };
            if let Some(table) = tables.get_mut(usize::from(class_and_number & 15)) {
                *table = Some((counts, symbols));
            }
            segment = rest;
        }
    }

    fn read_conditioning(&mut self, segment: &[u8]) {
        for pair in segment.chunks_exact(2) {
            let (number, value) = (usize::from(pair[0] & 15), pair[1]);
            match pair[0] >> 4 {
                0 => {
                    if let Some(bounds) = self.dc_conditioning.get_mut(number) {
                        *bounds = (value & 15, value >> 4);
                    }
                }
                _ => {
                    if let Some(bound) = self.ac_conditioning.get_mut(number) {
                        *bound = value;
                    }
                }
            }
        }
    }

    fn read_quantization_tables(&mut self, mut segment: &[u8]) {
        while let Some((&precision_and_number, rest)) = segment.split_first() {
            let bytes_per_step = if precision_and_number >> 4 == 0 { 1 } else { 2 };
            let Some((steps, rest)) = rest.split_at_checked(64 * bytes_per_step) else {
                return;
            };
            let step = |at: usize| match bytes_per_step {
                1 => u16::from(steps[at]),
                _ => u16::from_be_bytes([steps[2 * at], steps[2 * at + 1]]),
            };
            if let Some(table) = self.quantization.get_mut(usize::from(precision_and_number & 15)) {
                *table = Some(std::array::from_fn(step));
            }
            segment = rest;
        }
    }

    /// None for a header that makes no sense.
    fn read_scan(&self, segment: &[u8]) -> Option<Scan> {
        let frame = self.frame.as_ref()?;
        let (&count, rest) = segment.split_first()?;
        let (selected, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, approximation, ..] = rest else {
            return None;
        };
        let mut components: Vec<ScanComponent> = Vec::with_capacity(4);
        for selected in selected.chunks_exact(2) {
            // Of several components with the same identifier each is meant once.
            let is_meant = |(index, component): &(usize, &Component)| {
                component.id == selected[0] && components.iter().all(|other| other.component != *index)
            };
            let (component, _) = frame.components.iter().enumerate().find(is_meant)?;
            components.push(ScanComponent {
                component,
                dc: usize::from(selected[1] >> 4 & 3),
                ac: usize::from(selected[1] & 3),
            });
        }
        let mut scan = Scan {
            components,
            first: first.into(),
            last: last.into(),
            is_refinement: approximation >> 4 != 0,
            low_bits: u32::from(approximation & 15),
        };
        match frame.mode {
            // Other values have no meaning in this mode, and some writers leave them at 0.
            Mode::Sequential => {
                (scan.first, scan.last, scan.is_refinement, scan.low_bits) = (0, 63, false, 0);
            }
            Mode::Progressive if scan.first == 0 => scan.last = 0,
            Mode::Progressive | Mode::Lossless => {}
        }
        let is_valid = match frame.mode {
            Mode::Sequential => true,
            Mode::Progressive => {
                scan.last < 64
                    && scan.first <= scan.last
                    && (scan.first == 0 || scan.components.len() == 1)
                    && scan.low_bits <= 13
            }
            Mode::Lossless => scan.low_bits < frame.precision,
        };
        (is_valid && !scan.components.is_empty()).then_some(scan)
    }
}
