//! All vectors in memory, by row.

use std::sync::Arc;

/// Rows in a block: at 512 dimensions 2 MiB, enough work for one step of a thread.
pub(crate) const BLOCK_ROWS: usize = 1024;

/// Rows of `dimension` numbers, in blocks. A block ends with the last of its rows that was ever set.
///
/// A clone shares its blocks with the original; whoever writes first copies the one block that it writes to. Growing
/// never moves what is there.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    dimension: usize,
    blocks: Vec<Arc<Vec<f32>>>,
}

impl Matrix {
    /// A matrix of these blocks, each of at most [`BLOCK_ROWS`] rows of `dimension` ≥ 1 numbers.
    pub(crate) const fn from_blocks(dimension: usize, blocks: Vec<Arc<Vec<f32>>>) -> Self {
        Self { dimension, blocks }
    }

    /// The blocks' numbers; block `b` starts with row `b` · [`BLOCK_ROWS`].
    pub(crate) fn blocks(&self) -> &[Arc<Vec<f32>>] {
        &self.blocks
    }

    /// The numbers of `row`, which must have been set.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.blocks[row / BLOCK_ROWS][row % BLOCK_ROWS * self.dimension..][..self.dimension]
    }

    /// Replaces `row`, growing its block with zeros up to it.
    pub(crate) fn set(&mut self, row: usize, vector: &[f32]) {
        let (block, start) = (row / BLOCK_ROWS, row % BLOCK_ROWS * self.dimension);
        while self.blocks.len() <= block {
            self.blocks.push(Arc::default());
        }
        let numbers = Arc::make_mut(&mut self.blocks[block]);
        if numbers.len() < start + self.dimension {
            numbers.resize(start + self.dimension, 0.0);
        }
        numbers[start..start + self.dimension].copy_from_slice(vector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_and_a_clone_keeps_what_it_saw() {
        let mut matrix = Matrix::from_blocks(2, Vec::new());
        matrix.set(0, &[1.0, 2.0]);
        matrix.set(3 * BLOCK_ROWS + 5, &[3.0, 4.0]);
        let before = matrix.clone();
        matrix.set(0, &[5.0, 6.0]);
        assert_eq!(matrix.row(0), [5.0, 6.0]);
        assert_eq!(before.row(0), [1.0, 2.0]);
        assert_eq!(matrix.row(3 * BLOCK_ROWS + 5), [3.0, 4.0]);
        assert_eq!(matrix.blocks().len(), 4);
    }
}
