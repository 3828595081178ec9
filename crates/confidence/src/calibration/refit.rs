//! Learning from answers to hits, without believing them too much.

use super::{Calibrated, Labelled, Platt, Prior, Sample};
use crate::Fit;

/// Fewer answers of a class than this change nothing: an opinion from one side is not evidence.
pub const MIN_ANSWERS_OF_EACH_CLASS: usize = 10;

/// An answer to a hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answered {
    /// Score and answer.
    pub labelled: Labelled,
    /// The confidence that the hit has now, where it has one: the belief, where no curve of scores states it.
    pub confidence: Option<f64>,
}

/// How far one re-fit may go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The score at which a match is as probable as not moves by at most this much.
    pub centre: f64,
    /// The slope changes at most by this factor, up or down.
    pub slope: f64,
}

/// What a re-fit came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Refit {
    /// Nothing changes, for this reason.
    Unchanged(Unchanged),
    /// The new curve.
    Moved {
        /// The curve that was believed in.
        from: Platt,
        /// The curve now.
        to: Platt,
        /// Whether the bounds held it back.
        reach: Reach,
    },
}

/// Why answers changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchanged {
    /// Fewer than [`MIN_ANSWERS_OF_EACH_CLASS`] of either class.
    OneSided,
    /// A score or a confidence that is no number, or scores that are all the same.
    Unusable,
    /// No rising curve states what was believed, so that there is nothing to hold on to.
    NoBelief,
}

/// Whether a re-fit went as far as the answers asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// As far as the answers and the prior together asked.
    Free,
    /// To the bounds and no further.
    Bounded,
}

impl Bounds {
    /// 5 % of the model's span of scores, and a factor of 1.5.
    pub fn of_span(span: f64) -> Self {
        Self {
            centre: 0.05 * span,
            slope: 1.5,
        }
    }

    /// Three times as far: what all re-fits together may do, counted from the last calibration by labels.
    #[must_use]
    pub fn in_all(self) -> Self {
        Self {
            centre: 3.0 * self.centre,
            slope: self.slope.powi(3),
        }
    }

    /// `wanted`, brought within these bounds of `from`. Slopes are positive on both sides.
    pub fn hold(&self, from: Platt, wanted: Platt) -> Platt {
        let centre = wanted
            .centre()
            .clamp(from.centre() - self.centre, from.centre() + self.centre);
        let slope = wanted
            .slope
            .clamp(from.slope / self.slope, from.slope * self.slope);
        Platt::through(centre, slope)
    }
}

impl Calibrated {
    /// Re-fits `prior` with answers to hits: Platt's curve with the prior's as a belief that is worth `worth` pairs, then
    /// held within `bounds`.
    ///
    /// Where the prior is no curve of scores (the background) or one of steps, the curve nearest to the confidences that it
    /// gives these answers is the belief.
    pub fn refit(prior: &Fit, worth: f64, answers: &[Answered], bounds: &Bounds) -> Refit {
        let labelled: Vec<Labelled> = answers.iter().map(|answer| answer.labelled).collect();
        let matching = labelled.iter().filter(|pair| pair.matches).count();
        if matching.min(labelled.len() - matching) < MIN_ANSWERS_OF_EACH_CLASS {
            return Refit::Unchanged(Unchanged::OneSided);
        }
        let Ok(sample) = Sample::new(labelled) else {
            return Refit::Unchanged(Unchanged::Unusable);
        };
        let Some(belief) = belief(prior, answers) else {
            return Refit::Unchanged(Unchanged::NoBelief);
        };
        let fitted = Platt::fit(&sample, Some(Prior { belief, worth }));
        let wanted = rising(fitted, belief);
        let to = bounds.hold(belief, wanted);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9);
        let free = near(to.slope, fitted.slope) && near(to.centre(), fitted.centre());
        Refit::Moved {
            from: belief,
            to,
            reach: if free { Reach::Free } else { Reach::Bounded },
        }
    }
}

/// Answers that turn the curve around ask for the gentlest slope, and say nothing of where it should stand.
fn rising(fitted: Platt, belief: Platt) -> Platt {
    if fitted.is_usable() && fitted.centre().is_finite() {
        return fitted;
    }
    Platt::through(belief.centre(), f64::MIN_POSITIVE)
}

fn belief(prior: &Fit, answers: &[Answered]) -> Option<Platt> {
    if let Fit::Platt(platt) = prior {
        return platt.is_usable().then_some(*platt);
    }
    let stated = |answer: &Answered| {
        let score = answer.labelled.score;
        let confidence = prior.of_score(score).or(answer.confidence)?;
        (0.0..=1.0).contains(&confidence).then_some((score, confidence))
    };
    let stated: Option<Vec<(f64, f64)>> = answers.iter().map(stated).collect();
    Platt::approximating(&stated?)
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

    fn bounds() -> Bounds {
        Bounds::of_span(0.3)
    }

    fn answer(score: f64, matches: bool) -> Answered {
        Answered {
            labelled: Labelled { score, matches },
            confidence: Some(PRIOR.probability(score)),
        }
    }

    /// Scores from 0.15 to 0.35, answered by chance as `truth` says.
    fn answers(count: usize, truth: Platt) -> Vec<Answered> {
        let mut random = SplitMix64::new(5);
        let mut uniform = move || random.below(1 << 30) as f64 / f64::from(1 << 30);
        let one = |_| {
            let score = 0.15 + 0.2 * uniform();
            answer(score, uniform() < truth.probability(score))
        };
        (0..count).map(one).collect()
    }

    fn moved(refit: Refit) -> (Platt, Reach) {
        match refit {
            Refit::Moved { to, reach, .. } => (to, reach),
            Refit::Unchanged(why) => panic!("unchanged: {why:?}"),
        }
    }

    #[test]
    fn honest_answers_move_the_curve_towards_the_truth() {
        let truth = Platt::through(0.26, 60.0);
        let (to, _) = moved(Calibrated::refit(
            &Fit::Platt(PRIOR),
            100.0,
            &answers(400, truth),
            &bounds(),
        ));
        assert!(
            (to.centre() - 0.26).abs() < 0.6 * (PRIOR.centre() - 0.26).abs(),
            "{to:?}"
        );
    }

    #[test]
    fn one_sided_answers_change_nothing_however_many() {
        let mut all: Vec<Answered> = (0..5000)
            .map(|i| answer(0.2 + f64::from(i) / 1e5, true))
            .collect();
        all.extend((0..9).map(|_| answer(0.1, false)));
        let refit = Calibrated::refit(&Fit::Platt(PRIOR), 100.0, &all, &bounds());
        assert_eq!(refit, Refit::Unchanged(Unchanged::OneSided));
    }

    #[test]
    fn lies_reach_the_bounds_and_no_further() {
        // Everything above 0.1 is called right, everything below wrong; then the whole truth turned about.
        let lenient: Vec<Answered> = (0..3000).map(|i| answer(f64::from(i) / 1e4, i > 1000)).collect();
        let turned: Vec<Answered> = (0..3000).map(|i| answer(f64::from(i) / 1e4, i < 2000)).collect();
        for lies in [lenient, turned] {
            let (to, reach) = moved(Calibrated::refit(&Fit::Platt(PRIOR), 100.0, &lies, &bounds()));
            assert_eq!(reach, Reach::Bounded);
            assert!((to.centre() - PRIOR.centre()).abs() <= 0.015 + 1e-9, "{to:?}");
            assert!(to.slope >= PRIOR.slope / 1.5 - 1e-9 && to.slope <= PRIOR.slope * 1.5 + 1e-9);
        }
    }

    #[test]
    fn without_a_curve_the_confidences_are_the_belief() {
        let told = answers(200, PRIOR);
        let Refit::Moved { from, .. } = Calibrated::refit(&Fit::Background, 100.0, &told, &bounds()) else {
            panic!("the confidences make a curve");
        };
        assert!((from.centre() - PRIOR.centre()).abs() < 1e-3, "{from:?}");
        let silent: Vec<Answered> = told
            .iter()
            .map(|answer| Answered {
                confidence: None,
                ..*answer
            })
            .collect();
        let refit = Calibrated::refit(&Fit::Background, 100.0, &silent, &bounds());
        assert_eq!(refit, Refit::Unchanged(Unchanged::NoBelief));
    }

    proptest! {
        #[test]
        fn no_answers_lead_past_the_bounds(
            told in prop::collection::vec((-1.0f64..1.0, any::<bool>()), 0..120),
            worth in 0.0f64..1000.0,
        ) {
            let told: Vec<Answered> = told.into_iter().map(|(score, matches)| answer(score, matches)).collect();
            if let Refit::Moved { to, .. } = Calibrated::refit(&Fit::Platt(PRIOR), worth, &told, &bounds()) {
                prop_assert!((to.centre() - PRIOR.centre()).abs() <= 0.015 + 1e-9);
                prop_assert!(to.slope >= 39.9 && to.slope <= 90.1);
            }
        }
    }
}
