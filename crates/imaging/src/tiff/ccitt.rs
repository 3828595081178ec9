//! CCITT fax compression: modified Huffman (TIFF 6.0, section 10), Group 3 (ITU-T T.4) in one and two
//! dimensions, and Group 4 (T.6).
//!
//! The crate `fax` has the code tables. Its decoders know neither two-dimensional Group 3 nor damage.

use fax::maps::{Mode, black, mode, white};

mod bit_stream;

use bit_stream::BitStream;

/// How rows are coded and what separates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Each row begins at a multiple of 8 or 16 bits.
    ModifiedHuffman {
        alignment: usize,
    },
    /// Rows begin with an end-of-line code, and with a bit for their dimensions if `is_2d`.
    Group3 {
        is_2d: bool,
    },
    Group4,
}

/// Decodes row by row. White is 0, as in TIFF images whose white is zero.
pub struct CcittReader<'a> {
    bits: BitStream<'a>,
    coding: Coding,
    width: u32,
    /// Positions at which the color of the row above changes, beginning with white; increasing.
    above: Vec<u32>,
    row: Vec<u32>,
    end: Option<Stop>,
}

/// Why no row is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    EndOfData,
    Damage,
}

impl<'a> CcittReader<'a> {
    pub fn new(bytes: &'a [u8], coding: Coding, width: u32) -> Self {
        Self {
            bits: BitStream::new(bytes),
            coding,
            width,
            above: Vec::new(),
            row: Vec::new(),
            end: None,
        }
    }

    /// Decodes one row to one bit a pixel; false if no row is left that can be decoded. Rows behind the code
    /// that ends the data are white.
    pub fn read_row(&mut self, pixels: &mut [u8]) -> bool {
        if let Some(end) = self.end {
            pixels.fill(0);
            return end == Stop::EndOfData;
        }
        if self.bits.is_at_end() {
            return false;
        }
        self.row.clear();
        if let Err(stop) = self.decode_row() {
            // Only Group 3 can go on after damage: at its next end-of-line code.
            let is_group3 = matches!(self.coding, Coding::Group3 { .. });
            let goes_on = stop == Stop::Damage && is_group3 && self.bits.seek_end_of_line();
            if !goes_on {
                self.end = Some(stop);
                if stop == Stop::EndOfData || self.row.is_empty() {
                    pixels.fill(0);
                    return stop == Stop::EndOfData;
                }
            }
        }
        draw(&self.row, self.width, pixels);
        std::mem::swap(&mut self.above, &mut self.row);
        true
    }

    fn decode_row(&mut self) -> Result<(), Stop> {
        match self.coding {
            Coding::Group4 => self.two_dimensional(),
            Coding::ModifiedHuffman { alignment } => {
                self.bits.align(alignment);
                self.one_dimensional()
            }
            Coding::Group3 { is_2d } => {
                let lines = self.bits.skip_ends_of_line(is_2d);
                if lines > 1 && self.has_only_padding_or_ends(lines) {
                    return Err(Stop::EndOfData);
                }
                if is_2d && self.bits.take_bit() == 0 {
                    self.two_dimensional()
                } else {
                    self.one_dimensional()
                }
            }
        }
    }

    /// Six end-of-line codes end the data; some writers stop after fewer.
    fn has_only_padding_or_ends(&self, ends_of_line: usize) -> bool {
        ends_of_line >= 6 || self.bits.is_at_end()
    }

    fn one_dimensional(&mut self) -> Result<(), Stop> {
        let (mut at, mut is_black) = (0, false);
        while at < self.width {
            at = self.run(at, is_black)?;
            self.row.push(at);
            is_black = !is_black;
        }
        Ok(())
    }

    /// The end of a run that begins at `at`.
    fn run(&mut self, mut at: u32, is_black: bool) -> Result<u32, Stop> {
        loop {
            let length = if is_black {
                black::decode(&mut self.bits)
            } else {
                white::decode(&mut self.bits)
            };
            let length = length.ok_or(Stop::Damage)?;
            at = (at + u32::from(length)).min(self.width);
            if length < 64 {
                return Ok(at);
            }
            if self.bits.is_at_end() {
                return Err(Stop::Damage);
            }
        }
    }

    /// T.4, 4.2.1.3: codes relative to the changes of the row above.
    fn two_dimensional(&mut self) -> Result<(), Stop> {
        let (mut at, mut is_black, mut next) = (0, false, 0);
        let mut is_start = true;
        while at < self.width {
            // The first change above right of `at`, from this color to the other.
            next = self.first_change(next, at, is_black, is_start);
            let change = |index: usize| self.above.get(index).copied().unwrap_or(self.width);
            let (b1, b2) = (change(next), change(next + 1));
            match mode::decode(&mut self.bits).ok_or(Stop::Damage)? {
                Mode::Pass => at = b2,
                Mode::Vertical(offset) => {
                    let to = (i64::from(b1) + i64::from(offset)).clamp(at.into(), self.width.into()) as u32;
                    self.row.push(to);
                    at = to;
                    is_black = !is_black;
                }
                Mode::Horizontal => {
                    let middle = self.run(at, is_black)?;
                    let end = self.run(middle, !is_black)?;
                    self.row.extend([middle, end]);
                    at = end;
                }
                Mode::EOF if self.row.is_empty() => return Err(Stop::EndOfData),
                Mode::Extension | Mode::EOF => return Err(Stop::Damage),
            }
            is_start = false;
            if self.bits.is_at_end() && at < self.width {
                return Err(Stop::Damage);
            }
        }
        Ok(())
    }

    /// Changes to black have even numbers. At the start of a row one at position 0 counts too.
    fn first_change(&self, from: usize, at: u32, is_black: bool, is_start: bool) -> usize {
        let is_right = |position: u32| position > at || (is_start && position == 0 && at == 0);
        // Vertical codes may go back by three pixels, and so by up to three changes.
        let mut index = from.saturating_sub(4);
        index += (index % 2) ^ usize::from(is_black);
        while self.above.get(index).is_some_and(|&position| !is_right(position)) {
            index += 2;
        }
        index
    }
}

/// Sets the bits of black runs; the others become white.
fn draw(changes: &[u32], width: u32, pixels: &mut [u8]) {
    pixels.fill(0);
    for run in changes.chunks(2).filter(|run| run.len() == 2 || run[0] < width) {
        let end = run.get(1).copied().unwrap_or(width);
        set_bits(pixels, run[0] as usize, end as usize);
    }
}

fn set_bits(pixels: &mut [u8], start: usize, end: usize) {
    if start >= end {
        return;
    }
    let (first, last) = (start / 8, (end - 1) / 8);
    let (head, tail) = (0xFF_u8 >> (start % 8), 0xFF_u8 << (7 - (end - 1) % 8));
    if first == last {
        pixels[first] |= head & tail;
    } else {
        pixels[first] |= head;
        pixels[first + 1..last].fill(0xFF);
        pixels[last] |= tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fax::encoder::Encoder;
    use fax::{Color, VecWriter};
    use proptest::prelude::*;

    fn group4(rows: &[Vec<bool>], width: u16) -> Vec<u8> {
        let mut encoder = Encoder::new(VecWriter::new());
        for row in rows {
            let colors = row
                .iter()
                .map(|&black| if black { Color::Black } else { Color::White });
            encoder.encode_line(colors, width).expect("writing into memory");
        }
        encoder.finish().expect("writing into memory").finish()
    }

    /// White 3, black 2, white 3 in one dimension: 1000 11 1000.
    const ROW: &str = "1000111000";
    const END_OF_LINE: &str = "000000000001";

    fn packed(bits: &str) -> Vec<u8> {
        let digits: Vec<u8> = bits.bytes().map(|digit| digit - b'0').collect();
        let bytes = digits.chunks(8).map(|chunk| {
            let value = chunk.iter().fold(0, |byte, bit| byte << 1 | bit);
            value << (8 - chunk.len())
        });
        bytes.collect()
    }

    fn rows(bytes: &[u8], coding: Coding, width: u32, most: usize) -> Vec<u8> {
        let mut reader = CcittReader::new(bytes, coding, width);
        let mut row = vec![0; width.div_ceil(8) as usize];
        let mut result = Vec::new();
        while result.len() < most && reader.read_row(&mut row) {
            result.extend(&row);
        }
        result
    }

    #[test]
    fn one_dimensional_rows_are_read() {
        let separated = packed(&format!("{END_OF_LINE}{ROW}{END_OF_LINE}{ROW}"));
        let expected = [0b0001_1000; 2];
        assert_eq!(rows(&separated, Coding::Group3 { is_2d: false }, 8, 2), expected);
        let plain = packed(&format!("{ROW}{ROW}"));
        assert_eq!(rows(&plain, Coding::Group3 { is_2d: false }, 8, 2), expected);
        let aligned = packed(&format!("{ROW}000000{ROW}"));
        let coding = Coding::ModifiedHuffman { alignment: 8 };
        assert_eq!(rows(&aligned, coding, 8, 2), expected);
    }

    #[test]
    fn two_dimensional_group3_refers_to_row_above() {
        // The second row: both changes one pixel further right, then none left: 011 011 1.
        let bits = format!("{END_OF_LINE}1{ROW}{END_OF_LINE}00110111");
        let result = rows(&packed(&bits), Coding::Group3 { is_2d: true }, 8, 2);
        assert_eq!(result, [0b0001_1000, 0b0000_1100]);
    }

    #[test]
    fn group3_continues_after_damage() {
        let bits = format!("{END_OF_LINE}{ROW}{END_OF_LINE}000000001{END_OF_LINE}{ROW}");
        let result = rows(&packed(&bits), Coding::Group3 { is_2d: false }, 8, 3);
        assert_eq!((result[0], result.last()), (0b0001_1000, Some(&0b0001_1000)));
    }

    proptest! {
        #[test]
        fn group4_is_read_as_encoded(
            width in 1_u16..70,
            pixels in prop::collection::vec(any::<bool>(), 70 * 6),
            runs in 1_usize..9,
        ) {
            let row = |y: usize| (0..usize::from(width)).map(|x| pixels[y * 70 + x / runs]).collect();
            let original: Vec<Vec<bool>> = (0..6).map(row).collect();
            let bytes = group4(&original, width);
            let mut reader = CcittReader::new(&bytes, Coding::Group4, width.into());
            let mut packed = vec![0; usize::from(width).div_ceil(8)];
            for row in &original {
                prop_assert!(reader.read_row(&mut packed));
                let read: Vec<bool> = (0..usize::from(width))
                    .map(|x| packed[x / 8] >> (7 - x % 8) & 1 == 1)
                    .collect();
                prop_assert_eq!(row, &read);
            }
            prop_assert!(reader.read_row(&mut packed));
            prop_assert!(packed.iter().all(|&byte| byte == 0), "white behind the end");
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            width in 1_u32..100,
        ) {
            for coding in [
                Coding::Group4,
                Coding::Group3 { is_2d: true },
                Coding::Group3 { is_2d: false },
                Coding::ModifiedHuffman { alignment: 8 },
            ] {
                rows(&bytes, coding, width, 10_000);
            }
        }
    }
}
