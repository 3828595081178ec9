//! Progressive images: their scans add to stored coefficients (ITU T.81, annex G).
//!
//! Only the coefficients that the transform to the output size reads are stored. Scans that cannot affect
//! them are skipped: at an eighth of the size, for luminance, all scans but those of DC coefficients.

use super::Scale;
use super::bit_reader::BitReader;
use super::entropy::{EntropyReader, McuGrid};
use super::header::{AfterHeader, Component, Frame, JpegHeader, Scan, ZIGZAG, end_of_data};
use super::huffman::HuffmanTable;
use super::idct::{Coefficients, dc_only};
use super::scan::{Plane, last_coefficient, samples_of_block};

/// Most scans of a file that are decoded, as each may take time for every block. Encoders write about ten.
pub const MAX_SCANS: usize = 100;
/// Zero run length: 16 zeros and no value.
const ZERO_RUN: u32 = 15;

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

/// Where a scan ends, and whether the output depends on it.
struct ScanPlan {
    end: usize,
    is_needed: bool,
}

/// Finds all scans up to the end of the image.
fn plan_scans(bytes: &[u8], frame: &Frame, planes: &[Plane], first: (Scan, usize)) -> Option<Vec<ScanPlan>> {
    let mut header = JpegHeader::for_scans(frame.clone());
    let (mut scan, mut position) = first;
    let (mut scans, mut progress) = (Vec::new(), vec![[None; 64]; planes.len()]);
    loop {
        check_progress(&scan, &mut progress)?;
        position = end_of_data(bytes, position)?;
        scans.push((scan, position));
        match header.read(bytes, &mut position)? {
            AfterHeader::Scan(next) if scans.len() < MAX_SCANS => scan = next,
            AfterHeader::Scan(_) => return None,
            AfterHeader::EndOfImage => break,
        }
    }
    progress.iter().all(|bits| bits[0].is_some()).then_some(())?;
    // Which coefficients of each component matter, up to each scan from the last one back: those that the
    // transform reads, and those that decide what the codes of a later refinement mean.
    let mut read: Vec<u64> = planes.iter().map(|plane| band(0, plane.last as usize)).collect();
    let mut plans = Vec::with_capacity(scans.len());
    for (scan, end) in scans.iter().rev() {
        let band = band(scan.first, scan.last);
        let mut is_needed = false;
        for component in &scan.components {
            let read = read.get_mut(component.component)?;
            if *read & band != 0 {
                is_needed = true;
                *read |= if scan.is_refinement() { band } else { 0 };
            }
        }
        plans.push(ScanPlan { end: *end, is_needed });
    }
    plans.reverse();
    Some(plans)
}

/// Records the bits that each coefficient lacks after `scan`; none if they do not follow on the scans before.
fn check_progress(scan: &Scan, progress: &mut [[Option<u32>; 64]]) -> Option<()> {
    for component in &scan.components {
        let bits = progress.get_mut(component.component)?;
        if scan.first > 0 {
            bits[0]?;
        }
        for bits in bits.get_mut(scan.first..=scan.last)? {
            let expected = scan.is_refinement().then_some(scan.bits_before);
            (*bits == expected).then_some(())?;
            *bits = Some(scan.bits_after);
        }
    }
    Some(())
}

/// A bit for each of the coefficients `first..=last`, which are below 64.
fn band(first: usize, last: usize) -> u64 {
    (u64::MAX << first) & (u64::MAX >> (63 - last))
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

/// Decodes the scan at `position` and returns where its data end.
fn decode_scan(
    header: &JpegHeader,
    frame: &Frame,
    scan: &Scan,
    components: &mut [ComponentCoefficients],
    bytes: &[u8],
    position: usize,
) -> Option<usize> {
    let mut reader = EntropyReader::new(bytes, position, header.restart_interval);
    match (scan.first, scan.is_refinement()) {
        (0, false) => {
            for component in &scan.components {
                let quantization = frame.components.get(component.component)?.quantization;
                let steps = header.quantization.get(quantization)?.as_ref()?;
                components.get_mut(component.component)?.steps = steps.map(f32::from);
            }
            decode_dc(header, frame, scan, components, &mut reader)?;
        }
        (0, true) => refine_dc(frame, scan, components, &mut reader)?,
        _ => decode_ac(header, frame, scan, components, &mut reader)?,
    }
    if reader.bits.is_overrun() {
        return None;
    }
    reader.bits.end()
}

/// Calls `decode_block` with the position in the scan and the index of the level of each DC coefficient.
fn for_each_dc(
    frame: &Frame,
    scan: &Scan,
    components: &mut [ComponentCoefficients],
    reader: &mut EntropyReader,
    mut decode_block: impl FnMut(&mut BitReader, DcBlock) -> Option<()>,
) -> Option<()> {
    let is_single = scan.components.len() == 1;
    let grid = match scan.components.as_slice() {
        [single] => McuGrid::of_component(frame, frame.components.get(single.component)?),
        _ => McuGrid::of_frame(frame),
    };
    for row in 0..grid.rows {
        for column in 0..grid.columns {
            let mut restarted = reader.restart_if_due()?;
            let mut bits = reader.bits;
            for (place, scanned) in scan.components.iter().enumerate() {
                let component = components.get_mut(scanned.component)?;
                let (across, down) = if is_single { (1, 1) } else { component.sampling };
                for y in 0..down {
                    for x in 0..across {
                        let block = (row * down + y) * component.columns + column * across + x;
                        let level = component.levels.get_mut(block * component.stored)?;
                        decode_block(
                            &mut bits,
                            DcBlock {
                                place,
                                restarted,
                                level,
                            },
                        )?;
                        restarted = false;
                    }
                }
            }
            reader.bits = bits;
        }
        if reader.bits.is_overrun() {
            return None;
        }
    }
    Some(())
}

/// One DC coefficient to decode.
struct DcBlock<'a> {
    /// The place of its component in the scan.
    place: usize,
    /// Whether it is the first one after a restart marker.
    restarted: bool,
    level: &'a mut i16,
}

/// The first scan of DC coefficients (G.1.2.1).
fn decode_dc(
    header: &JpegHeader,
    frame: &Frame,
    scan: &Scan,
    components: &mut [ComponentCoefficients],
    reader: &mut EntropyReader,
) -> Option<()> {
    let tables: Vec<&HuffmanTable> = scan
        .components
        .iter()
        .map(|component| header.dc.get(component.dc)?.as_ref())
        .collect::<Option<_>>()?;
    let mut predictors = vec![0_i32; tables.len()];
    for_each_dc(frame, scan, components, reader, |bits, block| {
        if block.restarted {
            predictors.fill(0);
        }
        let predictor = predictors.get_mut(block.place)?;
        *predictor += tables.get(block.place)?.dc_difference(bits)?;
        let level = i16::try_from(*predictor).ok()?;
        *block.level = i16::try_from(i32::from(level) << scan.bits_after).ok()?;
        Some(())
    })
}

/// A later scan of DC coefficients: one bit each (G.1.2.1).
fn refine_dc(
    frame: &Frame,
    scan: &Scan,
    components: &mut [ComponentCoefficients],
    reader: &mut EntropyReader,
) -> Option<()> {
    for_each_dc(frame, scan, components, reader, |bits, block| {
        bits.refill();
        *block.level |= (bits.peek(1) << scan.bits_after) as i16;
        bits.skip(1);
        Some(())
    })
}

/// A scan of AC coefficients of one component (G.1.2.2 and G.1.2.3).
fn decode_ac(
    header: &JpegHeader,
    frame: &Frame,
    scan: &Scan,
    components: &mut [ComponentCoefficients],
    reader: &mut EntropyReader,
) -> Option<()> {
    let [scanned] = scan.components.as_slice() else {
        return None;
    };
    let grid = McuGrid::of_component(frame, frame.components.get(scanned.component)?);
    let component = components.get_mut(scanned.component)?;
    let table = header.ac.get(scanned.ac)?.as_ref()?;
    let mut band = AcBand::new(scan.first, scan.last, scan.bits_after);
    for row in 0..grid.rows {
        for column in 0..grid.columns {
            if reader.restart_if_due()? {
                band.restart();
            }
            let index = row * component.columns + column;
            let levels = component
                .levels
                .get_mut(index * component.stored..(index + 1) * component.stored)?;
            let nonzero = component.nonzero.get_mut(index)?;
            let mut bits = reader.bits;
            if scan.is_refinement() {
                band.refine_block(table, &mut bits, levels, nonzero)?;
            } else {
                band.decode_block(table, &mut bits, levels, nonzero)?;
            }
            reader.bits = bits;
        }
        if reader.bits.is_overrun() {
            return None;
        }
    }
    (band.blocks_to_skip == 0).then_some(())
}

/// Decodes the AC coefficients of one scan.
///
/// A block is given by its first quantized coefficients in zigzag order, and by the set of all that are not
/// zero. Both methods return none for what no encoder writes.
pub struct AcBand {
    /// The first and the last coefficient of the scan.
    first: usize,
    last: usize,
    /// The number of low bits that they lack after the scan.
    low_bits: u32,
    /// Following blocks without further codes.
    blocks_to_skip: u32,
}

impl AcBand {
    /// Coefficients `first..=last`, which are below 64.
    pub fn new(first: usize, last: usize, low_bits: u32) -> Self {
        Self {
            first,
            last,
            low_bits,
            blocks_to_skip: 0,
        }
    }

    /// Begins anew behind a restart marker.
    pub fn restart(&mut self) {
        self.blocks_to_skip = 0;
    }

    /// Decodes a block in the first scan of its coefficients (G.1.2.2).
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn decode_block(
        &mut self,
        table: &HuffmanTable,
        bits: &mut BitReader,
        levels: &mut [i16],
        nonzero: &mut u64,
    ) -> Option<()> {
        if self.blocks_to_skip > 0 {
            self.blocks_to_skip -= 1;
            return Some(());
        }
        let mut at = self.first;
        while at <= self.last {
            let pair = table.ac_coefficient(bits)?;
            let run = u32::from(pair.run);
            if pair.level == 0 && run != ZERO_RUN {
                self.blocks_to_skip = end_of_band_run(bits, run) - 1;
                return Some(());
            }
            at += usize::from(pair.run);
            if pair.level != 0 {
                (at <= self.last).then_some(())?;
                *nonzero |= 1 << at;
                if let Some(level) = levels.get_mut(at) {
                    *level = i16::try_from(i32::from(pair.level) << self.low_bits).ok()?;
                }
            }
            at += 1;
        }
        (at == self.last + 1).then_some(())
    }

    /// Decodes a block in a later scan of its coefficients (G.1.2.3).
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn refine_block(
        &mut self,
        table: &HuffmanTable,
        bits: &mut BitReader,
        levels: &mut [i16],
        nonzero: &mut u64,
    ) -> Option<()> {
        let mut rest = band(self.first, self.last);
        while self.blocks_to_skip == 0 && rest != 0 {
            bits.refill();
            let symbol = table.symbol(bits)?;
            let (run, size) = (u32::from(symbol >> 4), symbol & 15);
            if size == 0 && run != ZERO_RUN {
                self.blocks_to_skip = end_of_band_run(bits, run);
                break;
            }
            let level = match size {
                0 => 0,
                1 => 2 * bits.peek(1) as i16 - 1,
                _ => return None,
            };
            bits.skip(size.into());
            let at = nth_one(rest & !*nonzero, run)?;
            self.refine_levels(bits, levels, rest & *nonzero & ((1 << at) - 1));
            if level != 0 {
                *nonzero |= 1 << at;
                if let Some(stored) = levels.get_mut(at as usize) {
                    *stored = level << self.low_bits;
                }
            }
            rest &= u64::MAX << at << 1;
        }
        if self.blocks_to_skip > 0 {
            self.refine_levels(bits, levels, rest & *nonzero);
            self.blocks_to_skip -= 1;
        }
        Some(())
    }

    /// Reads one bit for each of the coefficients in the set `at`, which are not zero.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    fn refine_levels(&self, bits: &mut BitReader, levels: &mut [i16], at: u64) {
        let mut stored = at & band(0, levels.len() - 1);
        let mut others = (at & !band(0, levels.len() - 1)).count_ones();
        while stored != 0 {
            bits.refill();
            if bits.peek(1) == 1 {
                let level = &mut levels[stored.trailing_zeros() as usize];
                *level = level.wrapping_add(level.signum() << self.low_bits);
            }
            bits.skip(1);
            stored &= stored - 1;
        }
        while others > 0 {
            bits.refill();
            let count = others.min(32);
            bits.skip(count);
            others -= count;
        }
    }
}

/// Consumes the number of blocks, including this one, that have no further codes: `run` bits and a leading
/// one. `run` is below [`ZERO_RUN`], and as many bits must be available.
#[inline]
fn end_of_band_run(bits: &mut BitReader, run: u32) -> u32 {
    if run == 0 {
        return 1;
    }
    let count = 1 << run | bits.peek(run);
    bits.skip(run);
    count
}

/// The position of a one of `set` that has `before` ones below it.
#[inline]
fn nth_one(mut set: u64, before: u32) -> Option<u32> {
    for _ in 0..before {
        set &= set.wrapping_sub(1);
    }
    (set != 0).then(|| set.trailing_zeros())
}
