//! Scores labeled pairs.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eidetic_catalog::Catalog;
use eidetic_confidence::calibration::{
    CalibrationScope, LabeledPair, ScoredPair, WordingChoice, WordingPair,
};
use eidetic_confidence::{ConfidenceModel, QueryKind, cosine};
use eidetic_domain::{Embedding, ImageId};
use eidetic_encoder::{Encoder, Pixels, TextVariants};
use eidetic_imaging::{DecodeLimits, DecodeSize, FileKind, HEAD_LENGTH, classify, decode, decode_at_least};
use eidetic_indexer::{Observer, RunStage};
use eidetic_search::EmbeddedText;
use eidetic_vectors::VectorIndex;
use image::RgbImage;

use crate::par_chunks::par_chunks;
use crate::{Library, LibraryError, Space};

/// Images in one batch of the encoder.
const IMAGE_BATCH: usize = 16;
/// Longest side of an image in a report, in pixels.
const REPORT_SIDE: u32 = 192;

/// Labeled pairs with their scores, without those whose images could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPairs {
    /// The pairs, in the order given.
    pub labeled: Vec<ScoredPair>,
    /// The current confidence of each; `None` where it is unknown.
    pub confidences: Vec<Option<f64>>,
    /// Images that could not be read.
    pub failed: Vec<FailedImage>,
}

/// An image that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedImage {
    /// Its path or id, as in the pair.
    pub image: String,
    /// Number of the first line with it.
    pub line: usize,
    /// Why it could not be read.
    pub reason: String,
}

/// An embedded image of a pair.
struct PairImage {
    image: ImageId,
    embedding: Embedding,
}

/// The image of a name: with its vector, or with pixels to embed.
enum ResolvedImage {
    Embedded(PairImage),
    Pixels(ImageId, Pixels),
}

/// The embedding of a file, or why it could not be read; `None`: it is no image.
pub(crate) type EmbeddedFile = Result<Option<(ImageId, Embedding)>, String>;

/// By name: the image, or why it could not be read.
type PairImages<'a> = HashMap<&'a str, Result<PairImage, String>>;

impl Space {
    /// Scores labeled pairs. An image is named by its path or its id; the vector of an image of the library is not
    /// computed again. In pairs of [`QueryKind::Image`] the second column names an image too.
    ///
    /// Errors: the model is unavailable or fails. Images that cannot be read are in the result.
    pub fn score_pairs(
        &self,
        scope: impl Into<CalibrationScope>,
        pairs: &[LabeledPair],
        observer: &dyn Observer,
    ) -> Result<ScoredPairs, LibraryError> {
        let CalibrationScope { kind, profile } = scope.into();
        let model = self.confidence_model_under(profile.as_deref())?;
        let images = self.embed_images(&names(kind, pairs), observer)?;
        let texts = match kind {
            QueryKind::Text => self.embed_texts(pairs)?,
            QueryKind::Image => HashMap::new(),
        };
        let mut scored = ScoredPairs {
            labeled: Vec::new(),
            confidences: Vec::new(),
            failed: failures(kind, pairs, &images),
        };
        for pair in pairs {
            let Some(image) = embedded(&images, &pair.pair.image) else {
                continue;
            };
            let query = match kind {
                QueryKind::Text => texts
                    .get(pair.pair.text.as_str())
                    .map(|text| (None, text.closest(&image.embedding))),
                QueryKind::Image => {
                    embedded(&images, &pair.pair.text).map(|query| (Some(query.image), &query.embedding))
                }
            };
            if let Some((query_image, query)) = query {
                scored.labeled.push(score(pair, image, query_image, query));
                scored.confidences.push(confidence(&model, kind, query, image));
            }
        }
        Ok(scored)
    }

    /// Measures on labeled pairs which combination of the wordings of each text separates them best. The first template
    /// should be the text itself.
    ///
    /// Errors: as for [`score_pairs`](Self::score_pairs); too few pairs of a class. Images that cannot be read are left out.
    pub fn measure_wordings(
        &self,
        pairs: &[LabeledPair],
        variants: &TextVariants,
        observer: &dyn Observer,
    ) -> Result<WordingChoice, LibraryError> {
        let encoder = self.encoder()?;
        let images = self.embed_images(&names(QueryKind::Text, pairs), observer)?;
        let mut wordings: HashMap<&str, (Vec<Embedding>, Arc<[f64]>)> = HashMap::new();
        for text in distinct(pairs.iter().map(|pair| pair.pair.text.as_str())) {
            let read = variants
                .wordings(text)
                .into_iter()
                .map(|wording| encoder.read_text(&wording).text);
            let read: Vec<String> = read.collect();
            let embedded = encoder.encode_texts(&read.iter().map(String::as_str).collect::<Vec<_>>())?;
            let gram = embedded
                .iter()
                .flat_map(|a| embedded.iter().map(|b| f64::from(cosine(a, b))))
                .collect();
            wordings.insert(text, (embedded, gram));
        }
        let scored = pairs.iter().filter_map(|pair| {
            let image = embedded(&images, &pair.pair.image)?;
            let (wordings, gram) = wordings.get(pair.pair.text.as_str())?;
            let score = |wording| f64::from(cosine(wording, &image.embedding));
            Some(WordingPair {
                scores: wordings.iter().map(score).collect(),
                gram: gram.clone(),
                matches: pair.matches,
            })
        });
        Ok(WordingChoice::measure(&scored.collect::<Vec<_>>())?)
    }

    /// Embeds every text in these wordings from now on; `None`: as it is. A calibration that is stored after that keeps them.
    pub fn set_wordings(&self, variants: Option<TextVariants>) {
        self.text_cache.set_variants(variants);
        self.clear_confidence_model();
    }

    /// The wordings in which texts are embedded, if there are several.
    pub fn wordings(&self) -> Option<Arc<TextVariants>> {
        self.text_cache.variants()
    }

    /// Embeds every image once, in order of its first line.
    fn embed_images<'a>(
        &self,
        names: &[&'a str],
        observer: &dyn Observer,
    ) -> Result<PairImages<'a>, LibraryError> {
        let encoder = self.encoder()?;
        observer.stage(RunStage::Scoring);
        observer.total(names.len() as u64);
        let mut images: PairImages<'a> = HashMap::new();
        let mut batch: Vec<(&'a str, ImageId, Pixels)> = Vec::new();
        for name in names {
            match self.resolve(name, encoder)? {
                Ok(ResolvedImage::Embedded(image)) => drop(images.insert(name, Ok(image))),
                Ok(ResolvedImage::Pixels(image, pixels)) => batch.push((name, image, pixels)),
                Err(reason) => drop(images.insert(name, Err(reason))),
            }
            if batch.len() == IMAGE_BATCH {
                embed_batch(encoder, &mut batch, &mut images)?;
            }
            observer.done(images.len() as u64);
        }
        embed_batch(encoder, &mut batch, &mut images)?;
        observer.done(images.len() as u64);
        Ok(images)
    }

    fn resolve(
        &self,
        name: &str,
        encoder: &dyn Encoder,
    ) -> Result<Result<ResolvedImage, String>, LibraryError> {
        if let Ok(image) = name.parse::<ImageId>() {
            let stored = self.stored(image)?;
            return Ok(stored.ok_or_else(|| "no such image in the library".to_owned()));
        }
        match read_image(Path::new(name)) {
            Ok(bytes) => self.resolve_bytes(&bytes, encoder),
            Err(reason) => Ok(Err(reason)),
        }
    }

    fn resolve_bytes(
        &self,
        bytes: &[u8],
        encoder: &dyn Encoder,
    ) -> Result<Result<ResolvedImage, String>, LibraryError> {
        let image = ImageId::of(bytes);
        if let Some(stored) = self.stored(image)? {
            return Ok(Ok(stored));
        }
        let decoded = decode_at_least(bytes, &self.decode_limits(), self.decode_size()?);
        let pixels = decoded.map(|decoded| ResolvedImage::Pixels(image, encoder.preprocess(&decoded.image)));
        Ok(pixels.map_err(|error| error.to_string()))
    }

    /// The embeddings of image files, in order: stored ones where their content is indexed. `None`: the file is no image.
    pub(crate) fn embed_files(&self, files: &[PathBuf]) -> Result<Vec<EmbeddedFile>, LibraryError> {
        let encoder = self.encoder()?;
        let resolve = |path: &PathBuf| match read_image(path) {
            Err(reason) => Ok(Err(reason)),
            Ok(bytes) => match classify(&bytes[..bytes.len().min(HEAD_LENGTH)], path) {
                FileKind::NotImage => Ok(Ok(None)),
                FileKind::UnsupportedImage(reason) => Ok(Err(reason.to_owned())),
                FileKind::Image(_) => Ok(self.resolve_bytes(&bytes, encoder)?.map(Some)),
            },
        };
        let resolved = par_chunks(files, |chunk| {
            chunk
                .iter()
                .map(resolve)
                .collect::<Result<Vec<_>, LibraryError>>()
        });
        let resolved: Vec<Result<Option<ResolvedImage>, String>> = resolved
            .into_iter()
            .collect::<Result<Vec<_>, LibraryError>>()?
            .into_iter()
            .flatten()
            .collect();
        let mut pixels = Vec::new();
        for image in resolved.iter().flatten().flatten() {
            if let ResolvedImage::Pixels(_, image) = image {
                pixels.push(image.clone());
            }
        }
        let mut embeddings = encoder.encode_pixels(&pixels)?.into_iter();
        let mut embedded = |image: ResolvedImage| match image {
            ResolvedImage::Embedded(PairImage { image, embedding }) => (image, embedding),
            ResolvedImage::Pixels(image, _) => {
                let embedding = embeddings.next().expect("one embedding per decoded image");
                (image, embedding)
            }
        };
        Ok(resolved
            .into_iter()
            .map(|image| image.map(|image| image.map(&mut embedded)))
            .collect())
    }

    /// The stored vector of an image in the catalog; a row without a record may hold anything.
    fn stored(&self, image: ImageId) -> Result<Option<ResolvedImage>, LibraryError> {
        if !self.catalog.contains(&image)? {
            return Ok(None);
        }
        let embedding = self.read_vectors().vector(&image);
        Ok(embedding.map(|embedding| ResolvedImage::Embedded(PairImage { image, embedding })))
    }

    /// As queries are embedded.
    fn embed_texts<'a>(
        &self,
        pairs: &'a [LabeledPair],
    ) -> Result<HashMap<&'a str, Arc<EmbeddedText>>, LibraryError> {
        let texts = distinct(pairs.iter().map(|pair| pair.pair.text.as_str()));
        let embedded = self.text_cache.embed_all(self.encoder()?, &texts)?;
        Ok(texts.into_iter().zip(embedded).collect())
    }
}

impl Library {
    /// A small image of a calibration, for a report; `None` where neither the library nor its former path has it.
    pub fn calibration_image(&self, image: &ImageId, path: &str) -> Option<RgbImage> {
        if let Ok(jpeg) = self.thumbnail(image) {
            return decode(&jpeg, &DecodeLimits::default())
                .ok()
                .map(|decoded| decoded.image);
        }
        let bytes = read_image(Path::new(path)).ok()?;
        if ImageId::of(&bytes) != *image {
            return None;
        }
        let decoded = decode_at_least(
            &bytes,
            &self.decode_limits(),
            DecodeSize::for_thumbnail(REPORT_SIDE),
        );
        decoded.ok().map(|decoded| decoded.image)
    }
}

fn names(kind: QueryKind, pairs: &[LabeledPair]) -> Vec<&str> {
    let second = |pair: &'_ LabeledPair| kind == QueryKind::Image && !pair.pair.text.is_empty();
    distinct(pairs.iter().flat_map(|pair| {
        let query = second(pair).then_some(pair.pair.text.as_str());
        std::iter::once(pair.pair.image.as_str()).chain(query)
    }))
}

/// Every name once, in order of first occurrence.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut met = std::collections::HashSet::new();
    names.filter(|name| met.insert(*name)).collect()
}

/// The bytes of a file that is not too large to be an image.
pub(crate) fn read_image(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a file".to_owned());
    }
    if metadata.len() > DecodeLimits::default().file_bytes {
        return Err("the file is too large".to_owned());
    }
    fs::read(path).map_err(|error| error.to_string())
}

fn embed_batch<'a>(
    encoder: &dyn Encoder,
    batch: &mut Vec<(&'a str, ImageId, Pixels)>,
    images: &mut PairImages<'a>,
) -> Result<(), LibraryError> {
    let (mut names, mut pixels) = (Vec::new(), Vec::new());
    for (name, image, image_pixels) in batch.drain(..) {
        names.push((name, image));
        pixels.push(image_pixels);
    }
    if pixels.is_empty() {
        return Ok(());
    }
    let embeddings = encoder.encode_pixels(&pixels)?;
    for ((name, image), embedding) in names.into_iter().zip(embeddings) {
        images.insert(name, Ok(PairImage { image, embedding }));
    }
    Ok(())
}

fn embedded<'a>(images: &'a PairImages, name: &str) -> Option<&'a PairImage> {
    images.get(name)?.as_ref().ok()
}

fn failures(kind: QueryKind, pairs: &[LabeledPair], images: &PairImages) -> Vec<FailedImage> {
    let line = |name: &str| {
        let has_name = |pair: &&LabeledPair| {
            pair.pair.image == name || (kind == QueryKind::Image && pair.pair.text == name)
        };
        pairs.iter().find(has_name).map_or(0, |pair| pair.line)
    };
    let failed = |name: &&str| {
        let reason = images.get(name)?.as_ref().err()?;
        Some(FailedImage {
            image: (*name).to_owned(),
            line: line(name),
            reason: reason.clone(),
        })
    };
    names(kind, pairs).iter().filter_map(failed).collect()
}

fn score(
    pair: &LabeledPair,
    image: &PairImage,
    query_image: Option<ImageId>,
    query: &Embedding,
) -> ScoredPair {
    ScoredPair {
        image: image.image,
        path: pair.pair.image.clone(),
        query: pair.pair.text.clone(),
        query_image,
        score: f64::from(cosine(query, &image.embedding)),
        matches: pair.matches,
        answer: false,
    }
}

fn confidence(model: &ConfidenceModel, kind: QueryKind, query: &Embedding, image: &PairImage) -> Option<f64> {
    let one = std::slice::from_ref(&image.embedding);
    let confidence = model.confidences(kind, query, one)?.pop()?;
    Some(f64::from(confidence))
}
