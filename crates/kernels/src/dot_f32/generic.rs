//! Dot products over the registers of any instruction set.

use crate::simd::F32Simd;

/// Independent sums per row. A fused multiply-add has a latency of about four cycles and two can start in
/// each cycle, so one sum would leave the units idle.
const SUMS: usize = 4;

/// The dot products of `query` with the `ROWS` rows of `rows`.
///
/// # Panics
/// If `rows` does not hold `ROWS` rows of the length of `query`.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
pub(super) unsafe fn dot_many<V: F32Simd, const ROWS: usize>(query: &[f32], rows: &[f32]) -> [f32; ROWS] {
    let n = query.len();
    assert_eq!(rows.len(), ROWS * n, "vectors of different lengths");
    let (query, rows) = (query.as_ptr(), rows.as_ptr());
    // SAFETY: the caller guarantees the instruction set. Each read starts at `at` (+ row · n) and covers at
    // most n − at numbers; by the assertion above, `query` and each of the ROWS rows have n.
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
/// # Panics
/// If `matrix` does not hold one row of the length of `query` per score.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
pub(super) unsafe fn dot_rows<V: F32Simd, const ROWS: usize>(
    query: &[f32],
    matrix: &[f32],
    scores: &mut [f32],
) {
    let n = query.len();
    let (groups, rest) = scores.as_chunks_mut::<ROWS>();
    let (grouped, single) = matrix.split_at(groups.len() * ROWS * n);
    for (group, scores) in groups.iter_mut().enumerate() {
        // SAFETY: the caller guarantees the instruction set.
        *scores = unsafe { dot_many::<V, ROWS>(query, &grouped[group * ROWS * n..][..ROWS * n]) };
    }
    for (row, score) in rest.iter_mut().enumerate() {
        // SAFETY: as above.
        [*score] = unsafe { dot_many::<V, 1>(query, &single[row * n..][..n]) };
    }
}
