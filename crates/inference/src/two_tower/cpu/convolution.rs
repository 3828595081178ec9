//! Convolutions as products: the neighbourhoods of some positions side by side, times the weights.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{EpilogueOp, InputScratch};

use crate::error::LoadError;
use crate::layers::linear::Linear;
use crate::layers::matrix::Matrix;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;

/// Numbers of unfolded neighbourhoods at a time: they stay in a core's own cache until they were multiplied.
const UNFOLDED: usize = 1 << 16;

/// A convolution over square maps, whose rows are positions (images × rows × columns) and hold all channels. One row or
/// column of zeros pads a map where the kernel is 3 wide.
pub struct Convolution {
    linear: Linear,
    shape: Shape,
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub inputs: usize,
    pub outputs: usize,
    /// 1 or 3.
    pub kernel: usize,
    /// 1, or 2 to halve rows and columns.
    pub stride: usize,
}

/// The memory that a convolution needs besides maps.
pub struct Scratch<'a> {
    pub kernel: Kernel,
    pub columns: &'a mut Matrix,
    pub products: &'a mut InputScratch,
}

impl Convolution {
    /// A convolution whose weights are, for each output, rows × columns × inputs.
    pub const fn new(linear: Linear, shape: Shape) -> Self {
        Self { linear, shape }
    }

    /// Takes `NAME.weight` and `NAME.bias`.
    pub fn load(weights: &mut Weights<PackedTensor>, name: &str, shape: Shape) -> Result<Self, LoadError> {
        let Shape {
            inputs,
            outputs,
            kernel,
            ..
        } = shape;
        let linear = Linear::load_tensor(
            weights,
            &format!("{name}.weight"),
            &[outputs, inputs, kernel, kernel],
            Some(&format!("{name}.bias")),
        )?;
        Ok(Self::new(linear, shape))
    }

    /// Convolves maps of `side` × `side` positions into `out`, which must have the right size if `op` adds to it.
    pub fn apply(
        &self,
        map: &Matrix,
        side: usize,
        scratch: &mut Scratch<'_>,
        op: EpilogueOp,
        out: &mut Matrix,
    ) {
        let (images, out_side) = (map.count() / (side * side), side / self.shape.stride);
        let positions = images * out_side * out_side;
        out.reshape(positions, self.shape.outputs);
        let width = self.linear.inputs();
        let at_once = self.at_once();
        for first in (0..positions).step_by(at_once) {
            let count = at_once.min(positions - first);
            scratch.columns.reshape(count, width);
            for place in 0..count {
                self.unfold(map, side, first + place, scratch.columns.row_mut(place));
            }
            let input = self
                .linear
                .input(scratch.kernel, scratch.columns, scratch.products);
            self.linear
                .forward_rows(scratch.kernel, input, op, out.span_mut(first, count));
        }
    }

    /// How many positions are unfolded at a time.
    fn at_once(&self) -> usize {
        (UNFOLDED / self.linear.inputs()).max(16)
    }

    /// The neighbourhood that the output `position` sees: rows, columns, channels.
    fn unfold(&self, map: &Matrix, side: usize, position: usize, out: &mut [f32]) {
        let Shape { kernel, stride, .. } = self.shape;
        let out_side = side / stride;
        let (image, y, x) = (
            position / (out_side * out_side),
            position / out_side % out_side * stride,
            position % out_side * stride,
        );
        if kernel == 1 {
            out.copy_from_slice(map.row((image * side + y) * side + x));
            return;
        }
        let line = 3 * self.shape.inputs;
        for (row, out) in out.chunks_exact_mut(line).enumerate() {
            // One above, one below: `y + row - 1` without going below zero.
            match (y + row).checked_sub(1).filter(|&y| y < side) {
                Some(y) => self.unfold_line(map, (image * side + y) * side, side, x, out),
                None => out.fill(0.0),
            }
        }
    }

    /// Three neighbours of a line of the map that begins at row `start`.
    fn unfold_line(&self, map: &Matrix, start: usize, side: usize, x: usize, out: &mut [f32]) {
        let inputs = self.shape.inputs;
        let from = usize::from(x == 0);
        let to = 3 - usize::from(x + 1 >= side);
        out[..from * inputs].fill(0.0);
        out[to * inputs..].fill(0.0);
        let seen = map.span(start + x + from - 1, to - from);
        out[from * inputs..to * inputs].copy_from_slice(seen);
    }
}
