//! Depthwise convolutions by every kernel of this processor, against sums in f64.

use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Activation, Depthwise, FeatureMap};
use proptest::prelude::*;

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.signed_unit()).collect()
}

#[derive(Debug, Clone, Copy)]
struct Case {
    side: usize,
    channels: usize,
    multiplier: usize,
    kernel: usize,
    stride: usize,
}

/// Output `output` at a position, by the definition: it has the input channel `output / multiplier`.
fn expected(
    case: Case,
    map: &[f32],
    weights: &[f32],
    bias: &[f32],
    place: (usize, usize),
    output: usize,
) -> f64 {
    // None in the padding.
    let inside = |at: usize| at.checked_sub(case.kernel / 2).filter(|at| *at < case.side);
    let mut sum = f64::from(bias[output]);
    for row in 0..case.kernel {
        for column in 0..case.kernel {
            let input = inside(place.0 * case.stride + row).zip(inside(place.1 * case.stride + column));
            if let Some((y, x)) = input {
                let value = map[(y * case.side + x) * case.channels + output / case.multiplier];
                let tap = (output * case.kernel + row) * case.kernel + column;
                sum += f64::from(value) * f64::from(weights[tap]);
            }
        }
    }
    sum
}

proptest! {
    #[test]
    fn kernels_agree_with_definition(
        side in 1_usize..9, channels in prop::sample::select(vec![1, 3, 16, 33, 64, 81, 130]), multiplier in 1_usize..3,
        kernel in prop::sample::select(vec![1, 3, 7]), stride in 1_usize..3, seed: u64,
    ) {
        let case = Case { side, channels, multiplier, kernel, stride };
        let map = numbers(seed, side * side * channels);
        let weights = numbers(seed ^ 1, channels * multiplier * kernel * kernel);
        let bias = numbers(seed ^ 2, channels * multiplier);
        let packed = Depthwise::pack(&weights, &bias, channels, kernel, stride);
        let out_side = packed.side(side);
        prop_assert_eq!(packed.outputs(), channels * multiplier);
        let mut first = None;
        for kernel in Kernel::available() {
            let mut out = vec![0.0; out_side * out_side * channels * multiplier];
            kernel.depthwise(FeatureMap { values: &map, side }, &packed, &mut out);
            for (place, got) in out.iter().enumerate() {
                let (position, packed) = (place / (channels * multiplier), place % (channels * multiplier));
                // Packed outputs are ordered by multiplier, then by channel.
                let output = packed % channels * multiplier + packed / channels;
                let place = (position / out_side, position % out_side);
                let wanted = expected(case, &map, &weights, &bias, place, output);
                prop_assert!((f64::from(*got) - wanted).abs() < 1e-5, "{} {got} {wanted}", kernel.name());
            }
            let first = first.get_or_insert_with(|| out.clone());
            prop_assert_eq!(&*first, &out, "all instruction sets round alike");
        }
    }

    #[test]
    fn kernels_scale_and_activate(length in 0_usize..70, seed: u64) {
        let (row, factors) = (numbers(seed, length), numbers(seed ^ 1, length));
        for kernel in Kernel::available() {
            let mut got = row.clone();
            kernel.activate_scaled(&mut got, &factors, Activation::Relu);
            for ((got, x), factor) in got.iter().zip(&row).zip(&factors) {
                prop_assert_eq!(got.to_bits(), (x * factor).max(0.0).to_bits());
            }
            let mut got = row.clone();
            kernel.activate_scaled(&mut got, &factors, Activation::Gelu);
            for ((got, x), factor) in got.iter().zip(&row).zip(&factors) {
                let z = f64::from(x * factor);
                prop_assert!((f64::from(*got) - z / (1.0 + (-1.702 * z).exp())).abs() < 0.03);
            }
        }
    }
}
