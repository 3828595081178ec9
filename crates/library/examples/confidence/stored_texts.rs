//! Photos compared with stored texts, of which some or none describe them.

use std::error::Error;

use eidetic_confidence::{ConfidenceModel, cosine};
use eidetic_domain::{Embedding, SplitMix64};
use eidetic_encoder::Encoder;

use crate::photos::{Photos, name_of, share_a_word};
use crate::table::{Answer, Table};

/// Numbers of texts.
const SETS: [usize; 4] = [300, 3000, 30_000, 300_000];
const PHOTOS: usize = 400;
const HITS: usize = 10;
const BATCH: usize = 256;
/// Sentences about one or two things; `A` and `B` stand for their names.
const SENTENCES: [&str; 8] = [
    "a photo of a A",
    "a A and a B",
    "a A next to a B on a table",
    "a small A in front of a B",
    "a A in the garden",
    "an old A and a new B",
    "a person with a A",
    "a red A on a white background",
];

/// A text about other things than most photos show.
struct OtherText {
    concepts: [usize; 2],
    embedding: Embedding,
}

pub(crate) fn run(
    photos: &Photos,
    encoder: &dyn Encoder,
    model: &ConfidenceModel,
    table: &mut Table,
) -> Result<(), Box<dyn Error>> {
    let concepts = photos.concepts();
    let names: Vec<String> = concepts.iter().map(|concept| name_of(concept)).collect();
    let mut own = Vec::new();
    for name in &names {
        own.push(encoder.encode_texts(&[name.as_str(), &format!("a photo of a {name}")])?);
    }
    let others = other_texts(&names, encoder)?;
    let mut random = SplitMix64::new(1);
    for size in SETS {
        let texts = &others[..size];
        for _ in 0..PHOTOS {
            let photo = random.below(photos.len());
            let Some(concept) = concepts.iter().position(|name| *name == photos.concept(photo)) else {
                continue;
            };
            let image = photos.embedding(photo);
            let is_other = |text: &&OtherText| {
                let related = |other: &usize| share_a_word(&names[*other], &names[concept]);
                !text.concepts.iter().any(related)
            };
            let scored = |text, is_right| (cosine(image, text), text, is_right);
            let mut hits: Vec<(f32, &Embedding, bool)> = texts
                .iter()
                .filter(is_other)
                .map(|text| scored(&text.embedding, false))
                .collect();
            let answers = |hits: &mut Vec<(f32, &Embedding, bool)>| {
                hits.sort_by(|a, b| b.0.total_cmp(&a.0));
                hits.truncate(HITS);
                let found = hits.iter().map(|hit| hit.1);
                let confidences = model.best_text_confidences(image, found, size as u64);
                let confidences = confidences
                    .into_iter()
                    .map(|found| f64::from(found.unwrap_or(0.0)));
                confidences.zip(hits.iter().map(|hit| hit.2)).collect()
            };
            table.add(size, Answer::Removed, answers(&mut hits));
            hits.extend(own[concept].iter().map(|text| scored(text, true)));
            table.add(size, Answer::Present, answers(&mut hits));
        }
    }
    Ok(())
}

fn other_texts(names: &[String], encoder: &dyn Encoder) -> Result<Vec<OtherText>, Box<dyn Error>> {
    let mut random = SplitMix64::new(2);
    let drawn: Vec<([usize; 2], String)> = (0..SETS[SETS.len() - 1])
        .map(|_| {
            let concepts = [random.below(names.len()), random.below(names.len())];
            let sentence = SENTENCES[random.below(SENTENCES.len())];
            let text = sentence
                .replace('A', &names[concepts[0]])
                .replace('B', &names[concepts[1]]);
            (concepts, text)
        })
        .collect();
    let mut others = Vec::new();
    for batch in drawn.chunks(BATCH) {
        let texts: Vec<&str> = batch.iter().map(|(_, text)| text.as_str()).collect();
        let embedded = encoder.encode_texts(&texts)?.into_iter();
        others.extend(embedded.zip(batch).map(|(embedding, (concepts, _))| OtherText {
            concepts: *concepts,
            embedding,
        }));
    }
    Ok(others)
}
