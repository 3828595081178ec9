//! Bit reader for entropy-coded JPEG data (ITU T.81, F.2.2.5).

/// Reads bits, most significant first, and removes the zero byte stuffed after each 0xFF.
///
/// Past the end of the data, and past a marker, the reader supplies zero bits without limit;
/// [`BitReader::is_overrun`] and [`BitReader::end`] report whether any of them were consumed.
#[derive(Clone, Copy)]
pub struct BitReader<'a> {
    data: &'a [u8],
    /// Position of the next byte to load.
    position: usize,
    /// The next bits, left-aligned.
    buffer: u64,
    /// Number of loaded bits in `buffer`. The bits below them are zero or equal to the bits that are loaded
    /// next.
    count: u32,
    /// How many of the `count` bits are zeros past the end.
    padding: u32,
}

impl<'a> BitReader<'a> {
    /// A reader of `data` from byte `position` on.
    pub fn new(data: &'a [u8], position: usize) -> Self {
        Self {
            data,
            position,
            buffer: 0,
            count: 0,
            padding: 0,
        }
    }

    /// Makes at least 32 bits available: enough for a code of 16 bits followed by a value of 15 bits.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop of decoding")]
    pub fn refill(&mut self) {
        if self.count < 32 {
            self.fill();
        }
    }

    /// Makes as many bits available as fit, at least 56.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop of decoding")]
    pub fn fill(&mut self) {
        if let Some(eight) = self
            .data
            .get(self.position..)
            .and_then(|rest| rest.first_chunk::<8>())
        {
            let word = u64::from_be_bytes(*eight);
            if !contains_ff(word) {
                // Fabian Giesen, "Reading bits in far too many ways", variant 4: the bits below the counted
                // whole bytes are loaded a second time by the next refill, with equal values.
                self.buffer |= word >> self.count;
                let bytes = (63 - self.count) / 8;
                self.position += bytes as usize;
                self.count += bytes * 8;
                return;
            }
        }
        *self = self.filled_bytewise();
    }

    /// Takes and returns the reader by value, so that the caller can keep it in registers.
    #[cold]
    #[inline(never)]
    fn filled_bytewise(mut self) -> Self {
        while self.count < 56 {
            let byte = match self.data.get(self.position..) {
                Some([0xFF, 0, ..]) => {
                    self.position += 2;
                    0xFF
                }
                None | Some([] | [0xFF, ..]) => {
                    self.padding += 8;
                    0
                }
                Some([byte, ..]) => {
                    self.position += 1;
                    *byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// The next `length` bits, 1 to 16, without consuming them. They must be available.
    #[inline]
    pub fn peek(&self, length: u32) -> u32 {
        (self.buffer >> (64 - length)) as u32
    }

    /// Consumes `length` bits, 0 to 32. They must be available.
    #[inline]
    pub fn skip(&mut self, length: u32) {
        self.buffer <<= length;
        self.count = self.count.saturating_sub(length);
    }

    /// Consumes a value of `size` bits, 0 to 15, and sign-extends it as F.2.2.1 does.
    #[inline]
    pub fn value(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let bits = self.peek(size);
        self.skip(size);
        extend(bits, size)
    }

    /// Position of the next byte to load, which is not behind the next marker.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether more bits were consumed than the data hold.
    pub fn is_overrun(&self) -> bool {
        self.padding > self.count
    }

    /// Position of the marker that ends the data; none if whole bytes are left before it, or if the reader
    /// is overrun.
    pub fn end(&self) -> Option<usize> {
        let rest = self.count.checked_sub(self.padding)?;
        let at_marker = matches!(self.data.get(self.position..), Some([0xFF, next, ..]) if *next != 0);
        (rest < 8 && at_marker).then_some(self.position)
    }
}

/// Procedure EXTEND of F.2.2.1: a value whose first bit is 0 is negative.
#[inline]
pub fn extend(bits: u32, size: u32) -> i32 {
    let bits = bits as i32;
    if bits >> (size - 1) == 0 {
        bits - (1 << size) + 1
    } else {
        bits
    }
}

/// Whether any byte is 0xFF, that is, whether any byte of the complement is zero.
#[inline]
pub fn contains_ff(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let inverted = !word;
    inverted.wrapping_sub(ONES) & word & (ONES << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The reference: all bits of `data`, one by one.
    fn reference_bits(data: &[u8]) -> Vec<u32> {
        let mut bytes = Vec::new();
        let mut at = 0;
        while let Some(&byte) = data.get(at) {
            match (byte, data.get(at + 1)) {
                (0xFF, Some(0)) => at += 1,
                (0xFF, _) => break,
                _ => {}
            }
            bytes.push(byte);
            at += 1;
        }
        let bits = |byte: u8| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1));
        bytes.into_iter().flat_map(bits).collect()
    }

    proptest! {
        #[test]
        fn bits_equal_reference_then_zeros(
            data in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xFF), Just(0)], 0..60),
            lengths in prop::collection::vec(1_u32..=16, 0..60),
        ) {
            let expected = reference_bits(&data);
            let mut bits = BitReader::new(&data, 0);
            let mut at = 0;
            for length in lengths {
                bits.refill();
                let value = (at..at + length as usize)
                    .fold(0, |value, bit| value << 1 | expected.get(bit).copied().unwrap_or(0));
                prop_assert_eq!(bits.peek(length), value);
                bits.skip(length);
                at += length as usize;
                prop_assert_eq!(bits.is_overrun(), at > expected.len());
            }
        }

        #[test]
        fn ff_is_found_at_any_byte(bytes: [u8; 8]) {
            prop_assert_eq!(contains_ff(u64::from_be_bytes(bytes)), bytes.contains(&0xFF));
        }
    }

    #[test]
    fn extend_follows_standard() {
        let all: Vec<i32> = (0..8).map(|bits| extend(bits, 3)).collect();
        assert_eq!(all, [-7, -6, -5, -4, 4, 5, 6, 7]);
    }

    #[test]
    fn end_is_position_of_marker() {
        let data = [0b1010_0000, 0xFF, 0, 0xFF, 0xD9];
        let mut bits = BitReader::new(&data, 0);
        bits.refill();
        assert_eq!(bits.end(), None, "two bytes are left");
        bits.skip(12);
        assert_eq!(bits.end(), Some(3));
        bits.skip(8);
        assert_eq!(bits.end(), None, "overrun");
    }
}
