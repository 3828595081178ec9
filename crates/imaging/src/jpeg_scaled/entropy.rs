//! The entropy-coded data of one scan with its restart markers, and the blocks that the scan codes.

use super::bit_reader::BitReader;
use super::header::{Component, Frame};

/// Number of MCUs across and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McuGrid {
    pub columns: usize,
    pub rows: usize,
}

impl McuGrid {
    /// The MCUs of a scan of several components.
    pub fn of_frame(frame: &Frame) -> Self {
        let (horizontal, vertical) = frame.max_sampling();
        Self {
            columns: frame.width.div_ceil(8 * horizontal),
            rows: frame.height.div_ceil(8 * vertical),
        }
    }

    /// The MCUs of a scan of one component: each is one block, and blocks outside the image are not coded
    /// (ITU T.81, A.2.2 and A.2.3).
    pub fn of_component(frame: &Frame, component: &Component) -> Self {
        let (horizontal, vertical) = frame.max_sampling();
        let blocks = |side: usize, factor: usize, max: usize| (side * factor).div_ceil(max).div_ceil(8);
        Self {
            columns: blocks(frame.width, component.horizontal, horizontal),
            rows: blocks(frame.height, component.vertical, vertical),
        }
    }
}

/// Reads the data of one scan, MCU by MCU.
pub struct EntropyReader<'a> {
    pub bits: BitReader<'a>,
    bytes: &'a [u8],
    /// MCUs until the next restart marker.
    until_restart: usize,
    /// MCUs between restart markers; 0 if there are none.
    restart_interval: usize,
    /// Number of restart markers so far.
    restarts: usize,
}

impl<'a> EntropyReader<'a> {
    /// A reader of the scan at `position` of `bytes`.
    pub fn new(bytes: &'a [u8], position: usize, restart_interval: usize) -> Self {
        Self {
            bits: BitReader::new(bytes, position),
            bytes,
            until_restart: restart_interval,
            restart_interval,
            restarts: 0,
        }
    }

    /// To be called before each MCU: consumes the restart marker if one is due, and returns whether it was,
    /// so that predictions start anew. None if it is missing.
    #[inline]
    pub fn restart_if_due(&mut self) -> Option<bool> {
        if self.restart_interval == 0 {
            return Some(false);
        }
        if self.until_restart > 0 {
            self.until_restart -= 1;
            return Some(false);
        }
        let marker = self.bits.end()?;
        if *self.bytes.get(marker + 1)? != 0xD0 + (self.restarts % 8) as u8 {
            return None;
        }
        self.restarts += 1;
        self.until_restart = self.restart_interval - 1;
        self.bits = BitReader::new(self.bytes, marker + 2);
        Some(true)
    }
}
