//! Products of whole numbers: exact sums in registers, for any instruction set.

use super::epilogue::{Target, TileRow};
use super::f32_tiles::{MOST_ROWS, Sums, heights};
use super::packed_weights::{Int8Panel, Int8PanelRow, QUAD};
use super::prefetch::Prefetch;
use super::quantized_rows::{QuantizedRows, RowScale};
use super::{Isa, PANEL};

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::scalar;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Registers of an instruction set that multiplies codes (0 … 255) with weights (−127 … 127), four to a sum.
pub(crate) trait QuadLanes {
    /// Sums.
    type Sums: Copy;
    /// Weights, four for each sum.
    type Weights: Copy;
    /// Four codes, repeated for each sum.
    type Values: Copy;
    /// Sums in a register.
    const LANES: usize;
    /// Registers side by side in a tile.
    const WIDE: usize;
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
    unsafe fn repeat(from: *const u8) -> Self::Values;

    /// Each sum plus the four products that belong to it.
    ///
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn multiply_add(sums: Self::Sums, codes: Self::Values, weights: Self::Weights) -> Self::Sums;

    /// # Safety
    /// The processor has the instruction set, and `LANES` sums may be written.
    unsafe fn store(sums: Self::Sums, to: *mut i32);
}

/// Sums of as many rows, from a pointer on at a stride, times a panel: one for each height of a tile, from one row to
/// the most that an instruction set has registers for.
pub(crate) type Int8Tile = unsafe fn(*const u8, usize, &[Int8PanelRow], Prefetch, &mut Sums<i32>);

/// All codes times one panel, brought back to f32, finished into `target`.
pub(crate) fn panel(isa: Isa, codes: &QuantizedRows, panel: &Int8Panel<'_>, target: &mut Target<'_>) {
    assert_eq!(panel.steps.len() * QUAD, codes.stride(), "codes of another width");
    assert_eq!(
        codes.codes().len(),
        codes.count() * codes.stride(),
        "rows of codes"
    );
    match isa {
        Isa::Scalar => scalar::integer_panel(codes, panel, target),
        // SAFETY: a level is only made after its instruction set was found; the codes were checked above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => unsafe { x86::integer_panel_avx2(codes, panel, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => unsafe { x86::integer_panel_avx_vnni(codes, panel, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => unsafe { x86::integer_panel_avx512_vnni(codes, panel, target) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => unsafe { neon::integer_panel(codes, panel, target) },
    }
}

/// The numbers that sums of `Σ (code − offset) · weight` stand for.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
pub(crate) fn to_floats(sums: &[i32; PANEL], offset: i32, row: RowScale, panel: &Int8Panel<'_>) -> TileRow {
    let zero = row.zero - offset;
    let mut values = TileRow([0.0; PANEL]);
    for (column, value) in values.0.iter_mut().enumerate() {
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
pub(crate) unsafe fn run(
    codes: &QuantizedRows,
    panel: &Int8Panel<'_>,
    target: &mut Target<'_>,
    offset: i32,
    tiles: &[Int8Tile],
) {
    let mut sums = Sums([[0; PANEL]; MOST_ROWS]);
    let prefetch = Prefetch::new(panel.next, panel.steps.len(), codes.count().div_ceil(tiles.len()));
    for (tile, (first, height)) in heights(codes.count(), tiles.len()).enumerate() {
        let left = &codes.codes()[first * codes.stride()..];
        // SAFETY: the caller vouches for the instruction set and for `height` rows from `first` on.
        unsafe {
            tiles[height - 1](
                left.as_ptr(),
                codes.stride(),
                panel.steps,
                prefetch.of_tile(tile),
                &mut sums,
            );
        };
        for (row, sums) in sums.0[..height].iter().enumerate() {
            let values = to_floats(sums, offset, codes.scale(first + row), panel);
            target.write(first + row, &values.0);
        }
    }
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
pub(crate) unsafe fn tile<Q: QuadLanes, const ROWS: usize>(
    left: *const u8,
    stride: usize,
    steps: &[Int8PanelRow],
    prefetch: Prefetch,
    sums: &mut Sums<i32>,
) {
    for column in (0..PANEL).step_by(Q::LANES * Q::WIDE) {
        // SAFETY: the caller vouches for the instruction set and the rows; `column` leaves room for a tile's width.
        unsafe {
            match Q::WIDE {
                2 => part::<Q, ROWS, 2>(left, stride, steps, prefetch, sums, column),
                4 => part::<Q, ROWS, 4>(left, stride, steps, prefetch, sums, column),
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
    steps: &[Int8PanelRow],
    prefetch: Prefetch,
    sums: &mut Sums<i32>,
    column: usize,
) {
    // SAFETY: the caller vouches for the instruction set. Reads of weights lie within a step, as `column` says; row `r`
    // of the left side is read at 4 · `depth` with `depth` < `steps.len()`; sums go to the array's first `ROWS` rows.
    unsafe {
        let mut tile = [[Q::zero(); WIDE]; ROWS];
        for (depth, step) in steps.iter().enumerate() {
            prefetch.fetch(depth);
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
        for (tile, sums) in tile.iter().zip(sums.0.iter_mut()) {
            for (lane, sum) in tile.iter().enumerate() {
                Q::store(*sum, sums.as_mut_ptr().add(column + lane * Q::LANES));
            }
        }
    }
}
