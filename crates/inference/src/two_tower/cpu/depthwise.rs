//! Convolutions of single channels over the maps of several images.

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Depthwise, FeatureMap};

use crate::layers::matrix::Matrix;
use crate::two_tower::fused_conv::FusedConv;

/// A convolution of single channels. Where an input has several outputs, all first ones come first, then all second ones.
pub struct ChannelConvolution(Depthwise);

impl ChannelConvolution {
    pub fn pack(fused: &FusedConv) -> Self {
        let shape = fused.shape;
        Self(Depthwise::pack(
            &fused.weight,
            &fused.bias,
            shape.inputs,
            shape.kernel,
            shape.stride,
        ))
    }

    /// Convolves maps of `side` × `side` positions into `out` and gives their new side.
    pub fn apply(&self, kernel: Kernel, map: &Matrix, side: usize, out: &mut Matrix) -> usize {
        let (images, out_side) = (map.count() / (side * side), self.0.side(side));
        out.reshape(images * out_side * out_side, self.0.outputs());
        for image in 0..images {
            let map = FeatureMap {
                values: map.span(image * side * side, side * side),
                side,
            };
            let out = out.span_mut(image * out_side * out_side, out_side * out_side);
            kernel.depthwise(map, &self.0, out);
        }
        out_side
    }
}

/// For each output of a convolution of single channels, as the file counts them, where [`ChannelConvolution`] puts it.
pub fn places(fused: &FusedConv) -> Vec<usize> {
    let (inputs, outputs) = (fused.shape.inputs, fused.shape.outputs);
    let times = outputs / inputs;
    (0..outputs)
        .map(|output| output % times * inputs + output / times)
        .collect()
}
