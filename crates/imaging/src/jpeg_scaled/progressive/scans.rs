//! Decodes one scan.

use super::ComponentCoefficients;
use super::ac_band::AcBand;
use crate::jpeg_scaled::bit_reader::BitReader;
use crate::jpeg_scaled::entropy::{EntropyReader, McuGrid};
use crate::jpeg_scaled::header::{Frame, JpegHeader, Scan};
use crate::jpeg_scaled::huffman::HuffmanTable;

/// Decodes the scan at `position` and returns where its data end.
pub fn decode_scan(
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
    band.is_complete().then_some(())
}
