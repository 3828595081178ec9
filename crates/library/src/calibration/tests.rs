//! Calibration and re-fitting of a small space.

use std::path::Path;
use std::sync::Arc;

use eidetic_confidence::calibration::{Clamped, ImageTextPair, LabeledPair};
use eidetic_confidence::{Calibrator, QueryKind};
use eidetic_encoder::fake::FakeEncoder;
use image::{Rgb, RgbImage};

use super::{CalibrationMode, RefitOutcome, ScoredPairs};
use crate::{Library, Owner, Space};

const COLORS: [(&str, [u8; 3]); 6] = [
    ("red", [250, 10, 10]),
    ("green", [10, 250, 10]),
    ("blue", [10, 10, 250]),
    ("yellow", [250, 250, 10]),
    ("cyan", [10, 250, 250]),
    ("magenta", [250, 10, 250]),
];

fn open(folder: &Path) -> Arc<Space> {
    let owner = Owner::this_process("a test");
    let encoder = Box::new(FakeEncoder::new(64));
    let library = Library::with_encoder(&folder.join("library"), encoder, &owner);
    library.unwrap().active()
}

/// Every color in four shades with every color's name; `label` maps the true label to the given one.
fn pairs(folder: &Path, label: impl Fn(bool) -> bool) -> Vec<LabeledPair> {
    let mut pairs = Vec::new();
    for (name, color) in COLORS {
        for shade in 0..4u8 {
            let path = folder.join(format!("{name}-{shade}.png"));
            let noisy = |x: u32, y: u32| Rgb(color.map(|c| c ^ ((x * 7 + y * 13) as u8 % (1 + 30 * shade))));
            RgbImage::from_fn(32, 32, noisy).save(&path).unwrap();
            for (text, _) in COLORS {
                pairs.push(LabeledPair {
                    pair: ImageTextPair {
                        image: path.to_str().unwrap().to_owned(),
                        text: text.to_owned(),
                    },
                    matches: label(text == name),
                    line: pairs.len() + 1,
                });
            }
        }
    }
    pairs
}

fn scored(space: &Space, pairs: &[LabeledPair]) -> ScoredPairs {
    space.score_pairs(QueryKind::Text, pairs, &()).unwrap()
}

fn center(space: &Space) -> f64 {
    match space.calibrator(QueryKind::Text).unwrap() {
        Calibrator::Platt(platt) => platt.center(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn calibration_survives_reopen_and_changes_confidence_model() {
    let folder = tempfile::tempdir().unwrap();
    let space = open(folder.path());
    let pairs = pairs(folder.path(), |truth| truth);
    let scored = scored(&space, &pairs);
    assert_eq!((scored.labeled.len(), scored.failed.len()), (144, 0));
    let before = space.confidence_model().unwrap();
    assert_eq!(before.text, Calibrator::Background);
    let shown = space
        .calibrate(QueryKind::Text, &scored, CalibrationMode::DryRun)
        .unwrap();
    assert_eq!(space.calibrator(QueryKind::Text).unwrap(), Calibrator::Background);
    let made = space
        .calibrate(QueryKind::Text, &scored, CalibrationMode::Store)
        .unwrap();
    assert_eq!(
        (&shown.calibrator, shown.origin.version),
        (&made.calibrator, made.origin.version)
    );
    assert!(made.curve.roc_area > 0.95, "{}", made.curve.roc_area);
    // The file's numbers read back to all digits but the last.
    let at = |fit: &Calibrator| fit.probability(0.7).unwrap();
    assert!((at(&space.confidence_model().unwrap().text) - at(&made.calibrator)).abs() < 1e-9);
    assert_eq!(space.confidence_model().unwrap().image, Calibrator::Background);
    drop(space);
    let space = open(folder.path());
    let read = space.calibration(QueryKind::Text).unwrap().unwrap();
    assert_eq!(read.labeled.len(), made.labeled.len());
    assert!((at(&read.calibrator) - at(&made.calibrator)).abs() < 1e-9);
    space.undo_calibration(QueryKind::Text).unwrap();
    assert_eq!(space.confidence_model().unwrap().text, Calibrator::Background);
}

#[test]
fn unreadable_images_are_reported_once_with_line() {
    let folder = tempfile::tempdir().unwrap();
    let space = open(folder.path());
    let mut pairs = pairs(folder.path(), |truth| truth);
    let missing = folder.path().join("missing.png").to_str().unwrap().to_owned();
    for at in [5, 9, 20] {
        pairs[at].pair.image.clone_from(&missing);
    }
    pairs[30].pair.image = "0".repeat(64);
    pairs[31].pair.image = folder.path().to_str().unwrap().to_owned();
    let scored = scored(&space, &pairs);
    let lines: Vec<usize> = scored.failed.iter().map(|failed| failed.line).collect();
    assert_eq!((lines, scored.labeled.len()), (vec![6, 31, 32], 139));
}

#[test]
fn wrong_answers_move_calibration_only_to_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let space = open(folder.path());
    let truth = scored(&space, &pairs(folder.path(), |truth| truth));
    let made = space
        .calibrate(QueryKind::Text, &truth, CalibrationMode::Store)
        .unwrap();
    let Calibrator::Platt(anchor) = made.calibrator else {
        panic!("{:?}", made.calibrator)
    };
    let span = 0.3;
    let lies = scored(&space, &pairs(folder.path(), |truth| !truth));
    let mut last = center(&space);
    for _ in 0..12 {
        match space.refit(QueryKind::Text, &lies).unwrap() {
            RefitOutcome::Stored { clamped, .. } => assert_eq!(clamped, Clamped::Yes),
            RefitOutcome::Unchanged(why) => panic!("{why:?}"),
        }
        let now = center(&space);
        assert!((now - last).abs() <= 0.05 * span + 1e-6, "{last} to {now}");
        assert!(
            (now - anchor.center()).abs() <= 0.15 * span + 1e-6,
            "{} to {now}",
            anchor.center()
        );
        last = now;
    }
    let one_sided = scored(&space, &pairs(folder.path(), |_| true));
    assert!(matches!(
        space.refit(QueryKind::Text, &one_sided).unwrap(),
        RefitOutcome::Unchanged(_)
    ));
    assert_eq!(space.calibration_history().unwrap().versions.len(), 13);
}

#[test]
fn repeated_refits_stay_within_total_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let space = open(folder.path());
    let pairs = pairs(folder.path(), |truth| !truth);
    for _ in 0..8 {
        // Confidences change with each re-fit; the bounds are relative to the first.
        let lies = scored(&space, &pairs);
        match space.refit(QueryKind::Text, &lies).unwrap() {
            RefitOutcome::Stored { calibration, .. } => {
                let anchor = calibration.origin.anchor.unwrap();
                assert!((center(&space) - anchor.center()).abs() <= 0.045 + 1e-6);
            }
            RefitOutcome::Unchanged(why) => panic!("{why:?}"),
        }
    }
    let versions = space.calibration_history().unwrap().versions;
    let anchor = |at: usize| versions[at].origin.anchor.unwrap().center();
    assert!((0..8).all(|at| (anchor(at) - anchor(0)).abs() < 1e-9));
}
