//! RMS norm, `SwiGLU` and rotary position embedding by every kernel of this processor, against formulas in
//! f64.

#![expect(clippy::cast_possible_truncation, reason = "test data needs fewer digits")]

use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use proptest::prelude::*;

/// Numbers from −1 to 1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.signed_unit()).collect()
}

proptest! {
    #[test]
    fn rms_norm_agrees_with_formula(seed in any::<u32>(), width in 1..300_usize, factor in 0.01..100.0_f32) {
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
    fn swiglu_and_rotary_agree_with_formulas(seed in any::<u32>(), half in 1..150_usize) {
        let row: Vec<f32> = numbers(seed.into(), 2 * half).iter().map(|x| 20.0 * x).collect();
        let up = numbers(7, 2 * half);
        let angles: Vec<f64> = numbers(8, half).iter().map(|x| 50.0 * f64::from(*x)).collect();
        let cosines: Vec<f32> = angles.iter().map(|angle| angle.cos() as f32).collect();
        let sines: Vec<f32> = angles.iter().map(|angle| angle.sin() as f32).collect();
        let wide = |i: usize| f64::from(row[i]);
        for kernel in Kernel::available() {
            let mut gated = row.clone();
            kernel.swiglu(&mut gated, &up);
            for i in 0..2 * half {
                let expected = wide(i) / (1.0 + (-wide(i)).exp()) * f64::from(up[i]);
                prop_assert!((f64::from(gated[i]) - expected).abs() < 1e-5, "{}", kernel.name());
            }
            let mut rotated = row.clone();
            kernel.apply_rotary(&mut rotated, &cosines, &sines);
            for i in 0..half {
                let (sine, cosine) = angles[i].sin_cos();
                let expected = (wide(i) * cosine - wide(i + half) * sine, wide(i + half) * cosine + wide(i) * sine);
                prop_assert!((f64::from(rotated[i]) - expected.0).abs() < 1e-4, "{}", kernel.name());
                prop_assert!((f64::from(rotated[i + half]) - expected.1).abs() < 1e-4, "{}", kernel.name());
            }
        }
    }
}
