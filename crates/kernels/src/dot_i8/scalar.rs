//! Portable Rust, which the other kernels are tested against and use for the end of a vector.

/// `Σ aᵢ·bᵢ` over the length of the shorter vector.
pub(super) fn dot(a: &[i8], b: &[i8]) -> i32 {
    let products = a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y));
    products.fold(0, i32::wrapping_add)
}
