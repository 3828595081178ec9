//! A product with weights in any form, and its bias.

use std::ops::Range;

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Epilogue, EpilogueOp, InputScratch, ProductInput, RowsMut};
use rayon::prelude::*;

use super::matrix::Matrix;
use super::packing::{LinearFormat, LinearWeights, PackedPart, PackedTensor};
use super::weights::Weights;
use crate::error::LoadError;

/// Fewest rows for a thread: with fewer, dequantizing all weights costs more than the rows' products.
const MIN_ROWS: usize = 48;

/// Weights (outputs × inputs) and, where there is one, a bias.
pub struct Linear {
    weights: LinearWeights,
    bias: Option<Vec<f32>>,
}

/// The left side of products, in the form that their weights need. Made once for all products that share it.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    rows: ProductInput<'a>,
    count: usize,
}

impl PackedPart {
    fn product(&self, kernel: Kernel, rows: ProductInput<'_>, epilogue: Epilogue<'_>, out: RowsMut<'_>) {
        match self {
            Self::Packed(weights) => kernel.product(rows, weights, epilogue, out),
            Self::Gguf(blocks) => kernel.product(rows, &blocks.dequantized(), epilogue, out),
        }
    }
}

impl Linear {
    pub const fn new(weights: LinearWeights, bias: Option<Vec<f32>>) -> Self {
        Self { weights, bias }
    }

    /// Takes `NAME.weight` and `NAME.bias`.
    pub fn load(
        weights: &mut Weights<PackedTensor>,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<Self, LoadError> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        Self::load_tensor(weights, &weight, &[outputs, inputs], Some(&bias))
    }

    /// Takes `NAME.weight`.
    pub fn load_unbiased(
        weights: &mut Weights<PackedTensor>,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<Self, LoadError> {
        Self::load_tensor(weights, &format!("{name}.weight"), &[outputs, inputs], None)
    }

    /// Takes a tensor of any number of axes, of which the first is the outputs and the others are the inputs, and a bias.
    pub fn load_tensor(
        weights: &mut Weights<PackedTensor>,
        weight: &str,
        shape: &[usize],
        bias: Option<&str>,
    ) -> Result<Self, LoadError> {
        let linear = weights.linear(weight, shape)?;
        let bias = bias.map(|bias| weights.values(bias, &shape[..1])).transpose()?;
        Ok(Self::new(linear, bias))
    }

    pub const fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    pub const fn inputs(&self) -> usize {
        self.weights.inputs()
    }

    /// All `rows` as input of this product, and of others whose weights have the same form.
    pub fn input<'a>(&self, kernel: Kernel, rows: &'a Matrix, scratch: &'a mut InputScratch) -> Input<'a> {
        self.input_rows(kernel, rows, 0..rows.count(), scratch)
    }

    /// As [`input`](Self::input), for some rows of a matrix.
    pub fn input_rows<'a>(
        &self,
        kernel: Kernel,
        rows: &'a Matrix,
        range: Range<usize>,
        scratch: &'a mut InputScratch,
    ) -> Input<'a> {
        debug_assert_eq!(rows.width(), self.inputs(), "rows of another width");
        let count = range.len();
        let rows = rows.rows(range.start, count);
        let rows = match (self.weights.format(), self.weights.parts().first()) {
            (LinearFormat::Bf16 | LinearFormat::Int8, Some(PackedPart::Packed(weights))) => {
                kernel.prepare(rows, weights, scratch)
            }
            _ => ProductInput::F32(rows),
        };
        Input { rows, count }
    }

    /// The product on the caller's thread, plus bias, into `out`. With [`EpilogueOp::Accumulate`], `out` must have one row
    /// of outputs for each row of the input.
    pub fn forward(&self, kernel: Kernel, input: Input<'_>, op: EpilogueOp, out: &mut Matrix) {
        out.reshape(input.count, self.outputs());
        self.forward_rows(kernel, input, op, out.values_mut());
    }

    /// As [`forward`](Self::forward), into rows of outputs that follow each other.
    pub fn forward_rows(&self, kernel: Kernel, input: Input<'_>, op: EpilogueOp, out: &mut [f32]) {
        for (number, part) in self.weights.parts().iter().enumerate() {
            let first = number * self.weights.part();
            let columns = out.get_mut(first..).unwrap_or_default();
            let columns = RowsMut::new(columns, self.outputs(), input.count);
            part.product(kernel, input.rows, self.epilogue(number, part, op), columns);
        }
    }

    /// `rows` times the weights, plus bias, into `out`, on all threads of the current pool.
    pub fn forward_parallel(&self, kernel: Kernel, rows: &Matrix, op: EpilogueOp, out: &mut Matrix) {
        out.reshape(rows.count(), self.outputs());
        let threads = rayon::current_num_threads();
        let parts = self.weights.parts().len();
        if threads == 1 || rows.count() * threads.min(parts) < 2 {
            let scratch = &mut InputScratch::default();
            self.forward_range(kernel, rows, 0..rows.count(), op, out.values_mut(), scratch);
        } else if rows.count() >= MIN_ROWS * threads || parts == 1 {
            self.share_rows(kernel, rows, op, out, threads);
        } else {
            self.share_parts(kernel, rows, op, out);
        }
    }

    fn forward_range(
        &self,
        kernel: Kernel,
        rows: &Matrix,
        range: Range<usize>,
        op: EpilogueOp,
        out: &mut [f32],
        scratch: &mut InputScratch,
    ) {
        let input = self.input_rows(kernel, rows, range, scratch);
        self.forward_rows(kernel, input, op, out);
    }

    /// Many rows: each thread multiplies some of them with all weights.
    fn share_rows(&self, kernel: Kernel, rows: &Matrix, op: EpilogueOp, out: &mut Matrix, threads: usize) {
        let height = rows.count().div_ceil(threads).max(1);
        let chunks = out.values_mut().par_chunks_mut((height * self.outputs()).max(1));
        chunks
            .enumerate()
            .for_each_init(InputScratch::default, |scratch, (number, out)| {
                let first = number * height;
                let last = rows.count().min(first + height);
                self.forward_range(kernel, rows, first..last, op, out, scratch);
            });
    }

    /// Few rows: each thread multiplies all of them with some weights.
    fn share_parts(&self, kernel: Kernel, rows: &Matrix, op: EpilogueOp, out: &mut Matrix) {
        let before = match op {
            EpilogueOp::Accumulate => EpilogueOp::Store,
            other => other,
        };
        let mut scratch = InputScratch::default();
        let input = self.input(kernel, rows, &mut scratch);
        let parts = self.weights.parts().par_iter().enumerate();
        let results: Vec<Matrix> = parts
            .map(|(number, part)| {
                let mut result = Matrix::default();
                result.reshape(rows.count(), part.outputs());
                let epilogue = self.epilogue(number, part, before);
                part.product(kernel, input.rows, epilogue, result.all_mut());
                result
            })
            .collect();
        for (number, result) in results.iter().enumerate() {
            for row in 0..rows.count() {
                let out = &mut out.row_mut(row)[number * self.weights.part()..][..result.width()];
                if op == EpilogueOp::Accumulate {
                    out.iter_mut().zip(result.row(row)).for_each(|(out, x)| *out += x);
                } else {
                    out.copy_from_slice(result.row(row));
                }
            }
        }
    }

    /// The epilogue of one part, with its piece of the bias.
    fn epilogue(&self, number: usize, part: &PackedPart, op: EpilogueOp) -> Epilogue<'_> {
        let bias = self.bias.as_ref();
        Epilogue::new(
            bias.map(|bias| &bias[number * self.weights.part()..][..part.outputs()]),
            op,
        )
    }

    /// Bytes that weights and bias take.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let weights: usize = self.weights.parts().iter().map(PackedPart::bytes).sum();
        weights + 4 * self.bias.as_ref().map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use eidetic_kernels::matrix::Activation;

    use super::*;
    use crate::layers::packing::LinearFormat;
    use crate::layers::tensor_data::{TensorData, TensorValues};

    fn matrix(count: usize, width: usize) -> Matrix {
        let mut result = Matrix::default();
        result.reshape(count, width);
        for (i, x) in result.values_mut().iter_mut().enumerate() {
            *x = ((i * 37 + count) % 101) as f32 / 50.0 - 1.0;
        }
        result
    }

    fn linear(format: LinearFormat, part: usize) -> Linear {
        let (inputs, outputs) = (40, 300);
        let data = TensorData {
            shape: vec![outputs, inputs],
            values: TensorValues::F32(matrix(outputs, inputs).span(0, outputs).to_vec()),
        };
        let weights = LinearWeights::pack(data, format, part).unwrap();
        Linear::new(weights, Some(matrix(1, outputs).row(0).to_vec()))
    }

    fn run(linear: &Linear, threads: usize, count: usize, op: EpilogueOp) -> Vec<f32> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut out = matrix(count, linear.outputs());
        let rows = matrix(count, linear.inputs());
        pool.install(|| linear.forward_parallel(Kernel::best(), &rows, op, &mut out));
        out.to_vectors().concat()
    }

    fn largest_error(left: &[f32], right: &[f32]) -> f32 {
        assert_eq!(left.len(), right.len());
        left.iter()
            .zip(right)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn sharing_among_threads_keeps_results() {
        let ops = [
            EpilogueOp::Store,
            EpilogueOp::Accumulate,
            EpilogueOp::Activate(Activation::Gelu),
        ];
        for format in [LinearFormat::F32, LinearFormat::Bf16, LinearFormat::Int8] {
            let linear = linear(format, 128);
            for (count, op) in [0, 1, 5, 100, 200]
                .into_iter()
                .flat_map(|n| ops.map(|op| (n, op)))
            {
                let alone = run(&linear, 1, count, op);
                for threads in [2, 3] {
                    let error = largest_error(&alone, &run(&linear, threads, count, op));
                    assert!(
                        error < 1e-5,
                        "{format:?}, {threads} threads, {count} rows, {op:?}: {error}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_format_computes_product() {
        let exact = run(&linear(LinearFormat::F32, usize::MAX), 1, 9, EpilogueOp::Store);
        for (format, tolerance) in [
            (LinearFormat::AsInFile, 1e-6),
            (LinearFormat::Bf16, 0.1),
            (LinearFormat::Int8, 0.2),
        ] {
            let error = largest_error(&exact, &run(&linear(format, 128), 1, 9, EpilogueOp::Store));
            assert!(error < tolerance, "{format:?}: {error}");
        }
    }
}
