//! A tensor as a file holds it, and the rearrangements that layouts of files need.

use candle_core::quantized::GgmlDType;
use eidetic_kernels::matrix::HalfFormat;
use safetensors::Dtype;

use crate::error::LoadError;
use crate::layers::file_rows::{FileRows, RowsPlace};
use crate::layers::gguf_blocks::Blocks;

/// Shape and values of a tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorData {
    pub shape: Vec<usize>,
    pub values: TensorValues,
}

/// Values in the type of the file.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorValues {
    F32(Vec<f32>),
    Half(Vec<u16>, HalfFormat),
    /// Quantized blocks of ggml; each row is a whole number of blocks.
    Gguf(GgmlDType, Vec<u8>),
    /// A table that stays in its file.
    OnDisk(FileRows),
}

impl TensorData {
    /// `None` for types other than f32, f16 and bf16.
    pub fn from_bytes(dtype: Dtype, shape: Vec<usize>, bytes: &[u8]) -> Option<Self> {
        let halves = || {
            let pairs = bytes.as_chunks().0.iter();
            pairs.map(|pair| u16::from_le_bytes(*pair)).collect()
        };
        let values = match dtype {
            Dtype::F32 => {
                let words = bytes.as_chunks().0.iter();
                TensorValues::F32(words.map(|word| f32::from_le_bytes(*word)).collect())
            }
            Dtype::F16 => TensorValues::Half(halves(), HalfFormat::F16),
            Dtype::BF16 => TensorValues::Half(halves(), HalfFormat::Bf16),
            _ => return None,
        };
        Some(Self { shape, values })
    }

    /// The length of the first axis.
    pub fn rows(&self) -> Option<usize> {
        self.shape.first().copied()
    }

    /// The only value of a tensor that has one.
    pub fn scalar(&self) -> Option<f32> {
        match &self.values {
            TensorValues::F32(values) if values.len() == 1 => Some(values[0]),
            TensorValues::Half(halves, format) if halves.len() == 1 => Some(format.to_f32(halves[0])),
            _ => None,
        }
    }

    /// Part `number` of `of` equal parts of the first axis; `None` where it cannot be cut so, is quantized, or stays in its file.
    pub fn part(&self, number: usize, of: usize) -> Option<Self> {
        let rows = self.rows().filter(|rows| rows.is_multiple_of(of))? / of;
        let values = match &self.values {
            TensorValues::F32(values) => TensorValues::F32(part(values, number, of)),
            TensorValues::Half(halves, format) => TensorValues::Half(part(halves, number, of), *format),
            TensorValues::Gguf(..) | TensorValues::OnDisk(_) => return None,
        };
        let mut shape = self.shape.clone();
        shape[0] = rows;
        Some(Self { shape, values })
    }

    /// The tensor with its axes in this order; `None` where it has another number of axes, is quantized, or stays in its file.
    pub fn permuted(&self, axes: &[usize]) -> Option<Self> {
        if axes.len() != self.shape.len() {
            return None;
        }
        let values = match &self.values {
            TensorValues::F32(values) => TensorValues::F32(permuted(values, &self.shape, axes)),
            TensorValues::Half(halves, format) => {
                TensorValues::Half(permuted(halves, &self.shape, axes), *format)
            }
            TensorValues::Gguf(..) | TensorValues::OnDisk(_) => return None,
        };
        let shape = axes.iter().map(|&axis| self.shape[axis]).collect();
        Some(Self { shape, values })
    }

    /// A table whose rows stay in their file, from a reader that stands at the first one.
    pub fn on_disk(
        shape: &[usize],
        place: RowsPlace,
        take: impl FnMut(u64) -> Result<Vec<u8>, LoadError>,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            shape: shape.to_vec(),
            values: TensorValues::OnDisk(FileRows::scan(place, take)?),
        })
    }

    /// All values as f32.
    pub fn into_f32(self) -> Result<Vec<f32>, LoadError> {
        Ok(match self.values {
            TensorValues::F32(values) => values,
            TensorValues::Half(halves, format) => widened(&halves, format),
            TensorValues::Gguf(kind, bytes) => {
                let inputs = self.shape.last().copied().unwrap_or(0);
                let outputs = self.shape.iter().rev().skip(1).product();
                Blocks::new(kind, bytes, outputs, inputs)?.values()
            }
            TensorValues::OnDisk(rows) => rows
                .values()
                .map_err(|error| LoadError::Weights(error.to_string()))?,
        })
    }
}

fn part<T: Copy>(values: &[T], number: usize, of: usize) -> Vec<T> {
    let size = values.len() / of;
    values[number * size..][..size].to_vec()
}

/// Counts through the new shape like an odometer, so that each value costs an addition.
fn permuted<T: Copy>(values: &[T], shape: &[usize], axes: &[usize]) -> Vec<T> {
    let strides: Vec<usize> = (0..shape.len())
        .map(|axis| shape[axis + 1..].iter().product())
        .collect();
    let mut index = vec![0; axes.len()];
    let mut offset = 0;
    let mut out = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        out.push(values[offset]);
        for (place, &axis) in axes.iter().enumerate().rev() {
            index[place] += 1;
            offset += strides[axis];
            if index[place] < shape[axis] {
                break;
            }
            offset -= index[place] * strides[axis];
            index[place] = 0;
        }
    }
    out
}

/// 16-bit values as f32.
pub fn widened(halves: &[u16], format: HalfFormat) -> Vec<f32> {
    halves.iter().map(|bits| format.to_f32(*bits)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permuted_axes_move_their_values() {
        let tensor = TensorData {
            shape: vec![2, 3],
            values: TensorValues::F32((0..6_u8).map(f32::from).collect()),
        };
        let transposed = tensor.permuted(&[1, 0]).unwrap();
        assert_eq!(transposed.shape, [3, 2]);
        assert_eq!(transposed.into_f32().unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(tensor.permuted(&[0]), None);
    }
}
