//! The table of a vocabulary's embeddings. Rows are looked up, never multiplied: a large table stays in its file, and of
//! others 16-bit values stay 16-bit.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::HalfFormat;

use super::file_rows::{FileRows, RowError};
use super::gguf_blocks::Blocks;
use super::linear_format::LinearFormat;
use super::tensor_data::{TensorData, TensorValues, widened};
use crate::error::LoadError;

/// Rows of a part of a quantized table: reading one row dequantizes its part.
const PART: usize = 16;

/// One row for each token.
pub struct EmbeddingTable {
    rows: TableRows,
    width: usize,
}

enum TableRows {
    F32(Vec<f32>),
    Half(Vec<u16>, HalfFormat),
    /// Parts of [`PART`] rows.
    Gguf(Vec<Blocks>),
    OnDisk(FileRows),
}

impl EmbeddingTable {
    /// Converts f32 values to bf16 where `format` is smaller than f32; 16-bit values and blocks are kept unless `format`
    /// is f32. Rows in a file stay there, as they are.
    pub fn pack(data: TensorData, format: LinearFormat) -> Result<Self, LoadError> {
        let width = data.shape.last().copied().unwrap_or(0);
        let rows = match (data.values, format) {
            (TensorValues::OnDisk(rows), _) => TableRows::OnDisk(rows),
            (TensorValues::Gguf(kind, bytes), _) => TableRows::Gguf(Blocks::cut(kind, &bytes, width, PART)?),
            (TensorValues::F32(values), LinearFormat::F32 | LinearFormat::AsInFile) => TableRows::F32(values),
            (TensorValues::F32(values), _) => TableRows::Half(
                values.into_iter().map(|x| HalfFormat::Bf16.from_f32(x)).collect(),
                HalfFormat::Bf16,
            ),
            (TensorValues::Half(halves, half), LinearFormat::F32) => TableRows::F32(widened(&halves, half)),
            (TensorValues::Half(halves, half), _) => TableRows::Half(halves, half),
        };
        Ok(Self { rows, width })
    }

    /// Writes row `row` into `out`. Errors: it is in a file that changed, or cannot be read.
    pub fn read(&self, kernel: Kernel, row: usize, out: &mut [f32]) -> Result<(), RowError> {
        let width = self.width;
        match &self.rows {
            TableRows::F32(values) => out.copy_from_slice(&values[row * width..][..width]),
            TableRows::Half(halves, half) => kernel.widen(*half, &halves[row * width..][..width], out),
            TableRows::Gguf(parts) => {
                let values = parts[row / PART].values();
                out.copy_from_slice(&values[row % PART * width..][..width]);
            }
            TableRows::OnDisk(rows) => rows.read(row, out)?,
        }
        Ok(())
    }

    /// Bytes that the rows take.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        match &self.rows {
            TableRows::F32(values) => 4 * values.len(),
            TableRows::Half(halves, _) => 2 * halves.len(),
            TableRows::Gguf(parts) => parts.iter().map(Blocks::bytes).sum(),
            TableRows::OnDisk(rows) => rows.bytes(),
        }
    }
}
