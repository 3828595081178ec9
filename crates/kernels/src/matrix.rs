//! Matrix products with packed weights, and the operations between them in a neural network.
//!
//! # Products
//!
//! The right operand of a product is a [`PackedWeights`], which is packed once when a model is loaded. Its
//! [`WeightFormat`] decides the precision of the product, so an engine needs only one code path:
//!
//! 1. [`Kernel::prepare`] converts the rows of the left operand to the form that the weights require: as
//!    they are, rounded to bf16, or quantized to 8 bits. The result is a [`ProductInput`], which can be
//!    used for several products.
//! 2. [`Kernel::product`] multiplies, and applies an [`Epilogue`] (bias, activation, accumulation) while
//!    the sums are in the cache.
//!
//! | weights | left operand | sums | result |
//! | --- | --- | --- | --- |
//! | f32 | f32 | f32 | |
//! | bf16, f16 | f32 | f32 | the same bits as with the weights widened to f32 |
//! | bf16 | bf16 | f32 | about twice the speed of f32, with AVX-512 BF16 only |
//! | int8, one scale per output | 8 bits, one scale and zero point per row | i32 | the same bits for all instruction sets |
//!
//! Products run on the calling thread. A row of the result depends only on its row of the left operand, so
//! callers may split rows among threads.
//!
//! # Other operations
//!
//! [`Kernel::attention`], [`Kernel::layer_norm`], [`Kernel::softmax`], [`Kernel::rms_norm`],
//! [`Kernel::swiglu`], [`Kernel::apply_rotary`], [`Kernel::depthwise`], [`Kernel::activate_scaled`] and
//! [`Kernel::widen`].
//!
//! [`Kernel::prepare`]: crate::Kernel::prepare
//! [`Kernel::product`]: crate::Kernel::product
//! [`Kernel::attention`]: crate::Kernel::attention
//! [`Kernel::layer_norm`]: crate::Kernel::layer_norm
//! [`Kernel::softmax`]: crate::Kernel::softmax
//! [`Kernel::rms_norm`]: crate::Kernel::rms_norm
//! [`Kernel::swiglu`]: crate::Kernel::swiglu
//! [`Kernel::apply_rotary`]: crate::Kernel::apply_rotary
//! [`Kernel::depthwise`]: crate::Kernel::depthwise
//! [`Kernel::activate_scaled`]: crate::Kernel::activate_scaled
//! [`Kernel::widen`]: crate::Kernel::widen

mod activation;
mod attention;
mod decoder;
mod depthwise;
mod elementwise;
mod epilogue;
mod half_format;
mod input;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod packed_weights;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod panel_kernel;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod prefetch;
mod product;
mod scalar;
mod tiles;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use activation::Activation;
pub use attention::{Attention, AttentionScratch, DistanceBias, Heads, Mask};
pub use depthwise::{Depthwise, FeatureMap};
pub use epilogue::{Epilogue, EpilogueOp};
pub use half_format::HalfFormat;
pub use input::{Bf16Rows, InputScratch, ProductInput, QuantizedRows};
pub use packed_weights::{PackedWeights, WeightFormat};

/// Outputs of a panel of packed weights.
const PANEL: usize = 32;

/// Rows of f32 at a fixed distance in a slice.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
    count: usize,
}

/// As [`Rows`], mutable.
#[derive(Debug)]
pub struct RowsMut<'a> {
    values: &'a mut [f32],
    stride: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    /// `count` rows, each starting `stride` numbers after the previous one.
    pub const fn new(values: &'a [f32], stride: usize, count: usize) -> Self {
        Self {
            values,
            stride,
            count,
        }
    }

    /// Panics unless the rows have at least `width` numbers.
    fn check(&self, width: usize) {
        check_rows(self.values.len(), self.stride, self.count, width);
    }
}

impl<'a> RowsMut<'a> {
    /// `count` rows, each starting `stride` numbers after the previous one.
    pub const fn new(values: &'a mut [f32], stride: usize, count: usize) -> Self {
        Self {
            values,
            stride,
            count,
        }
    }

    /// Panics unless there are `count` rows of at least `width` numbers.
    fn check(&self, count: usize, width: usize) {
        assert_eq!(self.count, count, "as many rows out as in");
        check_rows(self.values.len(), self.stride, self.count, width);
    }
}

/// Panics unless `count` rows of `width` numbers, `stride` apart, fit a slice of `length` numbers.
fn check_rows(length: usize, stride: usize, count: usize, width: usize) {
    if count == 0 {
        return;
    }
    let end = (count - 1)
        .checked_mul(stride)
        .and_then(|start| start.checked_add(width));
    assert!(
        end.is_some_and(|end| end <= length) && width <= stride,
        "{count} rows of {width} at a distance of {stride} do not fit {length} numbers"
    );
}
