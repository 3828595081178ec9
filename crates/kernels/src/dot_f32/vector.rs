//! The one algorithm that every vector instruction set runs, over the few operations that they differ in.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

/// A register of `LANES` numbers.
pub(crate) trait Vector: Copy {
    /// Numbers in a register.
    const LANES: usize;

    /// All lanes zero.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn zero() -> Self;

    /// The `LANES` numbers at `from`, at any alignment.
    ///
    /// # Safety
    /// The processor has the instruction set, and `LANES` numbers may be read at `from`.
    unsafe fn load(from: *const f32) -> Self;

    /// The `count` numbers at `from` in the first lanes, zero in the others.
    ///
    /// # Safety
    /// The processor has the instruction set, `count` numbers may be read at `from`, and `count < LANES`.
    unsafe fn load_partial(from: *const f32, count: usize) -> Self;

    /// `self + a·b`, rounded once.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self;

    /// `self + other`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn add(self, other: Self) -> Self;

    /// The sum of all lanes.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn sum(self) -> f32;
}

/// Sums a row is split into: a fused multiply-add takes about four cycles, and two can start in each.
const SUMS: usize = 4;

/// The dot products of `query` with the `ROWS` rows of `rows`.
///
/// # Safety
/// The processor has the instruction set of `V`. Panics, rather than reading past an end, on a wrong length.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables the instruction set"
)]
pub(crate) unsafe fn dot_many<V: Vector, const ROWS: usize>(query: &[f32], rows: &[f32]) -> [f32; ROWS] {
    let n = query.len();
    assert_eq!(rows.len(), ROWS * n, "vectors of different lengths");
    let (query, rows) = (query.as_ptr(), rows.as_ptr());
    // SAFETY: the caller vouches for the instruction set. Every read starts at `at` (+ row · n) and covers no more
    // than n − at numbers, and the assertion above says that each of the ROWS rows has n.
    unsafe {
        let mut sums = [[V::zero(); SUMS]; ROWS];
        let mut at = 0;
        while at + SUMS * V::LANES <= n {
            for lane in 0..SUMS {
                let offset = at + lane * V::LANES;
                let q = V::load(query.add(offset));
                for (row, sums) in sums.iter_mut().enumerate() {
                    sums[lane] = sums[lane].multiply_add(q, V::load(rows.add(row * n + offset)));
                }
            }
            at += SUMS * V::LANES;
        }
        while at + V::LANES <= n {
            let q = V::load(query.add(at));
            for (row, sums) in sums.iter_mut().enumerate() {
                sums[0] = sums[0].multiply_add(q, V::load(rows.add(row * n + at)));
            }
            at += V::LANES;
        }
        if at < n {
            let q = V::load_partial(query.add(at), n - at);
            for (row, sums) in sums.iter_mut().enumerate() {
                sums[1] = sums[1].multiply_add(q, V::load_partial(rows.add(row * n + at), n - at));
            }
        }
        sums.map(|[a, b, c, d]| a.add(b).add(c.add(d)).sum())
    }
}

/// The dot product of `query` with each row of `matrix`, `ROWS` rows at a time.
///
/// # Safety
/// The processor has the instruction set of `V`. Panics, rather than reading past an end, on a wrong length.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables the instruction set"
)]
pub(crate) unsafe fn dot_rows<V: Vector, const ROWS: usize>(
    query: &[f32],
    matrix: &[f32],
    scores: &mut [f32],
) {
    let n = query.len();
    let (groups, rest) = scores.as_chunks_mut::<ROWS>();
    let (grouped, single) = matrix.split_at(groups.len() * ROWS * n);
    for (group, scores) in groups.iter_mut().enumerate() {
        // SAFETY: the caller vouches for the instruction set; `dot_many` checks the length.
        *scores = unsafe { dot_many::<V, ROWS>(query, &grouped[group * ROWS * n..][..ROWS * n]) };
    }
    for (row, score) in rest.iter_mut().enumerate() {
        // SAFETY: as above.
        [*score] = unsafe { dot_many::<V, 1>(query, &single[row * n..][..n]) };
    }
}

/// The `count` numbers at `from`, then zeros: for instruction sets without masked loads.
///
/// # Safety
/// `count` numbers may be read at `from`, and `count <= LANES`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables the instruction set"
)]
pub(crate) unsafe fn padded<const LANES: usize>(from: *const f32, count: usize) -> [f32; LANES] {
    debug_assert!(count <= LANES);
    let mut lanes = [0.0; LANES];
    // SAFETY: the caller vouches for both lengths, and a new array cannot overlap what it is copied from.
    unsafe { std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count) };
    lanes
}
