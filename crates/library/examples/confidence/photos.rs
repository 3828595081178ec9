//! Labeled photos and their embeddings.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use eidetic_domain::Embedding;
use eidetic_encoder::Encoder;
use eidetic_imaging::{DecodeLimits, DecodeSize, decode_at_least};

const BATCH: usize = 16;

/// Labeled photos. Numbers are positions in the file of labels.
pub(crate) struct Photos {
    concepts: Vec<String>,
    embeddings: Vec<Embedding>,
}

/// The name of a concept as a person writes it.
pub(crate) fn name_of(concept: &str) -> String {
    concept.replace(['-', '_'], " ")
}

/// A red apple is an apple too: whether a text about one concept describes a photo of the other is not known.
pub(crate) fn share_a_word(a: &str, b: &str) -> bool {
    let (a, b) = (name_of(a), name_of(b));
    a.split(' ').any(|word| b.split(' ').any(|other| word == other))
}

impl Photos {
    /// Reads and embeds the photos that the file names.
    pub(crate) fn embed(labels: &Path, encoder: &dyn Encoder) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(labels).map_err(|error| format!("{}: {error}", labels.display()))?;
        let folder = labels.parent().unwrap_or(Path::new(""));
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(1)
            .map(|line| line.split('\t').collect())
            .collect();
        let size = DecodeSize::for_model(encoder.shorter_side());
        let mut embeddings = Vec::new();
        for batch in rows.chunks(BATCH) {
            let mut pixels = Vec::new();
            for row in batch {
                let path = folder.join(row[0]);
                let content = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let decoded = decode_at_least(&content, &DecodeLimits::default(), size)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                pixels.push(encoder.preprocess(&decoded.image));
            }
            embeddings.extend(encoder.encode_pixels(&pixels)?);
        }
        let concepts = rows.iter().map(|row| match row.get(2) {
            Some(concept) => Ok((*concept).to_owned()),
            None => Err("a line has fewer than three columns"),
        });
        Ok(Self {
            concepts: concepts.collect::<Result<_, _>>()?,
            embeddings,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.embeddings.len()
    }

    pub(crate) fn concept(&self, photo: usize) -> &str {
        &self.concepts[photo]
    }

    pub(crate) fn embedding(&self, photo: usize) -> &Embedding {
        &self.embeddings[photo]
    }

    /// Those that are searched for.
    pub(crate) fn concepts(&self) -> Vec<&str> {
        let all: BTreeSet<&str> = self.concepts.iter().map(String::as_str).collect();
        all.into_iter()
            .filter(|concept| !concept.starts_with('~'))
            .collect()
    }
}
