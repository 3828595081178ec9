//! The signs of codes, a bit each, and in how many of them two rows differ: a first look that reads an eighth of a row.

use crate::CacheLine;
use crate::isa::PopCount;

/// Rows fetched ahead of the one being compared.
const AHEAD: usize = 32;

/// Writes which of 64 codes at a time are negative, one word for each 64 codes.
///
/// # Panics
/// If `codes` does not hold 64 codes for each word.
pub fn sign_bits(codes: &[i8], words: &mut [u64]) {
    assert_eq!(codes.len(), words.len() * CacheLine::CODES, "64 codes a word");
    for (codes, word) in codes.chunks_exact(CacheLine::CODES).zip(words) {
        *word = codes
            .iter()
            .enumerate()
            .fold(0, |bits, (at, code)| bits | u64::from(*code < 0) << at);
    }
}

/// In how many bits `query` differs from each of `rows`, numbers of rows of `table`, whose rows are as long as `query`.
///
/// # Panics
/// If there is not one distance a row, or a row lies beyond the table.
pub fn hamming_distances(query: &[u64], table: &[u64], rows: &[u32], distances: &mut [u32]) {
    assert_eq!(rows.len(), distances.len(), "one distance a row");
    match PopCount::best() {
        PopCount::Scalar => hamming(query, table, rows, distances),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: detection found POPCNT.
        PopCount::Popcnt => unsafe { hamming_popcnt(query, table, rows, distances) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: detection found AVX-512F, AVX-512 VPOPCNTDQ and POPCNT.
        PopCount::Avx512 => unsafe { hamming_avx512(query, table, rows, distances) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq,popcnt")]
fn hamming_avx512(query: &[u64], table: &[u64], rows: &[u32], distances: &mut [u32]) {
    hamming(query, table, rows, distances);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
fn hamming_popcnt(query: &[u64], table: &[u64], rows: &[u32], distances: &mut [u32]) {
    hamming(query, table, rows, distances);
}

/// The one loop, compiled for each instruction set; the usual lengths by constants, which compilers unroll.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn hamming(query: &[u64], table: &[u64], rows: &[u32], distances: &mut [u32]) {
    match query.len() {
        8 => hamming_of_width(query.as_chunks::<8>().0[0].as_slice(), table, rows, distances),
        12 => hamming_of_width(query.as_chunks::<12>().0[0].as_slice(), table, rows, distances),
        _ => hamming_of_width(query, table, rows, distances),
    }
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn hamming_of_width(query: &[u64], table: &[u64], rows: &[u32], distances: &mut [u32]) {
    let width = query.len();
    let row = |row: u32| &table[row as usize * width..][..width];
    for (at, distance) in distances.iter_mut().enumerate() {
        if let Some(&ahead) = rows.get(at + AHEAD) {
            crate::prefetch(row(ahead));
        }
        let bits = row(rows[at]).iter().zip(query).map(|(a, b)| (a ^ b).count_ones());
        *distance = bits.sum::<u32>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_that_differ_are_counted_alike_by_all(
            words in 1_usize..14,
            seed in any::<u64>(),
            rows in prop::collection::vec(0_u32..40, 0..60),
        ) {
            let mut random = SplitMix64::new(seed);
            let mut next = || random.next_u64();
            let query: Vec<u64> = (0..words).map(|_| next()).collect();
            let table: Vec<u64> = (0..40 * words).map(|_| next()).collect();
            let plain: Vec<u32> = rows
                .iter()
                .map(|&row| {
                    let row = &table[row as usize * words..][..words];
                    (0..words * 64).filter(|bit| (row[bit / 64] ^ query[bit / 64]) >> (bit % 64) & 1 == 1).map(|_| 1).sum()
                })
                .collect();
            let mut got = vec![0; rows.len()];
            hamming_distances(&query, &table, &rows, &mut got);
            prop_assert_eq!(&got, &plain);
            hamming(&query, &table, &rows, &mut got);
            prop_assert_eq!(&got, &plain);
            #[cfg(target_arch = "x86_64")]
            if PopCount::best() != PopCount::Scalar {
                // SAFETY: both other ways include POPCNT.
                unsafe { hamming_popcnt(&query, &table, &rows, &mut got) };
                prop_assert_eq!(&got, &plain);
            }
        }

        #[test]
        fn a_bit_is_set_where_a_code_is_negative(codes in prop::collection::vec(any::<i8>(), 128)) {
            let mut words = [0; 2];
            sign_bits(&codes, &mut words);
            for (at, code) in codes.iter().enumerate() {
                prop_assert_eq!(words[at / 64] >> (at % 64) & 1 == 1, *code < 0);
            }
        }
    }
}
