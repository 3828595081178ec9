//! Pairs of a file to scores.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use eidetic_catalog::Catalog;
use eidetic_confidence::calibration::{LabelledPair, LabelledScore};
use eidetic_confidence::{Judge, QueryKind, cosine};
use eidetic_domain::{Embedding, ImageId};
use eidetic_encoder::{Encoder, Pixels};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode, decode_at_least};
use eidetic_indexer::{Observer, RunStage};
use eidetic_vectors::VectorIndex;
use image::RgbImage;

use crate::{Library, LibraryError, Space};

/// Texts and pictures that the model gets at once.
const TEXTS: usize = 64;
const PICTURES: usize = 16;
/// Longest side of a picture in a report.
const SHOWN_SIDE: u32 = 192;

/// Labelled pairs with their scores, as far as their pictures could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPairs {
    /// The pairs, in the order given.
    pub labelled: Vec<LabelledScore>,
    /// The confidence that the library gives each now; `None` where it knows none.
    pub believed: Vec<Option<f64>>,
    /// Pictures that could not be used.
    pub failed: Vec<FailedPicture>,
}

/// A picture that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedPicture {
    /// As it was named.
    pub picture: String,
    /// The first line that names it.
    pub line: usize,
    /// Why not.
    pub reason: String,
}

/// A picture as the model sees it.
struct Seen {
    image: ImageId,
    embedding: Embedding,
}

/// What was found under a name: a vector, or pixels that the model has yet to see.
enum Found {
    Stored(Seen),
    Pixels(ImageId, Pixels),
}

type Pictures<'a> = HashMap<&'a str, Result<Seen, String>>;

impl Space {
    /// Scores labelled pairs. A picture is named by its path or by its image's id; where the library holds its content,
    /// its vector is taken from there. In pairs for [`QueryKind::Picture`] the second column names a picture too.
    ///
    /// Errors: the model cannot be had or fails. Pictures that cannot be used are in the answer.
    pub fn score_pairs(
        &self,
        kind: QueryKind,
        pairs: &[LabelledPair],
        observer: &dyn Observer,
    ) -> Result<ScoredPairs, LibraryError> {
        let judge = self.judge()?;
        let pictures = self.see(&names(kind, pairs), observer)?;
        let texts = match kind {
            QueryKind::Text => self.read_texts(pairs)?,
            QueryKind::Picture => HashMap::new(),
        };
        let mut scored = ScoredPairs {
            labelled: Vec::new(),
            believed: Vec::new(),
            failed: failures(kind, pairs, &pictures),
        };
        for pair in pairs {
            let query = match kind {
                QueryKind::Text => texts.get(pair.pair.text.as_str()).map(|text| (None, text)),
                QueryKind::Picture => {
                    seen(&pictures, &pair.pair.text).map(|seen| (Some(seen.image), &seen.embedding))
                }
            };
            if let (Some(picture), Some((query_image, query))) = (seen(&pictures, &pair.pair.image), query) {
                scored.labelled.push(score(pair, picture, query_image, query));
                scored.believed.push(believed(&judge, kind, query, picture));
            }
        }
        Ok(scored)
    }

    /// Every picture once, in order of its first line.
    fn see<'a>(&self, names: &[&'a str], observer: &dyn Observer) -> Result<Pictures<'a>, LibraryError> {
        let encoder = self.encoder()?;
        observer.stage(RunStage::Scoring);
        observer.total(names.len() as u64);
        let mut seen: Pictures<'a> = HashMap::new();
        let mut waiting: Vec<(&'a str, ImageId, Pixels)> = Vec::new();
        for name in names {
            match self.find(name, encoder)? {
                Ok(Found::Stored(found)) => drop(seen.insert(name, Ok(found))),
                Ok(Found::Pixels(image, pixels)) => waiting.push((name, image, pixels)),
                Err(reason) => drop(seen.insert(name, Err(reason))),
            }
            if waiting.len() == PICTURES {
                embed(encoder, &mut waiting, &mut seen)?;
            }
            observer.done(seen.len() as u64);
        }
        embed(encoder, &mut waiting, &mut seen)?;
        observer.done(seen.len() as u64);
        Ok(seen)
    }

    fn find(&self, name: &str, encoder: &dyn Encoder) -> Result<Result<Found, String>, LibraryError> {
        if let Ok(image) = name.parse::<ImageId>() {
            let stored = self.stored(image)?;
            return Ok(stored.ok_or_else(|| "no such image in the library".to_owned()));
        }
        let bytes = match contents(Path::new(name)) {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(Err(reason)),
        };
        let image = ImageId::of(&bytes);
        if let Some(stored) = self.stored(image)? {
            return Ok(Ok(stored));
        }
        let decoded = decode_at_least(&bytes, &DecodeLimits::default(), self.decode_size()?);
        let pixels = decoded.map(|decoded| Found::Pixels(image, encoder.preprocess(&decoded.image)));
        Ok(pixels.map_err(|error| error.to_string()))
    }

    /// The catalog is asked first: a row that it does not name may be anything.
    fn stored(&self, image: ImageId) -> Result<Option<Found>, LibraryError> {
        if !self.catalog.contains(&image)? {
            return Ok(None);
        }
        let embedding = self.read_vectors().vector(&image);
        Ok(embedding.map(|embedding| Found::Stored(Seen { image, embedding })))
    }

    fn read_texts<'a>(&self, pairs: &'a [LabelledPair]) -> Result<HashMap<&'a str, Embedding>, LibraryError> {
        let texts = distinct(pairs.iter().map(|pair| pair.pair.text.as_str()));
        let mut embeddings = HashMap::new();
        for batch in texts.chunks(TEXTS) {
            let embedded = self.encoder()?.encode_texts(batch)?;
            embeddings.extend(batch.iter().copied().zip(embedded));
        }
        Ok(embeddings)
    }
}

impl Library {
    /// A small form of a calibration's picture, for a report; `None` where neither the library nor its old place holds it.
    pub fn calibration_picture(&self, image: &ImageId, path: &str) -> Option<RgbImage> {
        if let Ok(jpeg) = self.thumbnail(image) {
            return decode(&jpeg, &DecodeLimits::default())
                .ok()
                .map(|decoded| decoded.image);
        }
        let bytes = contents(Path::new(path)).ok()?;
        if ImageId::of(&bytes) != *image {
            return None;
        }
        let decoded = decode_at_least(
            &bytes,
            &DecodeLimits::default(),
            DecodeSize::for_thumbnail(SHOWN_SIDE),
        );
        decoded.ok().map(|decoded| decoded.image)
    }
}

fn names(kind: QueryKind, pairs: &[LabelledPair]) -> Vec<&str> {
    let second = |pair: &'_ LabelledPair| kind == QueryKind::Picture && !pair.pair.text.is_empty();
    distinct(pairs.iter().flat_map(|pair| {
        let query = second(pair).then_some(pair.pair.text.as_str());
        std::iter::once(pair.pair.image.as_str()).chain(query)
    }))
}

/// Each once, in order.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut met = std::collections::HashSet::new();
    names.filter(|name| met.insert(*name)).collect()
}

fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("this is no file".to_owned());
    }
    if metadata.len() > DecodeLimits::default().file_bytes {
        return Err("the file is too large".to_owned());
    }
    fs::read(path).map_err(|error| error.to_string())
}

fn embed<'a>(
    encoder: &dyn Encoder,
    waiting: &mut Vec<(&'a str, ImageId, Pixels)>,
    seen: &mut Pictures<'a>,
) -> Result<(), LibraryError> {
    let (mut names, mut pixels) = (Vec::new(), Vec::new());
    for (name, image, picture) in waiting.drain(..) {
        names.push((name, image));
        pixels.push(picture);
    }
    if pixels.is_empty() {
        return Ok(());
    }
    let embeddings = encoder.encode_pixels(&pixels)?;
    for ((name, image), embedding) in names.into_iter().zip(embeddings) {
        seen.insert(name, Ok(Seen { image, embedding }));
    }
    Ok(())
}

fn seen<'a>(pictures: &'a Pictures, name: &str) -> Option<&'a Seen> {
    pictures.get(name)?.as_ref().ok()
}

fn failures(kind: QueryKind, pairs: &[LabelledPair], pictures: &Pictures) -> Vec<FailedPicture> {
    let line = |name: &str| {
        let named = |pair: &&LabelledPair| {
            pair.pair.image == name || (kind == QueryKind::Picture && pair.pair.text == name)
        };
        pairs.iter().find(named).map_or(0, |pair| pair.line)
    };
    let failed = |name: &&str| {
        let reason = pictures.get(name)?.as_ref().err()?;
        Some(FailedPicture {
            picture: (*name).to_owned(),
            line: line(name),
            reason: reason.clone(),
        })
    };
    names(kind, pairs).iter().filter_map(failed).collect()
}

fn score(
    pair: &LabelledPair,
    picture: &Seen,
    query_image: Option<ImageId>,
    query: &Embedding,
) -> LabelledScore {
    LabelledScore {
        image: picture.image,
        path: pair.pair.image.clone(),
        query: pair.pair.text.clone(),
        query_image,
        score: f64::from(cosine(query, &picture.embedding)),
        matches: pair.matches,
    }
}

fn believed(judge: &Judge, kind: QueryKind, query: &Embedding, picture: &Seen) -> Option<f64> {
    let one = std::slice::from_ref(&picture.embedding);
    let confidence = judge.confidences(kind, query, one)?.pop()?;
    Some(f64::from(confidence))
}
