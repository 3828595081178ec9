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
        let power = squared.powf(B);
        let coefficient = -2.0 * A * B * power / (squared * (1.0 + A * power));
        step(own, other, coefficient, learning_rate);
    }
}

/// Moves `own` away from `other`: the gradient of the logarithm of one minus the membership strength.
#[inline]
pub fn repel(own: &mut Point, other: Point, learning_rate: f32) {
    let squared = squared_distance(*own, other);
    if squared > 0.0 {
        let coefficient = 2.0 * B / ((EPSILON + squared) * (1.0 + A * squared.powf(B)));
        step(own, other, coefficient, learning_rate);
    }
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
        let cases: [(fn(&mut Point, Point, f32), [f64; 2]); 2] = [
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
