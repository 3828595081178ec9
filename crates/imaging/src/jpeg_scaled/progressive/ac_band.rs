//! The AC coefficients of a scan (ITU T.81, G.1.2.2 and G.1.2.3).

use crate::jpeg_scaled::bit_reader::BitReader;
use crate::jpeg_scaled::huffman::HuffmanTable;

/// Zero run length: 16 zeros and no value.
const ZERO_RUN: u32 = 15;

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

    /// Whether no block is left of which the codes said that it has no more.
    pub fn is_complete(&self) -> bool {
        self.blocks_to_skip == 0
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

/// A bit for each of the coefficients `first..=last`, which are below 64.
pub fn band(first: usize, last: usize) -> u64 {
    (u64::MAX << first) & (u64::MAX >> (63 - last))
}
