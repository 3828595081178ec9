//! A convolution that other operations of a trained model are fused into.

/// A convolution with a bias and zero padding.
#[derive(Debug, Clone, PartialEq)]
pub struct FusedConv {
    /// Outputs × inputs of a group × rows × columns.
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub shape: ConvolutionShape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvolutionShape {
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub groups: ChannelGroups,
}

/// The inputs of each output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelGroups {
    /// All inputs.
    One,
    /// One input each (depthwise).
    Each,
}

/// A batch norm after training: a factor and a shift for each channel.
pub struct ChannelNorm {
    pub factor: Vec<f32>,
    pub shift: Vec<f32>,
}

impl ChannelNorm {
    /// A dense layer without a bias (outputs × inputs) after this norm.
    pub fn before(&self, weight: &[f32], inputs: usize) -> FusedConv {
        let shift = |row: &[f32]| row.iter().zip(&self.shift).map(|(w, shift)| w * shift).sum();
        let scaled = weight.iter().zip(self.factor.iter().cycle());
        FusedConv {
            bias: weight.chunks_exact(inputs).map(shift).collect(),
            weight: scaled.map(|(w, factor)| w * factor).collect(),
            shape: dense(inputs, weight.len() / inputs),
        }
    }
}

impl FusedConv {
    /// The identity.
    pub fn identity(shape: ConvolutionShape) -> Self {
        let (inputs, taps) = (shape.inputs_seen(), shape.kernel * shape.kernel);
        let mut weight = vec![0.0; shape.outputs * inputs * taps];
        for output in 0..shape.outputs {
            weight[(output * inputs + output % inputs) * taps + taps / 2] = 1.0;
        }
        Self {
            weight,
            bias: vec![0.0; shape.outputs],
            shape,
        }
    }

    /// The same dense layer of inputs of which number `i` is now at `places[i]`.
    pub fn with_inputs_at(&self, places: &[usize]) -> Self {
        let mut moved = self.clone();
        let rows = self.weight.chunks_exact(places.len());
        for (row, source) in moved.weight.chunks_exact_mut(places.len()).zip(rows) {
            for (value, &place) in source.iter().zip(places) {
                row[place] = *value;
            }
        }
        moved
    }

    /// The same dense layer with its output number `i` at `places[i]`.
    pub fn with_outputs_at(&self, places: &[usize]) -> Self {
        let mut moved = self.clone();
        let inputs = self.weight.len() / places.len().max(1);
        for (output, &place) in places.iter().enumerate() {
            let row = &self.weight[output * inputs..][..inputs];
            moved.weight[place * inputs..][..inputs].copy_from_slice(row);
            moved.bias[place] = self.bias[output];
        }
        moved
    }

    /// Adds a convolution of the same or a smaller kernel, whose middle is the same.
    pub fn add(&mut self, other: &Self) {
        let (wide, small) = (self.shape.kernel, other.shape.kernel);
        let margin = (wide - small) / 2;
        let kernels = self.weight.chunks_exact_mut(wide * wide);
        for (sum, kernel) in kernels.zip(other.weight.chunks_exact(small * small)) {
            for (tap, value) in kernel.iter().enumerate() {
                sum[(tap / small + margin) * wide + tap % small + margin] += value;
            }
        }
        for (sum, bias) in self.bias.iter_mut().zip(&other.bias) {
            *sum += bias;
        }
    }

    /// Multiplies each output.
    pub fn scale(&mut self, factors: &[f32]) {
        let size = self.weight.len() / self.bias.len().max(1);
        for ((weights, bias), factor) in self
            .weight
            .chunks_exact_mut(size.max(1))
            .zip(&mut self.bias)
            .zip(factors)
        {
            for weight in weights {
                *weight *= factor;
            }
            *bias *= factor;
        }
    }

    /// Fuses the norm after it.
    pub fn normalize(&mut self, norm: &ChannelNorm) {
        self.scale(&norm.factor);
        for (bias, shift) in self.bias.iter_mut().zip(&norm.shift) {
            *bias += shift;
        }
    }
}

impl ConvolutionShape {
    /// Inputs that one output sees.
    pub const fn inputs_seen(self) -> usize {
        match self.groups {
            ChannelGroups::One => self.inputs,
            ChannelGroups::Each => 1,
        }
    }

    pub fn weight(self) -> [usize; 4] {
        [self.outputs, self.inputs_seen(), self.kernel, self.kernel]
    }
}

pub const fn shape(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: ChannelGroups,
) -> ConvolutionShape {
    ConvolutionShape {
        inputs,
        outputs,
        kernel,
        stride,
        groups,
    }
}

pub const fn dense(inputs: usize, outputs: usize) -> ConvolutionShape {
    shape(inputs, outputs, 1, 1, ChannelGroups::One)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_kernel_is_added_in_middle() {
        let each = |kernel| shape(2, 2, kernel, 1, ChannelGroups::Each);
        let mut sum = FusedConv::identity(each(3));
        sum.add(&FusedConv {
            weight: vec![5.0, 7.0],
            bias: vec![1.0, 2.0],
            shape: each(1),
        });
        let mut wanted = [0.0; 18];
        (wanted[4], wanted[13]) = (6.0, 8.0);
        assert_eq!(sum.weight, wanted);
        assert_eq!(sum.bias, [1.0, 2.0]);
    }

    #[test]
    fn norm_before_dense_layer_is_fused() {
        let norm = ChannelNorm {
            factor: vec![2.0, 3.0],
            shift: vec![10.0, 100.0],
        };
        let fused = norm.before(&[1.0, 1.0, 0.5, 0.0], 2);
        assert_eq!(fused.weight, [2.0, 3.0, 1.0, 0.0]);
        assert_eq!(fused.bias, [110.0, 5.0]);
    }
}
