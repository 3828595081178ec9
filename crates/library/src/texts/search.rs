//! Searching stored texts by an image or by words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use eidetic_confidence::MATCH_THRESHOLD;
use eidetic_domain::{Embedding, ImageId, SpaceId};
use eidetic_search::{QueryImage, SearchError, Timings, Verdict};
use eidetic_vectors::{Neighbor, RowSet, VectorIndex};
use serde_json::{Map, Value};

use super::SetMap;
use super::index::TextIndex;
use super::set_file::TextSet;
use crate::{Library, LibraryError, Space};

/// Most neighbors that a search asks the index for.
const MAX_NEIGHBORS: usize = 16_384;

/// Hits that the verdict is based on where fewer are wanted: the best ones may have words that the model does not know.
const MIN_COMPARED: usize = 32;

/// A query for stored texts: an image or a text.
#[derive(Debug, Clone)]
pub struct TextQuery {
    /// What to search by.
    pub by: TextQueryBy,
    /// Maximum number of hits.
    pub k: usize,
    /// The only set to search; `None`: all.
    pub set: Option<String>,
    /// Hits with a lower or unknown confidence are left out.
    pub min_confidence: Option<f32>,
}

/// What stored texts are searched by.
#[derive(Debug, Clone)]
pub enum TextQueryBy {
    /// An image that the texts should describe.
    Image(QueryImage),
    /// Words that the texts should resemble.
    Words(String),
}

/// The stored texts that a search found.
#[derive(Debug, Clone)]
pub struct TextResults {
    /// The space that was searched.
    pub space: SpaceId,
    /// Whether the best text probably describes the image. Always unknown for words.
    pub verdict: Verdict,
    /// Words of the query that the model does not know; it was answered without them.
    pub unknown_words: Vec<String>,
    /// Best first.
    pub hits: Vec<TextHit>,
    /// Texts that are not embedded in this space, and therefore cannot be hits. Equal texts count once.
    pub missing: u64,
    /// Time spent.
    pub timings: Timings,
}

/// A stored text that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct TextHit {
    /// Its id, unique within its set.
    pub id: String,
    /// The text.
    pub text: String,
    /// The name of its set.
    pub set: String,
    /// What else its file said of it.
    pub fields: Map<String, Value>,
    /// Cosine similarity, −1 to 1.
    pub score: f32,
    /// Probability that it describes the image, as far as the model knows its words. `None` for words, and where it is
    /// unknown.
    pub confidence: Option<f32>,
    /// Words of it that the model does not know; it was compared without them.
    pub unknown_words: Vec<String>,
}

/// A query as a vector.
struct EmbeddedQuery {
    vector: Embedding,
    is_image: bool,
    unknown_words: Vec<String>,
    says_nothing: bool,
}

impl Library {
    /// The stored texts nearest to a query in `space`, at most `query.k`.
    ///
    /// For an image, each hit has the confidence that [`Space::match_texts`] gives the same pair, lower where there are more
    /// than a thousand texts, and the verdict is [`Verdict::NoMatch`] if no text probably describes it.
    ///
    /// Errors: unknown set; there are no texts; the image is not in the library; model or files fail.
    pub fn search_texts(&self, space: &Space, query: &TextQuery) -> Result<TextResults, LibraryError> {
        let start = Instant::now();
        let sets = self.text_sets_map()?;
        let searched = searched_sets(&sets, query.set.as_deref())?;
        let embedded = embed(space, &query.by)?;
        let encoded = Instant::now();
        let index = space.text_index(&sets)?;
        let rows = query
            .set
            .as_ref()
            .filter(|_| sets.len() > 1)
            .and_then(|name| sets.get(name))
            .map(|set| index.rows_of(set));
        let count = query.k.max(MIN_COMPARED);
        let found = nearest(&index, &searched, &embedded.vector, count, rows.as_deref())?;
        let mut hits = if embedded.is_image {
            let compared = searched.values().map(|set| set.distinct()).sum();
            with_confidences(space, &embedded.vector, found, compared)?
        } else {
            found.into_iter().map(|(hit, _)| hit).collect()
        };
        let verdict = match (embedded.is_image, embedded.says_nothing) {
            (true, _) => verdict(&hits),
            (false, true) => Verdict::NoMatch,
            (false, false) => Verdict::Uncalibrated,
        };
        hits.truncate(query.k);
        if let Some(min) = query.min_confidence {
            hits.retain(|hit| hit.confidence.is_some_and(|confidence| confidence >= min));
        }
        Ok(TextResults {
            space: space.id().clone(),
            verdict,
            unknown_words: embedded.unknown_words,
            hits,
            missing: space.missing_texts(&index, &sets),
            timings: Timings {
                encode: encoded - start,
                search: encoded.elapsed(),
            },
        })
    }
}

fn searched_sets(sets: &SetMap, name: Option<&str>) -> Result<SetMap, LibraryError> {
    if sets.is_empty() {
        return Err(LibraryError::NoTexts);
    }
    let Some(name) = name else {
        return Ok(sets.clone());
    };
    let set = super::find_set(sets, name)?;
    Ok(BTreeMap::from([(name.to_owned(), Arc::clone(set))]))
}

fn embed(space: &Space, by: &TextQueryBy) -> Result<EmbeddedQuery, LibraryError> {
    match by {
        TextQueryBy::Image(image) => Ok(EmbeddedQuery {
            vector: space.image_vector(image)?,
            is_image: true,
            unknown_words: Vec::new(),
            says_nothing: false,
        }),
        TextQueryBy::Words(words) => {
            let words = words.trim();
            if words.is_empty() {
                return Err(SearchError::EmptyQuery.into());
            }
            let text = space.text_cache.embed(space.encoder()?, words)?;
            Ok(EmbeddedQuery {
                vector: text.embedding.clone(),
                is_image: false,
                unknown_words: text.reading.unknown_words.clone(),
                says_nothing: !text.reading.has_content(),
            })
        }
    }
}

/// A text with its vector.
type FoundText = (TextHit, Arc<[f32]>);

/// Asks for more neighbors until there are `k` texts: a vector may be of a text that was just removed, or is just being
/// added.
fn nearest(
    index: &TextIndex,
    sets: &SetMap,
    query: &Embedding,
    k: usize,
    rows: Option<&RowSet>,
) -> Result<Vec<FoundText>, LibraryError> {
    let mut requested = k + 16;
    loop {
        let neighbors = index.read().search(query, requested, rows)?;
        let is_exhausted = neighbors.len() < requested || requested >= MAX_NEIGHBORS;
        let mut hits = Vec::new();
        for neighbor in &neighbors {
            if hits.len() >= k {
                break;
            }
            hits.extend(texts_of(sets, neighbor, k - hits.len()));
        }
        if hits.len() >= k || is_exhausted {
            return Ok(hits);
        }
        requested *= 2;
    }
}

/// All texts of a vector: equal ones share it.
fn texts_of(sets: &SetMap, neighbor: &Neighbor, limit: usize) -> Vec<FoundText> {
    let key: &ImageId = &neighbor.image;
    let of_set = |(name, set): (&String, &Arc<TextSet>)| {
        let hit = |text: super::StoredText| TextHit {
            id: text.id,
            text: text.text,
            set: name.clone(),
            fields: text.fields,
            score: neighbor.score,
            confidence: None,
            unknown_words: Vec::new(),
        };
        set.find(key, limit).into_iter().map(hit).collect::<Vec<_>>()
    };
    let hits = sets.iter().flat_map(of_set).take(limit);
    hits.map(|hit| (hit, Arc::clone(&neighbor.vector))).collect()
}

/// The confidences of the pairs of image and text, as the best of `compared` texts.
fn with_confidences(
    space: &Space,
    image: &Embedding,
    found: Vec<(TextHit, Arc<[f32]>)>,
    compared: u64,
) -> Result<Vec<TextHit>, LibraryError> {
    let encoder = space.encoder()?;
    let vectors: Vec<Option<Embedding>> = found
        .iter()
        .map(|(_, vector)| Embedding::normalize(vector.to_vec()).ok())
        .collect();
    let known = vectors.iter().flatten();
    let mut confidences = space
        .confidence_model()?
        .best_text_confidences(image, known, compared)
        .into_iter();
    let hits = found.into_iter().zip(&vectors).map(|((mut hit, _), vector)| {
        hit.confidence = vector.as_ref().and_then(|_| confidences.next().flatten());
        hit.unknown_words = encoder.read_text(&hit.text).unknown_words;
        hit
    });
    Ok(hits.collect())
}

/// A text with words that the model does not know is no reason to say that the image matches, nor that nothing does: nobody
/// knows what they say.
fn verdict(hits: &[TextHit]) -> Verdict {
    let known = hits.iter().filter(|hit| hit.unknown_words.is_empty());
    let best = known.filter_map(|hit| hit.confidence).reduce(f32::max);
    match best {
        Some(best) if best >= MATCH_THRESHOLD => Verdict::Match,
        None if !hits.is_empty() => Verdict::Uncalibrated,
        _ => Verdict::NoMatch,
    }
}
