//! Platt scaling: logistic regression of labels on scores.

use serde::{Deserialize, Serialize};

use super::{LabeledScore, Sample};

/// A probability as a logistic curve of the score: `1 / (1 + exp(−(slope · score + intercept)))` (Platt
/// 1999).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// Change of the log odds per unit of score.
    pub slope: f64,
    /// Log odds at score 0.
    pub intercept: f64,
}

/// A curve known before the fit, and its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// The curve.
    pub curve: Platt,
    /// Its weight, in pairs.
    pub weight: f64,
}

/// Maximum number of Newton steps. The objective is convex and has two parameters, so far fewer are needed.
const MAX_STEPS: usize = 100;

impl Platt {
    /// Probability of a match at `score`.
    pub fn probability(&self, score: f64) -> f64 {
        logistic(self.slope * score + self.intercept)
    }

    /// Whether the parameters are finite and the curve rises. False for damaged files and for labels that
    /// fall with the score.
    pub fn is_valid(&self) -> bool {
        self.slope.is_finite() && self.intercept.is_finite() && self.slope > 0.0
    }

    /// The score of probability 0.5.
    pub fn center(&self) -> f64 {
        -self.intercept / self.slope
    }

    /// The curve with this slope that has probability 0.5 at `center`.
    pub fn from_center(center: f64, slope: f64) -> Self {
        let intercept = -slope * center;
        Self { slope, intercept }
    }

    /// The curve nearest to given probabilities at scores, by cross-entropy. `None` if that curve doesn't
    /// rise, or all scores are equal.
    pub fn approximate(probabilities: &[(f64, f64)]) -> Option<Self> {
        let points = probabilities.iter().map(|&(x, target)| WeightedPoint {
            x,
            target,
            weight: 1.0,
        });
        let points: Vec<WeightedPoint> = points.collect();
        let fitted = Self::of_points(&points)?;
        fitted.is_valid().then_some(fitted)
    }

    /// The maximum-likelihood curve with Platt's targets (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2), which keep it
    /// finite if the classes don't overlap. `prior` is added as weighted observations.
    pub fn fit(sample: &Sample, prior: Option<Prior>) -> Self {
        let of_prior = prior
            .into_iter()
            .flat_map(|prior| pseudo_observations(sample.pairs(), prior));
        let points: Vec<WeightedPoint> = observations(sample).chain(of_prior).collect();
        Self::of_points(&points).expect("the scores of a sample differ")
    }

    /// `None` if all scores are equal.
    fn of_points(points: &[WeightedPoint]) -> Option<Self> {
        let total: f64 = points.iter().map(|point| point.weight).sum();
        let mean = points.iter().map(|point| point.weight * point.x).sum::<f64>() / total;
        let squares = points.iter().map(|point| point.weight * (point.x - mean).powi(2));
        // Newton's steps are better conditioned on standardized scores: cosines vary by hundredths.
        let deviation = (squares.sum::<f64>() / total).sqrt();
        if !deviation.is_finite() || deviation <= 0.0 {
            return None;
        }
        let standardized = |point: &WeightedPoint| WeightedPoint {
            x: (point.x - mean) / deviation,
            ..*point
        };
        let (slope, intercept) = newton(&points.iter().map(standardized).collect::<Vec<_>>());
        Some(Self {
            slope: slope / deviation,
            intercept: intercept - slope * mean / deviation,
        })
    }
}

/// A score, its target probability, and its weight.
#[derive(Clone, Copy)]
struct WeightedPoint {
    x: f64,
    target: f64,
    weight: f64,
}

fn observations(sample: &Sample) -> impl Iterator<Item = WeightedPoint> + '_ {
    let matching = sample.matching() as f64;
    let other = sample.pairs().len() as f64 - matching;
    let (yes, no) = ((matching + 1.0) / (matching + 2.0), 1.0 / (other + 2.0));
    let target = move |matches| if matches { yes } else { no };
    sample.pairs().iter().map(move |pair| WeightedPoint {
        x: pair.score,
        target: target(pair.matches),
        weight: 1.0,
    })
}

fn pseudo_observations(pairs: &[LabeledScore], prior: Prior) -> impl Iterator<Item = WeightedPoint> + '_ {
    let weight = prior.weight / pairs.len() as f64;
    pairs.iter().map(move |pair| WeightedPoint {
        x: pair.score,
        target: prior.curve.probability(pair.score),
        weight,
    })
}

/// Newton's method; steps are halved until the loss falls (Lin, Lin, Weng 2007).
fn newton(points: &[WeightedPoint]) -> (f64, f64) {
    let (mut slope, mut intercept) = (0.0, 0.0);
    let mut loss = cross_entropy(points, slope, intercept);
    for _ in 0..MAX_STEPS {
        let Some((along_slope, along_intercept)) = direction(points, slope, intercept) else {
            break;
        };
        let mut step = 1.0;
        let mut fell = 0.0;
        while step > 1e-10 {
            let next = (slope + step * along_slope, intercept + step * along_intercept);
            let next_loss = cross_entropy(points, next.0, next.1);
            if next_loss < loss {
                (slope, intercept) = next;
                (fell, loss) = (loss - next_loss, next_loss);
                break;
            }
            step /= 2.0;
        }
        if fell < 1e-12 * loss.abs().max(1e-12) {
            break;
        }
    }
    (slope, intercept)
}

fn direction(points: &[WeightedPoint], slope: f64, intercept: f64) -> Option<(f64, f64)> {
    // A ridge far below the contribution of a single pair keeps the matrix invertible.
    let (mut aa, mut ab, mut bb, mut ga, mut gb) = (1e-12, 0.0, 1e-12, 0.0, 0.0);
    for point in points {
        let p = logistic(slope * point.x + intercept);
        let curvature = point.weight * p * (1.0 - p);
        let residual = point.weight * (point.target - p);
        aa += curvature * point.x * point.x;
        ab += curvature * point.x;
        bb += curvature;
        ga += residual * point.x;
        gb += residual;
    }
    let determinant = aa * bb - ab * ab;
    (determinant > 0.0).then(|| {
        (
            (bb * ga - ab * gb) / determinant,
            (aa * gb - ab * ga) / determinant,
        )
    })
}

fn cross_entropy(points: &[WeightedPoint], slope: f64, intercept: f64) -> f64 {
    let loss = |point: &WeightedPoint| {
        let z = slope * point.x + intercept;
        // log(1 + exp(z)) − target · z, without overflow.
        point.weight * (z.max(0.0) + (-z.abs()).exp().ln_1p() - point.target * z)
    };
    points.iter().map(loss).sum()
}

fn logistic(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        z.exp() / (1.0 + z.exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;

    /// Pairs with random labels of the probabilities of `curve`.
    fn drawn_from(curve: Platt, count: usize) -> Sample {
        let mut random = SplitMix64::new(11);
        let mut uniform = move || random.below(1 << 30) as f64 / f64::from(1 << 30);
        let pair = |_| {
            let score = 0.1 + 0.2 * uniform();
            LabeledScore {
                score,
                matches: uniform() < curve.probability(score),
            }
        };
        Sample::new((0..count).map(pair).collect()).unwrap()
    }

    #[test]
    fn fit_recovers_curve_of_labels() {
        let truth = Platt {
            slope: 60.0,
            intercept: -12.0,
        };
        let fitted = Platt::fit(&drawn_from(truth, 20_000), None);
        for score in [0.12, 0.18, 0.2, 0.22, 0.28] {
            assert!(
                (fitted.probability(score) - truth.probability(score)).abs() < 0.02,
                "{fitted:?}"
            );
        }
    }

    #[test]
    fn separated_classes_give_finite_curve() {
        let pair = |i: u32| LabeledScore {
            score: f64::from(i) / 100.0,
            matches: i >= 10,
        };
        let fitted = Platt::fit(&Sample::new((0..20).map(pair).collect()).unwrap(), None);
        assert!(fitted.slope.is_finite() && fitted.slope > 0.0);
        assert!(fitted.probability(0.19) > 0.8 && fitted.probability(0.0) < 0.2);
    }

    #[test]
    fn heavier_prior_pulls_curve_more() {
        let prior = Platt {
            slope: 60.0,
            intercept: -15.0,
        };
        let sample = drawn_from(
            Platt {
                slope: 60.0,
                intercept: -12.0,
            },
            200,
        );
        let distance = |weight| {
            let fitted = Platt::fit(&sample, Some(Prior { curve: prior, weight }));
            (fitted.probability(0.22) - prior.probability(0.22)).abs()
        };
        assert!(distance(1e6) < 1e-3);
        assert!(distance(1e6) < distance(200.0) && distance(200.0) < distance(1e-6));
    }
}
