//! f32 dot products by every kernel of this processor, against sums in f64.

use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use proptest::prelude::*;

/// `Σ aᵢ·bᵢ` in f64, and how far an f32 sum of these terms may lie from it.
///
/// Each product and each addition rounds by at most half a unit in the last place (2⁻²⁴) of what it yields,
/// so the error is at most (n + 1) · 2⁻²⁴ · Σ|aᵢ·bᵢ| in any order of summing, fused or not (Higham,
/// Accuracy and Stability, section 3.1); twice that leaves room for the second-order term.
fn reference(a: &[f32], b: &[f32]) -> (f64, f64) {
    let products = || a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y));
    let magnitude: f64 = products().map(f64::abs).sum();
    let bound = 2.0 * (a.len() as f64 + 1.0) * 2.0_f64.powi(-24) * magnitude;
    (products().sum(), bound + f64::from(f32::MIN_POSITIVE))
}

fn check(kernel: Kernel, a: &[f32], b: &[f32]) {
    let (expected, tolerance) = reference(a, b);
    let found = f64::from(kernel.dot(a, b));
    assert!(
        (found - expected).abs() <= tolerance,
        "{} of {} numbers: {found}, not {expected} ± {tolerance}",
        kernel.name(),
        a.len()
    );
}

/// Numbers in −1..1 that differ from place to place and from seed to seed.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut random = SplitMix64::new(seed.into());
    (0..count).map(|_| random.signed_unit()).collect()
}

#[test]
fn all_lengths_and_alignments_agree_with_f64() {
    let (a, b) = (numbers(160, 1), numbers(160, 2));
    for kernel in Kernel::available() {
        for length in 0..=130 {
            for shift in 0..16 {
                check(
                    kernel,
                    &a[shift..shift + length],
                    &b[15 - shift..15 - shift + length],
                );
            }
        }
    }
}

#[test]
fn numbers_beyond_end_are_ignored() {
    for kernel in Kernel::available() {
        for length in 0..130 {
            let mut a = numbers(length, 3);
            let b = numbers(length, 4);
            let alone = kernel.dot(&a, &b);
            a.extend([f32::NAN; 16]);
            assert_eq!(kernel.dot(&a[..length], &b).to_bits(), alone.to_bits());
        }
    }
}

#[test]
fn rows_score_same_bits_as_alone() {
    for kernel in Kernel::available() {
        for length in 0..130 {
            for rows in 0..10 {
                let (query, matrix) = (numbers(length, 5), numbers(length * rows, 6));
                let mut scores = vec![f32::NAN; rows];
                kernel.dot_rows(&query, &matrix, &mut scores);
                for (row, score) in scores.iter().enumerate() {
                    let alone = kernel.dot(&query, &matrix[row * length..][..length]);
                    assert_eq!(score.to_bits(), alone.to_bits(), "{} row {row}", kernel.name());
                }
            }
        }
    }
}

#[test]
fn best_kernel_is_first_available() {
    assert_eq!(Some(Kernel::best()), Kernel::available().next());
    assert_eq!(Kernel::available().last(), Some(Kernel::scalar()));
}

#[test]
fn different_lengths_panic() {
    for kernel in Kernel::available() {
        assert!(std::panic::catch_unwind(|| kernel.dot(&[1.0; 3], &[1.0; 4])).is_err());
        assert!(std::panic::catch_unwind(|| kernel.dot_rows(&[1.0; 3], &[1.0; 7], &mut [0.0; 2])).is_err());
    }
}

proptest! {
    #[test]
    fn kernels_agree_with_f64(
        pairs in prop::collection::vec((-1e3_f32..1e3, -1e3_f32..1e3), 0..1100)
    ) {
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
        for kernel in Kernel::available() {
            check(kernel, &a, &b);
        }
    }
}
