//! Measures the thresholds of the bundled profiles on labeled photos that were held back, as a table:
//!
//! ```text
//! cargo run --release -p eidetic-library --example profiles -- LABELS.tsv [--model builtin]
//! ```
//!
//! `LABELS.tsv` has a header and the columns path, collection, concept and group; paths are relative to its folder. The photos
//! should be ones that the model was not trained on.
//!
//! Labeled pairs, half of them matching, are drawn from one half of the photos; the thresholds of each profile follow from them at
//! a prevalence of 0.5, 0.1 and 0.02. Precision and recall of each level and everything stricter are those on all pairs of the
//! other half, at that prevalence. Each is drawn 40 times: the table has the mean and the range of the middle 95 %, and in how
//! many draws the target was met.
#![expect(clippy::print_stdout, reason = "an example's output")]

#[path = "../confidence/photos.rs"]
mod photos;

use std::error::Error;
use std::path::PathBuf;

use eidetic_confidence::calibration::{
    Calibration, CalibrationError, CalibrationOrigin, Interval, LabelSource, ScoredPair,
};
use eidetic_confidence::profile::{LevelTarget, NamedProfile, TargetContext, ThresholdBasis};
use eidetic_confidence::{QueryKind, cosine};
use eidetic_domain::{ImageId, SplitMix64};
use eidetic_encoder::Encoder;
use eidetic_hub::ModelRef;
use eidetic_inference::{LoadOptions, load_encoder};

use crate::photos::{Photos, name_of, share_a_word};

const DRAWS: u64 = 40;
const PREVALENCES: [f64; 3] = [0.5, 0.1, 0.02];
/// Labeled pairs, half of them matching.
const LABELS: [usize; 3] = [120, 500, 4000];

/// Scores of all pairs of a half of the photos and all concepts.
struct Scores {
    matching: Vec<f64>,
    others: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (labels, model) = arguments()?;
    let model: ModelRef = model.parse()?;
    let encoder = load_encoder(&model, &LoadOptions::default(), &())?;
    let photos = Photos::embed(&labels, encoder.as_ref())?;
    let halves = [0, 1].map(|half| Scores::of(&photos, encoder.as_ref(), half));
    let [Ok(labeled), Ok(held_back)] = &halves else {
        return Err("the model failed".into());
    };
    println!(
        "{} photos; {} and {} pairs held back\n",
        photos.len(),
        held_back.matching.len(),
        held_back.others.len()
    );
    println!("| labels | profile, level | target | matches | precision | recall | target met | measured |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for count in LABELS {
        let drawn: Result<Vec<Calibration>, _> = (0..DRAWS).map(|seed| labeled.draw(count, seed)).collect();
        let drawn = drawn?;
        for profile in NamedProfile::builtin() {
            for prevalence in PREVALENCES {
                measure(&profile, &drawn, prevalence, held_back);
            }
        }
    }
    Ok(())
}

/// Prints a row for each level.
fn measure(profile: &NamedProfile, drawn: &[Calibration], prevalence: f64, held_back: &Scores) {
    let count = drawn[0].labeled.len();
    let levels = &profile.profile.levels;
    let mut figures: Vec<Vec<(f64, f64, bool)>> = vec![Vec::new(); levels.len()];
    for calibration in drawn {
        let context = TargetContext::default();
        let resolved = profile
            .profile
            .resolve(&context, Some(calibration), Some(prevalence));
        for (figures, (_, found)) in figures.iter_mut().zip(resolved.levels()) {
            let (precision, recall) = held_back.rates(found.threshold.value(), prevalence);
            figures.push((precision, recall, found.basis == ThresholdBasis::Measured));
        }
    }
    for (level, figures) in levels.iter().zip(figures) {
        let met = figures
            .iter()
            .filter(|(precision, recall, _)| match level.target {
                LevelTarget::Precision(share) => *precision >= share.get(),
                LevelTarget::Recall(share) => *recall >= share.get(),
                LevelTarget::Confidence(_) | LevelTarget::Score(_) => true,
            });
        let measured = figures.iter().filter(|(_, _, measured)| *measured);
        println!(
            "| {count} | {}, {} | {} | {prevalence} | {} | {} | {} of {DRAWS} | {} of {DRAWS} |",
            profile.name,
            level.name,
            level.target,
            summary(figures.iter().map(|(precision, _, _)| *precision)),
            summary(figures.iter().map(|(_, recall, _)| *recall)),
            met.count(),
            measured.count()
        );
    }
}

/// Such as `0.96 (0.93–0.99)`.
fn summary(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    Interval::of(values).map_or_else(String::new, |range| {
        format!("{mean:.3} ({:.3}–{:.3})", range.low, range.high)
    })
}

impl Scores {
    /// Of the photos with an even or odd number.
    fn of(photos: &Photos, encoder: &dyn Encoder, half: usize) -> Result<Self, Box<dyn Error>> {
        let concepts = photos.concepts();
        let names: Vec<String> = concepts.iter().map(|concept| name_of(concept)).collect();
        let texts: Vec<&str> = names.iter().map(String::as_str).collect();
        let texts = encoder.encode_texts(&texts)?;
        let mut scores = Self {
            matching: Vec::new(),
            others: Vec::new(),
        };
        for photo in (0..photos.len()).filter(|photo| photo % 2 == half) {
            for (concept, text) in concepts.iter().zip(&texts) {
                let score = f64::from(cosine(text, photos.embedding(photo)));
                let own = photos.concept(photo);
                if own == *concept {
                    scores.matching.push(score);
                } else if !share_a_word(own, concept) {
                    scores.others.push(score);
                }
            }
        }
        Ok(scores)
    }

    /// A calibration of `count` pairs, half of them matching.
    fn draw(&self, count: usize, seed: u64) -> Result<Calibration, CalibrationError> {
        let mut random = SplitMix64::new(seed);
        let mut pairs = Vec::new();
        for number in 0..count {
            let matches = number % 2 == 0;
            let class = if matches { &self.matching } else { &self.others };
            pairs.push(ScoredPair {
                image: ImageId::of(&number.to_le_bytes()),
                path: number.to_string(),
                query: "q".to_owned(),
                query_image: None,
                score: class[random.below(class.len())],
                matches,
                answer: false,
            });
        }
        let origin = CalibrationOrigin {
            version: 1,
            replaces: None,
            kind: QueryKind::Text,
            space: "s".to_owned(),
            made_at: 0,
            source: LabelSource::Labels,
            anchor: None,
            most_shift: None,
            profile: None,
            wordings: None,
        };
        Calibration::fit(origin, pairs, None)
    }

    /// Precision at a prevalence, and recall.
    fn rates(&self, threshold: f64, prevalence: f64) -> (f64, f64) {
        let share = |scores: &[f64]| {
            scores.iter().filter(|score| **score >= threshold).count() as f64 / scores.len() as f64
        };
        let (recall, wrong) = (share(&self.matching), share(&self.others));
        let (right, wrong) = (prevalence * recall, (1.0 - prevalence) * wrong);
        let precision = if right + wrong > 0.0 {
            right / (right + wrong)
        } else {
            1.0
        };
        (precision, recall)
    }
}

fn arguments() -> Result<(PathBuf, String), Box<dyn Error>> {
    let (mut labels, mut model) = (None, "builtin".to_owned());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--model" {
            model = arguments.next().ok_or("--model needs a name")?;
        } else {
            labels = Some(PathBuf::from(argument));
        }
    }
    Ok((labels.ok_or("usage: profiles LABELS.tsv [--model MODEL]")?, model))
}
