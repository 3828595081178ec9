//! Activation functions.

use super::elementwise::exp;

/// An activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · σ(1.702 x)`.
    QuickGelu,
    /// `x · Φ(x)`, with Φ the cumulative normal distribution.
    Gelu,
    /// The approximation of `Gelu` by tanh.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    /// Applies the function to each number.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "must be inlined into a function that enables the instruction set"
    )]
    pub(super) fn apply<const N: usize>(self, values: &mut [f32; N]) {
        match self {
            Self::QuickGelu => {
                for x in values {
                    *x *= sigmoid(1.702 * *x);
                }
            }
            Self::Gelu => {
                for x in values {
                    *x *= normal_cdf(*x);
                }
            }
            Self::GeluTanh => {
                for x in values {
                    *x = gelu_tanh(*x);
                }
            }
            Self::Relu => {
                for x in values {
                    *x = x.max(0.0);
                }
            }
        }
    }
}

/// `½ x (1 + tanh u)` with `u = √(2/π) (x + 0.044715 x³)`, and `½ (1 + tanh u) = σ(2u)`.
#[inline]
fn gelu_tanh(x: f32) -> f32 {
    const TWICE_ROOT: f32 = 1.595_769;
    x * sigmoid(TWICE_ROOT * (x + 0.044_715 * x * x * x))
}

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The cumulative normal distribution Φ within 1e-7, from the error function by Abramowitz and Stegun 7.1.26.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "must be inlined into a function that enables the instruction set"
)]
fn normal_cdf(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let tail = 0.5 * series * exp(-z * z);
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> impl Iterator<Item = f32> {
        (-9000..=9000).map(|i| i as f32 / 1000.0)
    }

    fn applied(activation: Activation, x: f32) -> f64 {
        let mut row = [x];
        activation.apply(&mut row);
        f64::from(row[0])
    }

    #[test]
    fn activations_agree_with_their_definitions() {
        for x in range() {
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
