//! Decodes the blocks of one scan, however they are coded.

use super::arithmetic_blocks::ArithmeticBlocks;
use super::coefficients::{Block, BlockPlane, EntropyDecoder, Grid, McuStep, RestartTracker};
use super::huffman_blocks::HuffmanBlocks;
use super::segments::{Frame, Mode, Scan, Segments};

/// What a scan codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// All coefficients.
    Sequential,
    /// The upper bits of DC coefficients, or one more bit.
    DcFirst,
    DcRefinement,
    /// The upper bits of AC coefficients, or one more bit.
    AcFirst,
    AcRefinement,
}

impl Pass {
    fn of_scan(frame: &Frame, scan: &Scan) -> Self {
        match (frame.mode, scan.first, scan.is_refinement) {
            (Mode::Sequential | Mode::Lossless, ..) => Self::Sequential,
            (Mode::Progressive, 0, false) => Self::DcFirst,
            (Mode::Progressive, 0, true) => Self::DcRefinement,
            (Mode::Progressive, _, false) => Self::AcFirst,
            (Mode::Progressive, _, true) => Self::AcRefinement,
        }
    }
}

/// Decodes blocks one after the other.
pub trait BlockDecoder: EntropyDecoder {
    /// Decodes the next block, of the component at `place` in the scan, with the set of AC coefficients that
    /// are not zero.
    fn decode_block(&mut self, place: usize, block: &mut Block, nonzero: &mut u64);
}

/// Decodes the scan whose data are next in `segments`, and moves on to the marker behind them. Returns the
/// number of whole MCUs.
pub fn decode_scan(
    bytes: &[u8],
    segments: &mut Segments,
    frame: &Frame,
    scan: &Scan,
    planes: &mut [BlockPlane],
) -> usize {
    for scanned in &scan.components {
        let quantization = frame.components[scanned.component].quantization;
        let plane = &mut planes[scanned.component];
        plane.steps = plane.steps.or(segments.quantization[quantization]);
    }
    let pass = Pass::of_scan(frame, scan);
    let (position, decoded) = if frame.is_arithmetic {
        let mut blocks = ArithmeticBlocks::new(bytes, segments, scan, pass);
        decode_mcus(bytes, segments.restart_interval, frame, scan, planes, &mut blocks)
    } else {
        let Some(mut blocks) = HuffmanBlocks::new(bytes, segments, scan, pass) else {
            return 0;
        };
        decode_mcus(bytes, segments.restart_interval, frame, scan, planes, &mut blocks)
    };
    segments.position = position;
    decoded
}

/// The position behind the data, and the number of whole MCUs.
fn decode_mcus(
    bytes: &[u8],
    restart_interval: usize,
    frame: &Frame,
    scan: &Scan,
    planes: &mut [BlockPlane],
    decoder: &mut impl BlockDecoder,
) -> (usize, usize) {
    let grid = Grid::of_scan(frame, scan, 8);
    let mut tracker = RestartTracker::new(bytes, restart_interval);
    let mut decoded = 0;
    for row in 0..grid.rows {
        for column in 0..grid.columns {
            match tracker.step(decoder) {
                McuStep::Decode | McuStep::DecodeAnew => {}
                McuStep::Skip => continue,
                McuStep::End => return (decoder.position(), decoded),
            }
            for (place, scanned) in scan.components.iter().enumerate() {
                let component = frame.components[scanned.component];
                let (across, down) = match scan.components.len() {
                    1 => (1, 1),
                    _ => (component.horizontal, component.vertical),
                };
                let plane = &mut planes[scanned.component];
                for y in 0..down {
                    for x in 0..across {
                        let at = (row * down + y) * plane.columns + column * across + x;
                        decoder.decode_block(place, &mut plane.blocks[at], &mut plane.nonzero[at]);
                    }
                }
            }
            decoded += usize::from(!decoder.is_exhausted());
        }
    }
    (decoder.position(), decoded)
}

/// The number of lines of an image that does not tell it, from the MCUs of its only scan.
pub fn count_lines(bytes: &[u8], segments: &Segments, frame: &Frame, scan: &Scan) -> usize {
    const MAX_LINES: usize = 1 << 16;
    if frame.mode != Mode::Sequential || frame.is_arithmetic {
        return 0;
    }
    let Some(mut decoder) = HuffmanBlocks::new(bytes, segments, scan, Pass::Sequential) else {
        return 0;
    };
    let (_, vertical) = frame.max_sampling();
    let columns = Grid::of_scan(frame, scan, 8).columns;
    let lines_per_row = if scan.components.len() == 1 {
        8
    } else {
        8 * vertical
    };
    let mut tracker = RestartTracker::new(bytes, segments.restart_interval);
    let (mut block, mut decoded, mut missing) = ([0; 64], 0, 0);
    while decoded / columns * lines_per_row < MAX_LINES && missing < columns {
        match tracker.step(&mut decoder) {
            McuStep::Decode | McuStep::DecodeAnew => {}
            McuStep::Skip => {
                missing += 1;
                continue;
            }
            McuStep::End => break,
        }
        for (place, scanned) in scan.components.iter().enumerate() {
            let component = frame.components[scanned.component];
            let blocks = match scan.components.len() {
                1 => 1,
                _ => component.horizontal * component.vertical,
            };
            (0..blocks).for_each(|_| decoder.decode_block(place, &mut block, &mut 0));
        }
        decoded += usize::from(!decoder.is_exhausted());
    }
    (decoded / columns * lines_per_row).min(MAX_LINES - 1)
}
