//! Huffman decoding with several symbols per table look-up (ITU T.81, annexes C and F).

use super::bit_reader::{BitReader, extend};

/// Bits per look-up that yields a symbol and its value.
const VALUE_BITS: u32 = 10;
/// Bits per look-up that skips coefficients: enough for two symbols with their values on average.
const SKIP_BITS: u32 = 12;
/// Look-ups of [`SKIP_BITS`] that the 56 bits of a [`BitReader::fill`] suffice for.
const SKIPS_PER_FILL: u32 = 56 / SKIP_BITS;
/// Bits per look-up that yields a symbol alone.
const SYMBOL_BITS: u32 = 9;
/// Length of the longest code.
const MAX_CODE_LENGTH: usize = 16;

/// Class of a Huffman table (Tc in B.2.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableClass {
    /// Symbols are sizes of differences of DC coefficients.
    Dc,
    /// Symbols are runs of zeros and sizes of AC coefficients.
    Ac,
}

/// A Huffman table with its look-up tables.
pub struct HuffmanTable {
    /// Whether images of 8 bits have all of its symbols.
    pub has_8_bits: bool,
    /// Whether sequential images of 8 bits have all of its symbols.
    pub is_sequential: bool,
    /// All symbols, ordered by code.
    symbols: Vec<u8>,
    /// For each length, the first longer code, left-aligned in 16 bits.
    limits: [u32; MAX_CODE_LENGTH + 1],
    /// For each length, what to add to a code to get the index of its symbol.
    offsets: [i32; MAX_CODE_LENGTH + 1],
    /// Symbol and code length by the next [`SYMBOL_BITS`]; length 0 where the code is longer.
    symbol_lookup: Box<[(u8, u8); 1 << SYMBOL_BITS]>,
    /// Symbol with value by the next [`VALUE_BITS`].
    value_lookup: Box<[RunLevel; 1 << VALUE_BITS]>,
    /// Symbols to skip by the next [`SKIP_BITS`], if there are many blocks to skip.
    skip_lookup: Box<[SkipEntry; 1 << SKIP_BITS]>,
}

/// A run of zeros and the coefficient after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunLevel {
    /// The coefficient.
    pub level: i16,
    /// Number of zeros before it.
    pub run: u8,
    /// Bits of code and value together; 0 where the look-up does not cover them.
    length: u8,
}

/// Several symbols whose values are not needed.
#[derive(Debug, Clone, Copy, Default)]
struct SkipEntry {
    /// Bits of all of them; 0 where the look-up does not cover the first one.
    length: u8,
    /// Number of coefficients that they code; [`BLOCK_ENDS`] is set where the last symbol is [`EOB`].
    coefficients: u8,
}

/// Bits of the greatest values.
const MAX_SIZE: u8 = 15;
const BLOCK_ENDS: u8 = 0x80;
/// Returned for [`EOB`]: more coefficients than a block has.
const ENDED: u32 = 1 << 16;
/// Zero run length: 16 zeros and no value.
const ZRL: u8 = 0xF0;
/// End of block: no more values.
const EOB: u8 = 0;

impl HuffmanTable {
    /// A table from the number of codes of each length from 1 on, and their symbols in order.
    ///
    /// None if there are more codes than their lengths allow.
    pub fn new(class: TableClass, counts: &[u8; MAX_CODE_LENGTH], symbols: &[u8]) -> Option<Self> {
        let (limits, offsets) = assign_codes(counts)?;
        let has_8_bits = symbols.iter().all(|&symbol| has_valid_size(class, symbol));
        let mut table = Self {
            has_8_bits,
            is_sequential: has_8_bits && symbols.iter().all(|&symbol| !is_end_of_band(class, symbol)),
            symbols: symbols.to_vec(),
            limits,
            offsets,
            symbol_lookup: Box::new([(0, 0); 1 << SYMBOL_BITS]),
            value_lookup: Box::new([RunLevel::default(); 1 << VALUE_BITS]),
            skip_lookup: Box::new([SkipEntry::default(); 1 << SKIP_BITS]),
        };
        for index in 0..1 << SYMBOL_BITS {
            let found = table.find(index << (MAX_CODE_LENGTH as u32 - SYMBOL_BITS));
            if let Some((symbol, length)) = found.filter(|&(_, length)| length <= SYMBOL_BITS) {
                table.symbol_lookup[index as usize] = (symbol, length as u8);
            }
        }
        for index in 0..1 << VALUE_BITS {
            let entry = table.value_entry(index);
            let is_valid = |entry: &RunLevel| class == TableClass::Ac || entry.run == 0;
            table.value_lookup[index as usize] = entry.filter(is_valid).unwrap_or_default();
        }
        Some(table)
    }

    /// Makes [`HuffmanTable::skip_block`] fast.
    pub fn with_skip_lookup(mut self) -> Self {
        for index in 0..1 << SKIP_BITS {
            self.skip_lookup[index as usize] = self.skip_entry(index);
        }
        self
    }

    /// Consumes the next code and returns its symbol; none if the next bits are no code. 16 bits must be
    /// available.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn symbol(&self, bits: &mut BitReader) -> Option<u8> {
        let (mut symbol, mut length) = self.symbol_lookup[bits.peek(SYMBOL_BITS) as usize];
        if length == 0 {
            (symbol, length) = self.find_long(bits.peek(MAX_CODE_LENGTH as u32))?;
        }
        bits.skip(length.into());
        Some(symbol)
    }

    #[cold]
    #[inline(never)]
    fn find_long(&self, code: u32) -> Option<(u8, u8)> {
        self.find(code).map(|(symbol, length)| (symbol, length as u8))
    }

    /// The symbol whose code begins the 16 bits of `code`, and the length of its code.
    fn find(&self, code: u32) -> Option<(u8, u32)> {
        let length = (1..=MAX_CODE_LENGTH).find(|&length| code < self.limits[length])?;
        let index = (code >> (MAX_CODE_LENGTH - length)) as i32 + self.offsets[length];
        Some((*self.symbols.get(usize::try_from(index).ok()?)?, length as u32))
    }

    /// Consumes the difference of a DC coefficient from its predecessor; none for no code, or a size that no
    /// image has.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn dc_difference(&self, bits: &mut BitReader) -> Option<i32> {
        bits.refill();
        let entry = self.value_lookup[bits.peek(VALUE_BITS) as usize];
        if entry.length != 0 {
            bits.skip(entry.length.into());
            return Some(entry.level.into());
        }
        let size = self.symbol(bits).filter(|&size| size <= MAX_SIZE)?;
        Some(bits.value(size.into()))
    }

    /// Consumes the next AC coefficient. Level 0 with run 15 is [`ZRL`], level 0 with run 0 is [`EOB`].
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn ac_coefficient(&self, bits: &mut BitReader) -> Option<RunLevel> {
        bits.refill();
        let entry = self.value_lookup[bits.peek(VALUE_BITS) as usize];
        if entry.length != 0 {
            bits.skip(entry.length.into());
            return Some(entry);
        }
        let symbol = self.symbol(bits)?;
        Some(RunLevel {
            level: bits.value(u32::from(symbol & 15)) as i16,
            run: symbol >> 4,
            length: 0,
        })
    }

    /// Skips the rest of a block from coefficient `next` on; none if the block has more than 64 coefficients.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    pub fn skip_block(&self, bits: &mut BitReader, mut next: u32) -> Option<()> {
        'filled: while next < 64 {
            bits.fill();
            // No check of the bits left: one fill suffices for all these look-ups.
            for _ in 0..SKIPS_PER_FILL {
                let skip = self.skip_lookup[bits.peek(SKIP_BITS) as usize];
                let reached = next + u32::from(skip.coefficients & !BLOCK_ENDS);
                // After the 64th coefficient the next block begins without an EOB: later symbols of the
                // entry are not of this block.
                if skip.length == 0 || reached >= 64 {
                    next += self.skip_one(bits)?;
                    continue 'filled;
                }
                bits.skip(skip.length.into());
                if skip.coefficients & BLOCK_ENDS != 0 {
                    return Some(());
                }
                next = reached;
            }
        }
        (next == 64 || next >= ENDED).then_some(())
    }

    /// Skips one symbol and returns the number of coefficients that it codes, or [`ENDED`].
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "keeps the bits in registers")]
    fn skip_one(&self, bits: &mut BitReader) -> Option<u32> {
        bits.refill();
        match self.symbol(bits)? {
            EOB => Some(ENDED),
            symbol => {
                bits.skip(u32::from(symbol & 15));
                Some(u32::from(symbol >> 4) + 1)
            }
        }
    }

    /// The first symbol and its value in the bits of `index`, if both fit.
    fn value_entry(&self, index: u32) -> Option<RunLevel> {
        let code = index << (MAX_CODE_LENGTH as u32 - VALUE_BITS);
        let (symbol, length) = self.find(code)?;
        let size = u32::from(symbol & 15);
        let total = length + size;
        if total > VALUE_BITS {
            return None;
        }
        let level = match size {
            0 => 0,
            _ => extend(index >> (VALUE_BITS - total) & ((1 << size) - 1), size),
        };
        Some(RunLevel {
            level: level as i16,
            run: symbol >> 4,
            length: total as u8,
        })
    }

    /// As many symbols as fit in the bits of `index`.
    fn skip_entry(&self, index: u32) -> SkipEntry {
        let mut skip = SkipEntry::default();
        let aligned = index << (MAX_CODE_LENGTH as u32 - SKIP_BITS);
        while let Some((symbol, length)) = self.find(aligned << skip.length & 0xFFFF) {
            let total = u32::from(skip.length) + length + u32::from(symbol & 15);
            let coefficients = u32::from(skip.coefficients) + u32::from(symbol >> 4) + 1;
            if total > SKIP_BITS || (symbol != EOB && coefficients >= 64) {
                break;
            }
            skip.length = total as u8;
            if symbol == EOB {
                skip.coefficients |= BLOCK_ENDS;
                break;
            }
            skip.coefficients = coefficients as u8;
        }
        skip
    }
}

impl RunLevel {
    /// Whether this is [`EOB`].
    pub fn is_end_of_block(self) -> bool {
        self.level == 0 && self.run == 0
    }
}

/// Differences have at most 11 bits and coefficients 10 (tables F.1 and F.2).
fn has_valid_size(class: TableClass, symbol: u8) -> bool {
    match class {
        TableClass::Dc => symbol <= 11,
        TableClass::Ac => symbol & 15 <= 10,
    }
}

/// Whether the symbol ends several blocks at once, which only progressive images have (figure G.2).
fn is_end_of_band(class: TableClass, symbol: u8) -> bool {
    class == TableClass::Ac && symbol.trailing_zeros() >= 4 && !matches!(symbol, EOB | ZRL)
}

/// Assigns the canonical codes of annex C; returns the limits and offsets of [`HuffmanTable`].
fn assign_codes(
    counts: &[u8; MAX_CODE_LENGTH],
) -> Option<([u32; MAX_CODE_LENGTH + 1], [i32; MAX_CODE_LENGTH + 1])> {
    let mut limits = [0; MAX_CODE_LENGTH + 1];
    let mut offsets = [0; MAX_CODE_LENGTH + 1];
    let (mut code, mut symbols) = (0_u32, 0_i32);
    for (index, &count) in counts.iter().enumerate() {
        let length = index + 1;
        offsets[length] = symbols - code as i32;
        code += u32::from(count);
        symbols += i32::from(count);
        if code > 1 << length {
            return None;
        }
        limits[length] = code << (MAX_CODE_LENGTH - length);
        code *= 2;
    }
    Some((limits, offsets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The standard's table for AC coefficients of luminance (table K.5).
    fn luminance_table() -> HuffmanTable {
        let counts = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125];
        let listed: [u8; 37] = [
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
            0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
            0x24, 0x33, 0x62, 0x72, 0x82,
        ];
        let rest = (0..=255_u8).filter(|&symbol| is_sequential(symbol) && !listed.contains(&symbol));
        let symbols: Vec<u8> = listed.iter().copied().chain(rest).collect();
        assert_eq!(symbols.len(), 162);
        let table = HuffmanTable::new(TableClass::Ac, &counts, &symbols).expect("the standard's table");
        table.with_skip_lookup()
    }

    fn is_sequential(symbol: u8) -> bool {
        has_valid_size(TableClass::Ac, symbol) && !is_end_of_band(TableClass::Ac, symbol)
    }

    /// Skips one symbol after the other, as the standard's flow charts do.
    fn reference_skip(table: &HuffmanTable, bits: &mut BitReader) -> Option<()> {
        let mut next = 1;
        while next < 64 {
            bits.refill();
            let symbol = table.symbol(bits)?;
            if symbol == EOB {
                return Some(());
            }
            bits.skip(u32::from(symbol & 15));
            next += u32::from(symbol >> 4) + 1;
        }
        (next == 64).then_some(())
    }

    proptest! {
        #[test]
        fn skip_block_equals_skipping_each_symbol(
            data in prop::collection::vec(0_u8..255, 0..400),
        ) {
            let table = luminance_table();
            let (mut fast, mut reference) = (BitReader::new(&data, 0), BitReader::new(&data, 0));
            for _ in 0..20 {
                let (left, right) = (table.skip_block(&mut fast, 1), reference_skip(&table, &mut reference));
                prop_assert_eq!(left, right);
                if left.is_none() {
                    break;
                }
                fast.refill();
                reference.refill();
                prop_assert_eq!(fast.peek(16), reference.peek(16));
            }
        }

        #[test]
        fn coefficients_equal_symbols_and_values(data in prop::collection::vec(0_u8..255, 0..200)) {
            let table = luminance_table();
            let (mut fast, mut reference) = (BitReader::new(&data, 0), BitReader::new(&data, 0));
            for _ in 0..30 {
                let pair = table.ac_coefficient(&mut fast);
                reference.refill();
                let symbol = table.symbol(&mut reference);
                prop_assert_eq!(pair.is_some(), symbol.is_some());
                let (Some(pair), Some(symbol)) = (pair, symbol) else { break };
                let value = reference.value(u32::from(symbol & 15));
                prop_assert_eq!((pair.run, i32::from(pair.level)), (symbol >> 4, value));
            }
        }

        #[test]
        fn arbitrary_tables_never_panic(
            counts: [u8; 16],
            symbols in prop::collection::vec(any::<u8>(), 0..256),
            data: Vec<u8>,
        ) {
            for class in [TableClass::Dc, TableClass::Ac] {
                if let Some(table) = HuffmanTable::new(class, &counts, &symbols) {
                    let table = table.with_skip_lookup();
                    let mut bits = BitReader::new(&data, 0);
                    let _ = table.dc_difference(&mut bits);
                    let _ = table.skip_block(&mut bits, 1);
                }
            }
        }
    }

    #[test]
    fn oversubscribed_codes_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(HuffmanTable::new(TableClass::Dc, &counts, &[0, 1, 2]).is_none());
        counts[0] = 2;
        assert!(HuffmanTable::new(TableClass::Dc, &counts, &[0, 1]).is_some());
    }
}
