//! `PackBits` (TIFF 6.0, section 9).

/// Decodes into buffers of any length.
pub struct PackBitsReader<'a> {
    input: &'a [u8],
    /// Bytes left of a literal run.
    literal: usize,
    /// Bytes left of a repeated byte, and the byte.
    repeated: (usize, u8),
}

impl<'a> PackBitsReader<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            literal: 0,
            repeated: (0, 0),
        }
    }

    /// Fills `buffer` as far as there are data and returns the number of bytes.
    pub fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            if self.repeated.0 > 0 {
                let count = self.repeated.0.min(rest.len());
                rest[..count].fill(self.repeated.1);
                self.repeated.0 -= count;
                filled += count;
            } else if self.literal > 0 {
                let count = self.literal.min(rest.len()).min(self.input.len());
                if count == 0 {
                    break;
                }
                rest[..count].copy_from_slice(&self.input[..count]);
                self.input = &self.input[count..];
                self.literal -= count;
                filled += count;
            } else if !self.next_run() {
                break;
            }
        }
        filled
    }

    fn next_run(&mut self) -> bool {
        match *self.input {
            [control @ 0..=127, ref rest @ ..] => {
                self.literal = usize::from(control) + 1;
                self.input = rest;
            }
            [128, ref rest @ ..] => self.input = rest,
            [control, byte, ref rest @ ..] => {
                self.repeated = (257 - usize::from(control), byte);
                self.input = rest;
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_across_buffers() {
        // Apple's example: TN1023.
        let packed = [
            0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA, 0x03, 0x80, 0x00, 0x2A, 0x22, 0xF7, 0xAA,
        ];
        let expected = [
            0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0x22, 0xAA, 0xAA,
            0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA,
        ];
        for step in 1..=30 {
            let mut reader = PackBitsReader::new(&packed);
            let mut result: Vec<u8> = Vec::new();
            let mut buffer = vec![0; step];
            loop {
                let count = reader.fill(&mut buffer);
                result.extend(&buffer[..count]);
                if count < step {
                    break;
                }
            }
            assert_eq!(result, expected);
        }
    }
}
