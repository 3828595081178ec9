//! The matrix products of a tower and nothing else: what remains when everything between them costs nothing. For benches.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Epilogue, InputScratch, PackedWeights};

use crate::layers::matrix::Matrix;

/// Runs products on rows that it makes up, in memory that is there before the clock starts.
pub struct Products {
    kernel: Kernel,
    left: Vec<Matrix>,
    codes: InputScratch,
    out: Matrix,
}

impl Default for Products {
    fn default() -> Self {
        Self {
            kernel: Kernel::best(),
            left: Vec::new(),
            codes: InputScratch::default(),
            out: Matrix::default(),
        }
    }
}

impl Products {
    /// `count` rows times `factor`. The first call for a shape makes the rows.
    pub fn run(&mut self, count: usize, factor: &PackedWeights) {
        let width = factor.inputs();
        let known = |rows: &Matrix| (rows.count(), rows.width()) == (count, width);
        let place = self.left.iter().position(known).unwrap_or_else(|| {
            self.left.push(made_up(count, width));
            self.left.len() - 1
        });
        let rows = self.left[place].all();
        let input = self.kernel.prepare(rows, factor, &mut self.codes);
        self.out.reshape(count, factor.outputs());
        self.kernel
            .product(input, factor, Epilogue::none(), self.out.all_mut());
    }
}

fn made_up(count: usize, width: usize) -> Matrix {
    let mut rows = Matrix::default();
    rows.reshape(count, width);
    for row in 0..count {
        for (column, x) in rows.row_mut(row).iter_mut().enumerate() {
            *x = ((row * 31 + column * 17) % 101) as f32 / 50.0 - 1.0;
        }
    }
    rows
}
