//! Portable Rust, for processors without a vector instruction set that kernels are written for.

/// Independent sums, which compilers keep in registers of whatever width the target has.
const LANES: usize = 8;

/// `Σ aᵢ·bᵢ`; panics if the lengths differ.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of different lengths");
    let (a_chunks, a_tail) = a.as_chunks::<LANES>();
    let (b_chunks, b_tail) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + tail
}

/// One [`dot`] per row of `matrix`.
pub(super) fn dot_rows(query: &[f32], matrix: &[f32], scores: &mut [f32]) {
    for (row, score) in scores.iter_mut().enumerate() {
        *score = dot(query, &matrix[row * query.len()..][..query.len()]);
    }
}
