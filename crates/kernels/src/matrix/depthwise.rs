//! Depthwise convolutions, and activations of scaled channels. Portable Rust, compiled for each instruction
//! set.

use super::Activation;
use crate::Kernel;
use crate::multiversion::multiversion;

/// Channels whose sums stay in registers over a window.
const BLOCK: usize = 64;
/// Channels of the smaller blocks for the remainder.
const SMALL: usize = 16;

/// A convolution whose output `m · channels + c` has channel `c` as its only input, for each `m` below the
/// channel multiplier. Kernels are square and of odd side; maps are padded with zeros.
#[derive(Debug, Clone)]
pub struct Depthwise {
    /// For each `m`: rows × columns × channels.
    weights: Vec<f32>,
    bias: Vec<f32>,
    channels: usize,
    kernel: usize,
    stride: usize,
}

/// A square feature map: rows × columns × channels.
#[derive(Debug, Clone, Copy)]
pub struct FeatureMap<'a> {
    /// `side` · `side` · channels numbers.
    pub values: &'a [f32],
    /// Number of rows, and of columns.
    pub side: usize,
}

impl Depthwise {
    /// Packs weights of shape (outputs × kernel × kernel) in the order of grouped convolutions: output `o`
    /// has the input channel `o / multiplier`. The result has its outputs in the order that [`Depthwise`]
    /// documents.
    ///
    /// # Panics
    /// If the kernel is even, the stride 0, or the lengths do not fit.
    pub fn pack(weights: &[f32], bias: &[f32], channels: usize, kernel: usize, stride: usize) -> Self {
        assert!(
            kernel % 2 == 1 && stride > 0 && channels > 0,
            "kernel must be odd, stride and channels positive"
        );
        assert!(
            bias.len().is_multiple_of(channels),
            "outputs must be a multiple of channels"
        );
        assert_eq!(
            weights.len(),
            bias.len() * kernel * kernel,
            "one kernel per output"
        );
        let (multiplier, taps) = (bias.len() / channels, kernel * kernel);
        let mut packed = Vec::with_capacity(weights.len());
        for m in 0..multiplier {
            for tap in 0..taps {
                packed.extend((0..channels).map(|c| weights[(c * multiplier + m) * taps + tap]));
            }
        }
        let ordered = (0..multiplier).flat_map(|m| (0..channels).map(move |c| c * multiplier + m));
        Self {
            weights: packed,
            bias: ordered.map(|output| bias[output]).collect(),
            channels,
            kernel,
            stride,
        }
    }

    /// Channels of the output.
    pub const fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Side of the output for an input of `side`.
    pub const fn side(&self, side: usize) -> usize {
        side.div_ceil(self.stride)
    }
}

impl Kernel {
    /// Convolves one map into `out`, which has the shape rows × columns × outputs and a side of
    /// [`Depthwise::side`].
    ///
    /// # Panics
    /// If the length of either slice does not match.
    pub fn depthwise(self, map: FeatureMap<'_>, convolution: &Depthwise, out: &mut [f32]) {
        let side = convolution.side(map.side);
        assert_eq!(
            map.values.len(),
            map.side * map.side * convolution.channels,
            "input must be side × side × channels"
        );
        assert_eq!(
            out.len(),
            side * side * convolution.outputs(),
            "output must be side × side × outputs"
        );
        convolve(self, map, convolution, out);
    }

    /// `activation(x · factor)` for each number of `row` and its factor, in center.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn activate_scaled(self, row: &mut [f32], factors: &[f32], activation: Activation) {
        assert_eq!(row.len(), factors.len(), "one factor per number");
        activate(self, row, factors, activation);
    }
}

multiversion! {
    fn convolve(map: FeatureMap<'_>, convolution: &Depthwise, out: &mut [f32]) = convolve_body;
    fn activate(row: &mut [f32], factors: &[f32], activation: Activation) = activate_body;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn convolve_body(map: FeatureMap<'_>, convolution: &Depthwise, out: &mut [f32]) {
    let Depthwise {
        channels,
        kernel,
        stride,
        ..
    } = *convolution;
    let side = convolution.side(map.side);
    let taps = kernel * kernel * channels;
    for (position, out) in out.chunks_exact_mut(convolution.outputs()).enumerate() {
        let center = Center {
            y: position / side * stride,
            x: position % side * stride,
        };
        for (m, out) in out.chunks_exact_mut(channels).enumerate() {
            out.copy_from_slice(&convolution.bias[m * channels..][..channels]);
            let weights = &convolution.weights[m * taps..][..taps];
            let mut first = 0;
            while first + BLOCK <= channels {
                add_block::<BLOCK>(map, kernel, center, weights, first, out);
                first += BLOCK;
            }
            while first + SMALL <= channels {
                add_block::<SMALL>(map, kernel, center, weights, first, out);
                first += SMALL;
            }
            while first < channels {
                add_block::<1>(map, kernel, center, weights, first, out);
                first += 1;
            }
        }
    }
}

/// The center of a window in the input.
#[derive(Clone, Copy)]
struct Center {
    y: usize,
    x: usize,
}

/// Adds the products of the window at `center` for `N` channels from `first` on.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn add_block<const N: usize>(
    map: FeatureMap<'_>,
    kernel: usize,
    center: Center,
    weights: &[f32],
    first: usize,
    out: &mut [f32],
) {
    let channels = out.len();
    let half = kernel / 2;
    let mut sums = [0.0_f32; N];
    sums.copy_from_slice(&out[first..first + N]);
    for row in half.saturating_sub(center.y)..kernel.min(map.side + half - center.y) {
        let line = (center.y + row - half) * map.side;
        for column in half.saturating_sub(center.x)..kernel.min(map.side + half - center.x) {
            let input = (line + center.x + column - half) * channels + first;
            let tap = (row * kernel + column) * channels + first;
            let (input, tap) = (&map.values[input..input + N], &weights[tap..tap + N]);
            for lane in 0..N {
                sums[lane] += input[lane] * tap[lane];
            }
        }
    }
    out[first..first + N].copy_from_slice(&sums);
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn activate_body(row: &mut [f32], factors: &[f32], activation: Activation) {
    let (blocks, rest) = row.as_chunks_mut::<SMALL>();
    let (factor_blocks, factor_rest) = factors.as_chunks::<SMALL>();
    for (block, factors) in blocks.iter_mut().zip(factor_blocks) {
        for (x, factor) in block.iter_mut().zip(factors) {
            *x *= factor;
        }
        activation.apply(block);
    }
    for (x, factor) in rest.iter_mut().zip(factor_rest) {
        let mut one = [*x * factor];
        activation.apply(&mut one);
        *x = one[0];
    }
}
