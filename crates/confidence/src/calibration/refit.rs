//! Re-fitting a curve to feedback on hits, within bounds.

use super::{LabeledScore, Platt, Prior, Sample};
use crate::Calibrator;

/// With less feedback of a class than this, nothing changes: one-sided feedback is not evidence.
pub const MIN_FEEDBACK_PER_CLASS: usize = 10;

/// Feedback on a hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredFeedback {
    /// The score of the hit, and the feedback as its label.
    pub labeled: LabeledScore,
    /// The current confidence of the hit, if it has one. It replaces the prior if the score alone doesn't
    /// decide that.
    pub confidence: Option<f64>,
}

/// How far one re-fit may move a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefitBounds {
    /// Maximum change of the score of probability 0.5.
    pub center: f64,
    /// Maximum factor between the slopes, up or down.
    pub slope: f64,
}

/// The result of a re-fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Refit {
    /// Nothing changes, for this reason.
    Unchanged(UnchangedReason),
    /// The curve moved.
    Moved {
        /// The prior curve.
        from: Platt,
        /// The new curve.
        to: Platt,
        /// Whether the bounds limited it.
        clamped: Clamped,
    },
}

/// Why feedback changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnchangedReason {
    /// Fewer than [`MIN_FEEDBACK_PER_CLASS`] of a class.
    OneSided,
    /// A score is not finite, or all scores are equal.
    Invalid,
    /// No rising curve fits the confidences so far, so there is no prior.
    NoPrior,
}

/// Whether bounds limited a re-fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clamped {
    /// The curve is as fitted.
    No,
    /// The curve was moved to the bounds.
    Yes,
}

impl RefitBounds {
    /// 5 % of `range`, the width of the model's range of scores, and a factor of 1.5.
    pub fn from_range(range: f64) -> Self {
        Self {
            center: 0.05 * range,
            slope: 1.5,
        }
    }

    /// Three times as far: the bounds of all re-fits together since the last calibration from labels.
    #[must_use]
    pub fn total(self) -> Self {
        Self {
            center: 3.0 * self.center,
            slope: self.slope.powi(3),
        }
    }

    /// `wanted`, clamped to these bounds around `from`. Both slopes are positive.
    pub fn clamp(&self, from: Platt, wanted: Platt) -> Platt {
        let center = wanted
            .center()
            .clamp(from.center() - self.center, from.center() + self.center);
        let slope = wanted
            .slope
            .clamp(from.slope / self.slope, from.slope * self.slope);
        Platt::from_center(center, slope)
    }
}

impl Calibrator {
    /// Re-fits this calibrator to feedback: Platt's curve with this one as a prior of `weight` pairs,
    /// clamped to `bounds`.
    ///
    /// If this calibrator is not a logistic curve, the prior is the curve nearest to the confidences that
    /// it gives the feedback.
    pub fn refit(&self, weight: f64, feedback: &[ScoredFeedback], bounds: &RefitBounds) -> Refit {
        let labeled: Vec<LabeledScore> = feedback.iter().map(|one| one.labeled).collect();
        let matching = labeled.iter().filter(|pair| pair.matches).count();
        if matching.min(labeled.len() - matching) < MIN_FEEDBACK_PER_CLASS {
            return Refit::Unchanged(UnchangedReason::OneSided);
        }
        let Ok(sample) = Sample::new(labeled) else {
            return Refit::Unchanged(UnchangedReason::Invalid);
        };
        let Some(prior) = self.prior_curve(feedback) else {
            return Refit::Unchanged(UnchangedReason::NoPrior);
        };
        let fitted = Platt::fit(&sample, Some(Prior { curve: prior, weight }));
        let wanted = rising(fitted, prior);
        let to = bounds.clamp(prior, wanted);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9);
        let is_as_fitted = near(to.slope, fitted.slope) && near(to.center(), fitted.center());
        Refit::Moved {
            from: prior,
            to,
            clamped: if is_as_fitted { Clamped::No } else { Clamped::Yes },
        }
    }

    fn prior_curve(&self, feedback: &[ScoredFeedback]) -> Option<Platt> {
        if let Self::Platt(platt) = self {
            return platt.is_valid().then_some(*platt);
        }
        let known = |one: &ScoredFeedback| {
            let score = one.labeled.score;
            let confidence = self.probability(score).or(one.confidence)?;
            (0.0..=1.0).contains(&confidence).then_some((score, confidence))
        };
        let known: Option<Vec<(f64, f64)>> = feedback.iter().map(known).collect();
        Platt::approximate(&known?)
    }
}

/// The fitted curve, if it rises. Feedback that reverses the curve gives the lowest slope and doesn't move
/// the center.
fn rising(fitted: Platt, prior: Platt) -> Platt {
    if fitted.is_valid() && fitted.center().is_finite() {
        return fitted;
    }
    Platt::from_center(prior.center(), f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;
    use proptest::prelude::*;

    const PRIOR: Platt = Platt {
        slope: 60.0,
        intercept: -15.0,
    };

    fn bounds() -> RefitBounds {
        RefitBounds::from_range(0.3)
    }

    fn answer(score: f64, matches: bool) -> ScoredFeedback {
        ScoredFeedback {
            labeled: LabeledScore { score, matches },
            confidence: Some(PRIOR.probability(score)),
        }
    }

    /// Feedback on scores from 0.15 to 0.35, random with the probabilities of `truth`.
    fn answers(count: usize, truth: Platt) -> Vec<ScoredFeedback> {
        let mut random = SplitMix64::new(5);
        let mut uniform = move || random.below(1 << 30) as f64 / f64::from(1 << 30);
        let one = |_| {
            let score = 0.15 + 0.2 * uniform();
            answer(score, uniform() < truth.probability(score))
        };
        (0..count).map(one).collect()
    }

    fn moved(refit: Refit) -> (Platt, Clamped) {
        match refit {
            Refit::Moved { to, clamped, .. } => (to, clamped),
            Refit::Unchanged(why) => panic!("unchanged: {why:?}"),
        }
    }

    #[test]
    fn correct_feedback_moves_curve_towards_truth() {
        let truth = Platt::from_center(0.26, 60.0);
        let refit = Calibrator::Platt(PRIOR).refit(100.0, &answers(400, truth), &bounds());
        let (to, _) = moved(refit);
        assert!(
            (to.center() - 0.26).abs() < 0.6 * (PRIOR.center() - 0.26).abs(),
            "{to:?}"
        );
    }

    #[test]
    fn one_sided_feedback_changes_nothing() {
        let mut all: Vec<ScoredFeedback> = (0..5000)
            .map(|i| answer(0.2 + f64::from(i) / 1e5, true))
            .collect();
        all.extend((0..9).map(|_| answer(0.1, false)));
        let refit = Calibrator::Platt(PRIOR).refit(100.0, &all, &bounds());
        assert_eq!(refit, Refit::Unchanged(UnchangedReason::OneSided));
    }

    #[test]
    fn wrong_feedback_is_clamped_to_bounds() {
        // Everything above 0.1 is labeled as matching; then all labels are reversed.
        let lenient: Vec<ScoredFeedback> = (0..3000).map(|i| answer(f64::from(i) / 1e4, i > 1000)).collect();
        let reversed: Vec<ScoredFeedback> = (0..3000).map(|i| answer(f64::from(i) / 1e4, i < 2000)).collect();
        for wrong in [lenient, reversed] {
            let (to, clamped) = moved(Calibrator::Platt(PRIOR).refit(100.0, &wrong, &bounds()));
            assert_eq!(clamped, Clamped::Yes);
            assert!((to.center() - PRIOR.center()).abs() <= 0.015 + 1e-9, "{to:?}");
            assert!(to.slope >= PRIOR.slope / 1.5 - 1e-9 && to.slope <= PRIOR.slope * 1.5 + 1e-9);
        }
    }

    #[test]
    fn prior_without_curve_follows_confidences() {
        let with_confidence = answers(200, PRIOR);
        let Refit::Moved { from, .. } = Calibrator::Background.refit(100.0, &with_confidence, &bounds())
        else {
            panic!("the confidences make a curve");
        };
        assert!((from.center() - PRIOR.center()).abs() < 1e-3, "{from:?}");
        let without_confidence: Vec<ScoredFeedback> = with_confidence
            .iter()
            .map(|answer| ScoredFeedback {
                confidence: None,
                ..*answer
            })
            .collect();
        let refit = Calibrator::Background.refit(100.0, &without_confidence, &bounds());
        assert_eq!(refit, Refit::Unchanged(UnchangedReason::NoPrior));
    }

    proptest! {
        #[test]
        fn feedback_never_moves_curve_past_bounds(
            given in prop::collection::vec((-1.0f64..1.0, any::<bool>()), 0..120),
            weight in 0.0f64..1000.0,
        ) {
            let given: Vec<ScoredFeedback> = given.into_iter().map(|(score, matches)| answer(score, matches)).collect();
            if let Refit::Moved { to, .. } = Calibrator::Platt(PRIOR).refit(weight, &given, &bounds()) {
                prop_assert!((to.center() - PRIOR.center()).abs() <= 0.015 + 1e-9);
                prop_assert!(to.slope >= 39.9 && to.slope <= 90.1);
            }
        }
    }
}
