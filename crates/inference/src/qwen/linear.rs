//! Products with weights in whatever form a file holds them, on as many threads as there are.

use std::ops::Range;

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Epilogue, EpilogueOp, PackedWeights, ProductInput, Rows, RowsMut};
use rayon::prelude::*;

use crate::layers::gguf_blocks::Blocks;
use crate::layers::matrix::Matrix;

/// Outputs of a part: small enough to occupy all threads, and for widened GGUF blocks to stay small.
pub const PART: usize = 128;
/// The least number of rows per thread. With fewer, a thread would read or widen all weights for too few products.
const ROWS: usize = 48;

/// Weights and bias: a matrix cut into parts of [`PART`] outputs.
pub struct Linear {
    parts: Vec<Factor>,
    bias: Vec<f32>,
    inputs: usize,
}

/// Some outputs' weights.
pub enum Factor {
    Packed(PackedWeights),
    Blocks(Blocks),
}

impl Factor {
    pub const fn outputs(&self) -> usize {
        match self {
            Self::Packed(factor) => factor.outputs(),
            Self::Blocks(factor) => factor.outputs(),
        }
    }

    /// Bytes of memory that the weights take.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Packed(factor) => factor.bytes(),
            Self::Blocks(factor) => factor.bytes(),
        }
    }

    /// Rows stay in f32 whatever the weights, so that all processors compute the same.
    fn run(&self, kernel: Kernel, rows: Rows<'_>, epilogue: Epilogue<'_>, out: RowsMut<'_>) {
        let rows = ProductInput::F32(rows);
        match self {
            Self::Packed(weights) => kernel.product(rows, weights, epilogue, out),
            Self::Blocks(blocks) => kernel.product(rows, &blocks.widened(), epilogue, out),
        }
    }
}

impl Linear {
    /// Joins `parts`, all of [`PART`] outputs but the last, with as many biases as they have outputs together.
    pub fn new(parts: Vec<Factor>, bias: Vec<f32>, inputs: usize) -> Self {
        Self { parts, bias, inputs }
    }

    pub const fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// `rows` times the weights, plus bias, into `out`, whose shape must fit already where it is added to.
    pub fn apply(&self, kernel: Kernel, rows: &Matrix, op: EpilogueOp, out: &mut Matrix) {
        debug_assert_eq!(rows.width(), self.inputs, "rows of another width");
        out.reshape(rows.count(), self.outputs());
        let threads = rayon::current_num_threads();
        if threads == 1 || rows.count() * threads.min(self.parts.len()) < 2 {
            self.run_rows(kernel, rows, 0..rows.count(), op, out.values_mut());
        } else if rows.count() >= ROWS * threads || self.parts.len() == 1 {
            self.by_rows(kernel, rows, op, out, threads);
        } else {
            self.by_parts(kernel, rows, op, out);
        }
    }

    /// Many rows: each thread takes some of them through all weights.
    fn by_rows(&self, kernel: Kernel, rows: &Matrix, op: EpilogueOp, out: &mut Matrix, threads: usize) {
        let height = rows.count().div_ceil(threads).max(1);
        let chunks = out.values_mut().par_chunks_mut((height * self.outputs()).max(1));
        chunks.enumerate().for_each(|(number, out)| {
            let first = number * height;
            let last = rows.count().min(first + height);
            self.run_rows(kernel, rows, first..last, op, out);
        });
    }

    fn run_rows(&self, kernel: Kernel, rows: &Matrix, range: Range<usize>, op: EpilogueOp, out: &mut [f32]) {
        let count = range.len();
        for (number, part) in self.parts.iter().enumerate() {
            let first = number * PART;
            let bias = &self.bias[first..first + part.outputs()];
            let columns = RowsMut::new(out.get_mut(first..).unwrap_or_default(), self.outputs(), count);
            part.run(
                kernel,
                rows.rows(range.start, count),
                Epilogue::new(Some(bias), op),
                columns,
            );
        }
    }

    /// Few rows: each thread takes all of them through some weights.
    fn by_parts(&self, kernel: Kernel, rows: &Matrix, op: EpilogueOp, out: &mut Matrix) {
        let before = match op {
            EpilogueOp::Accumulate => EpilogueOp::Store,
            other => other,
        };
        let parts = self.parts.par_iter().enumerate();
        let results: Vec<Matrix> = parts
            .map(|(number, part)| {
                let bias = &self.bias[number * PART..][..part.outputs()];
                let mut result = Matrix::default();
                result.reshape(rows.count(), part.outputs());
                part.run(
                    kernel,
                    rows.all(),
                    Epilogue::new(Some(bias), before),
                    result.all_mut(),
                );
                result
            })
            .collect();
        for (number, result) in results.iter().enumerate() {
            for row in 0..rows.count() {
                let out = &mut out.row_mut(row)[number * PART..][..result.width()];
                match op {
                    EpilogueOp::Accumulate => {
                        out.iter_mut().zip(result.row(row)).for_each(|(out, x)| *out += x)
                    }
                    _ => out.copy_from_slice(result.row(row)),
                }
            }
        }
    }

    /// Bytes of memory that weights and bias take.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(Factor::bytes).sum::<usize>() + 4 * self.bias.len()
    }
}

#[cfg(test)]
mod tests {
    use eidetic_kernels::matrix::{Activation, WeightFormat};

    use super::*;

    fn matrix(count: usize, width: usize) -> Matrix {
        let mut result = Matrix::default();
        result.reshape(count, width);
        for (i, x) in result.values_mut().iter_mut().enumerate() {
            *x = ((i * 37 + count) % 101) as f32 / 50.0 - 1.0;
        }
        result
    }

    #[test]
    fn every_way_to_share_the_work_gives_the_same() {
        let (inputs, outputs) = (40, 300);
        let weights = matrix(outputs, inputs);
        let parts = (0..outputs)
            .step_by(PART)
            .map(|first| {
                let count = PART.min(outputs - first);
                let format = WeightFormat::F32;
                Factor::Packed(PackedWeights::pack(
                    weights.span(first, count),
                    format,
                    count,
                    inputs,
                ))
            })
            .collect();
        let linear = Linear::new(parts, matrix(1, outputs).row(0).to_vec(), inputs);
        let run = |threads: usize, count: usize, op: EpilogueOp| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut out = matrix(count, outputs);
            pool.install(|| linear.apply(Kernel::best(), &matrix(count, inputs), op, &mut out));
            out.to_vectors()
        };
        for count in [0, 1, 5, 100, 200] {
            for op in [
                EpilogueOp::Store,
                EpilogueOp::Accumulate,
                EpilogueOp::Activate(Activation::Gelu),
            ] {
                let alone = run(1, count, op);
                for threads in [2, 3] {
                    let shared = run(threads, count, op);
                    let pairs = alone.iter().flatten().zip(shared.iter().flatten());
                    let error = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(error < 1e-5, "{threads} threads, {count} rows, {op:?}: {error}");
                    assert_eq!(alone.len(), shared.len());
                }
            }
        }
    }
}
