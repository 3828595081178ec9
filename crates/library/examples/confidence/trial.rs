//! Searches with and without an answer.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use eidetic_confidence::{ConfidenceModel, LibraryScoreSample, QueryKind, cosine};
use eidetic_domain::{Embedding, SplitMix64};
use eidetic_encoder::Encoder;

use crate::photos::Photos;
use crate::table::{Answer, Table};

/// Number of images of a library, and how many libraries of that size are drawn.
const LIBRARIES: [(usize, usize); 5] = [(100, 8), (300, 4), (1000, 3), (3000, 2), (10_000, 2)];
const HITS: usize = 10;
/// Queries by a photo in each library.
const PHOTO_QUERIES: usize = 300;

/// What a query consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Words,
    Picture,
    Both,
}

impl Kind {
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Picture => "a picture",
            Self::Both => "a picture and words",
        }
    }
}

/// One query.
struct Query<'a> {
    text: Option<&'a Embedding>,
    photo: Option<usize>,
    /// What a right hit shows; `None` if no hit can be right.
    concept: Option<&'a str>,
}

pub(crate) struct Trials<'a> {
    photos: &'a Photos,
    /// Embeddings of the texts of each concept.
    texts: BTreeMap<&'a str, Vec<Embedding>>,
    absent: Vec<Embedding>,
    pub(crate) confidences: ConfidenceModel,
}

impl<'a> Trials<'a> {
    pub(crate) fn new<'w>(
        photos: &'a Photos,
        encoder: &dyn Encoder,
        absent: impl Iterator<Item = &'w str>,
        confidences: ConfidenceModel,
    ) -> Result<Self, Box<dyn Error>> {
        let mut texts = BTreeMap::new();
        for concept in photos.concepts() {
            let sentence = format!("a photo of a {concept}");
            texts.insert(concept, encoder.encode_texts(&[concept, &sentence])?);
        }
        let mut embedded = Vec::new();
        for word in absent.filter(|word| !word.trim().is_empty()) {
            embedded.extend(encoder.encode_texts(&[word])?);
        }
        Ok(Self {
            photos,
            texts,
            absent: embedded,
            confidences,
        })
    }

    pub(crate) fn run(&self, kind: Kind, table: &mut Table) {
        for (size, count) in LIBRARIES {
            for number in 0..count {
                let mut random = SplitMix64::new((size * 100 + number) as u64);
                let library = sample(&mut random, self.photos.len(), size);
                let size = library.len();
                match kind {
                    Kind::Words => self.search_by_words(size, &library, table),
                    Kind::Picture | Kind::Both => {
                        self.search_by_photo(kind, size, &library, &mut random, table);
                    }
                }
            }
        }
    }

    fn search_by_words(&self, size: usize, library: &[usize], table: &mut Table) {
        for (concept, texts) in &self.texts {
            for text in texts {
                let query = Query {
                    text: Some(text),
                    photo: None,
                    concept: Some(concept),
                };
                self.with_and_without(size, library, &query, table);
            }
        }
        for text in &self.absent {
            let query = Query {
                text: Some(text),
                photo: None,
                concept: None,
            };
            table.add(size, Answer::Impossible, self.hits(library, &query));
        }
    }

    fn search_by_photo(
        &self,
        kind: Kind,
        size: usize,
        library: &[usize],
        random: &mut SplitMix64,
        table: &mut Table,
    ) {
        let concepts: Vec<&str> = self.texts.keys().copied().collect();
        for _ in 0..PHOTO_QUERIES {
            let photo = random.below(self.photos.len());
            let concept = self.photos.concept(photo);
            let Some(texts) = self.texts.get(concept) else {
                continue;
            };
            let library: Vec<usize> = library.iter().copied().filter(|other| *other != photo).collect();
            let text = (kind == Kind::Both).then(|| &texts[random.below(texts.len())]);
            let query = Query {
                text,
                photo: Some(photo),
                concept: Some(concept),
            };
            self.with_and_without(size, &library, &query, table);
            let other = concepts[random.below(concepts.len())];
            if kind == Kind::Both && other != concept {
                let query = Query {
                    text: Some(&self.texts[other][0]),
                    photo: Some(photo),
                    concept: None,
                };
                table.add(size, Answer::Impossible, self.hits(&library, &query));
            }
        }
    }

    /// The query in a library that has its concept, and in the same library without it.
    fn with_and_without(&self, size: usize, library: &[usize], query: &Query<'_>, table: &mut Table) {
        let is_right = |photo: &&usize| Some(self.photos.concept(**photo)) == query.concept;
        let others: Vec<usize> = library.iter().filter(|photo| !is_right(photo)).copied().collect();
        if others.len() == library.len() {
            return;
        }
        table.add(size, Answer::Present, self.hits(library, query));
        table.add(size, Answer::Removed, self.hits(&others, query));
    }

    /// The confidences of the best hits, and whether each is right.
    fn hits(&self, library: &[usize], query: &Query<'_>) -> Vec<(f64, bool)> {
        let image = query.photo.map(|photo| self.photos.embedding(photo));
        let parts = [query.text, image].map(|part| part.map(|part| (1.0, part)));
        let parts: Vec<(f32, &Embedding)> = parts.into_iter().flatten().collect();
        let embedding = Embedding::weighted_sum(&parts).expect("the parts are not opposite");
        let mut scored: Vec<(f32, usize)> = library
            .iter()
            .map(|photo| (cosine(&embedding, self.photos.embedding(*photo)), *photo))
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(HITS);
        let vectors: Vec<&[f32]> = scored
            .iter()
            .map(|(_, photo)| self.photos.embedding(*photo).as_slice())
            .collect();
        let mut model = self.confidences.clone();
        model.library_scores =
            LibraryScoreSample::draw(library, |photo| Some(self.photos.embedding(photo).clone()))
                .map(Arc::new);
        let confidences = match (query.text, image) {
            (Some(text), Some(image)) => model.confidences_of_both(text, image, &vectors),
            (Some(text), None) => model.confidences(QueryKind::Text, text, &vectors),
            (None, Some(image)) => model.confidences(QueryKind::Image, image, &vectors),
            (None, None) => None,
        };
        let right = scored
            .iter()
            .map(|(_, photo)| Some(self.photos.concept(*photo)) == query.concept);
        confidences
            .unwrap_or_default()
            .into_iter()
            .map(f64::from)
            .zip(right)
            .collect()
    }
}

/// `count` of the first `total` numbers, or all, in random order.
fn sample(random: &mut SplitMix64, total: usize, count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..total).collect();
    for end in (1..total).rev() {
        numbers.swap(end, random.below(end + 1));
    }
    numbers.truncate(count);
    numbers
}
