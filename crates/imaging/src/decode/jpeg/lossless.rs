//! Lossless mode: samples predicted from their neighbors (ITU T.81, annex H).

use super::coefficients::{EntropyDecoder, Grid, McuStep, RestartTracker};
use super::segments::{Frame, Scan, Segments};
use crate::jpeg_scaled::{BitReader, HuffmanTable, TableClass};

/// The samples of one component.
pub struct SamplePlane {
    pub columns: usize,
    /// Row by row, with those that complete the last MCUs.
    pub samples: Vec<u16>,
}

impl SamplePlane {
    /// Gray planes.
    pub fn of_frame(frame: &Frame) -> Vec<Self> {
        let grid = Grid::of_frame(frame, 1);
        frame
            .components
            .iter()
            .map(|component| {
                let columns = grid.columns * component.horizontal;
                Self {
                    columns,
                    samples: vec![1 << (frame.precision - 1); columns * grid.rows * component.vertical],
                }
            })
            .collect()
    }
}

struct Differences<'a> {
    bytes: &'a [u8],
    bits: BitReader<'a>,
    /// For each component of the scan its table.
    tables: Vec<HuffmanTable>,
}

impl Differences<'_> {
    /// The next difference; 0 for an unknown code (H.1.2.2).
    fn next(&mut self, place: usize) -> i32 {
        const WITHOUT_BITS: u8 = 16;
        self.bits.refill();
        match self.tables[place].symbol(&mut self.bits) {
            Some(WITHOUT_BITS) => 1 << 15,
            Some(size) if size < WITHOUT_BITS => self.bits.value(size.into()),
            _ => {
                self.bits.skip(17);
                0
            }
        }
    }
}

impl EntropyDecoder for Differences<'_> {
    fn restart(&mut self, position: usize) {
        self.bits = BitReader::new(self.bytes, position);
    }

    fn position(&self) -> usize {
        self.bits.position()
    }

    fn is_exhausted(&self) -> bool {
        self.bits.is_overrun()
    }
}

/// Decodes the scan whose data are next in `segments`, and moves on to the marker behind them. Returns the
/// number of whole MCUs.
pub fn decode_scan(
    bytes: &[u8],
    segments: &mut Segments,
    frame: &Frame,
    scan: &Scan,
    planes: &mut [SamplePlane],
) -> usize {
    let tables: Option<Vec<HuffmanTable>> = scan
        .components
        .iter()
        .map(|component| segments.huffman_table(TableClass::Dc, component.dc))
        .collect();
    let Some(tables) = tables else {
        return 0;
    };
    let mut differences = Differences {
        bytes,
        bits: BitReader::new(bytes, segments.position),
        tables,
    };
    let decoded = decode_mcus(
        bytes,
        segments.restart_interval,
        frame,
        scan,
        planes,
        &mut differences,
    );
    segments.position = differences.position();
    decoded
}

fn decode_mcus(
    bytes: &[u8],
    restart_interval: usize,
    frame: &Frame,
    scan: &Scan,
    planes: &mut [SamplePlane],
    differences: &mut Differences,
) -> usize {
    let grid = Grid::of_scan(frame, scan, 1);
    let mut tracker = RestartTracker::new(bytes, restart_interval);
    let (mut decoded, mut first_row) = (0, 0);
    let start = 1 << (frame.precision - scan.low_bits - 1);
    for row in 0..grid.rows {
        for column in 0..grid.columns {
            match tracker.step(differences) {
                McuStep::Decode => {}
                McuStep::DecodeAnew => first_row = row,
                McuStep::Skip => continue,
                McuStep::End => return decoded,
            }
            for (place, scanned) in scan.components.iter().enumerate() {
                let component = frame.components[scanned.component];
                let (across, down) = match scan.components.len() {
                    1 => (1, 1),
                    _ => (component.horizontal, component.vertical),
                };
                let plane = &mut planes[scanned.component];
                for y in row * down..(row + 1) * down {
                    for x in column * across..(column + 1) * across {
                        let neighbors = Neighbors::of(plane, x, y, y == first_row * down, scan.low_bits);
                        let sample = neighbors.predict(scan.first, start) + differences.next(place);
                        plane.samples[y * plane.columns + x] = (sample << scan.low_bits) as u16;
                    }
                }
            }
            decoded += usize::from(!differences.is_exhausted());
        }
    }
    decoded
}

/// The decoded neighbors of a sample.
struct Neighbors {
    left: Option<i32>,
    above: Option<i32>,
    left_above: i32,
}

impl Neighbors {
    fn of(plane: &SamplePlane, x: usize, y: usize, is_first_row: bool, low_bits: u32) -> Self {
        let at = y * plane.columns + x;
        let sample = |distance: usize| i32::from(plane.samples[at - distance] >> low_bits);
        let has_above = !is_first_row && y > 0;
        Self {
            left: (x > 0).then(|| sample(1)),
            above: has_above.then(|| sample(plane.columns)),
            left_above: if has_above && x > 0 {
                sample(plane.columns + 1)
            } else {
                0
            },
        }
    }

    /// The predictor with the given number in table H.1, or the one for the edges of the image.
    fn predict(&self, predictor: usize, start: i32) -> i32 {
        let (a, b, c) = match (self.left, self.above) {
            (None, None) => return start,
            (Some(left), None) => return left,
            (None, Some(above)) => return above,
            (Some(left), Some(above)) => (left, above, self.left_above),
        };
        match predictor {
            0 => 0,
            2 => b,
            3 => c,
            4 => a + b - c,
            5 => a + ((b - c) >> 1),
            6 => b + ((a - c) >> 1),
            7 => (a + b) >> 1,
            _ => a,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictors_follow_table_h_1() {
        let inner = Neighbors {
            left: Some(10),
            above: Some(20),
            left_above: 7,
        };
        let predicted: Vec<i32> = (1..=7).map(|predictor| inner.predict(predictor, 128)).collect();
        assert_eq!(predicted, [10, 20, 7, 23, 16, 21, 15]);
        let corner = Neighbors {
            left: None,
            above: None,
            left_above: 0,
        };
        assert_eq!(corner.predict(4, 128), 128);
    }
}
