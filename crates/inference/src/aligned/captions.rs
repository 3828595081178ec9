//! Fits an alignment to a file of captioned images.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use eidetic_domain::{Labels, PairFileError, PairRow, parse_pairs};
use eidetic_encoder::{EncodeError, Encoder, TextModel};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode_at_least};
use thiserror::Error;

use super::{CaptionPair, FitError, Fitted, MIN_IMAGES, fit_alignment};

/// Images and captions in one batch of their model.
const IMAGE_BATCH: usize = 16;
const CAPTION_BATCH: usize = 32;

/// A line of a file of captioned images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionedImage {
    /// Its number in the file, from 1.
    pub line: usize,
    /// The image's path, as in the file.
    pub image: String,
    /// What the image shows.
    pub caption: String,
}

/// The progress of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlignProgress {
    /// Embedded images, and all.
    Images(usize, usize),
    /// Embedded captions, and all.
    Captions(usize, usize),
    /// The projection is being fitted.
    Fitting,
}

/// A fitted alignment.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// The projection and its recall.
    pub fitted: Fitted,
    /// Images that could not be read, each once, with its first line.
    pub failed: Vec<FailedCaption>,
}

/// A line whose image could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCaption {
    /// Its number in the file, from 1.
    pub line: usize,
    /// The image's path.
    pub image: String,
    /// Why it could not be read.
    pub reason: String,
}

/// Errors of an alignment.
#[derive(Debug, Error)]
pub enum AlignError {
    /// Too few images could be read.
    #[error(
        "{readable} captioned pictures are too few to fit a projection (at least {MIN_IMAGES} are needed); {failed} could not be read, the first in line {}: {}: {}",
        .first.line, .first.image, .first.reason
    )]
    Unreadable {
        /// Images that could be read.
        readable: usize,
        /// Images that could not.
        failed: usize,
        /// The first of them.
        first: FailedCaption,
    },
    /// Fitting the projection failed.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A model failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Reads rows of image and caption ([`parse_pairs`]).
pub fn read_captions(text: &str) -> Result<Vec<CaptionedImage>, PairFileError> {
    let rows = parse_pairs(text.as_bytes(), Labels::Ignored);
    let captioned = |row: PairRow| CaptionedImage {
        line: row.line,
        image: row.image,
        caption: row.text,
    };
    rows.map(|row| row.map(captioned)).collect()
}

/// Fits a projection of `texts` into the space of `images`. Paths of images are relative to `folder`, or else to the
/// working directory.
pub fn align(
    texts: &dyn TextModel,
    images: &dyn Encoder,
    lines: &[CaptionedImage],
    folder: &Path,
    progress: &dyn Fn(AlignProgress),
) -> Result<Alignment, AlignError> {
    let mut embedded = CaptionImages::new(lines);
    let failed = embedded.embed(images, folder, progress)?;
    if let Some(first) = failed.first().filter(|_| embedded.vectors.len() < MIN_IMAGES) {
        return Err(AlignError::Unreadable {
            readable: embedded.vectors.len(),
            failed: failed.len(),
            first: first.clone(),
        });
    }
    let pairs = embed_captions(texts, lines, &embedded, progress)?;
    progress(AlignProgress::Fitting);
    let keys: Vec<&str> = embedded
        .embedded
        .iter()
        .map(|&name| embedded.names[name])
        .collect();
    Ok(Alignment {
        fitted: fit_alignment(&pairs, &embedded.vectors, &keys)?,
        failed,
    })
}

/// The captions of all images that were embedded.
fn embed_captions(
    texts: &dyn TextModel,
    lines: &[CaptionedImage],
    images: &CaptionImages<'_>,
    progress: &dyn Fn(AlignProgress),
) -> Result<Vec<CaptionPair>, EncodeError> {
    let readable = lines
        .iter()
        .filter_map(|line| Some((line, images.vector_of(line)?)));
    let readable: Vec<(&CaptionedImage, usize)> = readable.collect();
    let mut pairs = Vec::with_capacity(readable.len());
    for batch in readable.chunks(CAPTION_BATCH) {
        let captions: Vec<&str> = batch.iter().map(|(line, _)| line.caption.as_str()).collect();
        let vectors = texts.encode(&captions)?;
        pairs.extend(
            vectors
                .into_iter()
                .zip(batch)
                .map(|(caption, &(_, image))| CaptionPair { caption, image }),
        );
        progress(AlignProgress::Captions(pairs.len(), readable.len()));
    }
    Ok(pairs)
}

/// The images of a file, each once.
struct CaptionImages<'a> {
    names: Vec<&'a str>,
    /// For each name, its first line.
    first_lines: Vec<usize>,
    /// Index in `names`.
    by_name: HashMap<&'a str, usize>,
    /// For each name, its index in `vectors`, if it could be read.
    vector_indices: Vec<Option<usize>>,
    /// For each vector, its index in `names`.
    embedded: Vec<usize>,
    vectors: Vec<Vec<f32>>,
}

impl<'a> CaptionImages<'a> {
    fn new(lines: &'a [CaptionedImage]) -> Self {
        let mut images = Self {
            names: Vec::new(),
            first_lines: Vec::new(),
            by_name: HashMap::new(),
            vector_indices: Vec::new(),
            embedded: Vec::new(),
            vectors: Vec::new(),
        };
        for line in lines {
            let next = images.names.len();
            if *images.by_name.entry(&line.image).or_insert(next) == next {
                images.names.push(&line.image);
                images.first_lines.push(line.line);
            }
        }
        images.vector_indices = vec![None; images.names.len()];
        images
    }

    /// Index of the vector of a line's image, if it could be read.
    fn vector_of(&self, line: &CaptionedImage) -> Option<usize> {
        self.vector_indices[*self.by_name.get(line.image.as_str())?]
    }

    /// Embeds all images; returns those that could not be read.
    fn embed(
        &mut self,
        encoder: &dyn Encoder,
        folder: &Path,
        progress: &dyn Fn(AlignProgress),
    ) -> Result<Vec<FailedCaption>, AlignError> {
        let size = DecodeSize::for_model(encoder.shorter_side());
        let mut failed = Vec::new();
        let all: Vec<usize> = (0..self.names.len()).collect();
        for batch in all.chunks(IMAGE_BATCH) {
            let mut pixels = Vec::new();
            for &name in batch {
                match read(&resolved(folder, self.names[name]), size) {
                    Ok(image) => {
                        self.vector_indices[name] = Some(self.embedded.len());
                        self.embedded.push(name);
                        pixels.push(encoder.preprocess(&image));
                    }
                    Err(reason) => failed.push(FailedCaption {
                        line: self.first_lines[name],
                        image: self.names[name].to_owned(),
                        reason,
                    }),
                }
            }
            let embeddings = encoder.encode_pixels(&pixels)?;
            self.vectors
                .extend(embeddings.iter().map(|embedding| embedding.as_slice().to_vec()));
            progress(AlignProgress::Images(
                self.embedded.len() + failed.len(),
                all.len(),
            ));
        }
        Ok(failed)
    }
}

fn resolved(folder: &Path, name: &str) -> PathBuf {
    let beside = folder.join(name);
    if beside.exists() {
        beside
    } else {
        PathBuf::from(name)
    }
}

fn read(path: &Path, size: DecodeSize) -> Result<image::RgbImage, String> {
    let limits = DecodeLimits::default();
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > limits.file_bytes {
        return Err(format!("the file is too large ({length} bytes)"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let decoded = decode_at_least(&bytes, &limits, size).map_err(|error| error.to_string())?;
    Ok(decoded.image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    use crate::{LoadOptions, load_encoder};
    use eidetic_hub::ModelRef;

    const GALLERY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/gallery");

    fn builtin() -> Box<dyn Encoder> {
        load_encoder(&ModelRef::Builtin, &LoadOptions::default(), &()).unwrap()
    }

    /// A bag of words: captions of equal words are similar, but not in the space of any images.
    struct Words;

    impl TextModel for Words {
        fn name(&self) -> &'static str {
            "words"
        }

        fn revision(&self) -> &'static str {
            "1"
        }

        fn dimension(&self) -> usize {
            400
        }

        fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncodeError> {
            let vector = |text: &&str| {
                let mut vector = vec![0.2; 400];
                for word in text.split_whitespace() {
                    let hash = word
                        .bytes()
                        .fold(5381_usize, |hash, byte| hash.wrapping_mul(33) ^ usize::from(byte));
                    vector[hash % 400] += 1.0;
                }
                vector
            };
            Ok(texts.iter().map(vector).collect())
        }
    }

    fn gallery() -> Vec<CaptionedImage> {
        let text = std::fs::read_to_string(Path::new(GALLERY).join("captions.tsv")).unwrap();
        read_captions(&text).unwrap()
    }

    #[test]
    fn aligned_text_model_finds_held_out_images() {
        let images = builtin();
        let reported = RefCell::new(Vec::new());
        let report = |progress| reported.borrow_mut().push(progress);
        let alignment = align(&Words, images.as_ref(), &gallery(), Path::new(GALLERY), &report).unwrap();
        let fitted = &alignment.fitted;
        assert_eq!((fitted.images, fitted.held_out_images), (104, 26));
        assert_eq!((alignment.failed.len(), fitted.before), (0, None));
        assert!(fitted.chance.at_1 < 0.04 && fitted.chance.at_5 < 0.2);
        assert!(
            fitted.after.at_1 > 0.4 && fitted.after.at_5 > 0.8,
            "{:?}",
            fitted.after
        );
        assert_eq!(reported.borrow().last(), Some(&AlignProgress::Fitting));
        let again = align(&Words, images.as_ref(), &gallery(), Path::new(GALLERY), &|_| {}).unwrap();
        assert_eq!(again, alignment, "the same pairs give the same projection");
    }

    #[test]
    fn unreadable_image_is_reported_once_with_line() {
        let images = builtin();
        let mut lines = gallery();
        for caption in ["nothing", "nothing at all"] {
            lines.push(CaptionedImage {
                line: lines.len() + 1,
                image: "gone.jpg".into(),
                caption: caption.into(),
            });
        }
        let alignment = align(&Words, images.as_ref(), &lines, Path::new(GALLERY), &|_| {}).unwrap();
        let failed: Vec<(usize, &str)> = alignment
            .failed
            .iter()
            .map(|failed| (failed.line, failed.image.as_str()))
            .collect();
        assert_eq!(failed, [(131, "gone.jpg")]);
        assert_eq!(
            alignment.fitted.captions + alignment.fitted.held_out_captions,
            130
        );
    }

    #[test]
    fn too_few_images_are_error() {
        let images = builtin();
        let error = align(
            &Words,
            images.as_ref(),
            &gallery()[..40],
            Path::new(GALLERY),
            &|_| {},
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("40 captioned pictures are too few"),
            "{error}"
        );
        let elsewhere = Path::new("/nowhere");
        let error = align(&Words, images.as_ref(), &gallery(), elsewhere, &|_| {})
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("130 could not be read, the first in line 1: red-bicycle"),
            "{error}"
        );
    }

    #[test]
    fn malformed_lines_are_reported_by_number() {
        let good = "\u{feff}# remark\n\na.jpg\ta cat\r\nb c.jpg\t a dog \n";
        let lines = read_captions(good).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[1].line, lines[1].image.as_str(), lines[1].caption.as_str()),
            (4, "b c.jpg", "a dog")
        );
        for (text, expected) in [
            ("a.jpg\ta cat\nb.jpg a dog", "line 2: 1 column instead of two"),
            ("a.jpg\ta\tcat\t1", "line 1: 4 columns"),
            ("\ta cat", "line 1: the picture is empty"),
            ("a.jpg\t ", "line 1: the text is empty"),
        ] {
            let error = read_captions(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
