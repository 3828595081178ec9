//! Dot products over vectors: a plain one and the fastest one this processor has. All unsafe code lives here.
//!
//! [`dot`] and [`dot_rows`] pick the fastest [`Kernel`] once per process. A kernel for an instruction set can only be
//! had where the processor knows that set, so holding one is the proof that running it is sound.
//!
//! Every kernel sums a row in an order that depends on the row's length alone. The score of a row is therefore the
//! same to the last bit whether it comes from [`dot`] or from [`dot_rows`], whatever rows stand beside it.

mod cache_line;
mod dot_f32;
mod dot_i8;
mod isa;
pub mod matrix;
mod resample;
mod sign_bits;

pub use cache_line::CacheLine;
pub use dot_f32::{dot, dot_rows};
pub use dot_i8::{dot_i8, prefetch};
pub use isa::{Isa, Kernel};
pub use resample::WEIGHT_BITS;
pub use sign_bits::{hamming_distances, sign_bits};
