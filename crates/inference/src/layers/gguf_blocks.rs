//! Weights in ggml's blocks of few bits, brought back to f32 whenever they are multiplied.
//!
//! candle's own products with them round the other side to 8 bits as well; here only its reading of blocks is used.

use std::borrow::Cow;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use eidetic_kernels::matrix::{PackedWeights, WeightFormat};

use crate::error::LoadError;

/// A matrix of whole blocks.
pub struct Blocks {
    tensor: QTensor,
    outputs: usize,
    inputs: usize,
}

/// Whether blocks of any type may lie here.
fn is_aligned(bytes: &[u8]) -> bool {
    bytes.as_ptr().addr().is_multiple_of(align_of::<f32>())
}

impl Blocks {
    /// `bytes` hold outputs × inputs, row by row, each row in whole blocks.
    pub fn new(kind: GgmlDType, bytes: Vec<u8>, outputs: usize, inputs: usize) -> Result<Self, LoadError> {
        let whole = inputs.is_multiple_of(kind.block_size());
        let expected = outputs * (inputs / kind.block_size()) * kind.type_size();
        // Memory of its own is aligned to 16 by every allocator there is; candle panics on less than a block asks for.
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

    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// The numbers, row by row; none that can be used where candle fails, which it does on no processor.
    pub fn values(&self) -> Vec<f32> {
        let values = || self.tensor.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1();
        values().unwrap_or_else(|_| vec![f32::NAN; self.outputs * self.inputs])
    }

    /// The same weights, packed for products.
    pub fn widened(&self) -> PackedWeights {
        PackedWeights::pack(&self.values(), WeightFormat::F32, self.outputs, self.inputs)
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.tensor.storage_size_in_bytes()
    }
}
