//! Products of f32: tiles of sums in registers, for any instruction set.

use super::epilogue::Target;
use super::packed_weights::{F32Panel, F32PanelRow};
use super::prefetch::Prefetch;
use super::{Isa, PANEL, Rows};

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::scalar;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Most rows that any instruction set takes at once.
pub(crate) const MOST_ROWS: usize = 12;

/// The sums of a tile. Aligned, so that what was just stored is loaded without a detour through the cache.
#[repr(align(64))]
pub(crate) struct Sums<T>(pub(crate) [[T; PANEL]; MOST_ROWS]);

/// A register of `LANES` numbers, and how many rows of `WIDE` registers of sums an instruction set has room for.
pub(crate) trait Lanes: Copy {
    const LANES: usize;
    /// Registers side by side in a tile.
    const WIDE: usize;

    /// # Safety
    /// The processor has the instruction set.
    unsafe fn zero() -> Self;

    /// # Safety
    /// The processor has the instruction set, and `LANES` numbers may be read.
    unsafe fn load(from: *const f32) -> Self;

    /// # Safety
    /// The processor has the instruction set, and one number may be read.
    unsafe fn repeat(from: *const f32) -> Self;

    /// `self + a·b`, rounded once.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self;

    /// # Safety
    /// The processor has the instruction set, and `LANES` numbers may be written.
    unsafe fn store(self, to: *mut f32);
}

/// Sums of as many rows, from a pointer on at a stride, times a panel: one for each height of a tile, from one row to
/// the most that an instruction set has registers for.
pub(crate) type F32Tile = unsafe fn(*const f32, usize, &[F32PanelRow], Prefetch, &mut Sums<f32>);

/// All rows times one panel, finished into `target`. The caller has checked that `rows` holds what it says.
pub(crate) fn panel(isa: Isa, rows: Rows<'_>, panel: &F32Panel<'_>, target: &mut Target<'_>) {
    rows.check(panel.steps.len());
    match isa {
        Isa::Scalar => scalar::float_panel(rows, panel, target),
        // SAFETY: a level is only made after its instruction set was found; rows and steps were checked above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::AvxVnni => unsafe { x86::float_panel_avx2(rows, panel, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx512Vnni => unsafe { x86::float_panel_avx512(rows, panel, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => unsafe { neon::float_panel(rows, panel, target) },
    }
}

/// Splits `count` rows into as few tiles of at most `most` rows as can be, of heights that differ by one at most.
pub(crate) fn heights(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = count.div_ceil(most);
    (0..tiles).map(move |tile| {
        let start = tile * count / tiles;
        (start, (tile + 1) * count / tiles - start)
    })
}

/// # Safety
/// The processor has the instruction set of `V`; `rows` holds rows of `panel.steps.len()` numbers.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
pub(crate) unsafe fn run(rows: Rows<'_>, panel: &F32Panel<'_>, target: &mut Target<'_>, tiles: &[F32Tile]) {
    let mut sums = Sums([[0.0; PANEL]; MOST_ROWS]);
    let prefetch = Prefetch::new(panel.next, panel.steps.len(), rows.count.div_ceil(tiles.len()));
    for (tile, (first, height)) in heights(rows.count, tiles.len()).enumerate() {
        let left = &rows.values[first * rows.stride..];
        // SAFETY: the caller vouches for the instruction set and for `height` rows from `first` on.
        unsafe {
            tiles[height - 1](
                left.as_ptr(),
                rows.stride,
                panel.steps,
                prefetch.of_tile(tile),
                &mut sums,
            );
        };
        for (row, sums) in sums.0[..height].iter().enumerate() {
            target.write(first + row, sums);
        }
    }
}

/// The sums of `ROWS` rows from `left` on, `stride` apart, times all columns of a panel.
///
/// # Safety
/// The processor has the instruction set of `V`, and `ROWS` rows of `steps.len()` numbers may be read.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
pub(crate) unsafe fn tile<V: Lanes, const ROWS: usize>(
    left: *const f32,
    stride: usize,
    steps: &[F32PanelRow],
    prefetch: Prefetch,
    sums: &mut Sums<f32>,
) {
    for column in (0..PANEL).step_by(V::LANES * V::WIDE) {
        // SAFETY: the caller vouches for the instruction set and the rows; `column` leaves room for a tile's width.
        unsafe {
            match V::WIDE {
                2 => part::<V, ROWS, 2>(left, stride, steps, prefetch, sums, column),
                4 => part::<V, ROWS, 4>(left, stride, steps, prefetch, sums, column),
                _ => unreachable!("tiles are two or four registers wide"),
            }
        }
    }
}

/// # Safety
/// As for [`tile`]; `column + WIDE · LANES` is at most the panel's width.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
unsafe fn part<V: Lanes, const ROWS: usize, const WIDE: usize>(
    left: *const f32,
    stride: usize,
    steps: &[F32PanelRow],
    prefetch: Prefetch,
    sums: &mut Sums<f32>,
    column: usize,
) {
    // SAFETY: the caller vouches for the instruction set. Reads of weights lie within a step, as `column` says; row `r`
    // of the left side is read at `depth` < `steps.len()`; sums are written to the first `ROWS` rows of the array.
    unsafe {
        let mut tile = [[V::zero(); WIDE]; ROWS];
        for (depth, step) in steps.iter().enumerate() {
            prefetch.fetch(depth);
            let step = step.0.as_ptr().add(column);
            let mut weights = [V::zero(); WIDE];
            for (lane, weight) in weights.iter_mut().enumerate() {
                *weight = V::load(step.add(lane * V::LANES));
            }
            for (row, sums) in tile.iter_mut().enumerate() {
                let x = V::repeat(left.add(row * stride + depth));
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = sum.multiply_add(x, weight);
                }
            }
        }
        for (tile, sums) in tile.iter().zip(sums.0.iter_mut()) {
            for (lane, sum) in tile.iter().enumerate() {
                sum.store(sums.as_mut_ptr().add(column + lane * V::LANES));
            }
        }
    }
}
