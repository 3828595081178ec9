//! i8 dot products by every kernel of this processor: the same integers as by definition.

use eidetic_kernels::{Kernel, dot_i8, prefetch};
use proptest::prelude::*;

fn check(a: &[i8], b: &[i8]) {
    let expected = a
        .iter()
        .zip(b)
        .map(|(&x, &y)| i32::from(x) * i32::from(y))
        .sum::<i32>();
    for kernel in Kernel::available() {
        let found = kernel.dot_i8(a, b);
        assert_eq!(found, expected, "{} of {} codes", kernel.name(), a.len());
    }
    assert_eq!(dot_i8(a, b), expected);
}

#[test]
fn largest_codes_are_exact_at_all_lengths() {
    for (x, y) in [
        (i8::MIN, i8::MIN),
        (i8::MIN, i8::MAX),
        (i8::MAX, i8::MAX),
        (-1, 1),
    ] {
        let (a, b) = (vec![x; 400], vec![y; 400]);
        for length in 0..=330 {
            check(&a[length % 64..][..length], &b[length % 31..][..length]);
        }
    }
}

#[test]
fn codes_beyond_end_are_ignored() {
    let (a, b) = (vec![7_i8; 256], vec![-3_i8; 256]);
    for kernel in Kernel::available() {
        for length in 0..200 {
            assert_eq!(
                kernel.dot_i8(&a[..length], &b[..length]),
                -21 * i32::try_from(length).unwrap(),
                "{}",
                kernel.name()
            );
        }
    }
}

#[test]
fn kernels_wrap_sums_alike() {
    let codes = vec![i8::MIN; 1 << 18];
    for kernel in Kernel::available() {
        assert_eq!(
            kernel.dot_i8(&codes, &codes),
            Kernel::scalar().dot_i8(&codes, &codes),
            "{}",
            kernel.name()
        );
    }
}

#[test]
fn different_lengths_panic() {
    for kernel in Kernel::available() {
        assert!(std::panic::catch_unwind(|| kernel.dot_i8(&[1; 64], &[1; 65])).is_err());
    }
}

#[test]
fn best_kernel_comes_first_and_names_differ() {
    assert_eq!(Some(Kernel::best()), Kernel::available().next());
    assert_eq!(Kernel::available().last(), Some(Kernel::scalar()));
    let names: std::collections::HashSet<_> = Kernel::available().map(Kernel::name).collect();
    assert_eq!(names.len(), Kernel::available().count());
}

#[test]
fn prefetch_accepts_any_slice() {
    prefetch::<u32>(&[]);
    prefetch(&[1_u8; 1000]);
}

proptest! {
    #[test]
    fn kernels_agree_on_random_codes(pairs in prop::collection::vec(any::<(i8, i8)>(), 0..1300)) {
        let (a, b): (Vec<i8>, Vec<i8>) = pairs.into_iter().unzip();
        check(&a, &b);
    }
}
