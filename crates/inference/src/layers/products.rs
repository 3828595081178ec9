//! The matrix products of a tower and nothing else: what remains when everything between them costs nothing. For benches.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Epilogue, QuantizedRows};

use crate::layers::linear::{Factor, Input};
use crate::layers::matrix::Matrix;

/// Runs products on rows that it makes up, in memory that is there before the clock starts.
pub struct Products {
    kernel: Kernel,
    left: Vec<Left>,
    out: Matrix,
}

/// Rows of one shape, as f32 and as codes.
struct Left {
    rows: Matrix,
    codes: QuantizedRows,
}

impl Default for Products {
    fn default() -> Self {
        Self {
            kernel: Kernel::best(),
            left: Vec::new(),
            out: Matrix::default(),
        }
    }
}

impl Products {
    /// `count` rows times `factor`. The first call for a shape makes the rows.
    pub fn run(&mut self, count: usize, factor: &Factor) {
        let width = factor.inputs();
        let known = |left: &Left| (left.rows.count(), left.rows.width()) == (count, width);
        let place = self.left.iter().position(known).unwrap_or_else(|| {
            self.left.push(Left::new(self.kernel, count, width));
            self.left.len() - 1
        });
        let left = &self.left[place];
        let input = match factor {
            Factor::F32(_) => Input::Rows(left.rows.all()),
            Factor::Int8(_) => Input::Codes(&left.codes),
        };
        self.out.reshape(count, factor.outputs());
        factor.apply(self.kernel, input, Epilogue::none(), self.out.all_mut());
    }
}

impl Left {
    fn new(kernel: Kernel, count: usize, width: usize) -> Self {
        let mut rows = Matrix::default();
        rows.reshape(count, width);
        for row in 0..count {
            for (column, x) in rows.row_mut(row).iter_mut().enumerate() {
                *x = ((row * 31 + column * 17) % 101) as f32 / 50.0 - 1.0;
            }
        }
        let mut codes = QuantizedRows::default();
        codes.quantize(kernel, rows.all(), width);
        Self { rows, codes }
    }
}
