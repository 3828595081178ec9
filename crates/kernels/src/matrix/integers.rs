//! Products of whole numbers: exact sums in registers, for any instruction set.

use super::codes::{Codes, RowScale};
use super::factor::{IntegerPanel, IntegerStep, QUAD};
use super::finish::Target;
use super::floats::{MOST_ROWS, tiles};
use super::{Level, PANEL};

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::plain;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Registers of an instruction set that multiplies codes (0 … 255) with weights (−127 … 127), four to a sum.
pub(crate) trait QuadLanes {
    /// Sums.
    type Sums: Copy;
    /// Weights, four for each sum.
    type Weights: Copy;
    /// Four codes, repeated for each sum.
    type Codes: Copy;
    /// Sums in a register.
    const LANES: usize;
    /// Registers side by side in a tile.
    const WIDE: usize;
    /// Most rows of a tile.
    const ROWS: usize;
    /// What `multiply_add` takes away from each code.
    const OFFSET: i32;

    /// # Safety
    /// The processor has the instruction set.
    unsafe fn zero() -> Self::Sums;

    /// # Safety
    /// The processor has the instruction set, and 4 · `LANES` weights may be read.
    unsafe fn load(from: *const i8) -> Self::Weights;

    /// # Safety
    /// The processor has the instruction set, and four codes may be read.
    unsafe fn repeat(from: *const u8) -> Self::Codes;

    /// Each sum plus the four products that belong to it.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn multiply_add(sums: Self::Sums, codes: Self::Codes, weights: Self::Weights) -> Self::Sums;

    /// # Safety
    /// The processor has the instruction set, and `LANES` sums may be written.
    unsafe fn store(sums: Self::Sums, to: *mut i32);
}

/// All codes times one panel, brought back to f32, finished into `target`.
pub(crate) fn panel(level: Level, codes: &Codes, panel: &IntegerPanel<'_>, target: &mut Target<'_>) {
    assert_eq!(panel.steps.len() * QUAD, codes.stride(), "codes of another width");
    assert_eq!(
        codes.codes().len(),
        codes.count() * codes.stride(),
        "rows of codes"
    );
    match level {
        Level::Plain => plain::integer_panel(codes, panel, target),
        // SAFETY: a level is only made after its instruction set was found; the codes were checked above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 => unsafe { x86::integer_panel_avx2(codes, panel, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::AvxVnni => unsafe { x86::integer_panel_avx_vnni(codes, panel, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512Vnni => unsafe { x86::integer_panel_avx512_vnni(codes, panel, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Level::Neon => unsafe { neon::integer_panel(codes, panel, target) },
    }
}

/// The numbers that sums of `Σ (code − offset) · weight` stand for.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
pub(crate) fn to_floats(
    sums: &[i32; PANEL],
    offset: i32,
    row: RowScale,
    panel: &IntegerPanel<'_>,
) -> [f32; PANEL] {
    let zero = row.zero - offset;
    let mut values = [0.0; PANEL];
    for (column, value) in values.iter_mut().enumerate() {
        // Neither overflows: a factor has at most 65,536 inputs.
        let sum = sums[column].wrapping_sub(zero.wrapping_mul(panel.sums[column]));
        *value = sum as f32 * (row.scale * panel.scales[column]);
    }
    values
}

/// # Safety
/// The processor has the instruction set of `Q`; `codes` holds rows of 4 · `panel.steps.len()` codes.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
pub(crate) unsafe fn run<Q: QuadLanes>(codes: &Codes, panel: &IntegerPanel<'_>, target: &mut Target<'_>) {
    let mut sums = [[0; PANEL]; MOST_ROWS];
    for (first, height) in tiles(codes.count(), Q::ROWS) {
        let left = &codes.codes()[first * codes.stride()..];
        // SAFETY: the caller vouches for the instruction set and for `height` rows from `first` on.
        unsafe { tile_of_height::<Q>(height, left.as_ptr(), codes.stride(), panel.steps, &mut sums) };
        for (row, sums) in sums[..height].iter().enumerate() {
            let values = to_floats(sums, Q::OFFSET, codes.scale(first + row), panel);
            target.write(first + row, &values);
        }
    }
}

/// # Safety
/// As for [`tile`]; `height` is at most `Q::ROWS`.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
unsafe fn tile_of_height<Q: QuadLanes>(
    height: usize,
    left: *const u8,
    stride: usize,
    steps: &[IntegerStep],
    sums: &mut [[i32; PANEL]; MOST_ROWS],
) {
    macro_rules! by_height {
        ($($rows:literal)*) => {
            match height {
                // SAFETY: the caller vouches for all of it.
                $($rows if $rows <= Q::ROWS => unsafe { tile::<Q, $rows>(left, stride, steps, sums) },)*
                _ => unreachable!("tiles have at most Q::ROWS rows"),
            }
        };
    }
    by_height!(1 2 3 4 5 6 7 8 9 10 11 12);
}

/// The sums of `ROWS` rows of codes from `left` on, `stride` apart, times all columns of a panel.
///
/// # Safety
/// The processor has the instruction set of `Q`, and `ROWS` rows of 4 · `steps.len()` codes may be read.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
unsafe fn tile<Q: QuadLanes, const ROWS: usize>(
    left: *const u8,
    stride: usize,
    steps: &[IntegerStep],
    sums: &mut [[i32; PANEL]; MOST_ROWS],
) {
    for column in (0..PANEL).step_by(Q::LANES * Q::WIDE) {
        // SAFETY: the caller vouches for the instruction set and the rows; `column` leaves room for a tile's width.
        unsafe {
            match Q::WIDE {
                2 => part::<Q, ROWS, 2>(left, stride, steps, sums, column),
                4 => part::<Q, ROWS, 4>(left, stride, steps, sums, column),
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
unsafe fn part<Q: QuadLanes, const ROWS: usize, const WIDE: usize>(
    left: *const u8,
    stride: usize,
    steps: &[IntegerStep],
    sums: &mut [[i32; PANEL]; MOST_ROWS],
    column: usize,
) {
    // SAFETY: the caller vouches for the instruction set. Reads of weights lie within a step, as `column` says; row `r`
    // of the left side is read at 4 · `depth` with `depth` < `steps.len()`; sums go to the array's first `ROWS` rows.
    unsafe {
        let mut tile = [[Q::zero(); WIDE]; ROWS];
        for (depth, step) in steps.iter().enumerate() {
            let step = step.0.as_ptr().add(column * QUAD);
            let weights: [Q::Weights; WIDE] =
                std::array::from_fn(|lane| Q::load(step.add(lane * Q::LANES * QUAD)));
            for (row, sums) in tile.iter_mut().enumerate() {
                let codes = Q::repeat(left.add(row * stride + depth * QUAD));
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = Q::multiply_add(*sum, codes, weight);
                }
            }
        }
        for (tile, sums) in tile.iter().zip(sums.iter_mut()) {
            for (lane, sum) in tile.iter().enumerate() {
                Q::store(*sum, sums.as_mut_ptr().add(column + lane * Q::LANES));
            }
        }
    }
}
