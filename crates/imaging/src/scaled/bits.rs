//! The bits of entropy-coded data (ITU T.81, F.2.2.5).

/// Reads bits, the most significant first, without the zeros that stand behind each 0xFF.
///
/// Past the end of the data, and past a marker, there are zeros without end; [`Bits::is_overrun`] and [`Bits::end`]
/// tell that some were used.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    data: &'a [u8],
    /// The next byte to take.
    at: usize,
    /// The next bits, at the top.
    buffer: u64,
    /// How many of them are taken from the data; what stands below is the data's continuation or zero.
    count: u32,
    /// How many of `count` are zeros past the end.
    missing: u32,
}

impl<'a> Bits<'a> {
    /// The bits of `data` from byte `at`.
    pub fn new(data: &'a [u8], at: usize) -> Self {
        Self {
            data,
            at,
            buffer: 0,
            count: 0,
            missing: 0,
        }
    }

    /// Makes sure that at least 32 bits are there: enough for any code of 16 bits and a value of 15 behind it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop of decoding")]
    pub fn refill(&mut self) {
        if self.count < 32 {
            self.fill();
        }
    }

    /// As many bits as there is room for, at least 56.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop of decoding")]
    pub fn fill(&mut self) {
        if let Some(eight) = self.data.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_be_bytes(*eight);
            if !holds_ff(word) {
                // "Reading bits in far too many ways", variant 4, of Fabian Giesen: bits beyond the whole bytes that are
                // counted are put in place again, equal, by the next turn.
                self.buffer |= word >> self.count;
                let bytes = (63 - self.count) / 8;
                self.at += bytes as usize;
                self.count += bytes * 8;
                return;
            }
        }
        *self = self.refilled_byte_by_byte();
    }

    /// By value, so that the caller's bits can stay in registers.
    #[cold]
    #[inline(never)]
    fn refilled_byte_by_byte(mut self) -> Self {
        while self.count < 56 {
            let byte = match self.data.get(self.at..) {
                Some([0xFF, 0, ..]) => {
                    self.at += 2;
                    0xFF
                }
                None | Some([] | [0xFF, ..]) => {
                    self.missing += 8;
                    0
                }
                Some([byte, ..]) => {
                    self.at += 1;
                    *byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// The next `length` bits, 1 to 16, still to be taken. They must have been refilled.
    #[inline]
    pub fn peek(&self, length: u32) -> u32 {
        (self.buffer >> (64 - length)) as u32
    }

    /// Takes `length` bits, 0 to 32, that must have been refilled.
    #[inline]
    pub fn skip(&mut self, length: u32) {
        self.buffer <<= length;
        self.count = self.count.saturating_sub(length);
    }

    /// Takes a value of `size` bits, 0 to 15, as F.2.2.1 extends its sign.
    #[inline]
    pub fn value(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        let bits = self.peek(size);
        self.skip(size);
        extend(bits, size)
    }

    /// Whether more bits were taken than there are.
    pub fn is_overrun(&self) -> bool {
        self.missing > self.count
    }

    /// Where the marker behind the data stands; none if the data were not used up to their last byte, or overrun.
    pub fn end(&self) -> Option<usize> {
        let rest = self.count.checked_sub(self.missing)?;
        let at_marker = matches!(self.data.get(self.at..), Some([0xFF, next, ..]) if *next != 0);
        (rest < 8 && at_marker).then_some(self.at)
    }
}

/// F.2.2.1: a leading zero means a negative value.
#[inline]
pub fn extend(bits: u32, size: u32) -> i32 {
    let bits = bits as i32;
    if bits >> (size - 1) == 0 {
        bits - (1 << size) + 1
    } else {
        bits
    }
}

/// Whether any byte is 0xFF: whether any byte of the complement is zero.
#[inline]
fn holds_ff(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let inverted = !word;
    inverted.wrapping_sub(ONES) & word & (ONES << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the reader should give: all bits, one by one.
    fn plain_bits(data: &[u8]) -> Vec<u32> {
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
        fn bits_come_as_they_stand_and_then_zeros(
            data in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xFF), Just(0)], 0..60),
            lengths in prop::collection::vec(1_u32..=16, 0..60),
        ) {
            let expected = plain_bits(&data);
            let mut bits = Bits::new(&data, 0);
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
        fn a_byte_of_ff_is_found_anywhere(bytes: [u8; 8]) {
            prop_assert_eq!(holds_ff(u64::from_be_bytes(bytes)), bytes.contains(&0xFF));
        }
    }

    #[test]
    fn values_have_signs_as_the_standard_says() {
        let all: Vec<i32> = (0..8).map(|bits| extend(bits, 3)).collect();
        assert_eq!(all, [-7, -6, -5, -4, 4, 5, 6, 7]);
    }

    #[test]
    fn the_end_is_where_the_marker_stands() {
        let data = [0b1010_0000, 0xFF, 0, 0xFF, 0xD9];
        let mut bits = Bits::new(&data, 0);
        bits.refill();
        assert_eq!(bits.end(), None, "two bytes are left");
        bits.skip(12);
        assert_eq!(bits.end(), Some(3));
        bits.skip(8);
        assert_eq!(bits.end(), None, "overrun");
    }
}
