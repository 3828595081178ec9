//! Matrix products in every format and by every kernel of this processor, against sums in f64 or to the bit.

#![expect(clippy::cast_possible_truncation, reason = "test data needs fewer digits")]

use eidetic_domain::SplitMix64;
use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{
    Activation, Bf16Rows, Epilogue, EpilogueOp, HalfFormat, InputScratch, PackedWeights, ProductInput,
    QuantizedRows, Rows, RowsMut, WeightFormat,
};
use proptest::prelude::*;

const BF16: WeightFormat = WeightFormat::Half(HalfFormat::Bf16);
const F16: WeightFormat = WeightFormat::Half(HalfFormat::F16);

/// Numbers from −1 to 1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.signed_unit()).collect()
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

    fn rows(&self) -> Rows<'_> {
        Rows::new(&self.rows, self.inputs, self.count)
    }

    fn pack(&self, format: WeightFormat) -> PackedWeights {
        PackedWeights::pack(&self.weights, format, self.outputs, self.inputs)
    }

    fn epilogues(&self) -> [Epilogue<'_>; 4] {
        [
            Epilogue::none(),
            Epilogue::accumulate(&self.bias),
            Epilogue::activate(&self.bias, Activation::Gelu),
            Epilogue::new(None, EpilogueOp::AccumulateActivate(Activation::Relu)),
        ]
    }

    /// The product with the input in the form that the kernel prefers.
    fn product(&self, kernel: Kernel, format: WeightFormat, epilogue: Epilogue<'_>) -> Vec<f32> {
        let weights = self.pack(format);
        let mut scratch = InputScratch::default();
        let input = kernel.prepare(self.rows(), &weights, &mut scratch);
        self.product_of(kernel, input, &weights, epilogue)
    }

    /// The product with exact rows.
    fn f32_product(&self, kernel: Kernel, weights: &PackedWeights, epilogue: Epilogue<'_>) -> Vec<f32> {
        self.product_of(kernel, ProductInput::F32(self.rows()), weights, epilogue)
    }

    fn product_of(
        &self,
        kernel: Kernel,
        input: ProductInput<'_>,
        weights: &PackedWeights,
        epilogue: Epilogue<'_>,
    ) -> Vec<f32> {
        let mut out = self.old.clone();
        let to = RowsMut::new(&mut out, self.outputs, self.count);
        kernel.product(input, weights, epilogue, to);
        out
    }

    /// For each number of the result, the sum of `term(x, weight)` in f64.
    fn sums(&self, term: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let entry = |i: usize| {
            let (row, output) = (i / self.outputs, i % self.outputs);
            let left = &self.rows[row * self.inputs..][..self.inputs];
            let right = &self.weights[output * self.inputs..][..self.inputs];
            left.iter()
                .zip(right)
                .map(|(a, b)| term(f64::from(*a), f64::from(*b)))
                .sum()
        };
        (0..self.count * self.outputs).map(entry).collect()
    }

    /// The product and its bias.
    fn exact(&self) -> Vec<f64> {
        let sums = self.sums(|x, w| x * w).into_iter().enumerate();
        sums.map(|(i, sum)| sum + f64::from(self.bias[i % self.outputs]))
            .collect()
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

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

proptest! {
    #[test]
    fn f32_products_agree_with_f64(case in cases()) {
        let zeros = vec![0.0; case.old.len()];
        for kernel in Kernel::available() {
            let product = |epilogue| case.product(kernel, WeightFormat::F32, epilogue);
            let got = product(Epilogue::bias(&case.bias));
            prop_assert!(case.largest_error(&got, &zeros) < 1e-4, "{}", kernel.name());
            let added = product(Epilogue::accumulate(&case.bias));
            prop_assert!(case.largest_error(&added, &case.old) < 1e-4, "{}", kernel.name());
            let activated = product(Epilogue::accumulate_activate(&case.bias, Activation::Relu));
            let clipped = added.iter().zip(&activated).all(|(sum, got)| sum.max(0.0).to_bits() == got.to_bits());
            prop_assert!(clipped, "{}", kernel.name());
        }
    }

    #[test]
    fn half_weights_equal_widened_f32_weights(case in cases(), format in prop::sample::select(vec![HalfFormat::Bf16, HalfFormat::F16])) {
        let halves: Vec<u16> = case.weights.iter().map(|x| format.from_f32(*x)).collect();
        let wide: Vec<f32> = halves.iter().map(|bits| format.to_f32(*bits)).collect();
        let packed = PackedWeights::pack_half(&halves, format, case.outputs, case.inputs);
        let reference = PackedWeights::pack(&wide, WeightFormat::F32, case.outputs, case.inputs);
        for kernel in Kernel::available() {
            for epilogue in case.epilogues() {
                let got = case.f32_product(kernel, &packed, epilogue);
                let expected = case.f32_product(kernel, &reference, epilogue);
                prop_assert!(same_bits(&got, &expected), "{} {format:?} {epilogue:?}", kernel.name());
            }
        }
    }

    /// Both sum products of the same bf16 numbers, which are exact in f32. Each of the additions rounds
    /// (or, in `vdpbf16ps`, flushes subnormal numbers) and may do so in another order, so that the results
    /// differ by at most 2 · (n + 1) · 2⁻²⁴ · Σ|xᵢ·wᵢ| (Higham, Accuracy and Stability, section 3.1). The
    /// factor 3 covers the bias and the rounding of |xᵢ·wᵢ| to bf16.
    #[test]
    fn bf16_products_agree_with_scalar_twin(case in cases()) {
        let weights = case.pack(BF16);
        let mut rounded = Bf16Rows::default();
        rounded.round(Kernel::scalar(), case.rows(), case.inputs);
        let epilogue = Epilogue::bias(&case.bias);
        let expected = case.product_of(Kernel::scalar(), ProductInput::Bf16(&rounded), &weights, epilogue);
        let magnitudes = case.sums(|x, w| (x * w).abs());
        for kernel in Kernel::available() {
            rounded.round(kernel, case.rows(), case.inputs);
            let got = case.product_of(kernel, ProductInput::Bf16(&rounded), &weights, epilogue);
            for ((got, expected), magnitude) in got.iter().zip(&expected).zip(&magnitudes) {
                let bound = 3.0 * (case.inputs as f64 + 1.0) * 2.0_f64.powi(-24) * (magnitude + 1.0);
                let error = (f64::from(*got) - f64::from(*expected)).abs();
                prop_assert!(error <= bound, "{} {got} is not {expected} ± {bound}", kernel.name());
            }
        }
    }

    /// The twin itself, against a product of rounded numbers.
    #[test]
    fn bf16_products_round_both_operands(case in cases()) {
        let round = |x: f64| f64::from(HalfFormat::Bf16.to_f32(HalfFormat::Bf16.from_f32(x as f32)));
        let expected = case.sums(|x, w| round(x) * round(w));
        let weights = case.pack(BF16);
        let mut rounded = Bf16Rows::default();
        rounded.round(Kernel::best(), case.rows(), case.inputs);
        for kernel in [Kernel::scalar(), Kernel::best()] {
            let got = case.product_of(kernel, ProductInput::Bf16(&rounded), &weights, Epilogue::none());
            for (got, expected) in got.iter().zip(&expected) {
                prop_assert!((f64::from(*got) - expected).abs() < 1e-4, "{} {got} {expected}", kernel.name());
            }
        }
    }

    #[test]
    fn int8_products_have_same_bits_everywhere(case in cases()) {
        for epilogue in case.epilogues() {
            let expected = case.product(Kernel::scalar(), WeightFormat::Int8, epilogue);
            for kernel in Kernel::available() {
                let got = case.product(kernel, WeightFormat::Int8, epilogue);
                prop_assert!(same_bits(&got, &expected), "{} {epilogue:?}", kernel.name());
            }
        }
    }

    #[test]
    fn int8_products_stay_within_quantization_error(case in cases()) {
        let zeros = vec![0.0; case.old.len()];
        let got = case.product(Kernel::best(), WeightFormat::Int8, Epilogue::bias(&case.bias));
        // Half a step of a row (2/255 at most) or of a weight (1/127 at most), for each product.
        let bound = case.inputs as f64 * (1.0 / 255.0 + 0.5 / 127.0 + 1e-4);
        prop_assert!(case.largest_error(&got, &zeros) <= bound + 1e-6);
    }

    #[test]
    fn rows_do_not_depend_on_their_neighbors(case in cases(), format in prop::sample::select(vec![WeightFormat::F32, BF16, F16, WeightFormat::Int8])) {
        for kernel in Kernel::available() {
            let together = case.product(kernel, format, Epilogue::bias(&case.bias));
            for row in 0..case.count {
                let alone = Case {
                    count: 1,
                    rows: case.rows[row * case.inputs..][..case.inputs].to_vec(),
                    weights: case.weights.clone(),
                    bias: case.bias.clone(),
                    old: vec![0.0; case.outputs],
                    ..case
                };
                let alone = alone.product(kernel, format, Epilogue::bias(&case.bias));
                let same = same_bits(&together[row * case.outputs..][..case.outputs], &alone);
                prop_assert!(same, "{} {format:?} row {row}", kernel.name());
            }
        }
    }

    /// The largest codes and weights, which would saturate sums of 16 bits.
    #[test]
    fn extreme_int8_products_do_not_saturate(inputs in 1..300_usize, sign in prop::sample::select(vec![-1.0_f32, 1.0])) {
        let case = Case { rows: vec![1.0; inputs], weights: vec![sign; inputs], old: vec![0.0], ..Case::new(1, 1, inputs, 1) };
        for kernel in Kernel::available() {
            let got = case.product(kernel, WeightFormat::Int8, Epilogue::none())[0];
            prop_assert!((got - sign * inputs as f32).abs() < 1e-3 * inputs as f32, "{} {got}", kernel.name());
        }
    }
}

#[test]
fn non_finite_numbers_yield_non_finite_products() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for kernel in Kernel::available() {
            for format in [WeightFormat::F32, BF16, F16, WeightFormat::Int8] {
                let product = |case: &Case| case.product(kernel, format, Epilogue::none());
                // Int8 yields NaN; the others may yield an infinity too.
                let spoiled = |x: &f32| x.is_nan() || (format != WeightFormat::Int8 && x.is_infinite());
                let mut case = Case::new(5, 2, 41, 33);
                case.rows[7] = bad;
                let got = product(&case);
                assert!(got[..33].iter().all(spoiled), "{} {format:?} row", kernel.name());
                let other = got[33..].iter().all(|x| x.is_finite());
                assert!(other, "{} {format:?} other row", kernel.name());
                let mut case = Case::new(5, 2, 41, 33);
                case.weights[7] = bad;
                let got = product(&case);
                assert!(
                    spoiled(&got[0]) && spoiled(&got[33]) && got[1].is_finite(),
                    "{} {format:?} weight",
                    kernel.name()
                );
            }
        }
    }
}

#[test]
fn reused_memory_does_not_affect_products() {
    let wide = Case::new(1, 5, 64, 40);
    let odd = Case::new(2, 3, 37, 40);
    let nan = Case {
        rows: vec![f32::NAN; wide.rows.len()],
        ..Case::new(1, 5, 64, 40)
    };
    for kernel in Kernel::available() {
        let (mut bf16, mut int8) = (Bf16Rows::default(), QuantizedRows::default());
        bf16.round(kernel, nan.rows(), 64);
        bf16.round(kernel, odd.rows(), 37);
        let got = odd.product_of(kernel, (&bf16).into(), &odd.pack(BF16), Epilogue::none());
        assert!(got.iter().all(|x| x.is_finite()), "{} bf16", kernel.name());
        int8.quantize(kernel, wide.rows(), 64);
        int8.quantize(kernel, odd.rows(), 37);
        let got = odd.product_of(
            kernel,
            (&int8).into(),
            &odd.pack(WeightFormat::Int8),
            Epilogue::none(),
        );
        let fresh = odd.product(kernel, WeightFormat::Int8, Epilogue::none());
        assert!(same_bits(&got, &fresh), "{} int8", kernel.name());
    }
}

#[test]
fn formats_take_documented_memory() {
    let case = Case::new(1, 1, 100, 64);
    for (format, bytes) in [(WeightFormat::F32, 4), (BF16, 2), (F16, 2)] {
        let packed = case.pack(format);
        assert_eq!(packed.bytes(), bytes * 64 * 100);
        assert_eq!((packed.outputs(), packed.inputs()), (64, 100));
        assert_eq!(packed.format(), format);
    }
    assert_eq!(case.pack(WeightFormat::Int8).bytes(), 64 * 100 + 64 * 8);
}

#[test]
fn kernel_names_are_unique() {
    let names: std::collections::BTreeSet<&str> = Kernel::available().map(Kernel::name).collect();
    assert!(names.contains("plain"));
    assert_eq!(names.len(), Kernel::available().count());
    eprintln!("tested: {names:?}");
}

#[test]
#[should_panic(expected = "do not fit")]
fn short_rows_panic() {
    let weights = PackedWeights::pack(&[1.0; 12], WeightFormat::F32, 3, 4);
    let mut out = [0.0; 6];
    let input = ProductInput::F32(Rows::new(&[0.0; 7], 4, 2));
    Kernel::best().product(input, &weights, Epilogue::none(), RowsMut::new(&mut out, 3, 2));
}

#[test]
#[should_panic(expected = "create it with `Kernel::prepare`")]
fn unprepared_input_for_int8_panics() {
    let weights = PackedWeights::pack(&[1.0; 12], WeightFormat::Int8, 3, 4);
    let mut out = [0.0; 3];
    let input = ProductInput::F32(Rows::new(&[0.0; 4], 4, 1));
    Kernel::best().product(input, &weights, Epilogue::none(), RowsMut::new(&mut out, 3, 1));
}
