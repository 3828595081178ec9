//! Convolutions of each channel by itself, and activations behind a factor a channel. Plain Rust that is compiled once for
//! each instruction set, like the elementwise over rows.

use super::epilogue::Activation;
use crate::{Isa, Kernel};

/// Channels whose sums stay in registers while a neighbourhood is gone through.
const BLOCK: usize = 64;
/// Channels of the smaller block for what is left over.
const SMALL: usize = 16;

/// A convolution in which output `number · channels + c` sees channel `c` alone: square kernels of odd side, zeros around.
#[derive(Debug, Clone)]
pub struct Depthwise {
    /// For each number: rows × columns × channels.
    weights: Vec<f32>,
    bias: Vec<f32>,
    channels: usize,
    kernel: usize,
    stride: usize,
}

/// A square map: rows × columns × channels.
#[derive(Debug, Clone, Copy)]
pub struct SquareMap<'a> {
    /// All its numbers.
    pub values: &'a [f32],
    /// Rows, and columns.
    pub side: usize,
}

impl Depthwise {
    /// Takes weights (outputs × kernel × kernel), where output `o` sees channel `o · channels / outputs`, and lays them out
    /// so that the outputs of each number stand together.
    ///
    /// # Panics
    /// If the kernel is even, the stride 0, or the lengths do not fit.
    pub fn pack(weights: &[f32], bias: &[f32], channels: usize, kernel: usize, stride: usize) -> Self {
        assert!(
            kernel % 2 == 1 && stride > 0 && channels > 0,
            "an odd kernel that moves"
        );
        assert!(
            bias.len().is_multiple_of(channels),
            "as many outputs of every channel"
        );
        assert_eq!(weights.len(), bias.len() * kernel * kernel, "a kernel an output");
        let (times, taps) = (bias.len() / channels, kernel * kernel);
        let mut packed = Vec::with_capacity(weights.len());
        for number in 0..times {
            for tap in 0..taps {
                packed.extend((0..channels).map(|c| weights[(c * times + number) * taps + tap]));
            }
        }
        let ordered = (0..times).flat_map(|number| (0..channels).map(move |c| c * times + number));
        Self {
            weights: packed,
            bias: ordered.map(|output| bias[output]).collect(),
            channels,
            kernel,
            stride,
        }
    }

    /// Channels of the result.
    pub const fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Side of the result for a map of `side`.
    pub const fn side(&self, side: usize) -> usize {
        side.div_ceil(self.stride)
    }
}

impl Kernel {
    /// Convolves one map into `out`: rows × columns × outputs, of [`Depthwise::side`].
    ///
    /// # Panics
    /// If either slice is of another length.
    pub fn depthwise(self, map: SquareMap<'_>, convolution: &Depthwise, out: &mut [f32]) {
        let side = convolution.side(map.side);
        assert_eq!(
            map.values.len(),
            map.side * map.side * convolution.channels,
            "a square map of all channels"
        );
        assert_eq!(
            out.len(),
            side * side * convolution.outputs(),
            "room for the result"
        );
        convolve(self.isa(), map, convolution, out);
    }

    /// `activation(x · factor)` of each number of `row`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn activate_scaled(self, row: &mut [f32], factors: &[f32], activation: Activation) {
        assert_eq!(row.len(), factors.len(), "a factor a number");
        activate(self.isa(), row, factors, activation);
    }
}

macro_rules! for_each_isa {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) = $body:path;)*) => {
        $(
            fn $name(isa: Isa, $($argument: $kind),*) {
                match isa {
                    Isa::Scalar => $body($($argument),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 | Isa::AvxVnni => {
                        #[target_feature(enable = "avx2,fma")]
                        fn inner($($argument: $kind),*) {
                            $body($($argument),*);
                        }
                        // SAFETY: a level is only made after its instruction set was found.
                        unsafe { inner($($argument),*) }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 | Isa::Avx512Vnni => {
                        #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
                        fn inner($($argument: $kind),*) {
                            $body($($argument),*);
                        }
                        // SAFETY: as above.
                        unsafe { inner($($argument),*) }
                    }
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => $body($($argument),*),
                }
            }
        )*
    };
}

for_each_isa! {
    fn convolve(map: SquareMap<'_>, convolution: &Depthwise, out: &mut [f32]) = convolve_all;
    fn activate(row: &mut [f32], factors: &[f32], activation: Activation) = activate_all;
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn convolve_all(map: SquareMap<'_>, convolution: &Depthwise, out: &mut [f32]) {
    let Depthwise {
        channels,
        kernel,
        stride,
        ..
    } = *convolution;
    let side = convolution.side(map.side);
    let taps = kernel * kernel * channels;
    for (position, out) in out.chunks_exact_mut(convolution.outputs()).enumerate() {
        let place = Place {
            y: position / side * stride,
            x: position % side * stride,
        };
        for (number, out) in out.chunks_exact_mut(channels).enumerate() {
            out.copy_from_slice(&convolution.bias[number * channels..][..channels]);
            let weights = &convolution.weights[number * taps..][..taps];
            let mut first = 0;
            while first + BLOCK <= channels {
                add_block::<BLOCK>(map, kernel, place, weights, first, out);
                first += BLOCK;
            }
            while first + SMALL <= channels {
                add_block::<SMALL>(map, kernel, place, weights, first, out);
                first += SMALL;
            }
            while first < channels {
                add_block::<1>(map, kernel, place, weights, first, out);
                first += 1;
            }
        }
    }
}

/// The middle of a neighbourhood.
#[derive(Clone, Copy)]
struct Place {
    y: usize,
    x: usize,
}

/// Adds what `N` channels from `first` on see around a place.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn add_block<const N: usize>(
    map: SquareMap<'_>,
    kernel: usize,
    place: Place,
    weights: &[f32],
    first: usize,
    out: &mut [f32],
) {
    let channels = out.len();
    let half = kernel / 2;
    let mut sums = [0.0_f32; N];
    sums.copy_from_slice(&out[first..first + N]);
    for row in half.saturating_sub(place.y)..kernel.min(map.side + half - place.y) {
        let line = (place.y + row - half) * map.side;
        for column in half.saturating_sub(place.x)..kernel.min(map.side + half - place.x) {
            let seen = (line + place.x + column - half) * channels + first;
            let tap = (row * kernel + column) * channels + first;
            let (seen, tap) = (&map.values[seen..seen + N], &weights[tap..tap + N]);
            for lane in 0..N {
                sums[lane] += seen[lane] * tap[lane];
            }
        }
    }
    out[first..first + N].copy_from_slice(&sums);
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must become part of a function that enables an instruction set"
)]
fn activate_all(row: &mut [f32], factors: &[f32], activation: Activation) {
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
