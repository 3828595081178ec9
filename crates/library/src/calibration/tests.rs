use std::path::Path;

use eidetic_confidence::calibration::{LabelledPair, Pair, Reach};
use eidetic_confidence::{Fit, QueryKind};
use eidetic_encoder::fake::FakeEncoder;
use image::{Rgb, RgbImage};

use super::{Keep, Refitted, ScoredPairs};
use crate::{Library, Owner};

const COLOURS: [(&str, [u8; 3]); 6] = [
    ("red", [250, 10, 10]),
    ("green", [10, 250, 10]),
    ("blue", [10, 10, 250]),
    ("yellow", [250, 250, 10]),
    ("cyan", [10, 250, 250]),
    ("magenta", [250, 10, 250]),
];

fn open(folder: &Path) -> Library {
    let owner = Owner::this_process("a test");
    Library::with_encoder(&folder.join("library"), Box::new(FakeEncoder::new(64)), &owner).unwrap()
}

/// Every colour in four shades against every colour's name; `lie` says what is answered.
fn pairs(folder: &Path, lie: impl Fn(bool) -> bool) -> Vec<LabelledPair> {
    let mut pairs = Vec::new();
    for (name, colour) in COLOURS {
        for shade in 0..4u8 {
            let path = folder.join(format!("{name}-{shade}.png"));
            let noisy = |x: u32, y: u32| Rgb(colour.map(|c| c ^ ((x * 7 + y * 13) as u8 % (1 + 30 * shade))));
            RgbImage::from_fn(32, 32, noisy).save(&path).unwrap();
            for (text, _) in COLOURS {
                pairs.push(LabelledPair {
                    pair: Pair {
                        image: path.to_str().unwrap().to_owned(),
                        text: text.to_owned(),
                    },
                    matches: lie(text == name),
                    line: pairs.len() + 1,
                });
            }
        }
    }
    pairs
}

fn scored(library: &Library, pairs: &[LabelledPair]) -> ScoredPairs {
    library.score_pairs(QueryKind::Text, pairs, &()).unwrap()
}

fn centre(library: &Library) -> f64 {
    match library.fit(QueryKind::Text).unwrap() {
        Fit::Platt(platt) => platt.centre(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_calibration_outlives_the_process_and_changes_the_judge() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let pairs = pairs(folder.path(), |truth| truth);
    let scored = scored(&library, &pairs);
    assert_eq!((scored.labelled.len(), scored.failed.len()), (144, 0));
    let before = library.judge().unwrap();
    assert_eq!(before.text, Fit::Background);
    let shown = library
        .calibrate(QueryKind::Text, &scored, Keep::OnlyShown)
        .unwrap();
    assert_eq!(library.fit(QueryKind::Text).unwrap(), Fit::Background);
    let made = library.calibrate(QueryKind::Text, &scored, Keep::Stored).unwrap();
    assert_eq!(
        (&shown.fit, shown.origin.version),
        (&made.fit, made.origin.version)
    );
    assert!(made.curve.roc_area > 0.95, "{}", made.curve.roc_area);
    // The file's numbers are read back to all digits but the last.
    let at = |fit: &Fit| fit.of_score(0.7).unwrap();
    assert!((at(&library.judge().unwrap().text) - at(&made.fit)).abs() < 1e-9);
    assert_eq!(library.judge().unwrap().picture, Fit::Background);
    drop(library);
    let library = open(folder.path());
    let read = library.calibration(QueryKind::Text).unwrap().unwrap();
    assert_eq!(read.labelled.len(), made.labelled.len());
    assert!((at(&read.fit) - at(&made.fit)).abs() < 1e-9);
    library.undo_calibration(QueryKind::Text).unwrap();
    assert_eq!(library.judge().unwrap().text, Fit::Background);
}

#[test]
fn pictures_that_cannot_be_used_are_named_once_with_their_first_line() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let mut pairs = pairs(folder.path(), |truth| truth);
    let missing = folder.path().join("missing.png").to_str().unwrap().to_owned();
    for at in [5, 9, 20] {
        pairs[at].pair.image.clone_from(&missing);
    }
    pairs[30].pair.image = "0".repeat(64);
    pairs[31].pair.image = folder.path().to_str().unwrap().to_owned();
    let scored = scored(&library, &pairs);
    let lines: Vec<usize> = scored.failed.iter().map(|failed| failed.line).collect();
    assert_eq!((lines, scored.labelled.len()), (vec![6, 31, 32], 139));
}

#[test]
fn lying_answers_walk_to_the_bounds_and_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let truth = scored(&library, &pairs(folder.path(), |truth| truth));
    let made = library.calibrate(QueryKind::Text, &truth, Keep::Stored).unwrap();
    let Fit::Platt(anchor) = made.fit else {
        panic!("{:?}", made.fit)
    };
    let span = 0.3;
    let lies = scored(&library, &pairs(folder.path(), |truth| !truth));
    let mut last = centre(&library);
    for _ in 0..12 {
        match library.refit(QueryKind::Text, &lies).unwrap() {
            Refitted::Stored { reach, .. } => assert_eq!(reach, Reach::Bounded),
            Refitted::Unchanged(why) => panic!("{why:?}"),
        }
        let now = centre(&library);
        assert!((now - last).abs() <= 0.05 * span + 1e-6, "{last} to {now}");
        assert!(
            (now - anchor.centre()).abs() <= 0.15 * span + 1e-6,
            "{} to {now}",
            anchor.centre()
        );
        last = now;
    }
    let one_sided = scored(&library, &pairs(folder.path(), |_| true));
    assert!(matches!(
        library.refit(QueryKind::Text, &one_sided).unwrap(),
        Refitted::Unchanged(_)
    ));
    assert_eq!(library.calibration_history().unwrap().versions.len(), 13);
}

#[test]
fn small_steps_from_what_came_with_the_model_add_up_to_no_more_than_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let pairs = pairs(folder.path(), |truth| !truth);
    for _ in 0..8 {
        // Confidences follow each re-fit; what they said at first is what counts.
        let lies = scored(&library, &pairs);
        match library.refit(QueryKind::Text, &lies).unwrap() {
            Refitted::Stored { calibrated, .. } => {
                let anchor = calibrated.origin.anchor.unwrap();
                assert!((centre(&library) - anchor.centre()).abs() <= 0.045 + 1e-6);
            }
            Refitted::Unchanged(why) => panic!("{why:?}"),
        }
    }
    let versions = library.calibration_history().unwrap().versions;
    let anchor = |at: usize| versions[at].origin.anchor.unwrap().centre();
    assert!((0..8).all(|at| (anchor(at) - anchor(0)).abs() < 1e-9));
}
