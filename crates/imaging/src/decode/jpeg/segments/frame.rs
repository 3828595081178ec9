//! Frame headers (ITU T.81, B.2.2).

use crate::ImagingError;
use crate::decode::jpeg::FORMAT;
use crate::jpeg_scaled::Component;

/// How the samples of a frame are coded (table B.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Sequential,
    Progressive,
    Lossless,
}

/// A frame header (B.2.2).
#[derive(Debug, Clone)]
pub struct Frame {
    pub mode: Mode,
    pub is_arithmetic: bool,
    /// Bits of a sample.
    pub precision: u32,
    pub width: usize,
    /// 0 where only the data tell the height.
    pub height: usize,
    pub components: Vec<Component>,
}

impl Frame {
    /// The greatest horizontal and vertical sampling factors of any component.
    pub fn max_sampling(&self) -> (usize, usize) {
        let max = |factor: fn(&Component) -> usize| self.components.iter().map(factor).max().unwrap_or(1);
        (max(|c| c.horizontal), max(|c| c.vertical))
    }
}

/// Reads the segment of `marker`, which is that of a frame.
pub fn read_frame(marker: u8, segment: &[u8]) -> Result<Frame, ImagingError> {
    let damaged = |reason: &str| Err(ImagingError::damaged(FORMAT, reason));
    let unsupported = |feature: &str| Err(ImagingError::unsupported_feature(FORMAT, feature));
    let (mode, is_arithmetic) = match marker {
        0xC0 | 0xC1 => (Mode::Sequential, false),
        0xC2 => (Mode::Progressive, false),
        0xC3 => (Mode::Lossless, false),
        0xC9 => (Mode::Sequential, true),
        0xCA => (Mode::Progressive, true),
        0xCB => return unsupported("lossless coding with arithmetic codes"),
        _ => return unsupported("hierarchical coding"),
    };
    let [precision, h1, h0, w1, w0, count, rest @ ..] = segment else {
        return damaged("the frame header is too short");
    };
    let component = |bytes: &[u8]| Component {
        id: bytes[0],
        horizontal: usize::from(bytes[1] >> 4),
        vertical: usize::from(bytes[1] & 15),
        quantization: usize::from(bytes[2] & 3),
    };
    let frame = Frame {
        mode,
        is_arithmetic,
        precision: u32::from(*precision),
        width: u16::from_be_bytes([*w1, *w0]).into(),
        height: u16::from_be_bytes([*h1, *h0]).into(),
        components: rest
            .chunks_exact(3)
            .take((*count).into())
            .map(component)
            .collect(),
    };
    let is_sampled = |component: &Component| {
        (1..=4).contains(&component.horizontal) && (1..=4).contains(&component.vertical)
    };
    match frame.components.len() {
        length if length != usize::from(*count) => return damaged("the frame header is too short"),
        1 | 3 | 4 => {}
        2 => return unsupported("two color channels"),
        _ => return damaged("the number of color channels is wrong"),
    }
    if !frame.components.iter().all(is_sampled) {
        return damaged("the sampling of the color channels is wrong");
    }
    match (mode, frame.precision) {
        (Mode::Lossless, 2..=16) | (_, 8 | 12) => Ok(frame),
        _ => damaged("the number of bits per sample is wrong"),
    }
}
