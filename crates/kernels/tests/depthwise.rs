//! Every kernel's convolution of single channels against sums written out in f64.

use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Activation, Depthwise, SquareMap};
use proptest::prelude::*;

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.signed_unit()).collect()
}

#[derive(Debug, Clone, Copy)]
struct Case {
    side: usize,
    channels: usize,
    times: usize,
    kernel: usize,
    stride: usize,
}

/// Output `o` at a place, straight from the definition: output `o` sees channel `o / times`.
fn expected(
    case: Case,
    map: &[f32],
    weights: &[f32],
    bias: &[f32],
    place: (usize, usize),
    output: usize,
) -> f64 {
    // One row or column of zeros for each that the kernel reaches beyond the map.
    let inside = |at: usize| at.checked_sub(case.kernel / 2).filter(|at| *at < case.side);
    let mut sum = f64::from(bias[output]);
    for row in 0..case.kernel {
        for column in 0..case.kernel {
            let seen = inside(place.0 * case.stride + row).zip(inside(place.1 * case.stride + column));
            if let Some((y, x)) = seen {
                let value = map[(y * case.side + x) * case.channels + output / case.times];
                let tap = (output * case.kernel + row) * case.kernel + column;
                sum += f64::from(value) * f64::from(weights[tap]);
            }
        }
    }
    sum
}

proptest! {
    #[test]
    fn every_kernel_convolves_as_defined(
        side in 1_usize..9, channels in prop::sample::select(vec![1, 3, 16, 33, 64, 81, 130]), times in 1_usize..3,
        kernel in prop::sample::select(vec![1, 3, 7]), stride in 1_usize..3, seed: u64,
    ) {
        let case = Case { side, channels, times, kernel, stride };
        let map = numbers(seed, side * side * channels);
        let weights = numbers(seed ^ 1, channels * times * kernel * kernel);
        let bias = numbers(seed ^ 2, channels * times);
        let packed = Depthwise::pack(&weights, &bias, channels, kernel, stride);
        let out_side = packed.side(side);
        prop_assert_eq!(packed.outputs(), channels * times);
        let mut plain = None;
        for kernel in Kernel::available() {
            let mut out = vec![0.0; out_side * out_side * channels * times];
            kernel.depthwise(SquareMap { values: &map, side }, &packed, &mut out);
            for (place, got) in out.iter().enumerate() {
                let (position, packed) = (place / (channels * times), place % (channels * times));
                // The outputs of each number stand together.
                let output = packed % channels * times + packed / channels;
                let place = (position / out_side, position % out_side);
                let wanted = expected(case, &map, &weights, &bias, place, output);
                prop_assert!((f64::from(*got) - wanted).abs() < 1e-5, "{} {got} {wanted}", kernel.name());
            }
            let first = plain.get_or_insert_with(|| out.clone());
            prop_assert_eq!(&*first, &out, "all instruction sets round alike");
        }
    }

    #[test]
    fn every_kernel_scales_and_activates(length in 0_usize..70, seed: u64) {
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
