//! Every matrix kernel that this processor can run against sums written out in f64, and whole numbers to the bit.

use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{
    Activation, AttentionScratch, Epilogue, Heads, Mask, PackedF32, PackedInt8, QuantizedRows, Rows, RowsMut,
};
use proptest::prelude::*;

/// Numbers that look random, from −1 to 1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.signed_unit()).collect()
}

fn product(kernel: Kernel, case: &Case, epilogue: Epilogue<'_>, start: &[f32]) -> Vec<f32> {
    let factor = PackedF32::pack(&case.weights, case.outputs, case.inputs);
    let mut out = start.to_vec();
    kernel.product(
        Rows::new(&case.rows, case.inputs, case.count),
        &factor,
        epilogue,
        RowsMut::new(&mut out, case.outputs, case.count),
    );
    out
}

fn int8_product(kernel: Kernel, case: &Case, epilogue: Epilogue<'_>, start: &[f32]) -> Vec<f32> {
    let factor = PackedInt8::pack(&case.weights, case.outputs, case.inputs);
    let mut codes = QuantizedRows::default();
    codes.quantize(
        kernel,
        Rows::new(&case.rows, case.inputs, case.count),
        case.inputs,
    );
    let mut out = start.to_vec();
    kernel.int8_product(
        &codes,
        &factor,
        epilogue,
        RowsMut::new(&mut out, case.outputs, case.count),
    );
    out
}

#[derive(Debug)]
struct Case {
    count: usize,
    inputs: usize,
    outputs: usize,
    rows: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    old: Vec<f32>,
}

impl Case {
    fn new(seed: u64, count: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            count,
            inputs,
            outputs,
            rows: numbers(seed, count * inputs),
            weights: numbers(seed + 1, inputs * outputs),
            bias: numbers(seed + 2, outputs),
            old: numbers(seed + 3, count * outputs),
        }
    }

    /// Row `n`, output `m`, plus bias.
    fn exact(&self) -> Vec<f64> {
        let entry = |i: usize| {
            let (row, output) = (i / self.outputs, i % self.outputs);
            let left = &self.rows[row * self.inputs..][..self.inputs];
            let right = &self.weights[output * self.inputs..][..self.inputs];
            let sum: f64 = left
                .iter()
                .zip(right)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            sum + f64::from(self.bias[output])
        };
        (0..self.count * self.outputs).map(entry).collect()
    }

    fn largest_error(&self, got: &[f32], added: &[f32]) -> f64 {
        let expected = self.exact();
        let errors = got.iter().zip(&expected).zip(added);
        errors
            .map(|((g, e), a)| (f64::from(*g) - e - f64::from(*a)).abs())
            .fold(0.0, f64::max)
    }
}

fn cases() -> impl Strategy<Value = Case> {
    (any::<u32>(), 0..40_usize, 0..200_usize, 0..100_usize)
        .prop_map(|(seed, count, inputs, outputs)| Case::new(seed.into(), count, inputs, outputs))
}

proptest! {
    #[test]
    fn products_agree_with_sums_in_f64(case in cases()) {
        let zeros = vec![0.0; case.old.len()];
        for kernel in Kernel::available() {
            let got = product(kernel, &case, Epilogue::bias(&case.bias), &case.old);
            prop_assert!(case.largest_error(&got, &zeros) < 1e-4, "{}", kernel.name());
            let added = product(kernel, &case, Epilogue::accumulate(&case.bias), &case.old);
            prop_assert!(case.largest_error(&added, &case.old) < 1e-4, "{}", kernel.name());
            let activated = product(kernel, &case, Epilogue::accumulate_activate(&case.bias, Activation::Relu), &case.old);
            let clipped = added.iter().zip(&activated).all(|(sum, got)| sum.max(0.0).to_bits() == got.to_bits());
            prop_assert!(clipped, "{}", kernel.name());
        }
    }

    #[test]
    fn integer_products_are_the_same_to_the_bit(case in cases()) {
        for epilogue in [
            Epilogue::none(),
            Epilogue::accumulate(&case.bias),
            Epilogue::activate(&case.bias, Activation::Gelu),
            Epilogue::accumulate_activate(&case.bias, Activation::Relu),
        ] {
            let plain = int8_product(Kernel::scalar(), &case, epilogue, &case.old);
            for kernel in Kernel::available() {
                let got = int8_product(kernel, &case, epilogue, &case.old);
                let same = got.iter().zip(&plain).all(|(a, b)| a.to_bits() == b.to_bits());
                prop_assert!(same, "{} {epilogue:?}", kernel.name());
            }
        }
    }

    #[test]
    fn integer_products_are_near_exact_ones(case in cases()) {
        let zeros = vec![0.0; case.old.len()];
        let got = int8_product(Kernel::best(), &case, Epilogue::bias(&case.bias), &case.old);
        // Half a step of a row (2/255 at most) or of a weight (1/127 at most), for each product.
        let bound = case.inputs as f64 * (1.0 / 255.0 + 0.5 / 127.0 + 1e-4);
        prop_assert!(case.largest_error(&got, &zeros) <= bound + 1e-6);
    }

    #[test]
    fn attention_agrees_with_its_formula(
        seed in any::<u32>(), heads in 1..4_usize, width in 1..40_usize, queries in 1..20_usize, more in 0..20_usize,
        causal in any::<bool>(),
    ) {
        let all = heads * width;
        let keys = queries + more;
        let (q, k, v) = (numbers(seed.into(), queries * all), numbers(3, keys * all), numbers(4, keys * all));
        let mask = if causal { Mask::Causal } else { Mask::None };
        for kernel in Kernel::available() {
            let mut out = vec![f32::NAN; queries * all];
            kernel.attention(
                Heads { count: heads, width }, mask,
                Rows::new(&q, all, queries), Rows::new(&k, all, keys), Rows::new(&v, all, keys),
                RowsMut::new(&mut out, all, queries), &mut AttentionScratch::default(),
            );
            for (i, got) in out.iter().enumerate() {
                let (query, column) = (i / all, i % all);
                let first = column / width * width;
                let seen = if causal { more + query + 1 } else { keys };
                let score = |key: usize| (first..first + width)
                    .map(|c| f64::from(q[query * all + c]) * f64::from(k[key * all + c])).sum::<f64>();
                let weight = |key: usize| (score(key) / (width as f64).sqrt()).exp();
                let total: f64 = (0..seen).map(weight).sum();
                let expected: f64 = (0..seen).map(|key| weight(key) * f64::from(v[key * all + column])).sum::<f64>() / total;
                prop_assert!((f64::from(*got) - expected).abs() < 1e-5, "{} {got} {expected}", kernel.name());
            }
        }
    }

    #[test]
    fn layer_norm_agrees_with_its_formula(seed in any::<u32>(), width in 1..300_usize, shift in -50.0..50.0_f32) {
        let row: Vec<f32> = numbers(seed.into(), width).iter().map(|x| x + shift).collect();
        let (weight, bias) = (numbers(1, width), numbers(2, width));
        let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / width as f64;
        let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / width as f64;
        for kernel in Kernel::available() {
            let mut out = vec![0.0; width];
            kernel.layer_norm(&row, &weight, &bias, 1e-5, &mut out);
            for i in 0..width {
                let expected = (f64::from(row[i]) - mean) / (variance + 1e-5).sqrt() * f64::from(weight[i]) + f64::from(bias[i]);
                prop_assert!((f64::from(out[i]) - expected).abs() < 2e-3, "{}", kernel.name());
            }
        }
    }

    /// The greatest codes and weights that there are, which would saturate 16-bit sums.
    #[test]
    fn extremes_do_not_saturate(inputs in 1..300_usize, sign in prop::sample::select(vec![-1.0_f32, 1.0])) {
        let case = Case { rows: vec![1.0; inputs], weights: vec![sign; inputs], ..Case::new(1, 1, inputs, 1) };
        for kernel in Kernel::available() {
            let got = int8_product(kernel, &case, Epilogue::none(), &[0.0])[0];
            prop_assert!((got - sign * inputs as f32).abs() < 1e-3 * inputs as f32, "{} {got}", kernel.name());
        }
    }
}

#[test]
fn numbers_that_are_not_finite_make_products_that_are_not() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for kernel in Kernel::available() {
            let mut case = Case::new(5, 2, 40, 33);
            case.rows[7] = bad;
            let got = int8_product(kernel, &case, Epilogue::none(), &case.old);
            assert!(got[..33].iter().all(|x| x.is_nan()), "{} row", kernel.name());
            assert!(
                got[33..].iter().all(|x| x.is_finite()),
                "{} other row",
                kernel.name()
            );
            let mut case = Case::new(5, 2, 40, 33);
            case.weights[7] = bad;
            let got = int8_product(kernel, &case, Epilogue::none(), &case.old);
            assert!(
                got[0].is_nan() && got[33].is_nan() && got[1].is_finite(),
                "{} weight",
                kernel.name()
            );
        }
    }
}

#[test]
fn the_plain_kernel_is_there_and_names_differ() {
    let names: std::collections::BTreeSet<&str> = Kernel::available().map(Kernel::name).collect();
    assert!(names.contains("plain"));
    assert_eq!(names.len(), Kernel::available().count());
    eprintln!("tested: {names:?}");
}

#[test]
#[should_panic(expected = "do not fit")]
fn rows_that_are_too_short_are_refused() {
    let factor = PackedF32::pack(&[1.0; 12], 3, 4);
    let mut out = [0.0; 6];
    Kernel::best().product(
        Rows::new(&[0.0; 7], 4, 2),
        &factor,
        Epilogue::none(),
        RowsMut::new(&mut out, 3, 2),
    );
}
