//! The coefficients of an image, and the order in which scans code them (ITU T.81, A.2).

use super::segments::{Frame, Scan};
use crate::jpeg_scaled::find_marker;

/// Quantized coefficients of a block in zigzag order.
pub type Block = [i16; 64];

/// The blocks of one component.
pub struct BlockPlane {
    pub columns: usize,
    /// Row by row, with those that complete the last MCUs.
    pub blocks: Vec<Block>,
    /// For each block the set of AC coefficients that are not zero; kept by progressive scans only.
    pub nonzero: Vec<u64>,
    /// Quantization steps in zigzag order, as defined at the component's first scan.
    pub steps: Option<[u16; 64]>,
}

impl BlockPlane {
    /// Planes without content.
    pub fn of_frame(frame: &Frame) -> Vec<Self> {
        let grid = Grid::of_frame(frame, 8);
        frame
            .components
            .iter()
            .map(|component| {
                let columns = grid.columns * component.horizontal;
                let count = columns * grid.rows * component.vertical;
                Self {
                    columns,
                    blocks: vec![[0; 64]; count],
                    nonzero: vec![0; count],
                    steps: None,
                }
            })
            .collect()
    }
}

/// Number of MCUs across and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    pub columns: usize,
    pub rows: usize,
}

impl Grid {
    /// The MCUs of a scan of several components, whose data units have `unit` × `unit` samples.
    pub fn of_frame(frame: &Frame, unit: usize) -> Self {
        let (horizontal, vertical) = frame.max_sampling();
        Self {
            columns: frame.width.div_ceil(unit * horizontal),
            rows: frame.height.div_ceil(unit * vertical),
        }
    }

    /// The MCUs of `scan`: in a scan of one component each is one data unit, and those outside the image are
    /// not coded.
    pub fn of_scan(frame: &Frame, scan: &Scan, unit: usize) -> Self {
        let (horizontal, vertical) = frame.max_sampling();
        let single = match scan.components.as_slice() {
            [single] => frame.components.get(single.component),
            _ => None,
        };
        let units = |side: usize, factor: usize, max: usize| (side * factor).div_ceil(max).div_ceil(unit);
        single.map_or_else(
            || Self::of_frame(frame, unit),
            |component| Self {
                columns: units(frame.width, component.horizontal, horizontal),
                rows: units(frame.height, component.vertical, vertical),
            },
        )
    }
}

/// A reader of entropy-coded data that begins anew behind each restart marker.
pub trait EntropyDecoder {
    /// Begins anew at `position`.
    fn restart(&mut self, position: usize);

    /// A position behind what was read, and before the next marker.
    fn position(&self) -> usize;

    /// Whether more was read than the data hold.
    fn is_exhausted(&self) -> bool;
}

/// Counts the MCUs of a scan, and finds back into step with the restart markers of damaged data.
pub struct RestartTracker<'a> {
    bytes: &'a [u8],
    interval: usize,
    until_restart: usize,
    /// Number of the next restart marker, modulo 8.
    next: u8,
    /// Whether the data of the current interval are missing.
    is_missing: bool,
}

/// What to do with an MCU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum McuStep {
    Decode,
    /// As [`McuStep::Decode`], and all predictions are reset.
    DecodeAnew,
    /// There are no data for it.
    Skip,
    /// There are no data for it and all that follow.
    End,
}

impl<'a> RestartTracker<'a> {
    /// `interval` is the number of MCUs between restart markers; 0 if there are none.
    pub fn new(bytes: &'a [u8], interval: usize) -> Self {
        Self {
            bytes,
            interval,
            until_restart: interval,
            next: 0,
            is_missing: false,
        }
    }

    /// To be called before each MCU.
    pub fn step(&mut self, decoder: &mut impl EntropyDecoder) -> McuStep {
        if self.interval == 0 {
            return if decoder.is_exhausted() {
                McuStep::End
            } else {
                McuStep::Decode
            };
        }
        if self.until_restart == 0 {
            self.until_restart = self.interval - 1;
            let marker = find_restart(self.bytes, decoder.position(), self.next);
            self.next = (self.next + 1) % 8;
            self.is_missing = marker.is_none();
            if let Some(marker) = marker {
                decoder.restart(marker + 2);
                return McuStep::DecodeAnew;
            }
        } else {
            self.until_restart -= 1;
        }
        if self.is_missing || decoder.is_exhausted() {
            return McuStep::Skip;
        }
        McuStep::Decode
    }
}

/// Markers that follow the data of a scan (table B.1).
const DHT: u8 = 0xC4;
const DAC: u8 = 0xCC;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;

/// Where the restart marker with number `expected` is, from `position` on; none if its interval is missing.
///
/// A marker that is up to two too early was left over and is passed. One that is up to two too late means
/// that intervals are missing. All others are taken for the expected one. Tables, a scan or the end of the image
/// end the data. All other markers, such as those of frames, are stray bytes, since none of them comes before the last
/// interval's end.
fn find_restart(bytes: &[u8], mut position: usize, expected: u8) -> Option<usize> {
    loop {
        let at = find_marker(bytes, position)?;
        position = at + 2;
        match bytes[at + 1] {
            code @ 0xD0..=0xD7 => match (code - 0xD0).wrapping_sub(expected) % 8 {
                1 | 2 => return None,
                6 | 7 => {}
                _ => return Some(at),
            },
            DHT | DAC | EOI | SOS | DQT | DRI => return None,
            _ => {}
        }
    }
}

/// Whether the data at `position` have all restart markers of `count` MCUs in order.
pub fn has_all_restarts(bytes: &[u8], mut position: usize, interval: usize, count: usize) -> bool {
    if interval == 0 {
        return true;
    }
    let mut found = 0;
    while let Some(at) = find_marker(bytes, position) {
        match bytes[at + 1] {
            code @ 0xD0..=0xD7 if usize::from(code - 0xD0) == found % 8 => found += 1,
            0xD0..=0xD7 => return false,
            _ => break,
        }
        position = at + 2;
    }
    found + 1 == count.div_ceil(interval)
}
