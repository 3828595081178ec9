//! Decodes the entropy-coded data of scans to planes of samples (ITU T.81, F.2).

use super::Scale;
use super::bit_reader::BitReader;
use super::entropy::{EntropyReader, McuGrid};
use super::header::{Component, Frame, JpegHeader, ScanComponent, ZIGZAG};
use super::huffman::HuffmanTable;
use super::idct::{Coefficients, Idct, dc_only, idct_to};

/// DC coefficients are sums of differences; in 8-bit images they stay far below this.
const MAX_DC: i32 = 1 << 15;

/// The samples of one component. All planes of an image have the same size.
pub struct Plane {
    /// Samples across and down a block.
    pub block: (usize, usize),
    pub stride: usize,
    pub samples: Vec<u8>,
    pub idct: Idct,
    /// The last coefficient in zigzag order that the transform reads.
    pub last: u32,
    /// Whether a scan has decoded it.
    pub is_decoded: bool,
}

/// Gray planes at a scale; none if a component would need more than 8 samples per block.
pub fn allocate_planes(frame: &Frame, scale: Scale) -> Option<Vec<Plane>> {
    let (horizontal, vertical) = frame.max_sampling();
    let (grid, samples) = (McuGrid::of_frame(frame), scale.samples_per_block());
    let plane = |component: &Component| {
        let block = samples_of_block(frame, component, scale)?;
        let stride = grid.columns * horizontal * samples;
        Some(Plane {
            block,
            stride,
            samples: vec![128; stride * grid.rows * vertical * samples],
            idct: idct_to(block.0, block.1)?,
            last: last_coefficient(block),
            is_decoded: false,
        })
    };
    frame.components.iter().map(plane).collect()
}

/// Samples across and down a block of `component`, so that all planes have the same size.
pub fn samples_of_block(frame: &Frame, component: &Component, scale: Scale) -> Option<(usize, usize)> {
    let (horizontal, vertical) = frame.max_sampling();
    if !horizontal.is_multiple_of(component.horizontal) || !vertical.is_multiple_of(component.vertical) {
        return None;
    }
    let samples = scale.samples_per_block();
    Some((
        samples * horizontal / component.horizontal,
        samples * vertical / component.vertical,
    ))
}

/// The last coefficient in zigzag order among the first `width` × `height`.
pub fn last_coefficient((width, height): (usize, usize)) -> u32 {
    let is_read = |at: &u8| usize::from(at % 8) < width && usize::from(at / 8) < height;
    ZIGZAG.iter().rposition(is_read).unwrap_or(0) as u32
}

/// Decodes the scan at `position` of `bytes` and advances `position` to the marker after it.
///
/// None for anything irregular: an unknown code, too few or too many data, a component that was decoded
/// before.
pub fn decode_scan(
    header: &JpegHeader,
    components: &[ScanComponent],
    planes: &mut [Plane],
    bytes: &[u8],
    position: &mut usize,
) -> Option<()> {
    let frame = header.frame.as_ref()?;
    let mut decoders = Vec::with_capacity(components.len());
    for component in components {
        let plane = planes.get_mut(component.component)?;
        if plane.is_decoded {
            return None;
        }
        plane.is_decoded = true;
        decoders.push(ComponentDecoder::new(header, frame, component)?);
    }
    let grid = match decoders.as_mut_slice() {
        [single] => single.set_non_interleaved(frame)?,
        _ => McuGrid::of_frame(frame),
    };
    let mut reader = EntropyReader::new(bytes, *position, header.restart_interval);
    for row in 0..grid.rows {
        decode_mcu_row(&mut reader, &mut decoders, planes, grid.columns, row)?;
        if reader.bits.is_overrun() {
            return None;
        }
    }
    *position = reader.bits.end()?;
    Some(())
}

/// One component of a scan.
struct ComponentDecoder<'a> {
    /// Its index in the frame.
    component: usize,
    /// Blocks of an MCU across and down.
    horizontal: usize,
    vertical: usize,
    dc: &'a HuffmanTable,
    ac: &'a HuffmanTable,
    /// Quantization steps in zigzag order.
    steps: [f32; 64],
    /// Quantized DC coefficient of the previous block.
    dc_predictor: i32,
}

impl<'a> ComponentDecoder<'a> {
    fn new(header: &'a JpegHeader, frame: &Frame, scan: &ScanComponent) -> Option<Self> {
        let component = frame.components.get(scan.component)?;
        let steps = header.quantization.get(component.quantization)?.as_ref()?;
        Some(Self {
            component: scan.component,
            horizontal: component.horizontal,
            vertical: component.vertical,
            dc: header.dc.get(scan.dc)?.as_ref()?,
            ac: header
                .ac
                .get(scan.ac)?
                .as_ref()
                .filter(|table| table.is_sequential)?,
            steps: steps.map(f32::from),
            dc_predictor: 0,
        })
    }

    /// Makes each block an MCU, and returns the blocks to decode.
    fn set_non_interleaved(&mut self, frame: &Frame) -> Option<McuGrid> {
        (self.horizontal, self.vertical) = (1, 1);
        Some(McuGrid::of_component(
            frame,
            frame.components.get(self.component)?,
        ))
    }

    /// Decodes the next block of this component into its place in `plane`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    fn decode_block(
        &mut self,
        bits: &mut BitReader,
        plane: &mut Plane,
        column: usize,
        row: usize,
    ) -> Option<()> {
        self.dc_predictor += self.dc.dc_difference(bits)?;
        if self.dc_predictor.abs() > MAX_DC {
            return None;
        }
        let dc = self.dc_predictor as f32 * self.steps[0];
        let offset = row * plane.block.1 * plane.stride + column * plane.block.0;
        let samples = plane.samples.get_mut(offset..)?;
        if plane.last == 0 {
            *samples.first_mut()? = dc_only(dc);
            return self.ac.skip_block(bits, 1);
        }
        let mut block: Coefficients = [0.0; 64];
        block[0] = dc;
        self.decode_coefficients(bits, plane.last, &mut block)?;
        (plane.idct)(&block, samples, plane.stride);
        Some(())
    }

    /// Decodes and dequantizes the AC coefficients up to `last`, and skips the others.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    fn decode_coefficients(&self, bits: &mut BitReader, last: u32, block: &mut Coefficients) -> Option<()> {
        let mut next = 1;
        while next <= last {
            let pair = self.ac.ac_coefficient(bits)?;
            if pair.is_end_of_block() {
                return Some(());
            }
            next += u32::from(pair.run);
            let at = next as usize;
            block[usize::from(*ZIGZAG.get(at)?)] = f32::from(pair.level) * self.steps[at];
            next += 1;
        }
        self.ac.skip_block(bits, next)
    }
}

fn decode_mcu_row(
    reader: &mut EntropyReader,
    components: &mut [ComponentDecoder],
    planes: &mut [Plane],
    columns: usize,
    row: usize,
) -> Option<()> {
    for column in 0..columns {
        if reader.restart_if_due()? {
            for component in components.iter_mut() {
                component.dc_predictor = 0;
            }
        }
        let mut bits = reader.bits;
        decode_mcu(components, &mut bits, planes, (column, row))?;
        reader.bits = bits;
    }
    Some(())
}

/// Decodes the blocks of one MCU.
#[inline]
fn decode_mcu(
    components: &mut [ComponentDecoder],
    bits: &mut BitReader,
    planes: &mut [Plane],
    (column, row): (usize, usize),
) -> Option<()> {
    for component in components {
        let plane = planes.get_mut(component.component)?;
        for y in 0..component.vertical {
            for x in 0..component.horizontal {
                let (left, top) = (column * component.horizontal, row * component.vertical);
                component.decode_block(bits, plane, left + x, top + y)?;
            }
        }
    }
    Some(())
}
