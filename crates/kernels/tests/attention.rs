//! Attention and layer norm by every kernel of this processor, against formulas in f64.

use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Attention, AttentionScratch, DistanceBias, Heads, Mask, Rows, RowsMut};
use proptest::prelude::*;

/// Numbers from −1 to 1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.signed_unit()).collect()
}

proptest! {
    #[test]
    fn attention_agrees_with_formula(
        seed in any::<u32>(), heads in 1..4_usize, width in 1..40_usize, queries in 1..20_usize, more in 0..20_usize,
        causal in any::<bool>(), biased in any::<bool>(),
    ) {
        let all = heads * width;
        let keys = queries + more;
        let (q, k, v) = (numbers(seed.into(), queries * all), numbers(3, keys * all), numbers(4, keys * all));
        let mask = if causal { Mask::Causal } else { Mask::None };
        let distances = 2 * (keys + 3) - 1;
        let added = numbers(5, heads * distances);
        let bias = biased.then_some(DistanceBias { values: &added, longest: keys + 3, first_query: more });
        for kernel in Kernel::available() {
            let mut out = vec![f32::NAN; queries * all];
            let attention = Attention {
                heads: Heads { count: heads, width },
                mask,
                bias,
                queries: Rows::new(&q, all, queries),
                keys: Rows::new(&k, all, keys),
                values: Rows::new(&v, all, keys),
            };
            kernel.attention(attention, RowsMut::new(&mut out, all, queries), &mut AttentionScratch::default());
            for (i, got) in out.iter().enumerate() {
                let (query, column) = (i / all, i % all);
                let first = column / width * width;
                let attended = if causal { more + query + 1 } else { keys };
                let score = |key: usize| (first..first + width)
                    .map(|c| f64::from(q[query * all + c]) * f64::from(k[key * all + c])).sum::<f64>();
                let bias = |key: usize| if biased {
                    f64::from(added[column / width * distances + keys + 2 + key - (more + query)])
                } else {
                    0.0
                };
                let weight = |key: usize| (score(key) / (width as f64).sqrt() + bias(key)).exp();
                let total: f64 = (0..attended).map(weight).sum();
                let expected: f64 = (0..attended).map(|key| weight(key) * f64::from(v[key * all + column])).sum::<f64>() / total;
                prop_assert!((f64::from(*got) - expected).abs() < 1e-5, "{} {got} {expected}", kernel.name());
            }
        }
    }

    #[test]
    fn layer_norm_agrees_with_formula(seed in any::<u32>(), width in 1..300_usize, shift in -50.0..50.0_f32) {
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
}
