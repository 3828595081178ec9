//! Rows as whole numbers from 0 to 255.

use super::packed_weights::QUAD;
use super::{Kernel, Rows, elementwise};

/// Rows of codes: a number is `scale · (code − zero)`, with the row's own scale and zero. Made to be used again: its
/// memory is kept.
#[derive(Debug, Clone, Default)]
pub struct QuantizedRows {
    /// Rows of `stride` codes; those beyond the width stand for nothing, as they meet weights of zero.
    bytes: Vec<u8>,
    scales: Vec<RowScale>,
    width: usize,
}

/// What a row's codes are worth.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct RowScale {
    pub(crate) scale: f32,
    pub(crate) zero: i32,
}

impl QuantizedRows {
    /// Rounds `rows` (n × `width`) to codes, each row between its own least and greatest number. A row with a number
    /// that is not finite becomes one whose products are NaN.
    ///
    /// # Panics
    /// If the rows do not have `width` numbers.
    pub fn quantize(&mut self, kernel: Kernel, rows: Rows<'_>, width: usize) {
        rows.check(width);
        self.width = width;
        let stride = self.stride();
        self.bytes.resize(rows.count * stride, 0);
        self.scales.resize(rows.count, RowScale::default());
        for (row, scale) in self.scales.iter_mut().enumerate() {
            let values = &rows.values[row * rows.stride..][..width];
            *scale = elementwise::quantize(kernel.isa(), values, &mut self.bytes[row * stride..][..width]);
        }
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    pub(crate) const fn count(&self) -> usize {
        self.scales.len()
    }

    pub(crate) const fn stride(&self) -> usize {
        self.width.next_multiple_of(QUAD)
    }

    pub(crate) fn codes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn scale(&self, row: usize) -> RowScale {
        self.scales[row]
    }
}
