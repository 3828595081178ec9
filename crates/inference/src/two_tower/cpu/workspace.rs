use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{AttentionScratch, InputScratch};

use crate::layers::matrix::Matrix;
use crate::layers::products::Products;

/// The memory that a group of sequences needs on its way through a tower, used again by the next group.
pub struct Workspace {
    pub kernel: Kernel,
    /// What the layers change: a row for each position.
    pub hidden: Matrix,
    /// The same, normalised.
    pub normed: Matrix,
    pub queries: Matrix,
    pub keys: Matrix,
    pub values: Matrix,
    /// What attention gives.
    pub mixed: Matrix,
    /// Between the two dense layers; before the first layer, patches.
    pub wide: Matrix,
    /// Rows that are asked for at the end.
    pub pooled: Matrix,
    pub codes: InputScratch,
    pub attention: AttentionScratch,
    /// For benches.
    pub products: Products,
    pub maps: Maps,
}

/// What a convolutional tower needs: maps with a row for each position of each picture.
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
            mixed: Matrix::default(),
            wide: Matrix::default(),
            pooled: Matrix::default(),
            codes: InputScratch::default(),
            attention: AttentionScratch::default(),
            products: Products::default(),
            maps: Maps::default(),
        }
    }
}
