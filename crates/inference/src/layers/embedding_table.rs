//! The table of a vocabulary's embeddings: looked up, never multiplied, so it stays as the file holds it.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::HalfFormat;

use super::gguf_blocks::Blocks;

/// Rows of a part of a table in blocks: all are brought to f32 to read one.
pub const PART: usize = 16;

/// A row for each token.
pub enum Table {
    F32(Vec<f32>),
    Half(Vec<u16>, HalfFormat),
    /// Parts of [`PART`] rows.
    Blocks(Vec<Blocks>),
}

impl Table {
    /// Writes row `row` into `out`, which says how long rows are.
    pub fn read(&self, kernel: Kernel, row: usize, out: &mut [f32]) {
        let width = out.len();
        match self {
            Self::F32(values) => out.copy_from_slice(&values[row * width..][..width]),
            Self::Half(halves, half) => kernel.widen(*half, &halves[row * width..][..width], out),
            Self::Blocks(parts) => {
                let values = parts[row / PART].values();
                out.copy_from_slice(&values[row % PART * width..][..width]);
            }
        }
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        match self {
            Self::F32(values) => 4 * values.len(),
            Self::Half(halves, _) => 2 * halves.len(),
            Self::Blocks(parts) => parts.iter().map(Blocks::bytes).sum(),
        }
    }
}
