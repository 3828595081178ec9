//! LZW (TIFF 6.0, section 13).
//!
//! Of each string the first eight bytes are kept in the table, so that most strings, which are short, are written at once;
//! the bytes behind them are found from the last one back.

/// Codes below stand for themselves.
const CLEAR: usize = 256;
const END: usize = 257;
const FIRST_FREE: usize = 258;
const MIN_WIDTH: u32 = 9;
const MAX_WIDTH: u32 = 12;
const CODES: usize = 1 << MAX_WIDTH;
const KEPT: usize = 8;

/// A string: that of `prefix`, and a byte.
#[derive(Clone, Copy)]
struct Entry {
    /// The first bytes, the first one lowest.
    kept: u64,
    length: u16,
    prefix: u16,
    last: u8,
}

/// Decodes into buffers of any length.
pub struct LzwReader<'a> {
    bits: CodeReader<'a>,
    /// Of a size that is known beforehand, which saves checks of indices: an eighth of the time.
    table: Box<[Entry; CODES]>,
    /// The code that is defined next.
    next: usize,
    width: u32,
    previous: Option<u16>,
    /// What did not fit into the last buffer, the end of a string.
    left: Vec<u8>,
    is_at_end: bool,
}

impl<'a> LzwReader<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        // Only the bytes count; the others are defined before they are used.
        let byte = |code: usize| Entry {
            kept: code as u64 & 0xFF,
            length: 1,
            prefix: 0,
            last: code as u8,
        };
        Self {
            bits: CodeReader::new(input),
            table: Box::new(std::array::from_fn(byte)),
            next: FIRST_FREE,
            width: MIN_WIDTH,
            previous: None,
            left: Vec::new(),
            is_at_end: false,
        }
    }

    /// Fills `buffer` as far as there are data and returns the number of bytes.
    pub fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = self.left.len().min(buffer.len());
        buffer[..filled].copy_from_slice(&self.left[..filled]);
        self.left.drain(..filled);
        while filled < buffer.len() {
            let Some(code) = self.next_string() else { break };
            filled += self.write(code, &mut buffer[filled..]);
        }
        filled
    }

    /// The next code of a string, which is in the table then; none at the end, or where data are damaged.
    #[inline]
    fn next_string(&mut self) -> Option<usize> {
        while !self.is_at_end {
            let code = self.bits.take(self.width).unwrap_or(END);
            if code == CLEAR {
                (self.next, self.width, self.previous) = (FIRST_FREE, MIN_WIDTH, None);
            } else if code == END || !self.define(code) {
                self.is_at_end = true;
            } else {
                return Some(code);
            }
        }
        None
    }

    /// Defines the next code, the string before with the first byte of that of `code`; false if there is no `code`.
    #[inline]
    fn define(&mut self, code: usize) -> bool {
        let is_known = code < self.next;
        let Some(previous) = self.previous.replace(code as u16) else {
            return is_known;
        };
        if self.next < CODES {
            let prefix = self.table[usize::from(previous) % CODES];
            let first = if is_known {
                self.table[code % CODES]
            } else {
                prefix
            }
            .kept
                & 0xFF;
            let kept = match u32::from(prefix.length) {
                length @ 0..8 => first << (8 * length),
                _ => 0,
            };
            self.table[self.next % CODES] = Entry {
                kept: prefix.kept | kept,
                length: prefix.length + 1,
                prefix: previous,
                last: first as u8,
            };
            self.next += 1;
            // One code earlier than necessary, as all writers do.
            if self.next >= (1 << self.width) - 1 && self.width < MAX_WIDTH {
                self.width += 1;
            }
        }
        code < self.next
    }

    /// Writes the string of `code`, keeps what does not fit, and returns the number of bytes written.
    #[inline]
    fn write(&mut self, code: usize, buffer: &mut [u8]) -> usize {
        let entry = self.table[code % CODES];
        let length = usize::from(entry.length);
        if length <= KEPT
            && let Some(start) = buffer.first_chunk_mut::<KEPT>()
        {
            // The bytes behind the string are overwritten by the next one.
            *start = entry.kept.to_le_bytes();
            return length;
        }
        if let Some(string) = buffer.get_mut(..length) {
            self.expand(entry, string);
            return length;
        }
        let mut string = vec![0; length];
        self.expand(entry, &mut string);
        let (written, left) = string.split_at(buffer.len());
        buffer.copy_from_slice(written);
        self.left = left.to_vec();
        buffer.len()
    }

    /// Writes the string of `entry`, which is as long as `string`.
    fn expand(&self, mut entry: Entry, string: &mut [u8]) {
        let (start, rest) = string.split_at_mut(string.len().min(KEPT));
        start.copy_from_slice(&entry.kept.to_le_bytes()[..start.len()]);
        for byte in rest.iter_mut().rev() {
            *byte = entry.last;
            entry = self.table[usize::from(entry.prefix) % CODES];
        }
    }
}

/// Codes from the highest bit of each byte.
struct CodeReader<'a> {
    input: &'a [u8],
    /// The next bits, left-aligned. The bits below the counted ones are zero or equal to those that come next.
    buffer: u64,
    count: u32,
}

impl<'a> CodeReader<'a> {
    const fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            buffer: 0,
            count: 0,
        }
    }

    #[inline]
    fn take(&mut self, width: u32) -> Option<usize> {
        if self.count < width {
            self.fill();
            if self.count < width {
                return None;
            }
        }
        let code = (self.buffer >> (u64::BITS - width)) as usize;
        self.buffer <<= width;
        self.count -= width;
        Some(code)
    }

    #[inline]
    fn fill(&mut self) {
        if let Some(eight) = self.input.first_chunk::<8>() {
            self.buffer |= u64::from_be_bytes(*eight) >> self.count;
            let bytes = (63 - self.count) / 8;
            self.input = &self.input[bytes as usize..];
            self.count += 8 * bytes;
            return;
        }
        while let [byte, rest @ ..] = self.input
            && self.count <= u64::BITS - 8
        {
            self.buffer |= u64::from(*byte) << (u64::BITS - 8 - self.count);
            self.input = rest;
            self.count += 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use weezl::BitOrder;

    fn decoded(packed: &[u8], length: usize, step: usize) -> Vec<u8> {
        let mut reader = LzwReader::new(packed);
        let mut result = vec![0; length + 1];
        let mut filled = 0;
        for part in result.chunks_mut(step) {
            let count = reader.fill(part);
            filled += count;
            if count < part.len() {
                break;
            }
        }
        result.truncate(filled);
        result
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8)
            .encode(content)
            .expect("encoding into memory")
    }

    #[test]
    fn long_strings_cross_buffers() {
        let content = vec![7; 100_000];
        assert_eq!(decoded(&packed(&content), content.len(), 999), content);
        let pairs: Vec<u8> = (0..200_000_u32)
            .map(|at| (at.wrapping_mul(at) >> 9) as u8)
            .collect();
        assert_eq!(decoded(&packed(&pairs), pairs.len(), 4_096), pairs);
    }

    #[test]
    fn truncated_data_are_read_up_to_their_end() {
        let content: Vec<u8> = (0..9_000_u32).map(|at| ((at * 7) >> 3) as u8).collect();
        let packed = packed(&content);
        let half = decoded(&packed[..packed.len() / 2], content.len(), 100);
        assert!(half.len() > content.len() / 4 && content.starts_with(&half));
    }

    proptest! {
        #[test]
        fn content_is_decoded_as_encoded(
            content in prop::collection::vec(0_u8..4, 0..20_000),
            step in 1_usize..3_000,
        ) {
            prop_assert_eq!(decoded(&packed(&content), content.len(), step), content);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            decoded(&bytes, 50_000, 1_000);
        }
    }
}
