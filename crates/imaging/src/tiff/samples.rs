//! Unpacks samples of any depth.

use super::directory::ByteOrder;
use super::layout::SampleFormat;

/// How samples are stored in a row.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    pub bits: usize,
    pub format: SampleFormat,
    pub order: ByteOrder,
    /// Whether the lower bits of longer samples are dropped instead of rounded.
    pub drops_fraction: bool,
}

impl Packing {
    /// Scales the samples of `row` to 8 bits: as many as `result` has. Negative numbers become 0.
    pub fn unpack_to_8_bits(self, row: &[u8], result: &mut [u8]) {
        if self.format == SampleFormat::Signed {
            return self.unpack_signed(row, result);
        }
        match self.bits {
            8 => result.copy_from_slice(&row[..result.len()]),
            16 if !self.drops_fraction => {
                let (values, _) = row.as_chunks::<2>();
                match self.order {
                    ByteOrder::Little => scale(values, result, |value| round_to_8(u16::from_le_bytes(value))),
                    ByteOrder::Big => scale(values, result, |value| round_to_8(u16::from_be_bytes(value))),
                }
            }
            16 | 24 | 32 | 64 => {
                let most_significant = match self.order {
                    ByteOrder::Little => self.bits / 8 - 1,
                    ByteOrder::Big => 0,
                };
                let values = row.chunks_exact(self.bits / 8);
                for (result, value) in result.iter_mut().zip(values) {
                    *result = value[most_significant];
                }
            }
            1 => {
                for (result, &byte) in result.chunks_mut(8).zip(row) {
                    result.copy_from_slice(&BLACK_AND_WHITE[usize::from(byte)][..result.len()]);
                }
            }
            bits => {
                let greatest = (1_u32 << bits) - 1;
                let values = BitFields { row, bits, at: 0 };
                for (result, value) in result.iter_mut().zip(values) {
                    *result = ((u32::from(value) * 255 + greatest / 2) / greatest) as u8;
                }
            }
        }
    }

    /// Positive numbers are taken for unsigned ones: files that are read as either kind do not use the upper
    /// half of the range.
    fn unpack_signed(self, row: &[u8], result: &mut [u8]) {
        let values = row.chunks_exact(self.bits / 8);
        for (result, value) in result.iter_mut().zip(values) {
            let positive = self.order.signed(value).max(0);
            *result = (positive >> (self.bits - 8)) as u8;
        }
    }

    /// The samples of `row` as they are, of at most 16 bits: as many as `result` has.
    pub fn unpack_indices(self, row: &[u8], result: &mut [u16]) {
        match self.bits {
            8 => {
                for (result, &value) in result.iter_mut().zip(row) {
                    *result = value.into();
                }
            }
            16 => {
                let (values, _) = row.as_chunks::<2>();
                for (result, value) in result.iter_mut().zip(values) {
                    *result = self.order.unsigned(value) as u16;
                }
            }
            bits => {
                let values = BitFields { row, bits, at: 0 };
                for (result, value) in result.iter_mut().zip(values) {
                    *result = value;
                }
            }
        }
    }

    /// The floating-point samples of `row`: as many as `result` has.
    pub fn unpack_floats(self, row: &[u8], result: &mut [f32]) {
        let values = row.chunks_exact(self.bits / 8);
        for (result, value) in result.iter_mut().zip(values) {
            let bits = self.order.unsigned(value);
            *result = match self.bits {
                16 => half::f16::from_bits(bits as u16).to_f32(),
                32 => f32::from_bits(bits as u32),
                _ => f64::from_bits(bits) as f32,
            };
        }
    }
}

/// For each byte its bits, from the highest one, as black and white.
static BLACK_AND_WHITE: [[u8; 8]; 256] = {
    let mut samples = [[0; 8]; 256];
    let mut index = 0;
    while index < 256 * 8 {
        if (index / 8) >> (7 - index % 8) & 1 == 1 {
            samples[index / 8][index % 8] = 255;
        }
        index += 1;
    }
    samples
};

fn scale<const N: usize>(values: &[[u8; N]], result: &mut [u8], convert: impl Fn([u8; N]) -> u8) {
    for (result, &value) in result.iter_mut().zip(values) {
        *result = convert(value);
    }
}

/// Rounds to nearest: 0xFFFF becomes 255, 0x8080 becomes 128.
pub fn round_to_8(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_895) >> 16) as u8
}

/// Numbers of up to 16 bits, from the highest bit of each byte.
struct BitFields<'a> {
    row: &'a [u8],
    bits: usize,
    /// Position in bits.
    at: usize,
}

impl Iterator for BitFields<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let (start, end) = (self.at / 8, (self.at + self.bits).div_ceil(8));
        let bytes = self.row.get(start..end)?;
        let joined = bytes
            .iter()
            .fold(0_u32, |joined, &byte| joined << 8 | u32::from(byte));
        let unused = 8 * end - self.at - self.bits;
        self.at += self.bits;
        Some((joined >> unused & ((1 << self.bits) - 1)) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packing(bits: usize, format: SampleFormat, order: ByteOrder) -> Packing {
        Packing {
            bits,
            format,
            order,
            drops_fraction: false,
        }
    }

    fn unpacked(bits: usize, format: SampleFormat, order: ByteOrder, row: &[u8], count: usize) -> Vec<u8> {
        let mut result = vec![0; count];
        packing(bits, format, order).unpack_to_8_bits(row, &mut result);
        result
    }

    #[test]
    fn all_depths_are_scaled() {
        use ByteOrder::{Big, Little};
        let unsigned =
            |bits, order, row: &[u8], count| unpacked(bits, SampleFormat::Unsigned, order, row, count);
        assert_eq!(unsigned(1, Big, &[0b1010_0000], 3), [255, 0, 255]);
        assert_eq!(unsigned(2, Big, &[0b1110_0100], 4), [255, 170, 85, 0]);
        assert_eq!(unsigned(4, Big, &[0x0F, 0x80], 3), [0, 255, 136]);
        assert_eq!(unsigned(12, Little, &[0xFF, 0xF8, 0x00], 2), [255, 128]);
        assert_eq!(unsigned(16, Little, &[0x80, 0x80, 0xFF, 0xFF], 2), [128, 255]);
        assert_eq!(unsigned(16, Big, &[0x12, 0x34], 1), [0x12]);
        assert_eq!(unsigned(32, Little, &[1, 2, 3, 200], 1), [200]);
        let signed = |bits, order, row: &[u8], count| unpacked(bits, SampleFormat::Signed, order, row, count);
        assert_eq!(signed(8, Big, &[0x80, 0, 0x7F], 3), [0, 0, 127]);
        assert_eq!(signed(16, Big, &[0x40, 0], 1), [64]);
    }

    #[test]
    fn floats_of_all_sizes_are_read() {
        let float = |bits, order, row: &[u8]| {
            let mut result = [0.0];
            packing(bits, SampleFormat::Float, order).unpack_floats(row, &mut result);
            result[0]
        };
        assert!((float(16, ByteOrder::Little, &[0x00, 0x38]) - 0.5).abs() < 1e-6);
        assert!((float(32, ByteOrder::Big, &0.25_f32.to_be_bytes()) - 0.25).abs() < 1e-6);
        assert!((float(64, ByteOrder::Little, &3.0_f64.to_le_bytes()) - 3.0).abs() < 1e-6);
    }
}
