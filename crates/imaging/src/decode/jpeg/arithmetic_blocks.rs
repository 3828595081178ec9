//! Blocks with arithmetic codes, in sequential and progressive mode (ITU T.81, F.2.4 and G.2.3).

use super::arithmetic_reader::{ArithmeticReader, Context};
use super::coefficients::{Block, EntropyDecoder};
use super::scan::{BlockDecoder, Pass};
use super::segments::{Scan, Segments};

/// Contexts of DC coefficients (table F.4): five groups of four, the magnitude categories, and the magnitude
/// bits.
const DC_CONTEXTS: usize = 20 + 15 + 14;
const DC_CATEGORIES: usize = 20;
/// Contexts of AC coefficients (table F.5): three for each coefficient, then the magnitude categories and
/// bits of low coefficients, and those of high ones.
const AC_CONTEXTS: usize = 3 * 63 + 2 * 28;
const LOW_CATEGORIES: usize = 189;
const HIGH_CATEGORIES: usize = 217;
/// From the context of a magnitude category to that of its bits.
const TO_BITS: usize = 14;
/// Values have less than 16 bits.
const MAX_MAGNITUDE: i32 = 1 << 15;

pub struct ArithmeticBlocks<'a> {
    bytes: &'a [u8],
    reader: ArithmeticReader<'a>,
    pass: Pass,
    first: usize,
    last: usize,
    low_bits: u32,
    /// For each component of the scan the numbers of its DC and AC contexts.
    tables: Vec<(usize, usize)>,
    dc_bounds: [(u8, u8); 4],
    ac_bounds: [u8; 4],
    dc_contexts: [[Context; DC_CONTEXTS]; 4],
    ac_contexts: [[Context; AC_CONTEXTS]; 4],
    /// Quantized DC coefficients of the previous blocks.
    predictors: [i32; 4],
    /// The first of the four contexts that the previous differences choose.
    dc_groups: [usize; 4],
    /// Whether impossible values occurred, so that nothing more can be decoded.
    is_broken: bool,
}

impl<'a> ArithmeticBlocks<'a> {
    /// A decoder of the scan whose data are next in `segments`.
    pub fn new(bytes: &'a [u8], segments: &Segments, scan: &Scan, pass: Pass) -> Self {
        Self {
            bytes,
            reader: ArithmeticReader::new(bytes, segments.position),
            pass,
            first: scan.first,
            last: scan.last,
            low_bits: scan.low_bits,
            tables: scan
                .components
                .iter()
                .map(|component| (component.dc, component.ac))
                .collect(),
            dc_bounds: segments.dc_conditioning,
            ac_bounds: segments.ac_conditioning,
            dc_contexts: [[0; DC_CONTEXTS]; 4],
            ac_contexts: [[0; AC_CONTEXTS]; 4],
            predictors: [0; 4],
            dc_groups: [0; 4],
            is_broken: false,
        }
    }

    /// None for an impossible value.
    fn decode_dc(&mut self, place: usize, block: &mut Block) -> Option<()> {
        let (table, _) = *self.tables.get(place)?;
        let difference = self.dc_difference(place, table)?;
        let predictor = &mut self.predictors[place];
        *predictor = predictor.wrapping_add(difference);
        block[0] = (*predictor << self.low_bits) as i16;
        Some(())
    }

    /// Figures F.19 and F.21 to F.24.
    fn dc_difference(&mut self, place: usize, table: usize) -> Option<i32> {
        let contexts = &mut self.dc_contexts[table];
        let group = self.dc_groups[place];
        if !self.reader.decide(&mut contexts[group]) {
            self.dc_groups[place] = 0;
            return Some(0);
        }
        let is_negative = self.reader.decide(&mut contexts[group + 1]);
        let mut context = group + 2 + usize::from(is_negative);
        // The magnitude less one has as many bits as there were positive decisions.
        let mut highest = i32::from(self.reader.decide(&mut contexts[context]));
        if highest != 0 {
            context = DC_CATEGORIES;
            while self.reader.decide(&mut contexts[context]) {
                highest *= 2;
                if highest == MAX_MAGNITUDE {
                    return None;
                }
                context += 1;
            }
        }
        let (lower, upper) = self.dc_bounds[table];
        self.dc_groups[place] = if highest < (1 << lower) >> 1 {
            0
        } else if highest > (1 << upper) >> 1 {
            12 + 4 * usize::from(is_negative)
        } else {
            4 + 4 * usize::from(is_negative)
        };
        let magnitude = read_magnitude(&mut self.reader, &mut contexts[context + TO_BITS..], highest)?;
        Some(if is_negative { -magnitude } else { magnitude })
    }

    /// Figure F.20. None for an impossible value.
    fn decode_ac(&mut self, place: usize, block: &mut Block, first: usize) -> Option<()> {
        let (_, table) = *self.tables.get(place)?;
        let mut at = first;
        while at <= self.last {
            if self.reader.decide(&mut self.ac_contexts[table][3 * (at - 1)]) {
                break;
            }
            while !self.reader.decide(&mut self.ac_contexts[table][3 * (at - 1) + 1]) {
                at += 1;
                if at > self.last {
                    return None;
                }
            }
            let level = self.ac_level(table, at)?;
            block[at] = (level << self.low_bits) as i16;
            at += 1;
        }
        Some(())
    }

    fn ac_level(&mut self, table: usize, at: usize) -> Option<i32> {
        let contexts = &mut self.ac_contexts[table];
        let is_negative = self.reader.decide_evenly();
        let mut context = 3 * (at - 1) + 2;
        let mut highest = i32::from(self.reader.decide(&mut contexts[context]));
        // The context of the second category is that of the first.
        if highest != 0 && self.reader.decide(&mut contexts[context]) {
            highest = 2;
            context = if at <= usize::from(self.ac_bounds[table]) {
                LOW_CATEGORIES
            } else {
                HIGH_CATEGORIES
            };
            while self.reader.decide(&mut contexts[context]) {
                highest *= 2;
                if highest == MAX_MAGNITUDE {
                    return None;
                }
                context += 1;
            }
        }
        let magnitude = if highest < 2 {
            highest + 1
        } else {
            read_magnitude(&mut self.reader, &mut contexts[context + TO_BITS..], highest)?
        };
        Some(if is_negative { -magnitude } else { magnitude })
    }

    /// Figure G.10. None for an impossible value.
    fn refine_ac(&mut self, place: usize, block: &mut Block) -> Option<()> {
        let (_, table) = *self.tables.get(place)?;
        let contexts = &mut self.ac_contexts[table];
        let bit = 1_i16 << self.low_bits;
        let is_nonzero = |at: &usize| block[*at] != 0;
        let coded_before = (self.first..=self.last).rev().find(is_nonzero).unwrap_or(0);
        let mut at = self.first;
        while at <= self.last {
            if at > coded_before && self.reader.decide(&mut contexts[3 * (at - 1)]) {
                break;
            }
            loop {
                let level = &mut block[at];
                let context = 3 * (at - 1);
                if *level != 0 {
                    if self.reader.decide(&mut contexts[context + 2]) {
                        *level = level.wrapping_add(level.signum() * bit);
                    }
                    break;
                }
                if self.reader.decide(&mut contexts[context + 1]) {
                    *level = if self.reader.decide_evenly() { -bit } else { bit };
                    break;
                }
                at += 1;
                if at > self.last {
                    return None;
                }
            }
            at += 1;
        }
        Some(())
    }
}

/// The magnitude whose highest bit, less one, is `highest` (figure F.24).
fn read_magnitude(reader: &mut ArithmeticReader, contexts: &mut [Context], highest: i32) -> Option<i32> {
    let context = contexts.first_mut()?;
    let (mut magnitude, mut bit) = (highest, highest >> 1);
    while bit > 0 {
        if reader.decide(context) {
            magnitude |= bit;
        }
        bit >>= 1;
    }
    Some(magnitude + 1)
}

impl EntropyDecoder for ArithmeticBlocks<'_> {
    fn restart(&mut self, position: usize) {
        self.reader = ArithmeticReader::new(self.bytes, position);
        self.dc_contexts = [[0; DC_CONTEXTS]; 4];
        self.ac_contexts = [[0; AC_CONTEXTS]; 4];
        self.predictors = [0; 4];
        self.dc_groups = [0; 4];
        self.is_broken = false;
    }

    fn position(&self) -> usize {
        self.reader.position()
    }

    fn is_exhausted(&self) -> bool {
        self.is_broken || self.reader.is_exhausted()
    }
}

impl BlockDecoder for ArithmeticBlocks<'_> {
    fn decode_block(&mut self, place: usize, block: &mut Block, _: &mut u64) {
        let decoded = match self.pass {
            Pass::Sequential => self
                .decode_dc(place, block)
                .and_then(|()| self.decode_ac(place, block, 1)),
            Pass::DcFirst => self.decode_dc(place, block),
            Pass::DcRefinement => {
                block[0] |= i16::from(self.reader.decide_evenly()) << self.low_bits;
                Some(())
            }
            Pass::AcFirst => self.decode_ac(place, block, self.first),
            Pass::AcRefinement => self.refine_ac(place, block),
        };
        self.is_broken |= decoded.is_none();
    }
}
