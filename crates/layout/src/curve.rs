//! The curve by which UMAP turns distances in the plane into membership strengths: 1 / (1 + a d²ᵇ).

use crate::Point;

/// Parameters of the curve for `min_dist` 0.1 and `spread` 1: the least squares fit to 1 up to `min_dist` and to
/// exp(−(d − `min_dist`) / `spread`) beyond (`find_ab_params` of umap-learn).
const A: f32 = 1.576_943_5;
const B: f32 = 0.895_060_9;
/// Keeps the repulsion of points in one place finite.
const EPSILON: f32 = 0.001;
/// The longest step along one axis, before it is scaled by the learning rate.
const MAX_STEP: f32 = 4.0;

/// Moves `own` towards `other`: the gradient of the logarithm of the membership strength.
#[inline]
pub fn attract(own: &mut Point, other: Point, learning_rate: f32) {
    let squared = squared_distance(*own, other);
    if squared > 0.0 {
        let power = power_b(squared);
        let coefficient = -2.0 * A * B * power / (squared * (1.0 + A * power));
        step(own, other, coefficient, learning_rate);
    }
}

/// Moves `own` away from `other`: the gradient of the logarithm of one minus the membership strength.
#[inline]
pub fn repel(own: &mut Point, other: Point, learning_rate: f32) {
    let squared = squared_distance(*own, other);
    if squared > 0.0 {
        let coefficient = 2.0 * B / ((EPSILON + squared) * (1.0 + A * power_b(squared)));
        step(own, other, coefficient, learning_rate);
    }
}

/// `x` to the power of [`B`], for positive numbers: within 2 · 10⁻⁵ of it, and, unlike `powf`, the same on every machine.
///
/// 2 to the power of B log₂ x: whole parts are exponents of floats, and the rest are polynomials (minimax on 1..2 and 0..1).
#[inline]
fn power_b(x: f32) -> f32 {
    const MANTISSA: u32 = 0x007f_ffff;
    const ONE: u32 = 0x3f80_0000;
    let bits = x.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let m = f32::from_bits(bits & MANTISSA | ONE);
    let log = polynomial(
        m - 1.0,
        [
            0.000_001_846,
            1.442_495_3,
            -0.717_791_1,
            0.456_521_64,
            -0.276_540_7,
            0.121_002_2,
            -0.025_691_076,
        ],
    );
    let y = (B * (exponent as f32 + log)).clamp(-126.0, 126.0);
    // Rounded down; `floor` is a call where the processor may lack it.
    let whole = y as i32 - i32::from(y < 0.0);
    let f = y - whole as f32;
    let exp = polynomial(
        f,
        [
            1.000_003_7,
            0.692_966_1,
            0.241_638_45,
            0.051_690_36,
            0.013_697_664,
        ],
    );
    f32::from_bits(((whole + 127) as u32) << 23) * exp
}

/// The value at `x` of the polynomial with these coefficients, the constant one first.
#[inline]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[inline]
fn step(own: &mut Point, other: Point, coefficient: f32, learning_rate: f32) {
    for (own, other) in own.iter_mut().zip(other) {
        let gradient = coefficient * (*own - other);
        *own += gradient.clamp(-MAX_STEP, MAX_STEP) * learning_rate;
    }
}

/// The square of the distance of two points.
#[inline]
pub fn squared_distance(a: Point, b: Point) -> f32 {
    let (x, y) = (a[0] - b[0], a[1] - b[1]);
    x * x + y * y
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strength(a: f64, b: f64, distance: f64) -> f64 {
        1.0 / (1.0 + a * distance.powf(2.0 * b))
    }

    type Move = fn(&mut Point, Point, f32);

    #[test]
    fn parameters_fit_target_best() {
        // The 300 distances of umap-learn.
        let error = |a: f64, b: f64| -> f64 {
            (0..300)
                .map(|at| {
                    let distance = f64::from(at) * 3.0 / 299.0;
                    let target = if distance < 0.1 {
                        1.0
                    } else {
                        (0.1 - distance).exp()
                    };
                    (strength(a, b, distance) - target).powi(2)
                })
                .sum()
        };
        let (a, b) = (f64::from(A), f64::from(B));
        for (other_a, other_b) in [(a * 1.01, b), (a * 0.99, b), (a, b * 1.01), (a, b * 0.99)] {
            assert!(error(a, b) < error(other_a, other_b));
        }
    }

    #[test]
    fn power_is_close_to_exact_one() {
        let mut x = 1e-12_f32;
        while x < 1e12 {
            let ratio = power_b(x) / x.powf(B);
            assert!((ratio - 1.0).abs() < 2e-5, "{x}: {ratio}");
            x *= 1.003;
        }
    }

    #[test]
    fn steps_are_gradients() {
        let (own, other) = ([0.3_f32, -0.8], [0.9_f32, 0.4]);
        let at = |x: f64, y: f64| {
            let distance = (x - f64::from(other[0])).hypot(y - f64::from(other[1]));
            strength(f64::from(A), f64::from(B), distance)
        };
        let (x, y, h) = (f64::from(own[0]), f64::from(own[1]), 1e-5);
        let numeric = |value: &dyn Fn(f64) -> f64| {
            [
                (value(at(x + h, y)) - value(at(x - h, y))) / (2.0 * h),
                (value(at(x, y + h)) - value(at(x, y - h))) / (2.0 * h),
            ]
        };
        let cases: [(Move, [f64; 2]); 2] = [
            (attract, numeric(&f64::ln)),
            (repel, numeric(&|strength| (1.0 - strength).ln())),
        ];
        for (moves, gradient) in cases {
            let mut moved = own;
            moves(&mut moved, other, 0.001);
            for axis in 0..2 {
                let slope = f64::from(moved[axis] - own[axis]) / 0.001;
                assert!((slope - gradient[axis]).abs() < 0.01, "{slope} and {gradient:?}");
            }
        }
    }
}
