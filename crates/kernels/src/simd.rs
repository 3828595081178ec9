//! The operations on registers of f32 that generic kernels are written in, for each vector instruction set.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

/// A register of [`LANES`](Self::LANES) f32 numbers.
///
/// # Safety
/// Every function requires that the processor has the instruction set of the type, and that its caller is
/// compiled for it: all of them are inlined into functions with `#[target_feature]`. Pointers need no
/// alignment.
pub(crate) trait F32Simd: Copy {
    /// Numbers in a register.
    const LANES: usize;
    /// Registers side by side in a tile of a matrix product; see `matrix::tiles`.
    const TILE_WIDTH: usize;

    /// All lanes 0.
    unsafe fn zero() -> Self;

    /// The number at `from` in all lanes.
    unsafe fn splat(from: *const f32) -> Self;

    /// `LANES` numbers from `from` on, which must be readable.
    unsafe fn load(from: *const f32) -> Self;

    /// `count` numbers from `from` on, which must be readable, in the first lanes and 0 in the others;
    /// `count < LANES`.
    unsafe fn load_partial(from: *const f32, count: usize) -> Self;

    /// The first of each pair of bf16 numbers. `LANES` pairs from `from` on must be readable.
    unsafe fn load_bf16_first(from: *const [u16; 2]) -> Self;

    /// The second of each pair of bf16 numbers. `LANES` pairs from `from` on must be readable.
    unsafe fn load_bf16_second(from: *const [u16; 2]) -> Self;

    /// `LANES` f16 numbers (IEEE 754 binary16) from `from` on, which must be readable.
    unsafe fn load_f16(from: *const u16) -> Self;

    /// Writes `LANES` numbers from `to` on, which must be writable.
    unsafe fn store(self, to: *mut f32);

    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;

    /// `self + a·b`, rounded once.
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self;

    /// The sum of all lanes.
    unsafe fn sum(self) -> f32;
}
