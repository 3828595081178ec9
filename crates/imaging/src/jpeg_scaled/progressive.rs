//! Progressive images: their scans add to stored coefficients (ITU T.81, annex G).
//!
//! Only the coefficients that the transform to the output size reads are stored. Scans that cannot affect
//! them are skipped: at an eighth of the size, for luminance, all scans but those of DC coefficients.

use self::plan::plan_scans;
use self::scans::decode_scan;
use super::Scale;
use super::entropy::McuGrid;
use super::header::{AfterHeader, Component, Frame, JpegHeader, Scan, ZIGZAG};
use super::idct::{Coefficients, dc_only};
use super::scan::{Plane, last_coefficient, samples_of_block};

mod ac_band;
mod plan;
mod scans;

pub use ac_band::AcBand;

/// Most scans of a file that are decoded, as each may take time for every block. Encoders write about ten.
pub const MAX_SCANS: usize = 100;

/// Bytes of the coefficients that are stored for `frame`; none if a component has unsupported sampling.
pub fn coefficient_bytes(frame: &Frame, scale: Scale) -> Option<u64> {
    let grid = McuGrid::of_frame(frame);
    let bytes = |component: &Component| {
        let last = last_coefficient(samples_of_block(frame, component, scale)?);
        let mask = if last == 0 { 0 } else { size_of::<u64>() };
        let block = (last as usize + 1) * size_of::<i16>() + mask;
        let blocks = grid.columns * component.horizontal * grid.rows * component.vertical;
        Some(blocks as u64 * block as u64)
    };
    frame.components.iter().map(bytes).sum()
}

/// Decodes all scans of a progressive image to `planes`. `scan` is the header before `position`.
///
/// None for anything irregular.
pub fn decode<'a>(
    header: &mut JpegHeader<'a>,
    scan: Scan,
    planes: &mut [Plane],
    bytes: &'a [u8],
    position: usize,
) -> Option<()> {
    let frame = header.frame.clone()?;
    let grid = McuGrid::of_frame(&frame);
    let plans = plan_scans(bytes, header.frame.as_ref()?, planes, (scan.clone(), position))?;
    let mut components: Vec<ComponentCoefficients> = frame
        .components
        .iter()
        .zip(planes.iter())
        .map(|(component, plane)| ComponentCoefficients::new(component, grid, plane.last))
        .collect();
    let (mut scan, mut position) = (scan, position);
    for plan in plans {
        if plan.is_needed {
            let end = decode_scan(header, &frame, &scan, &mut components, bytes, position)?;
            (end == plan.end).then_some(())?;
        }
        position = plan.end;
        match header.read(bytes, &mut position)? {
            AfterHeader::Scan(next) => scan = next,
            AfterHeader::EndOfImage => break,
        }
    }
    for (component, plane) in components.iter().zip(planes) {
        component.render(plane)?;
        plane.is_decoded = true;
    }
    Some(())
}

/// The coefficients of one component.
struct ComponentCoefficients {
    /// Blocks of an MCU across and down.
    sampling: (usize, usize),
    /// Blocks across.
    columns: usize,
    /// Coefficients stored for each block: the first ones in zigzag order.
    stored: usize,
    /// Quantized coefficients, block by block.
    levels: Vec<i16>,
    /// For each block the AC coefficients that are not zero, including those that are not stored. Empty if
    /// only the DC coefficient is stored.
    nonzero: Vec<u64>,
    /// Quantization steps in zigzag order, as defined at the component's first scan.
    steps: [f32; 64],
}

impl ComponentCoefficients {
    fn new(component: &Component, grid: McuGrid, last: u32) -> Self {
        let columns = grid.columns * component.horizontal;
        let blocks = columns * grid.rows * component.vertical;
        let stored = last as usize + 1;
        Self {
            sampling: (component.horizontal, component.vertical),
            columns,
            stored,
            levels: vec![0; blocks * stored],
            nonzero: vec![0; if last == 0 { 0 } else { blocks }],
            steps: [0.0; 64],
        }
    }

    /// Dequantizes and transforms all blocks into `plane`.
    fn render(&self, plane: &mut Plane) -> Option<()> {
        let (width, height) = plane.block;
        for (index, levels) in self.levels.chunks_exact(self.stored).enumerate() {
            let (column, row) = (index % self.columns, index / self.columns);
            let samples = plane
                .samples
                .get_mut(row * height * plane.stride + column * width..)?;
            if plane.last == 0 {
                *samples.first_mut()? = dc_only(f32::from(levels[0]) * self.steps[0]);
                continue;
            }
            let mut block: Coefficients = [0.0; 64];
            for ((&at, &level), &step) in ZIGZAG.iter().zip(levels).zip(&self.steps) {
                block[usize::from(at)] = f32::from(level) * step;
            }
            (plane.idct)(&block, samples, plane.stride);
        }
        Some(())
    }
}
