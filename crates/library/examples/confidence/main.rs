//! Measures confidences on labeled photos, as a table of calibration errors:
//!
//! ```text
//! cargo run --release -p eidetic-library --example confidence -- LABELS.tsv --absent WORDS.txt [--model builtin] [--no-curves]
//! ```
//!
//! `LABELS.tsv` has a header and the columns path, collection, concept and group; paths are relative to its folder. A concept
//! that begins with `~` is never searched for. `WORDS.txt` has one word a line that no photo shows. The photos should be ones that
//! the model was not trained on.
//!
//! Each concept is searched in libraries of several sizes, drawn at random, with its photos present and removed: by a sentence, by
//! its bare name, by a photo, and by both. A hit is right if it has the concept. The calibration error is the mean distance between
//! the confidence and the share of right hits in ten bins of confidence, of the ten best hits of each query. The columns are the
//! share of queries without an answer: photos removed, a word that no photo shows, or a photo and a name that contradict each other.
//! Then photos are compared with stored texts of several numbers, with two that describe them and without.
#![expect(clippy::print_stdout, reason = "an example's output")]

mod photos;
mod stored_texts;
mod table;
mod trial;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use eidetic_confidence::{Background, Calibrator, ConfidenceModel};
use eidetic_hub::ModelRef;
use eidetic_inference::{LoadOptions, load_encoder};

use crate::photos::Photos;
use crate::table::Table;
use crate::trial::{Kind, Trials};

const USAGE: &str = "usage: confidence LABELS.tsv --absent WORDS.txt [--model MODEL] [--no-curves]";

struct Arguments {
    labels: PathBuf,
    absent: PathBuf,
    model: String,
    use_curves: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = read_arguments()?;
    let model: ModelRef = arguments.model.parse()?;
    let encoder = load_encoder(&model, &LoadOptions::default(), &())?;
    let photos = Photos::embed(&arguments.labels, encoder.as_ref())?;
    let absent = std::fs::read_to_string(&arguments.absent)
        .map_err(|error| format!("{}: {error}", arguments.absent.display()))?;
    let mut confidences = ConfidenceModel::shipped(encoder.as_ref())?;
    if !arguments.use_curves {
        confidences.text = Calibrator::Background;
        confidences.image = Calibrator::Background;
        confidences.background = Some(Arc::new(Background::embed(encoder.as_ref())?));
    }
    println!("{} photos, {} concepts\n", photos.len(), photos.concepts().len());
    let trials = Trials::new(&photos, encoder.as_ref(), absent.lines(), confidences)?;
    for kind in [Kind::Words, Kind::Picture, Kind::Both] {
        let mut table = Table::default();
        trials.run(kind, &mut table);
        println!("{}\n{table}", kind.title());
    }
    let mut table = Table::default();
    stored_texts::run(&photos, encoder.as_ref(), &trials.confidences, &mut table)?;
    println!("a picture against stored texts\n{table}");
    Ok(())
}

fn read_arguments() -> Result<Arguments, Box<dyn Error>> {
    let (mut labels, mut absent, mut model, mut use_curves) = (None, None, "builtin".to_owned(), true);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--absent" => absent = arguments.next().map(PathBuf::from),
            "--model" => model = arguments.next().ok_or(USAGE)?,
            "--no-curves" => use_curves = false,
            _ => labels = Some(PathBuf::from(argument)),
        }
    }
    Ok(Arguments {
        labels: labels.ok_or(USAGE)?,
        absent: absent.ok_or(USAGE)?,
        model,
        use_curves,
    })
}
