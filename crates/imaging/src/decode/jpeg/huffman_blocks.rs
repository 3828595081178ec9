//! Blocks with Huffman codes, in sequential and progressive mode (ITU T.81, F.2 and G.2), damaged ones
//! included.
//!
//! In sequential mode unknown codes and values beyond a block are passed over, as by libjpeg. In progressive
//! mode decoding stops there: what earlier scans gave is better than noise.

use super::coefficients::{Block, EntropyDecoder};
use super::scan::{BlockDecoder, Pass};
use super::segments::{Scan, Segments};
use crate::jpeg_scaled::{AcBand, BitReader, HuffmanTable, TableClass};

/// Zero run length: 16 zeros and no value.
const ZERO_RUN: u8 = 15;

pub struct HuffmanBlocks<'a> {
    bytes: &'a [u8],
    bits: BitReader<'a>,
    pass: Pass,
    /// For each component of the scan its tables.
    tables: Vec<Tables>,
    band: AcBand,
    low_bits: u32,
    /// Quantized DC coefficients of the previous blocks.
    predictors: [i32; 4],
    /// Whether what comes next in a progressive scan cannot be known.
    is_broken: bool,
}

struct Tables {
    dc: Option<HuffmanTable>,
    ac: Option<HuffmanTable>,
}

impl<'a> HuffmanBlocks<'a> {
    /// A decoder of the scan whose data are next in `segments`; none if a table is missing.
    pub fn new(bytes: &'a [u8], segments: &Segments, scan: &Scan, pass: Pass) -> Option<Self> {
        let tables: Vec<Tables> = scan
            .components
            .iter()
            .map(|component| Tables {
                dc: segments.huffman_table(TableClass::Dc, component.dc),
                ac: segments.huffman_table(TableClass::Ac, component.ac),
            })
            .collect();
        let (needs_dc, needs_ac) = match pass {
            Pass::Sequential => (true, true),
            Pass::DcFirst => (true, false),
            Pass::DcRefinement => (false, false),
            Pass::AcFirst | Pass::AcRefinement => (false, true),
        };
        let has_needed =
            |tables: &Tables| (tables.dc.is_some() || !needs_dc) && (tables.ac.is_some() || !needs_ac);
        tables.iter().all(has_needed).then(|| Self {
            bytes,
            bits: BitReader::new(bytes, segments.position),
            pass,
            tables,
            band: AcBand::new(scan.first, scan.last, scan.low_bits),
            low_bits: scan.low_bits,
            predictors: [0; 4],
            is_broken: false,
        })
    }

    fn decode_dc(&mut self, place: usize, block: &mut Block) -> Option<()> {
        let difference = match self.tables.get(place)?.dc.as_ref()?.dc_difference(&mut self.bits) {
            Some(difference) => difference,
            None => pass_unknown_code(&mut self.bits).into(),
        };
        let predictor = self.predictors.get_mut(place)?;
        *predictor = predictor.wrapping_add(difference);
        block[0] = (*predictor << self.low_bits) as i16;
        Some(())
    }

    fn decode_ac(&mut self, place: usize, block: &mut Block) -> Option<()> {
        let table = self.tables.get(place)?.ac.as_ref()?;
        let mut at = 1;
        while at < 64 {
            let Some(pair) = table.ac_coefficient(&mut self.bits) else {
                pass_unknown_code(&mut self.bits);
                return Some(());
            };
            if pair.level != 0 {
                at += usize::from(pair.run);
                block[at.min(63)] = pair.level;
                at += 1;
            } else if pair.run == ZERO_RUN {
                at += 16;
            } else {
                return Some(());
            }
        }
        Some(())
    }
}

impl EntropyDecoder for HuffmanBlocks<'_> {
    fn restart(&mut self, position: usize) {
        self.bits = BitReader::new(self.bytes, position);
        self.predictors = [0; 4];
        self.band.restart();
        self.is_broken = false;
    }

    fn position(&self) -> usize {
        self.bits.position()
    }

    fn is_exhausted(&self) -> bool {
        self.is_broken || self.bits.is_overrun()
    }
}

impl BlockDecoder for HuffmanBlocks<'_> {
    fn decode_block(&mut self, place: usize, block: &mut Block, nonzero: &mut u64) {
        let ac = self.tables.get(place).and_then(|tables| tables.ac.as_ref());
        let decoded = match (self.pass, ac) {
            (Pass::Sequential, _) => self
                .decode_dc(place, block)
                .and_then(|()| self.decode_ac(place, block)),
            (Pass::DcFirst, _) => self.decode_dc(place, block),
            (Pass::DcRefinement, _) => {
                self.bits.refill();
                block[0] |= (self.bits.peek(1) << self.low_bits) as i16;
                self.bits.skip(1);
                Some(())
            }
            (Pass::AcFirst, Some(table)) => self.band.decode_block(table, &mut self.bits, block, nonzero),
            (Pass::AcRefinement, Some(table)) => {
                self.band.refine_block(table, &mut self.bits, block, nonzero)
            }
            (Pass::AcFirst | Pass::AcRefinement, None) => None,
        };
        self.is_broken |= decoded.is_none();
    }
}

/// Consumes as many bits as libjpeg does where they are no code, and returns its substitute: the end of the
/// block, or no difference.
fn pass_unknown_code(bits: &mut BitReader) -> u8 {
    bits.refill();
    bits.skip(17);
    0
}
