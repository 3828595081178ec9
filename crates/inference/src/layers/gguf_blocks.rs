//! Weights in ggml's quantized blocks, dequantized to f32 whenever they are multiplied.
//!
//! candle's own quantized products round the other side to 8 bits as well; only its dequantization is used here.

use std::borrow::Cow;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use eidetic_kernels::matrix::{PackedWeights, WeightFormat};

use crate::error::LoadError;

/// A matrix whose rows are whole blocks.
pub struct Blocks {
    tensor: QTensor,
    outputs: usize,
    inputs: usize,
}

/// Whether the bytes are aligned as blocks of any type must be.
fn is_aligned(bytes: &[u8]) -> bool {
    bytes.as_ptr().addr().is_multiple_of(align_of::<f32>())
}

impl Blocks {
    /// Takes `bytes` as outputs × inputs, row by row, each row in whole blocks.
    pub fn new(kind: GgmlDType, bytes: Vec<u8>, outputs: usize, inputs: usize) -> Result<Self, LoadError> {
        let whole = inputs.is_multiple_of(kind.block_size());
        let expected = outputs * (inputs / kind.block_size()) * kind.type_size();
        // Allocators align to 16 bytes; candle panics on less than a block needs.
        if !whole || bytes.len() != expected || !is_aligned(&bytes) {
            return Err(LoadError::Weights(format!(
                "{} bytes of {kind:?} for {outputs} rows of {inputs}",
                bytes.len()
            )));
        }
        let storage = QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, kind)?;
        Ok(Self {
            tensor: QTensor::new(storage, (outputs, inputs))?,
            outputs,
            inputs,
        })
    }

    /// Cuts rows of `inputs` values into parts of `height` rows.
    pub fn cut(kind: GgmlDType, bytes: &[u8], inputs: usize, height: usize) -> Result<Vec<Self>, LoadError> {
        let row = (inputs / kind.block_size()).saturating_mul(kind.type_size());
        if row == 0 {
            return Err(LoadError::Weights("a quantized tensor is empty".to_owned()));
        }
        let parts = bytes.chunks(height.saturating_mul(row));
        parts
            .map(|part| Self::new(kind, part.to_vec(), part.len() / row, inputs))
            .collect()
    }

    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// The values, row by row; NaN where candle fails, which it does on no processor.
    pub fn values(&self) -> Vec<f32> {
        let values = || self.tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1();
        values().unwrap_or_else(|_| vec![f32::NAN; self.outputs * self.inputs])
    }

    /// The same weights, packed for products.
    pub fn dequantized(&self) -> PackedWeights {
        PackedWeights::pack(&self.values(), WeightFormat::F32, self.outputs, self.inputs)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.tensor.storage_size_in_bytes()
    }
}
