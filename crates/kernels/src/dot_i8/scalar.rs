//! Plain Rust: what runs where nothing else does, and the twin that the others are tested against.

/// `Σ aᵢ·bᵢ` over as many as both have.
pub(crate) fn dot(a: &[i8], b: &[i8]) -> i32 {
    let products = a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y));
    products.fold(0, i32::wrapping_add)
}
