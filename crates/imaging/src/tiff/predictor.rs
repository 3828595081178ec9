//! Undoes predictors (TIFF 6.0, section 14, and Adobe Photoshop TIFF Technical Note 3), row by row.

use super::directory::ByteOrder;
use super::layout::Predictor;

/// Undoes `predictor` in one row whose pixels have `samples` samples of `bits` bits.
///
/// Rows with the predictor of floating point numbers are in big-endian order afterwards. Files whose depth has no such
/// predictor were refused.
pub fn undo(predictor: Predictor, row: &mut [u8], samples: usize, bits: usize, order: ByteOrder) {
    match (predictor, bits) {
        (Predictor::Horizontal, 8) => sum_bytes(row, samples),
        (Predictor::Horizontal, 16) => sum_wide::<2>(row, samples, order),
        (Predictor::Horizontal, 32) => sum_wide::<4>(row, samples, order),
        (Predictor::Horizontal, 64) => sum_wide::<8>(row, samples, order),
        (Predictor::Horizontal, 1 | 2 | 4) => sum_packed(row, samples, bits),
        (Predictor::FloatingPoint, 16 | 24 | 32 | 64) => {
            sum_bytes(row, samples);
            join_planes(row, bits / 8);
        }
        (Predictor::None | Predictor::Horizontal | Predictor::FloatingPoint, _) => {}
    }
}

fn sum_bytes(row: &mut [u8], samples: usize) {
    match samples {
        1 => sum_pixels::<1>(row),
        3 => sum_pixels::<3>(row),
        4 => sum_pixels::<4>(row),
        _ => {
            for index in samples..row.len() {
                row[index] = row[index].wrapping_add(row[index - samples]);
            }
        }
    }
}

fn sum_pixels<const N: usize>(row: &mut [u8]) {
    let mut sums = [0_u8; N];
    let (pixels, _) = row.as_chunks_mut::<N>();
    for pixel in pixels {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum = sum.wrapping_add(*value);
            *value = *sum;
        }
    }
}

fn sum_wide<const N: usize>(row: &mut [u8], samples: usize, order: ByteOrder) {
    let (values, _) = row.as_chunks_mut::<N>();
    for index in samples..values.len() {
        let sum = order
            .unsigned(&values[index])
            .wrapping_add(order.unsigned(&values[index - samples]));
        values[index] = match order {
            ByteOrder::Little => std::array::from_fn(|byte| (sum >> (8 * byte)) as u8),
            ByteOrder::Big => std::array::from_fn(|byte| (sum >> (8 * (N - 1 - byte))) as u8),
        };
    }
}

/// Samples of fewer than eight bits.
fn sum_packed(row: &mut [u8], samples: usize, bits: usize) {
    let mask = (1_u8 << bits) - 1;
    let per_byte = 8 / bits;
    let shift = |index: usize| 8 - bits * (index % per_byte + 1);
    for index in samples..row.len() * per_byte {
        let left = index - samples;
        let left = row[left / per_byte] >> shift(left);
        let byte = &mut row[index / per_byte];
        let sum = (*byte >> shift(index)).wrapping_add(left) & mask;
        *byte = *byte & !(mask << shift(index)) | sum << shift(index);
    }
}

/// Puts together numbers of `size` bytes, whose bytes are in planes.
fn join_planes(row: &mut [u8], size: usize) {
    let planes = row.to_vec();
    let count = row.len() / size;
    for (index, number) in row.chunks_exact_mut(size).enumerate() {
        for (plane, byte) in number.iter_mut().enumerate() {
            *byte = planes[plane * count + index];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_summed_per_sample() {
        let mut row = [1, 10, 1, 10, 255, 1];
        undo(Predictor::Horizontal, &mut row, 2, 8, ByteOrder::Little);
        assert_eq!(row, [1, 10, 2, 20, 1, 21]);
        let mut five = [1, 2, 3, 4, 5, 1, 1, 1, 1, 1];
        undo(Predictor::Horizontal, &mut five, 5, 8, ByteOrder::Little);
        assert_eq!(five[5..], [2, 3, 4, 5, 6]);
        let mut wide = [0x01, 0xFF, 0x00, 0x02];
        undo(Predictor::Horizontal, &mut wide, 1, 16, ByteOrder::Big);
        assert_eq!(wide, [0x01, 0xFF, 0x02, 0x01]);
        let mut little = [0xFF, 0, 0, 0, 1, 0, 0, 0];
        undo(Predictor::Horizontal, &mut little, 1, 32, ByteOrder::Little);
        assert_eq!(little[4..], [0, 1, 0, 0]);
        let mut packed = [0x1F, 0x30];
        undo(Predictor::Horizontal, &mut packed, 1, 4, ByteOrder::Big);
        assert_eq!(packed, [0x10, 0x33]);
    }

    #[test]
    fn planes_of_floats_are_joined() {
        // 1.0 and 2.0 are 3F80_0000 and 4000_0000: planes 3F 40, 80 00, 00 00, 00 00, then differences.
        let planes = [0x3F_u8, 0x40, 0x80, 0, 0, 0, 0, 0];
        let mut row = planes;
        for index in (1..8).rev() {
            row[index] = planes[index].wrapping_sub(planes[index - 1]);
        }
        undo(Predictor::FloatingPoint, &mut row, 1, 32, ByteOrder::Little);
        assert_eq!(row, [0x3F, 0x80, 0, 0, 0x40, 0, 0, 0]);
    }
}
