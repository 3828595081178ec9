//! What decoders need, by every kernel that this processor can run, against formulas in f64; 16-bit weights to the bit.

#![expect(clippy::cast_possible_truncation, reason = "fewer digits are wanted")]

use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{
    Activation, Epilogue, HalfFormat, HalfScratch, PackedF32, PackedHalf, Rows, RowsMut,
};
use proptest::prelude::*;

/// Numbers that look random, from −1 to 1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.signed_unit()).collect()
}

/// Any finite bits but those of huge numbers, whose sums would overflow.
fn halves(seed: u64, count: usize, half: HalfFormat) -> Vec<u16> {
    let numbers = numbers(seed, count);
    let bits = |x: &f32| match half {
        HalfFormat::Bf16 => (x.to_bits() >> 16) as u16,
        // Exponent 15 is 1: what stays below it is less than 2.
        HalfFormat::F16 => (x.to_bits() >> 13) as u16 & 0xbfff,
    };
    numbers.iter().map(bits).collect()
}

proptest! {
    #[test]
    fn products_with_16_bit_weights_are_those_with_f32_to_the_bit(
        seed in any::<u32>(), count in 0..40_usize, inputs in 0..200_usize, outputs in 0..100_usize,
        half in prop::sample::select(vec![HalfFormat::Bf16, HalfFormat::F16]),
    ) {
        let rows = numbers(seed.into(), count * inputs);
        let (bias, old) = (numbers(2, outputs), numbers(3, count * outputs));
        let weights = halves(seed.into(), outputs * inputs, half);
        let wide: Vec<f32> = weights.iter().map(|bits| half.widened(*bits)).collect();
        let packed = PackedHalf::pack(&weights, half, outputs, inputs);
        let reference = PackedF32::pack(&wide, outputs, inputs);
        let mut scratch = HalfScratch::default();
        for kernel in Kernel::available() {
            for epilogue in [Epilogue::none(), Epilogue::accumulate(&bias), Epilogue::activate(&bias, Activation::Gelu)] {
                let (mut got, mut expected) = (old.clone(), old.clone());
                let rows = Rows::new(&rows, inputs, count);
                kernel.half_product(rows, &packed, epilogue, RowsMut::new(&mut got, outputs, count), &mut scratch);
                kernel.product(rows, &reference, epilogue, RowsMut::new(&mut expected, outputs, count));
                let same = got.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits());
                prop_assert!(same, "{} {half:?} {epilogue:?}", kernel.name());
            }
        }
    }

    #[test]
    fn rms_norm_agrees_with_its_formula(seed in any::<u32>(), width in 1..300_usize, factor in 0.01..100.0_f32) {
        let row: Vec<f32> = numbers(seed.into(), width).iter().map(|x| x * factor).collect();
        let weight = numbers(1, width);
        let mean = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / width as f64;
        for kernel in Kernel::available() {
            let mut got = row.clone();
            kernel.rms_norm(&mut got, &weight, 1e-6);
            for i in 0..width {
                let expected = f64::from(row[i]) / (mean + 1e-6).sqrt() * f64::from(weight[i]);
                prop_assert!((f64::from(got[i]) - expected).abs() < 1e-5, "{}", kernel.name());
            }
        }
    }

    #[test]
    fn gates_and_rotations_agree_with_their_formulas(seed in any::<u32>(), half in 1..150_usize) {
        let row: Vec<f32> = numbers(seed.into(), 2 * half).iter().map(|x| 20.0 * x).collect();
        let up = numbers(7, 2 * half);
        let angles: Vec<f64> = numbers(8, half).iter().map(|x| 50.0 * f64::from(*x)).collect();
        let cosines: Vec<f32> = angles.iter().map(|angle| angle.cos() as f32).collect();
        let sines: Vec<f32> = angles.iter().map(|angle| angle.sin() as f32).collect();
        let wide = |i: usize| f64::from(row[i]);
        for kernel in Kernel::available() {
            let mut gated = row.clone();
            kernel.gate(&mut gated, &up);
            for i in 0..2 * half {
                let expected = wide(i) / (1.0 + (-wide(i)).exp()) * f64::from(up[i]);
                prop_assert!((f64::from(gated[i]) - expected).abs() < 1e-5, "{}", kernel.name());
            }
            let mut turned = row.clone();
            kernel.rotate(&mut turned, &cosines, &sines);
            for i in 0..half {
                let (sine, cosine) = angles[i].sin_cos();
                let expected = (wide(i) * cosine - wide(i + half) * sine, wide(i + half) * cosine + wide(i) * sine);
                prop_assert!((f64::from(turned[i]) - expected.0).abs() < 1e-4, "{}", kernel.name());
                prop_assert!((f64::from(turned[i + half]) - expected.1).abs() < 1e-4, "{}", kernel.name());
            }
        }
    }
}

#[test]
fn sixteen_bit_weights_take_two_bytes_each() {
    let factor = PackedHalf::pack(&[0; 64 * 100], HalfFormat::Bf16, 64, 100);
    assert_eq!(factor.bytes(), 2 * 64 * 100);
    assert_eq!((factor.outputs(), factor.inputs()), (64, 100));
}
