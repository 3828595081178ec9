//! The activation functions that `config.json` may name, on slices, in a form that compilers vectorise.

/// An activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · σ(1.702 x)`: the first checkpoints.
    QuickGelu,
    /// `x · Φ(x)` with the exact normal distribution: those trained since.
    Gelu,
    /// Gelu by its approximation through tanh.
    GeluTanh,
}

impl Activation {
    /// The function that transformers knows by `name`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "quick_gelu" => Some(Self::QuickGelu),
            "gelu" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Some(Self::GeluTanh),
            _ => None,
        }
    }

    /// Adds `bias` to `row`, then applies the function, in place.
    pub fn apply_with_bias(self, row: &mut [f32], bias: &[f32]) {
        match self {
            Self::QuickGelu => for_each(row, bias, |x| x * sigmoid(1.702 * x)),
            Self::Gelu => for_each(row, bias, |x| x * normal(x)),
            Self::GeluTanh => for_each(row, bias, gelu_tanh),
        }
    }
}

#[inline]
fn for_each(row: &mut [f32], bias: &[f32], function: impl Fn(f32) -> f32) {
    for (x, b) in row.iter_mut().zip(bias) {
        *x = function(*x + b);
    }
}

/// `½ x (1 + tanh u)` with `u = √(2/π) (x + 0.044715 x³)`, and `½ (1 + tanh u) = σ(2u)`.
#[inline]
fn gelu_tanh(x: f32) -> f32 {
    const TWICE_ROOT: f32 = 1.595_769;
    x * sigmoid(TWICE_ROOT * (x + 0.044_715 * x * x * x))
}

#[inline]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The normal distribution's Φ, within 1e-7: Abramowitz and Stegun 7.1.26 for the error function.
#[inline]
fn normal(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let tail = 0.5 * series * exp(-z * z);
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// eˣ within a few units in the last place; x outside ±87 counts as ±87, NaN stays NaN.
///
/// 2ⁿ comes from the bits of n, eʳ for |r| ≤ ½ ln 2 from its Taylor polynomial. Without a call and without a branch,
/// unlike `f32::exp`, so that several values are computed at once.
#[inline]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number and leaves that number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let series = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0));
    let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * series)));
    let power = f32::from_bits(shifted.to_bits().wrapping_shl(23).wrapping_add(0x3f80_0000));
    series * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> impl Iterator<Item = f32> {
        (-9000..=9000).map(|i| i as f32 / 1000.0)
    }

    fn applied(activation: Activation, x: f32) -> f64 {
        let mut row = [x - 0.5];
        activation.apply_with_bias(&mut row, &[0.5]);
        f64::from(row[0])
    }

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for x in range().chain([-86.9, -50.0, 50.0, 86.9]) {
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "exp({x}) is off by {error}");
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::INFINITY).is_finite() && exp(f32::NEG_INFINITY) >= 0.0);
    }

    #[test]
    fn activations_agree_with_their_definitions() {
        for x in range() {
            let x = (x - 0.5) + 0.5;
            let wide = f64::from(x);
            let quick = wide / (1.0 + (-1.702 * wide).exp());
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044_715 * wide.powi(3));
            let tanh = 0.5 * wide * (1.0 + inner.tanh());
            assert!(
                (applied(Activation::QuickGelu, x) - quick).abs() < 2e-6,
                "quick_gelu({x})"
            );
            assert!(
                (applied(Activation::GeluTanh, x) - tanh).abs() < 2e-6,
                "gelu_new({x})"
            );
        }
    }

    #[test]
    fn gelu_agrees_with_tabulated_values() {
        for (x, phi) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746),
            (-1.0, 0.158_655_254),
            (2.5, 0.993_790_335),
            (-3.0, 0.001_349_898),
        ] {
            let got = applied(Activation::Gelu, x);
            assert!((got - f64::from(x) * phi).abs() < 1e-6, "gelu({x}) is {got}");
        }
    }
}
