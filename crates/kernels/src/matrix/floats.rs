//! Products of f32: tiles of sums in registers, for any instruction set.

use super::factor::FloatStep;
use super::finish::Target;
use super::{Level, PANEL, Rows};

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::plain;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Most rows that any instruction set takes at once.
pub(crate) const MOST_ROWS: usize = 12;

/// A register of `LANES` numbers, and how many rows of `WIDE` registers of sums an instruction set has room for.
pub(crate) trait Lanes: Copy {
    const LANES: usize;
    /// Registers side by side in a tile.
    const WIDE: usize;
    /// Most rows of a tile: with `WIDE` registers each they leave room for a row of weights and one number.
    const ROWS: usize;

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

/// All rows times one panel (`depth` steps), finished into `target`. The caller has checked that `rows` holds what it says.
pub(crate) fn panel(
    level: Level,
    rows: Rows<'_>,
    depth: usize,
    steps: &[FloatStep],
    target: &mut Target<'_>,
) {
    rows.check(depth);
    assert_eq!(steps.len(), depth, "one step an input");
    match level {
        Level::Plain => plain::float_panel(rows, steps, target),
        // SAFETY: a level is only made after its instruction set was found; rows and steps were checked above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni => unsafe { x86::float_panel_avx2(rows, steps, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vnni => unsafe { x86::float_panel_avx512(rows, steps, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Level::Neon => unsafe { neon::float_panel(rows, steps, target) },
    }
}

/// Splits `count` rows into as few tiles of at most `most` rows as can be, of heights that differ by one at most.
pub(crate) fn tiles(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = count.div_ceil(most);
    (0..tiles).map(move |tile| {
        let start = tile * count / tiles;
        (start, (tile + 1) * count / tiles - start)
    })
}

/// # Safety
/// The processor has the instruction set of `V`; `rows` holds rows of `steps.len()` numbers.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
pub(crate) unsafe fn run<V: Lanes>(rows: Rows<'_>, steps: &[FloatStep], target: &mut Target<'_>) {
    let mut sums = [[0.0; PANEL]; MOST_ROWS];
    for (first, height) in tiles(rows.count, V::ROWS) {
        let left = &rows.values[first * rows.stride..];
        // SAFETY: the caller vouches for the instruction set and for `height` rows from `first` on.
        unsafe { tile_of_height::<V>(height, left.as_ptr(), rows.stride, steps, &mut sums) };
        for (row, sums) in sums[..height].iter().enumerate() {
            target.write(first + row, sums);
        }
    }
}

/// # Safety
/// As for [`tile`]; `height` is at most `V::ROWS`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
unsafe fn tile_of_height<V: Lanes>(
    height: usize,
    left: *const f32,
    stride: usize,
    steps: &[FloatStep],
    sums: &mut [[f32; PANEL]; MOST_ROWS],
) {
    macro_rules! by_height {
        ($($rows:literal)*) => {
            match height {
                // SAFETY: the caller vouches for all of it.
                $($rows if $rows <= V::ROWS => unsafe { tile::<V, $rows>(left, stride, steps, sums) },)*
                _ => unreachable!("tiles have at most V::ROWS rows"),
            }
        };
    }
    by_height!(1 2 3 4 5 6 7 8 9 10 11 12);
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
unsafe fn tile<V: Lanes, const ROWS: usize>(
    left: *const f32,
    stride: usize,
    steps: &[FloatStep],
    sums: &mut [[f32; PANEL]; MOST_ROWS],
) {
    for column in (0..PANEL).step_by(V::LANES * V::WIDE) {
        // SAFETY: the caller vouches for the instruction set and the rows; `column` leaves room for a tile's width.
        unsafe {
            match V::WIDE {
                2 => part::<V, ROWS, 2>(left, stride, steps, sums, column),
                4 => part::<V, ROWS, 4>(left, stride, steps, sums, column),
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
    steps: &[FloatStep],
    sums: &mut [[f32; PANEL]; MOST_ROWS],
    column: usize,
) {
    // SAFETY: the caller vouches for the instruction set. Reads of weights lie within a step, as `column` says; row `r`
    // of the left side is read at `depth` < `steps.len()`; sums are written to the first `ROWS` rows of the array.
    unsafe {
        let mut tile = [[V::zero(); WIDE]; ROWS];
        for (depth, step) in steps.iter().enumerate() {
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
        for (tile, sums) in tile.iter().zip(sums.iter_mut()) {
            for (lane, sum) in tile.iter().enumerate() {
                sum.store(sums.as_mut_ptr().add(column + lane * V::LANES));
            }
        }
    }
}
