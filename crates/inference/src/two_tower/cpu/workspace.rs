//! The memory of a tower's forward pass.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{AttentionScratch, InputScratch};

use crate::layers::matrix::Matrix;

/// The memory that a group of sequences needs in a tower, used again by the next group.
pub struct Workspace {
    pub kernel: Kernel,
    /// What the layers change: a row for each position.
    pub hidden: Matrix,
    /// The same, normalized.
    pub normed: Matrix,
    pub queries: Matrix,
    pub keys: Matrix,
    pub values: Matrix,
    /// The output of attention.
    pub attended: Matrix,
    /// Between the two layers of an MLP; before the first block, patches.
    pub inner: Matrix,
    /// Rows that become embeddings.
    pub pooled: Matrix,
    pub products: InputScratch,
    pub attention: AttentionScratch,
    pub maps: Maps,
}

/// What a convolutional tower needs: maps with a row for each position of each image.
#[derive(Default)]
pub struct Maps {
    pub current: Matrix,
    pub inner: Matrix,
    pub next: Matrix,
    /// The neighbourhoods of some positions.
    pub columns: Matrix,
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            kernel: Kernel::best(),
            hidden: Matrix::default(),
            normed: Matrix::default(),
            queries: Matrix::default(),
            keys: Matrix::default(),
            values: Matrix::default(),
            attended: Matrix::default(),
            inner: Matrix::default(),
            pooled: Matrix::default(),
            attention: AttentionScratch::default(),
            products: InputScratch::default(),
            maps: Maps::default(),
        }
    }
}
