//! Huffman codes with several symbols a look-up (ITU T.81, annexes C and F).

use super::bits::{Bits, extend};

/// Bits looked up at once where values are wanted.
const VALUE_BITS: u32 = 10;
/// Bits looked up at once where coefficients are passed over: with their values, two symbols fit on average.
const SKIP_BITS: u32 = 12;
/// Look-ups of [`SKIP_BITS`] that 56 bits suffice for.
const LOOKUPS_A_FILL: u32 = 56 / SKIP_BITS;
/// Bits looked up where a symbol alone is wanted.
const CODE_BITS: u32 = 9;
/// The longest code.
const LONGEST: usize = 16;

/// What a table codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Sizes of differences of the first coefficients.
    Dc,
    /// Runs of zeros and sizes of the other coefficients.
    Ac,
}

/// One table, ready for look-ups.
pub struct Table {
    /// All symbols in order of their codes.
    symbols: Vec<u8>,
    /// For each length, the first code that is longer, in 16 bits.
    limits: [u32; LONGEST + 1],
    /// For each length, what to add to a code to get its symbol's number.
    offsets: [i32; LONGEST + 1],
    /// Symbol and length of each code that is within a look-up; length 0 for others.
    codes: Box<[(u8, u8); 1 << CODE_BITS]>,
    values: Box<[Step; 1 << VALUE_BITS]>,
    skips: Box<[Skip; 1 << SKIP_BITS]>,
}

/// One symbol with its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Step {
    /// The value behind the code.
    pub value: i16,
    /// Zeros before the value.
    pub run: u8,
    /// Bits of code and value together; 0 where a look-up does not suffice.
    length: u8,
}

/// Several symbols of which only the lengths matter.
#[derive(Debug, Clone, Copy, Default)]
struct Skip {
    /// Bits of all; 0 where a look-up does not suffice.
    length: u8,
    /// Coefficients passed over; the top bit says that the block ends behind them.
    passed: u8,
}

const BLOCK_ENDS: u8 = 0x80;
/// More coefficients than there are.
const ENDED: u32 = 1 << 16;
/// 16 zeros and no value.
const SIXTEEN_ZEROS: u8 = 0xF0;
/// No more values in the block.
const END_OF_BLOCK: u8 = 0;

impl Table {
    /// The table with so many codes of each length from 1, in order standing for `symbols`; none if there are more
    /// codes than their lengths allow, or other than baseline pictures of eight bits have.
    pub fn new(class: Class, counts: &[u8; LONGEST], symbols: &[u8]) -> Option<Self> {
        let (limits, offsets) = canonical(counts)?;
        if symbols.iter().any(|&symbol| !is_baseline(class, symbol)) {
            return None;
        }
        let mut table = Self {
            symbols: symbols.to_vec(),
            limits,
            offsets,
            codes: Box::new([(0, 0); 1 << CODE_BITS]),
            values: Box::new([Step::default(); 1 << VALUE_BITS]),
            skips: Box::new([Skip::default(); 1 << SKIP_BITS]),
        };
        for index in 0..1 << CODE_BITS {
            let found = table.find(index << (LONGEST as u32 - CODE_BITS));
            if let Some((symbol, length)) = found.filter(|&(_, length)| length <= CODE_BITS) {
                table.codes[index as usize] = (symbol, length as u8);
            }
        }
        for index in 0..1 << VALUE_BITS {
            table.values[index as usize] = table.step_within(index).unwrap_or_default();
        }
        if class == Class::Ac {
            for index in 0..1 << SKIP_BITS {
                table.skips[index as usize] = table.skip_within(index);
            }
        }
        Some(table)
    }

    /// The next symbol, its code taken; none if no code is like the next bits.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    fn symbol(&self, bits: &mut Bits) -> Option<u8> {
        let (mut symbol, mut length) = self.codes[bits.peek(CODE_BITS) as usize];
        if length == 0 {
            (symbol, length) = self.find_long(bits.peek(LONGEST as u32))?;
        }
        bits.skip(length.into());
        Some(symbol)
    }

    #[cold]
    #[inline(never)]
    fn find_long(&self, code: u32) -> Option<(u8, u8)> {
        self.find(code).map(|(symbol, length)| (symbol, length as u8))
    }

    /// The symbol whose code begins the 16 bits of `code`, and its length.
    fn find(&self, code: u32) -> Option<(u8, u32)> {
        let length = (1..=LONGEST).find(|&length| code < self.limits[length])?;
        let number = (code >> (LONGEST - length)) as i32 + self.offsets[length];
        Some((*self.symbols.get(usize::try_from(number).ok()?)?, length as u32))
    }

    /// The next difference of a first coefficient.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn difference(&self, bits: &mut Bits) -> Option<i32> {
        bits.refill();
        let step = self.values[bits.peek(VALUE_BITS) as usize];
        if step.length != 0 {
            bits.skip(step.length.into());
            return Some(step.value.into());
        }
        let size = self.symbol(bits)?;
        Some(bits.value(size.into()))
    }

    /// The next run and value; a value of 0 behind a run of 15 is [`SIXTEEN_ZEROS`], behind none the block's end.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn coefficient(&self, bits: &mut Bits) -> Option<Step> {
        bits.refill();
        let step = self.values[bits.peek(VALUE_BITS) as usize];
        if step.length != 0 {
            bits.skip(step.length.into());
            return Some(step);
        }
        let symbol = self.symbol(bits)?;
        Some(Step {
            value: bits.value(u32::from(symbol & 15)) as i16,
            run: symbol >> 4,
            length: 0,
        })
    }

    /// Passes over the rest of a block, from coefficient `next` on; none if it does not end by 64.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn skip_rest(&self, bits: &mut Bits, mut next: u32) -> Option<()> {
        'filled: while next < 64 {
            bits.fill();
            // Without a look at how many bits are left: there are enough for so many look-ups.
            for _ in 0..LOOKUPS_A_FILL {
                let skip = self.skips[bits.peek(SKIP_BITS) as usize];
                let reached = next + u32::from(skip.passed & !BLOCK_ENDS);
                // Behind the 64th coefficient another block begins: what the table took for more of this one is not.
                if skip.length == 0 || reached >= 64 {
                    next += self.skip_one(bits)?;
                    continue 'filled;
                }
                bits.skip(skip.length.into());
                if skip.passed & BLOCK_ENDS != 0 {
                    return Some(());
                }
                next = reached;
            }
        }
        (next == 64 || next >= ENDED).then_some(())
    }

    /// Passes over one symbol and gives the number of coefficients it stands for, or [`ENDED`].
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    fn skip_one(&self, bits: &mut Bits) -> Option<u32> {
        bits.refill();
        match self.symbol(bits)? {
            END_OF_BLOCK => Some(ENDED),
            symbol => {
                bits.skip(u32::from(symbol & 15));
                Some(u32::from(symbol >> 4) + 1)
            }
        }
    }

    /// The first symbol with its value, if both are within the bits of a look-up by `index`.
    fn step_within(&self, index: u32) -> Option<Step> {
        let code = index << (LONGEST as u32 - VALUE_BITS);
        let (symbol, length) = self.find(code)?;
        let size = u32::from(symbol & 15);
        let total = length + size;
        if total > VALUE_BITS {
            return None;
        }
        let value = match size {
            0 => 0,
            _ => extend(index >> (VALUE_BITS - total) & ((1 << size) - 1), size),
        };
        Some(Step {
            value: value as i16,
            run: symbol >> 4,
            length: total as u8,
        })
    }

    /// As many symbols as are within the bits of a look-up by `index`.
    fn skip_within(&self, index: u32) -> Skip {
        let mut skip = Skip::default();
        let whole = index << (LONGEST as u32 - SKIP_BITS);
        while let Some((symbol, length)) = self.find(whole << skip.length & 0xFFFF) {
            let total = u32::from(skip.length) + length + u32::from(symbol & 15);
            let passed = u32::from(skip.passed) + u32::from(symbol >> 4) + 1;
            if total > SKIP_BITS || (symbol != END_OF_BLOCK && passed >= 64) {
                break;
            }
            skip.length = total as u8;
            if symbol == END_OF_BLOCK {
                skip.passed |= BLOCK_ENDS;
                break;
            }
            skip.passed = passed as u8;
        }
        skip
    }
}

impl Step {
    /// Whether the block has no more values.
    pub fn ends_block(self) -> bool {
        self.value == 0 && self.run == 0
    }
}

/// Differences have at most 11 bits and coefficients 10 (tables F.1 and F.2); sizes of 0 mean 16 zeros or the end.
fn is_baseline(class: Class, symbol: u8) -> bool {
    match class {
        Class::Dc => symbol <= 11,
        Class::Ac => matches!(symbol & 15, 1..=10) || matches!(symbol, END_OF_BLOCK | SIXTEEN_ZEROS),
    }
}

/// Codes as annex C gives them out, by what [`Table`] keeps of them.
fn canonical(counts: &[u8; LONGEST]) -> Option<([u32; LONGEST + 1], [i32; LONGEST + 1])> {
    let mut limits = [0; LONGEST + 1];
    let mut offsets = [0; LONGEST + 1];
    let (mut code, mut number) = (0_u32, 0_i32);
    for (index, &count) in counts.iter().enumerate() {
        let length = index + 1;
        offsets[length] = number - code as i32;
        code += u32::from(count);
        number += i32::from(count);
        if code > 1 << length {
            return None;
        }
        limits[length] = code << (LONGEST - length);
        code *= 2;
    }
    Some((limits, offsets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The standard's table for the luminance of coefficients (K.5).
    fn luminance() -> Table {
        let counts = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125];
        let listed: [u8; 37] = [
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
            0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
            0x24, 0x33, 0x62, 0x72, 0x82,
        ];
        let rest = (0..=255_u8).filter(|symbol| is_baseline(Class::Ac, *symbol) && !listed.contains(symbol));
        let symbols: Vec<u8> = listed.iter().copied().chain(rest).collect();
        assert_eq!(symbols.len(), 162);
        Table::new(Class::Ac, &counts, &symbols).expect("the standard's table")
    }

    /// One symbol after the other, as the standard's flow charts do.
    fn skip_plainly(table: &Table, bits: &mut Bits) -> Option<()> {
        let mut next = 1;
        while next < 64 {
            bits.refill();
            let symbol = table.symbol(bits)?;
            if symbol == END_OF_BLOCK {
                return Some(());
            }
            bits.skip(u32::from(symbol & 15));
            next += u32::from(symbol >> 4) + 1;
        }
        (next == 64).then_some(())
    }

    proptest! {
        #[test]
        fn passing_over_many_symbols_at_once_is_passing_over_each(
            data in prop::collection::vec(0_u8..255, 0..400),
        ) {
            let table = luminance();
            let (mut fast, mut plain) = (Bits::new(&data, 0), Bits::new(&data, 0));
            for _ in 0..20 {
                let (left, right) = (table.skip_rest(&mut fast, 1), skip_plainly(&table, &mut plain));
                prop_assert_eq!(left, right);
                if left.is_none() {
                    break;
                }
                fast.refill();
                plain.refill();
                prop_assert_eq!(fast.peek(16), plain.peek(16));
            }
        }

        #[test]
        fn values_looked_up_are_values_read(data in prop::collection::vec(0_u8..255, 0..200)) {
            let table = luminance();
            let (mut fast, mut plain) = (Bits::new(&data, 0), Bits::new(&data, 0));
            for _ in 0..30 {
                let step = table.coefficient(&mut fast);
                plain.refill();
                let symbol = table.symbol(&mut plain);
                prop_assert_eq!(step.is_some(), symbol.is_some());
                let (Some(step), Some(symbol)) = (step, symbol) else { break };
                let value = plain.value(u32::from(symbol & 15));
                prop_assert_eq!((step.run, i32::from(step.value)), (symbol >> 4, value));
            }
        }

        #[test]
        fn any_table_is_made_or_refused(counts: [u8; 16], symbols in prop::collection::vec(any::<u8>(), 0..256), data: Vec<u8>) {
            for class in [Class::Dc, Class::Ac] {
                if let Some(table) = Table::new(class, &counts, &symbols) {
                    let mut bits = Bits::new(&data, 0);
                    let _ = table.difference(&mut bits);
                    let _ = table.skip_rest(&mut bits, 1);
                }
            }
        }
    }

    #[test]
    fn more_codes_than_fit_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::new(Class::Dc, &counts, &[0, 1, 2]).is_none());
        counts[0] = 2;
        assert!(Table::new(Class::Dc, &counts, &[0, 1]).is_some());
    }
}
