//! Compute kernels for vectors and neural networks, for the instruction sets of x86-64 and 64-bit Arm. All
//! unsafe code of the workspace is in this crate.
//!
//! A [`Kernel`] stands for one instruction set that this processor has ([`Isa`]), detected once per
//! process. Its methods are safe, since it can only be created for an instruction set that was detected.
//! Most callers use [`Kernel::best`]; tests compare [`Kernel::available`] with each other,
//! [`Kernel::scalar`] being the portable reference.
//!
//! | for | entry points |
//! | --- | --- |
//! | exact scores of embeddings | [`dot`], [`dot_rows`] |
//! | approximate scores of quantized embeddings | [`dot_i8`], [`sign_bits`], [`hamming_distances`], [`CacheLine`], [`prefetch()`] |
//! | neural networks | [`matrix`]: [`Kernel::prepare`], [`Kernel::product`], [`Kernel::attention`] and others |
//! | resizing images | [`Kernel::weighted_rows`] |
//!
//! Everything runs on the calling thread.
//!
//! # Reproducibility
//!
//! The order in which a kernel sums a row depends only on the length of the row. The score of a row
//! therefore has the same bits whether it comes from [`dot`] or from [`dot_rows`], and the product of a row
//! whatever other rows are multiplied with it. Results in f32 may differ in the last bits between
//! instruction sets; results in integers do not.
//!
//! # Example
//!
//! A dense layer with three outputs and two inputs, for a batch of two rows:
//!
//! ```
//! use eidetic_kernels::Kernel;
//! use eidetic_kernels::matrix::{
//!     Activation, Epilogue, InputScratch, PackedWeights, Rows, RowsMut, WeightFormat,
//! };
//!
//! // When a model is loaded: the format decides speed, memory and precision.
//! let weights = PackedWeights::pack(&[1.0, 0.0, 0.0, 1.0, 1.0, -1.0], WeightFormat::F32, 3, 2);
//! let bias = [0.0, 0.5, 0.0];
//!
//! // For each batch; the code is the same for all formats.
//! let kernel = Kernel::best();
//! let mut scratch = InputScratch::default();
//! let batch = [3.0, 4.0, 5.0, 6.0];
//! let input = kernel.prepare(Rows::new(&batch, 2, 2), &weights, &mut scratch);
//! let mut out = [0.0; 6];
//! let epilogue = Epilogue::activate(&bias, Activation::Relu);
//! kernel.product(input, &weights, epilogue, RowsMut::new(&mut out, 3, 2));
//! assert_eq!(out, [3.0, 4.5, 0.0, 5.0, 6.5, 0.0]);
//! ```

mod cache_line;
mod dot_f32;
mod dot_i8;
mod isa;
pub mod matrix;
mod multiversion;
mod prefetch;
mod resample;
mod sign_bits;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod simd;

pub use cache_line::CacheLine;
pub use dot_f32::{dot, dot_rows};
pub use dot_i8::dot_i8;
pub use isa::{Isa, Kernel};
pub use prefetch::prefetch;
pub use resample::WEIGHT_BITS;
pub use sign_bits::{hamming_distances, sign_bits};
