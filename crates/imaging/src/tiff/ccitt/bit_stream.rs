//! Bits of a fax, and its end-of-line codes.

use fax::{BitReader, Bits};

/// Bits from the highest of each byte, followed by zeros without end.
pub struct BitStream<'a> {
    bytes: &'a [u8],
    /// Position in bits.
    at: usize,
}

impl<'a> BitStream<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len() * 8
    }

    pub fn align(&mut self, bits: usize) {
        self.at = self.at.next_multiple_of(bits);
    }

    pub fn take_bit(&mut self) -> u16 {
        let bit = self.peek(1).unwrap_or(0);
        self.at += 1;
        bit
    }

    /// Skips end-of-line codes (eleven zeros or more, and a one) and returns their number. With `has_tag`,
    /// a bit follows each one; the last one's is kept.
    pub fn skip_ends_of_line(&mut self, has_tag: bool) -> usize {
        const MOST: usize = 6;
        let mut count = 0;
        while count < MOST {
            let start = self.at;
            if has_tag && count > 0 {
                self.at += 1;
            }
            if self.peek(11) != Some(0) || !self.seek_one() {
                self.at = start;
                break;
            }
            count += 1;
        }
        count
    }

    /// Goes behind the next one; false if there is none.
    fn seek_one(&mut self) -> bool {
        while !self.is_at_end() {
            if self.at.is_multiple_of(8) && self.bytes[self.at / 8] == 0 {
                self.at += 8;
            } else if self.take_bit() == 1 {
                return true;
            }
        }
        false
    }

    /// Goes to the next end-of-line code; false if there is none.
    pub fn seek_end_of_line(&mut self) -> bool {
        while !self.is_at_end() {
            if self.peek(11) == Some(0) {
                return true;
            }
            self.at += 1;
        }
        false
    }
}

impl BitReader for BitStream<'_> {
    type Error = std::convert::Infallible;

    fn peek(&self, bits: u8) -> Option<u16> {
        let start = self.at / 8;
        let window = if let Some(bytes) = self.bytes.get(start..start + 4) {
            u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        } else {
            let byte = |index| self.bytes.get(start + index).copied().unwrap_or(0);
            u32::from_be_bytes([byte(0), byte(1), byte(2), byte(3)])
        };
        let aligned = window << (self.at % 8);
        Some((aligned >> (32 - u32::from(bits))) as u16)
    }

    fn consume(&mut self, bits: u8) -> Result<(), Self::Error> {
        self.at += usize::from(bits);
        Ok(())
    }

    fn expect(&mut self, bits: Bits) -> Result<(), Option<Bits>> {
        let data = self.peek(bits.len).ok_or(None)?;
        let found = Bits { data, len: bits.len };
        if data == bits.data {
            Ok(())
        } else {
            Err(Some(found))
        }
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        (self.at.next_multiple_of(8) - self.at) as u8
    }
}
