//! Sign bits of quantized vectors and the Hamming distances between them: a coarse comparison that reads an
//! eighth of a row.

use crate::isa::PopCount;
use crate::{CacheLine, prefetch};

/// How many rows ahead of the current one are prefetched.
const PREFETCH_DISTANCE: usize = 32;

/// Sets bit `i % 64` of word `i / 64` if code `i` is negative, and clears it otherwise.
///
/// # Panics
/// If there are not exactly 64 codes per word.
pub fn sign_bits(codes: &[i8], words: &mut [u64]) {
    assert_eq!(codes.len(), words.len() * CacheLine::CODES, "64 codes per word");
    for (codes, word) in codes.chunks_exact(CacheLine::CODES).zip(words) {
        *word = codes
            .iter()
            .enumerate()
            .fold(0, |bits, (at, code)| bits | u64::from(*code < 0) << at);
    }
}

/// The Hamming distance (number of differing bits) between `query` and each row of `table` whose index is
/// in `rows`.
///
/// Rows of `table` have the length of `query`.
///
/// # Panics
/// If `distances` and `rows` differ in length, or a row lies outside the table.
pub fn hamming_distances(query: &[u64], table: &[u64], rows: &[u32], distances: &mut [u32]) {
    assert_eq!(rows.len(), distances.len(), "one distance per row");
    match PopCount::best() {
        PopCount::Scalar => hamming(query, table, rows, distances),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this variant exists only if the processor has POPCNT.
        PopCount::Popcnt => unsafe { hamming_popcnt(query, table, rows, distances) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this variant exists only if the processor has AVX-512F, AVX-512 VPOPCNTDQ and POPCNT.
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

/// The loop, compiled for each instruction set. Common lengths are passed as constants so that the loop
/// over words is unrolled.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
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
    reason = "must be inlined into a function that enables the instruction set"
)]
fn hamming_of_width(query: &[u64], table: &[u64], rows: &[u32], distances: &mut [u32]) {
    let width = query.len();
    let row = |row: u32| &table[row as usize * width..][..width];
    for (at, distance) in distances.iter_mut().enumerate() {
        if let Some(&ahead) = rows.get(at + PREFETCH_DISTANCE) {
            prefetch(row(ahead));
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
        fn kernels_agree_on_hamming_distances(
            words in 1_usize..14,
            seed in any::<u64>(),
            rows in prop::collection::vec(0_u32..40, 0..60),
        ) {
            let mut random = SplitMix64::new(seed);
            let mut next = || random.next_u64();
            let query: Vec<u64> = (0..words).map(|_| next()).collect();
            let table: Vec<u64> = (0..40 * words).map(|_| next()).collect();
            let expected: Vec<u32> = rows
                .iter()
                .map(|&row| {
                    let row = &table[row as usize * words..][..words];
                    (0..words * 64).filter(|bit| (row[bit / 64] ^ query[bit / 64]) >> (bit % 64) & 1 == 1).map(|_| 1).sum()
                })
                .collect();
            let mut got = vec![0; rows.len()];
            hamming_distances(&query, &table, &rows, &mut got);
            prop_assert_eq!(&got, &expected);
            hamming(&query, &table, &rows, &mut got);
            prop_assert_eq!(&got, &expected);
            #[cfg(target_arch = "x86_64")]
            if PopCount::best() != PopCount::Scalar {
                // SAFETY: both other variants include POPCNT.
                unsafe { hamming_popcnt(&query, &table, &rows, &mut got) };
                prop_assert_eq!(&got, &expected);
            }
        }

        #[test]
        fn negative_codes_set_their_bits(codes in prop::collection::vec(any::<i8>(), 128)) {
            let mut words = [0; 2];
            sign_bits(&codes, &mut words);
            for (at, code) in codes.iter().enumerate() {
                prop_assert_eq!(words[at / 64] >> (at % 64) & 1 == 1, *code < 0);
            }
        }
    }
}
