//! Tests of targets and thresholds.

use super::*;
use crate::QueryKind;
use crate::calibration::{CalibrationOrigin, LabelSource, ScoredPair};
use eidetic_domain::{ImageId, SplitMix64};
use proptest::prelude::*;

fn pair(number: u32, score: f64, matches: bool) -> ScoredPair {
    ScoredPair {
        image: ImageId::of(&number.to_le_bytes()),
        path: "p".into(),
        query: "q".into(),
        query_image: None,
        score,
        matches,
        answer: false,
    }
}

fn calibration_of(pairs: Vec<ScoredPair>) -> Calibration {
    let origin = CalibrationOrigin {
        version: 1,
        replaces: None,
        kind: QueryKind::Text,
        space: "s".into(),
        made_at: 0,
        source: LabelSource::Labels,
        anchor: None,
        most_shift: Some(0.02),
        profile: None,
        wordings: None,
    };
    Calibration::fit(origin, pairs, None).unwrap()
}

/// `count` normal scores around `mean` of standard deviation `deviation`.
fn normal(count: usize, mean: f64, deviation: f64, random: &mut SplitMix64) -> Vec<f64> {
    let mut uniform = || random.below(1 << 30) as f64 / f64::from(1 << 30);
    let mut one = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    (0..count).map(|_| mean + deviation * one()).collect()
}

/// Normal scores of matches around 0.3 and of others around `other`.
fn calibration(counts: (usize, usize), other: f64, seed: u64) -> Calibration {
    let mut random = SplitMix64::new(seed);
    let matching = normal(counts.0, 0.3, 0.03, &mut random)
        .into_iter()
        .map(|s| (s, true));
    let others = normal(counts.1, other, 0.03, &mut random)
        .into_iter()
        .map(|s| (s, false));
    let pairs = (0..).zip(matching.chain(others));
    calibration_of(
        pairs
            .map(|(n, (score, matches))| pair(n, score, matches))
            .collect(),
    )
}

fn product(prevalence: f64) -> Profile {
    let mut profile = Profiles::builtin().get("product").unwrap().clone();
    profile.prevalence = Some(Share::clamped(prevalence));
    profile
}

fn thresholds(profile: &Profile, calibration: Option<&Calibration>) -> Vec<ResolvedThreshold> {
    let resolved = profile.resolve(&TargetContext::default(), calibration, None);
    resolved.levels().map(|(_, threshold)| *threshold).collect()
}

fn level(profile: &Profile, scored: (f32, Option<f32>), calibration: Option<&Calibration>) -> String {
    let scored = ScoredMatch {
        score: scored.0,
        confidence: scored.1,
    };
    profile
        .verdict(scored, &TargetContext::default(), calibration)
        .level
}

#[test]
fn targets_follow_labeled_pairs() {
    let calibration = calibration((1000, 1000), 0.2, 1);
    let at = |score| level(&product(0.1), (score, Some(0.0)), Some(&calibration));
    assert_eq!([at(0.33), at(0.265), at(0.1)], ["use", "review", "exclude"]);
}

#[test]
fn good_model_keeps_middle_level() {
    let calibration = calibration((1000, 1000), 0.1, 1);
    let found = thresholds(&product(0.5), Some(&calibration));
    let scores: Vec<f64> = found.iter().map(|found| found.threshold.value()).collect();
    assert!(scores[0] > scores[1] + 0.02, "{scores:?}");
    assert!(found.iter().all(|found| found.basis == ThresholdBasis::Measured));
    let expected = found.map_expected();
    assert!(
        expected[0].precision_low >= 0.95 && expected[1].recall_low >= 0.95,
        "{expected:?}"
    );
}

#[test]
fn rarer_matches_raise_precision_threshold() {
    let calibration = calibration((2000, 20_000 - 2000), 0.2, 1);
    let at = |prevalence| {
        thresholds(&product(prevalence), Some(&calibration))[0]
            .threshold
            .value()
    };
    assert!(at(0.02) > at(0.1) && at(0.1) > at(0.5));
}

#[test]
fn precision_holds_on_other_pairs() {
    // Labels in equal parts, matches one in ten: the target must hold on pairs that were not labeled.
    let mut reached = 0;
    for seed in 0..40 {
        let labels = calibration((500, 500), 0.2, seed);
        let threshold = thresholds(&product(0.1), Some(&labels))[0].threshold.value();
        let mut random = SplitMix64::new(1000 + seed);
        let found = normal(2000, 0.3, 0.03, &mut random)
            .iter()
            .filter(|s| **s >= threshold)
            .count() as f64;
        let wrong = normal(18_000, 0.2, 0.03, &mut random)
            .iter()
            .filter(|s| **s >= threshold)
            .count() as f64;
        reached += usize::from(found / (found + wrong) >= 0.95);
    }
    assert!(reached >= 36, "{reached} of 40");
}

#[test]
fn too_few_labels_are_estimated_with_need() {
    let calibration = calibration((30, 30), 0.2, 1);
    let found = thresholds(&product(0.02), Some(&calibration));
    assert_eq!(found[0].basis, ThresholdBasis::Estimated);
    assert!(found[0].others_needed.unwrap() > 1000, "{found:?}");
    // 30 of 30 matches show a recall of 0.917.
    assert_eq!(found[1].basis, ThresholdBasis::Estimated);
    assert!(found[1].threshold.value() < 0.3);
}

#[test]
fn targets_without_calibration_are_confidences() {
    let at = |confidence| level(&product(0.1), (0.3, confidence), None);
    assert_eq!(
        [at(Some(0.96)), at(Some(0.5)), at(Some(0.01))],
        ["use", "review", "exclude"]
    );
    assert_eq!(at(None), "unknown");
}

#[test]
fn stated_scores_need_no_calibration() {
    let mut profile = product(0.1);
    profile.levels[0].target = LevelTarget::Score(0.32);
    profile.levels[1].target = LevelTarget::Score(0.25);
    let calibration = calibration((100, 100), 0.2, 1);
    for calibration in [None, Some(&calibration)] {
        let at = |score| level(&profile, (score, Some(0.5)), calibration);
        assert_eq!([at(0.33), at(0.3), at(0.2)], ["use", "review", "exclude"]);
    }
}

#[test]
fn wrong_answers_move_thresholds_within_bounds() {
    let labels = calibration((54, 54), 0.2, 3);
    let before = thresholds(&product(0.1), Some(&labels));
    let mut with_answers = labels.clone();
    with_answers.labeled.extend((0..64).map(|n| ScoredPair {
        answer: true,
        ..pair(1000 + n, 0.12 + f64::from(n) / 1000.0, true)
    }));
    with_answers.labeled.sort_by(|a, b| a.score.total_cmp(&b.score));
    let after = thresholds(&product(0.1), Some(&with_answers));
    assert_ne!(before, after);
    for (before, after) in before.iter().zip(&after) {
        let moved = (before.threshold.value() - after.threshold.value()).abs();
        assert!(moved <= 0.02 + 1e-9, "{before:?} {after:?}");
    }
}

#[test]
fn right_answers_count_beside_labels() {
    let mut both = calibration((100, 100), 0.2, 3);
    let fewer = thresholds(&product(0.1), Some(&both))[0].expected.unwrap();
    let more = calibration((300, 300), 0.2, 4);
    both.labeled.extend(
        more.labeled
            .into_iter()
            .map(|pair| ScoredPair { answer: true, ..pair }),
    );
    both.labeled.sort_by(|a, b| a.score.total_cmp(&b.score));
    let more = thresholds(&product(0.1), Some(&both))[0].expected.unwrap();
    assert!(
        more.recall_low - more.recall > fewer.recall_low - fewer.recall,
        "{fewer:?} {more:?}"
    );
}

#[test]
fn prevalence_of_batch_is_estimated() {
    let calibration = calibration((300, 300), 0.2, 5);
    for share in [0.02, 0.1, 0.5] {
        let mut random = SplitMix64::new(9);
        let matching = (2000.0 * share) as usize;
        let mut scores = normal(matching, 0.3, 0.03, &mut random);
        scores.extend(normal(2000 - matching, 0.2, 0.03, &mut random));
        let found = estimate_prevalence(&scores, &calibration).unwrap();
        assert!((found.share - share).abs() < 0.03, "{share}: {found:?}");
        assert!(found.low < found.share && found.pairs == 2000);
    }
    assert_eq!(estimate_prevalence(&[0.3; 99], &calibration), None);
}

trait Expected {
    fn map_expected(&self) -> Vec<ExpectedRates>;
}

impl Expected for Vec<ResolvedThreshold> {
    fn map_expected(&self) -> Vec<ExpectedRates> {
        self.iter().filter_map(|found| found.expected).collect()
    }
}

fn any_target() -> impl Strategy<Value = LevelTarget> {
    let share = (0.01..0.99_f64).prop_map(Share::clamped);
    prop_oneof![
        share.clone().prop_map(LevelTarget::Precision),
        share.clone().prop_map(LevelTarget::Recall),
        share.prop_map(LevelTarget::Confidence),
        (-1.0..1.0_f64).prop_map(LevelTarget::Score),
    ]
}

proptest! {
    #[test]
    fn thresholds_descend_with_any_labels(
        targets in prop::collection::vec(any_target(), 1..6),
        labels in prop::collection::vec((0..40u8, any::<bool>(), any::<bool>()), 0..80),
        prevalence in 0.001..0.999_f64,
    ) {
        let mut profile = product(prevalence);
        let rule = profile.levels[0].clone();
        profile.levels = targets.iter().map(|target| LevelRule { target: *target, ..rule.clone() }).collect();
        let pairs: Vec<ScoredPair> = (0..).zip(&labels)
            .map(|(n, (score, matches, answer))| ScoredPair {
                answer: *answer,
                ..pair(n, f64::from(*score) / 40.0, *matches)
            })
            .collect();
        let origin = calibration((10, 10), 0.2, 1).origin;
        let made = Calibration::fit(origin, pairs, None).ok();
        let found = thresholds(&profile, made.as_ref());
        let descends = |kind: fn(LevelThreshold) -> Option<f64>| {
            let values: Vec<f64> = found.iter().filter_map(|found| kind(found.threshold)).collect();
            values.is_sorted_by(|a, b| a >= b) && values.iter().all(|value| !value.is_nan())
        };
        prop_assert!(descends(|threshold| match threshold {
            LevelThreshold::Score(score) => Some(score),
            LevelThreshold::Confidence(_) => None,
        }), "{found:?}");
        prop_assert!(descends(|threshold| match threshold {
            LevelThreshold::Confidence(confidence) => Some(confidence),
            LevelThreshold::Score(_) => None,
        }), "{found:?}");
    }
}
