//! Measures a text model, aligned to the built-in image tower, on words that no caption held, beside the built-in text tower:
//! `cargo run -p eidetic-inference --example unseen_words -- TEXT_MODEL PHOTOS.tsv WORDS.tsv OUT`
//!
//! PHOTOS.tsv has lines of path, concept, and `learnt` or `held-out` (`tools/alignment/split.py` writes it): captions are the
//! concepts of the learnt photos, and the held-out ones are searched. WORDS.tsv has lines of a word and the concepts that it
//! names, `|` between them. A word counts where a photo of one of them is among the first five. OUT becomes the aligned model.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::{env, fs};

use eidetic_domain::Embedding;
use eidetic_encoder::Encoder;
use eidetic_hub::ModelRef;
use eidetic_imaging::{DecodeLimits, decode};
use eidetic_inference::{AlignedModels, LoadOptions, align, load_encoder, load_text_model, read_captions};

/// Photos of a concept whose captions are learnt.
const LEARNT_OF_CONCEPT: usize = 20;
/// Photos among which a right one counts.
const FIRST: usize = 5;
const BATCH: usize = 16;

struct Photo {
    path: String,
    concept: String,
}

struct Word {
    word: String,
    concepts: BTreeSet<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [text_model, photos, words, out] = arguments.as_slice() else {
        return Err("expected TEXT_MODEL PHOTOS.tsv WORDS.tsv OUT".into());
    };
    let (learnt, held_out) = read_photos(&fs::read_to_string(photos)?);
    let words = read_words(&fs::read_to_string(words)?, &learnt)?;
    let options = LoadOptions::default();
    let (text_reference, builtin): (ModelRef, ModelRef) = (text_model.parse()?, "builtin".parse()?);
    let tower = load_encoder(&builtin, &options, &())?;
    let texts = load_text_model(&text_reference, &options, &())?;

    let captions = learnt.iter().fold(String::new(), |mut lines, photo| {
        let _ = writeln!(lines, "{}\t{}", photo.path, photo.concept);
        lines
    });
    let lines = read_captions(&captions)?;
    let fitted = align(texts.as_ref(), tower.as_ref(), &lines, Path::new(""), &|_| ())?.fitted;
    let models = AlignedModels {
        text_reference: &text_reference,
        text_model: texts.as_ref(),
        image_reference: &builtin,
        image_model: tower.as_ref(),
    };
    models.save(Path::new(out), &fitted)?;
    let aligned = load_encoder(&ModelRef::Directory(out.into()), &options, &())?;

    let images = embed(tower.as_ref(), &held_out)?;
    let concepts: BTreeSet<&String> = learnt.iter().map(|photo| &photo.concept).collect();
    let mut report = format!(
        "{} captions on {} photos; {} photos are searched for {} words\n",
        concepts.len(),
        learnt.len(),
        held_out.len(),
        words.len()
    );
    for (name, encoder) in [("built-in", tower.as_ref()), ("aligned", aligned.as_ref())] {
        let hits = hits(encoder, &words, &held_out, &images)?;
        describe(&mut report, name, tower.as_ref(), &words, &hits)?;
    }
    io::stdout().write_all(report.as_bytes())?;
    Ok(())
}

/// Adds the words that an encoder found, by whether the built-in model learnt them, and those that it missed.
fn describe(
    report: &mut String,
    name: &str,
    builtin: &dyn Encoder,
    words: &[Word],
    hits: &[bool],
) -> std::fmt::Result {
    let known = |known: bool| {
        let of = words
            .iter()
            .zip(hits)
            .filter(|(word, _)| knows(builtin, &word.word) == known);
        let (all, right) = of.fold((0, 0), |(all, right), (_, hit)| {
            (all + 1, right + usize::from(*hit))
        });
        format!("{right} of {all}")
    };
    writeln!(
        report,
        "{name}: {} of {}; words that the built-in model learnt: {}, others: {}",
        hits.iter().filter(|hit| **hit).count(),
        words.len(),
        known(true),
        known(false)
    )?;
    let missed = words.iter().zip(hits).filter(|(_, hit)| !**hit);
    let missed: Vec<&str> = missed.map(|(word, _)| word.word.as_str()).collect();
    writeln!(report, "  missed: {}", missed.join(", "))
}

/// Learnt photos, at most [`LEARNT_OF_CONCEPT`] of each concept, and held-out ones.
fn read_photos(file: &str) -> (Vec<Photo>, Vec<Photo>) {
    let (mut learnt, mut held_out) = (Vec::new(), Vec::new());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in file.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [path, concept, side] = columns[..] else {
            continue;
        };
        let photo = Photo {
            path: path.to_owned(),
            concept: concept.to_owned(),
        };
        if side == "held-out" {
            held_out.push(photo);
            continue;
        }
        let count = counts.entry(concept.to_owned()).or_default();
        *count += 1;
        if *count <= LEARNT_OF_CONCEPT {
            learnt.push(photo);
        }
    }
    (learnt, held_out)
}

/// Errors: a word is in a caption, or names a concept without one.
fn read_words(file: &str, learnt: &[Photo]) -> Result<Vec<Word>, String> {
    let concepts: BTreeSet<&str> = learnt.iter().map(|photo| photo.concept.as_str()).collect();
    let held: BTreeSet<&str> = concepts
        .iter()
        .flat_map(|concept| concept.split([' ', '-']))
        .collect();
    let mut words = Vec::new();
    for (word, names) in file.lines().skip(1).filter_map(|line| line.split_once('\t')) {
        if held.contains(word) {
            return Err(format!("{word} is in a caption"));
        }
        let names: BTreeSet<String> = names.split('|').map(str::to_owned).collect();
        if let Some(unknown) = names.iter().find(|name| !concepts.contains(name.as_str())) {
            return Err(format!("no caption is {unknown}"));
        }
        words.push(Word {
            word: word.to_owned(),
            concepts: names,
        });
    }
    Ok(words)
}

fn embed(tower: &dyn Encoder, photos: &[Photo]) -> Result<Vec<Embedding>, Box<dyn Error>> {
    let mut embedded = Vec::with_capacity(photos.len());
    for batch in photos.chunks(BATCH) {
        let pixels = batch.iter().map(|photo| {
            let decoded = decode(&fs::read(&photo.path)?, &DecodeLimits::default())?;
            Ok(tower.preprocess(&decoded.image))
        });
        let pixels = pixels.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        embedded.extend(tower.encode_pixels(&pixels)?);
    }
    Ok(embedded)
}

/// For each word, whether one of the first photos is right.
fn hits(
    encoder: &dyn Encoder,
    words: &[Word],
    photos: &[Photo],
    images: &[Embedding],
) -> Result<Vec<bool>, Box<dyn Error>> {
    let texts: Vec<&str> = words.iter().map(|word| word.word.as_str()).collect();
    let texts = encoder.encode_texts(&texts)?;
    let is_right = |(word, text): (&Word, &Embedding)| {
        let dot = |image: &Embedding| -> f32 {
            let pairs = image.as_slice().iter().zip(text.as_slice());
            pairs.map(|(a, b)| a * b).sum()
        };
        let mut scores: Vec<(f32, &Photo)> = images.iter().map(dot).zip(photos).collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        let first = scores.iter().take(FIRST);
        first
            .into_iter()
            .any(|(_, photo)| word.concepts.contains(&photo.concept))
    };
    Ok(words.iter().zip(&texts).map(is_right).collect())
}

fn knows(tower: &dyn Encoder, word: &str) -> bool {
    tower.read_text(word).unknown_words.is_empty()
}
