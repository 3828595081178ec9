//! The left operand of a product, in the form that the format of the weights requires.

use super::elementwise::{self, RowScale};
use super::half_format::f32_to_bf16;
use super::packed_weights::QUAD;
use super::{HalfFormat, PackedWeights, Rows, WeightFormat};
use crate::Kernel;
use crate::multiversion::multiversion;

/// The left operand of a product. [`Kernel::prepare`] creates the fastest form for given weights; it can be
/// used for all products with weights of the same format and number of inputs.
#[derive(Debug, Clone, Copy)]
pub enum ProductInput<'a> {
    /// For f32 and 16-bit weights. Products are those of f32, whatever the instruction set.
    F32(Rows<'a>),
    /// For bf16 weights. Products are about twice as fast as those of f32 on processors with AVX-512 BF16.
    Bf16(&'a Bf16Rows),
    /// For int8 weights.
    Int8(&'a QuantizedRows),
}

/// Memory for [`ProductInput`]s, which is reused from product to product.
#[derive(Debug, Clone, Default)]
pub struct InputScratch {
    bf16: Bf16Rows,
    int8: QuantizedRows,
}

/// Rows rounded to bf16.
#[derive(Debug, Clone, Default)]
pub struct Bf16Rows {
    /// Pairs of inputs; the second one of the last pair is 0 if the width is odd.
    pairs: Vec<[u16; 2]>,
    count: usize,
    width: usize,
}

/// Rows quantized to integers from 0 to 255: a number is `scale · (code − zero)`, with one scale and zero
/// point per row.
#[derive(Debug, Clone, Default)]
pub struct QuantizedRows {
    /// Codes beyond the width have any value, since their weights are 0.
    quads: Vec<[u8; QUAD]>,
    scales: Vec<RowScale>,
    width: usize,
}

impl<'a> From<Rows<'a>> for ProductInput<'a> {
    fn from(rows: Rows<'a>) -> Self {
        Self::F32(rows)
    }
}

impl<'a> From<&'a Bf16Rows> for ProductInput<'a> {
    fn from(rows: &'a Bf16Rows) -> Self {
        Self::Bf16(rows)
    }
}

impl<'a> From<&'a QuantizedRows> for ProductInput<'a> {
    fn from(rows: &'a QuantizedRows) -> Self {
        Self::Int8(rows)
    }
}

impl Kernel {
    /// Converts `rows` (n × inputs) to the form in which a product with `weights` is fastest on this
    /// processor.
    ///
    /// Rows are converted one by one: their products do not depend on each other. Int8 weights require
    /// quantized rows. For bf16 weights, rows are rounded to bf16 if the processor can multiply that
    /// directly; use [`ProductInput::F32`] to keep them exact.
    ///
    /// # Panics
    /// If `rows` is narrower than the weights have inputs.
    pub fn prepare<'a>(
        self,
        rows: Rows<'a>,
        weights: &PackedWeights,
        scratch: &'a mut InputScratch,
    ) -> ProductInput<'a> {
        match weights.format() {
            WeightFormat::Int8 => {
                scratch.int8.quantize(self, rows, weights.inputs());
                ProductInput::Int8(&scratch.int8)
            }
            WeightFormat::Half(HalfFormat::Bf16) if self.multiplies_bf16() => {
                scratch.bf16.round(self, rows, weights.inputs());
                ProductInput::Bf16(&scratch.bf16)
            }
            WeightFormat::F32 | WeightFormat::Half(_) => ProductInput::F32(rows),
        }
    }

    /// Whether products of bf16 with bf16 are faster than those of f32.
    const fn multiplies_bf16(self) -> bool {
        match self.isa() {
            #[cfg(target_arch = "x86_64")]
            crate::Isa::Avx512Bf16 => true,
            _ => false,
        }
    }
}

impl ProductInput<'_> {
    pub(super) fn count(&self) -> usize {
        match self {
            Self::F32(rows) => rows.count,
            Self::Bf16(rows) => rows.count,
            Self::Int8(rows) => rows.scales.len(),
        }
    }
}

impl Bf16Rows {
    /// Rounds `rows` (n × `width`) to bf16, to nearest even.
    ///
    /// # Panics
    /// If the rows are narrower than `width`.
    pub fn round(&mut self, kernel: Kernel, rows: Rows<'_>, width: usize) {
        rows.check(width);
        (self.count, self.width) = (rows.count, width);
        let stride = self.stride();
        self.pairs.resize(rows.count * stride, [0; 2]);
        if width == 0 {
            return;
        }
        for (row, pairs) in self.pairs.chunks_exact_mut(stride).enumerate() {
            let values = &rows.values[row * rows.stride..][..width];
            let halves = pairs.as_flattened_mut();
            round_to_bf16(kernel, values, &mut halves[..width]);
            halves[width..].fill(0);
        }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Pairs of a row.
    pub(super) const fn stride(&self) -> usize {
        self.width.div_ceil(2)
    }

    pub(super) fn pairs(&self) -> &[[u16; 2]] {
        &self.pairs
    }
}

impl QuantizedRows {
    /// Quantizes `rows` (n × `width`), each row between its own least and greatest number.
    ///
    /// Products of a row with a number that is not finite are NaN.
    ///
    /// # Panics
    /// If the rows are narrower than `width`.
    pub fn quantize(&mut self, kernel: Kernel, rows: Rows<'_>, width: usize) {
        rows.check(width);
        self.width = width;
        let stride = self.stride();
        self.quads.resize(rows.count * stride, [0; QUAD]);
        self.scales.resize(rows.count, RowScale::default());
        for (row, scale) in self.scales.iter_mut().enumerate() {
            let values = &rows.values[row * rows.stride..][..width];
            let codes = self.quads[row * stride..][..stride].as_flattened_mut();
            *scale = elementwise::quantize(kernel, values, &mut codes[..width]);
        }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Quads of a row.
    pub(super) const fn stride(&self) -> usize {
        self.width.div_ceil(QUAD)
    }

    pub(super) fn quads(&self) -> &[[u8; QUAD]] {
        &self.quads
    }

    pub(super) fn scale(&self, row: usize) -> RowScale {
        self.scales[row]
    }
}

multiversion! {
    fn round_to_bf16(row: &[f32], out: &mut [u16]) = round_to_bf16_body;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn round_to_bf16_body(row: &[f32], out: &mut [u16]) {
    for (x, out) in row.iter().zip(out) {
        *out = f32_to_bf16(*x);
    }
}
