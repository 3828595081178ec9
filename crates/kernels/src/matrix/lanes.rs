//! Lanes of f32 sums, for weights in f32 and for 16-bit weights that are widened in registers.

use std::marker::PhantomData;

use super::PANEL;
use super::tiles::Lanes;
use crate::simd::F32Simd;

/// Weights in f32.
pub(super) struct F32Lanes<V>(PhantomData<V>);

/// Weights in bf16, in pairs of steps: an f32 whose upper half is the bf16 number is that number.
pub(super) struct Bf16Lanes<V>(PhantomData<V>);

/// Weights in f16, one step after the other.
pub(super) struct F16Lanes<V>(PhantomData<V>);

/// The items of [`Lanes`] that do not depend on the format of the weights.
macro_rules! f32_sums {
    () => {
        type Group = f32;
        type Sum = f32;
        type Sums = V;
        const LANES: usize = V::LANES;
        const TILE_WIDTH: usize = V::TILE_WIDTH;

        #[inline(always)]
        unsafe fn zero() -> V {
            // SAFETY: the caller guarantees the instruction set.
            unsafe { V::zero() }
        }

        #[inline(always)]
        unsafe fn store(sums: V, to: *mut f32) {
            // SAFETY: the caller guarantees the instruction set and `LANES` writable numbers.
            unsafe { sums.store(to) }
        }
    };
}

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
impl<V: F32Simd> Lanes for F32Lanes<V> {
    type Row = [f32; PANEL];
    type Weights = V;
    type Broadcast = V;
    const GROUPS: usize = 1;

    f32_sums!();

    #[inline(always)]
    unsafe fn broadcast(from: *const f32, _count: usize) -> V {
        // SAFETY: the caller guarantees the instruction set and one readable number.
        unsafe { V::splat(from) }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: V, left: V, weights: V) -> V {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { sums.multiply_add(left, weights) }
    }

    #[inline(always)]
    unsafe fn load(row: &[f32; PANEL], column: usize) -> V {
        debug_assert!(column + V::LANES <= PANEL);
        // SAFETY: the caller guarantees the instruction set and a column that leaves `LANES` numbers in the
        // row.
        unsafe { V::load(row.as_ptr().add(column)) }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
impl<V: F32Simd> Lanes for Bf16Lanes<V> {
    type Row = [[u16; 2]; PANEL];
    type Weights = [V; 2];
    type Broadcast = [V; 2];
    const GROUPS: usize = 2;

    f32_sums!();

    #[inline(always)]
    unsafe fn broadcast(from: *const f32, count: usize) -> [V; 2] {
        // SAFETY: the caller guarantees the instruction set and `count` readable numbers.
        unsafe {
            [
                V::splat(from),
                if count == 2 {
                    V::splat(from.add(1))
                } else {
                    V::zero()
                },
            ]
        }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: V, left: [V; 2], weights: [V; 2]) -> V {
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            sums.multiply_add(left[0], weights[0])
                .multiply_add(left[1], weights[1])
        }
    }

    #[inline(always)]
    unsafe fn load(row: &[[u16; 2]; PANEL], column: usize) -> [V; 2] {
        debug_assert!(column + V::LANES <= PANEL);
        // SAFETY: the caller guarantees the instruction set and a column that leaves `LANES` pairs in the
        // row.
        unsafe {
            let pairs = row.as_ptr().add(column);
            [V::load_bf16_first(pairs), V::load_bf16_second(pairs)]
        }
    }
}

#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
impl<V: F32Simd> Lanes for F16Lanes<V> {
    type Row = [u16; PANEL];
    type Weights = V;
    type Broadcast = V;
    const GROUPS: usize = 1;

    f32_sums!();

    #[inline(always)]
    unsafe fn broadcast(from: *const f32, _count: usize) -> V {
        // SAFETY: the caller guarantees the instruction set and one readable number.
        unsafe { V::splat(from) }
    }

    #[inline(always)]
    unsafe fn multiply_add(sums: V, left: V, weights: V) -> V {
        // SAFETY: the caller guarantees the instruction set.
        unsafe { sums.multiply_add(left, weights) }
    }

    #[inline(always)]
    unsafe fn load(row: &[u16; PANEL], column: usize) -> V {
        debug_assert!(column + V::LANES <= PANEL);
        // SAFETY: the caller guarantees the instruction set and a column that leaves `LANES` numbers in the
        // row.
        unsafe { V::load_f16(row.as_ptr().add(column)) }
    }
}
