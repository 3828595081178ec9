//! Aligning a text model with a picture model, from a file of captioned pictures.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use eidetic_encoder::{EncodeError, Encoder, TextModel};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode_at_least};
use eidetic_inference::{FitError, Fitted, LEAST_PICTURES, Pair, fit_alignment};
use thiserror::Error;

/// Pictures that go through the model at once.
const PICTURES_AT_ONCE: usize = 16;
/// Captions likewise.
const CAPTIONS_AT_ONCE: usize = 32;

/// A line of a file of captioned pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionedPicture {
    /// Its number in the file, from 1.
    pub line: usize,
    /// As the file names it.
    pub picture: String,
    /// What the picture shows.
    pub caption: String,
}

/// A line that is not of the form picture, tab, caption.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line}: {reason}")]
pub struct CaptionError {
    /// Its number in the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// How far an alignment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlignProgress {
    /// So many of all pictures went through the picture model.
    Pictures(usize, usize),
    /// So many of all captions went through the text model.
    Captions(usize, usize),
    /// The projection is being fitted.
    Fitting,
}

/// What an alignment came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// The projection and its figures.
    pub fitted: Fitted,
    /// Pictures that could not be read, each once, with the first line that names it.
    pub failed: Vec<FailedLine>,
}

/// A line whose picture could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLine {
    /// Its number in the file, from 1.
    pub line: usize,
    /// The picture.
    pub picture: String,
    /// Why not.
    pub reason: String,
}

/// Why there is no alignment.
#[derive(Debug, Error)]
pub enum AlignError {
    /// Most pictures could not be read.
    #[error(
        "{readable} captioned pictures are too few to fit a projection from ({LEAST_PICTURES} are needed); {failed} could not be read, the first in line {}: {}: {}",
        .first.line, .first.picture, .first.reason
    )]
    Unreadable {
        /// Pictures that could be read.
        readable: usize,
        /// Pictures that could not.
        failed: usize,
        /// The first of them.
        first: FailedLine,
    },
    /// The projection.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// Either model.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Reads lines of picture, tab, caption; empty ones and those that begin with `#` are passed over.
pub fn read_captions(text: &str) -> Result<Vec<CaptionedPicture>, CaptionError> {
    let numbered = (1..).zip(text.trim_start_matches('\u{feff}').lines());
    let meant = numbered.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    meant.map(|(line, text)| captioned(line, text)).collect()
}

fn captioned(line: usize, text: &str) -> Result<CaptionedPicture, CaptionError> {
    let wrong = |reason| CaptionError { line, reason };
    let (picture, caption) = text
        .split_once('\t')
        .ok_or_else(|| wrong("there is no tab between picture and caption"))?;
    if caption.contains('\t') {
        return Err(wrong("there is more than one tab"));
    }
    let (picture, caption) = (picture.trim(), caption.trim());
    if picture.is_empty() {
        return Err(wrong("there is no picture before the tab"));
    }
    if caption.is_empty() {
        return Err(wrong("there is no caption after the tab"));
    }
    Ok(CaptionedPicture {
        line,
        picture: picture.to_owned(),
        caption: caption.to_owned(),
    })
}

/// Fits a projection of `texts` onto the space of `pictures`. Paths of pictures are taken from `folder`, or where they are
/// not there from the working directory.
pub fn align(
    texts: &dyn TextModel,
    pictures: &dyn Encoder,
    lines: &[CaptionedPicture],
    folder: &Path,
    progress: &dyn Fn(AlignProgress),
) -> Result<Alignment, AlignError> {
    let mut seen = Seen::of(lines);
    let failed = seen.embed(pictures, folder, progress)?;
    if let Some(first) = failed.first().filter(|_| seen.vectors.len() < LEAST_PICTURES) {
        return Err(AlignError::Unreadable {
            readable: seen.vectors.len(),
            failed: failed.len(),
            first: first.clone(),
        });
    }
    let kept: Vec<&CaptionedPicture> = lines.iter().filter(|line| seen.place(line).is_some()).collect();
    let captions: Vec<&str> = kept.iter().map(|line| line.caption.as_str()).collect();
    let mut pairs = Vec::with_capacity(captions.len());
    for (batch, lines) in captions
        .chunks(CAPTIONS_AT_ONCE)
        .zip(kept.chunks(CAPTIONS_AT_ONCE))
    {
        for (caption, line) in texts.encode(batch)?.into_iter().zip(lines) {
            let picture = seen.place(line).expect("only such lines are kept");
            pairs.push(Pair { caption, picture });
        }
        progress(AlignProgress::Captions(pairs.len(), captions.len()));
    }
    progress(AlignProgress::Fitting);
    let keys: Vec<&str> = seen.embedded.iter().map(|&name| seen.names[name]).collect();
    Ok(Alignment {
        fitted: fit_alignment(&pairs, &seen.vectors, &keys)?,
        failed,
    })
}

/// The pictures of a file, each once.
struct Seen<'a> {
    names: Vec<&'a str>,
    /// Of each name, the line that has it first.
    first_lines: Vec<usize>,
    /// Place in `names`.
    by_name: HashMap<&'a str, usize>,
    /// Of each name, its place in `vectors`, if it could be read.
    places: Vec<Option<usize>>,
    /// Of each vector, its place in `names`.
    embedded: Vec<usize>,
    vectors: Vec<Vec<f32>>,
}

impl<'a> Seen<'a> {
    fn of(lines: &'a [CaptionedPicture]) -> Self {
        let mut seen = Self {
            names: Vec::new(),
            first_lines: Vec::new(),
            by_name: HashMap::new(),
            places: Vec::new(),
            embedded: Vec::new(),
            vectors: Vec::new(),
        };
        for line in lines {
            let next = seen.names.len();
            if *seen.by_name.entry(&line.picture).or_insert(next) == next {
                seen.names.push(&line.picture);
                seen.first_lines.push(line.line);
            }
        }
        seen.places = vec![None; seen.names.len()];
        seen
    }

    /// Where a line's picture stands among the vectors.
    fn place(&self, line: &CaptionedPicture) -> Option<usize> {
        self.places[*self.by_name.get(line.picture.as_str())?]
    }

    fn embed(
        &mut self,
        encoder: &dyn Encoder,
        folder: &Path,
        progress: &dyn Fn(AlignProgress),
    ) -> Result<Vec<FailedLine>, AlignError> {
        let size = DecodeSize::for_model(encoder.shorter_side());
        let mut failed = Vec::new();
        let all: Vec<usize> = (0..self.names.len()).collect();
        for batch in all.chunks(PICTURES_AT_ONCE) {
            let mut pixels = Vec::new();
            for &name in batch {
                match read(&resolved(folder, self.names[name]), size) {
                    Ok(image) => {
                        self.places[name] = Some(self.embedded.len());
                        self.embedded.push(name);
                        pixels.push(encoder.preprocess(&image));
                    }
                    Err(reason) => failed.push(FailedLine {
                        line: self.first_lines[name],
                        picture: self.names[name].to_owned(),
                        reason,
                    }),
                }
            }
            let embeddings = encoder.encode_pixels(&pixels)?;
            self.vectors
                .extend(embeddings.iter().map(|embedding| embedding.as_slice().to_vec()));
            progress(AlignProgress::Pictures(
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

    use eidetic_hub::ModelRef;
    use eidetic_inference::{LoadOptions, load_encoder};

    const GALLERY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/gallery");

    fn builtin() -> Box<dyn Encoder> {
        load_encoder(&ModelRef::Builtin, &LoadOptions::default(), &()).unwrap()
    }

    /// Counts words, each into a component of its own: what a caption says is there, but in no picture's space.
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

    fn gallery() -> Vec<CaptionedPicture> {
        let text = std::fs::read_to_string(Path::new(GALLERY).join("captions.tsv")).unwrap();
        read_captions(&text).unwrap()
    }

    #[test]
    fn a_text_model_that_knows_no_pictures_finds_held_out_ones_after_aligning() {
        let pictures = builtin();
        let told = RefCell::new(Vec::new());
        let tell = |progress| told.borrow_mut().push(progress);
        let alignment = align(&Words, pictures.as_ref(), &gallery(), Path::new(GALLERY), &tell).unwrap();
        let fitted = &alignment.fitted;
        assert_eq!((fitted.pictures, fitted.held_out_pictures), (104, 26));
        assert_eq!((alignment.failed.len(), fitted.before), (0, None));
        assert!(fitted.chance.at_1 < 0.04 && fitted.chance.at_5 < 0.2);
        assert!(
            fitted.after.at_1 > 0.4 && fitted.after.at_5 > 0.8,
            "{:?}",
            fitted.after
        );
        assert_eq!(told.borrow().last(), Some(&AlignProgress::Fitting));
        let again = align(&Words, pictures.as_ref(), &gallery(), Path::new(GALLERY), &|_| {}).unwrap();
        assert_eq!(again, alignment, "the same pairs give the same projection");
    }

    #[test]
    fn a_picture_that_cannot_be_read_is_named_once_with_its_line() {
        let pictures = builtin();
        let mut lines = gallery();
        for caption in ["nothing", "nothing at all"] {
            lines.push(CaptionedPicture {
                line: lines.len() + 1,
                picture: "gone.jpg".into(),
                caption: caption.into(),
            });
        }
        let alignment = align(&Words, pictures.as_ref(), &lines, Path::new(GALLERY), &|_| {}).unwrap();
        let failed: Vec<(usize, &str)> = alignment
            .failed
            .iter()
            .map(|failed| (failed.line, failed.picture.as_str()))
            .collect();
        assert_eq!(failed, [(131, "gone.jpg")]);
        assert_eq!(
            alignment.fitted.captions + alignment.fitted.held_out_captions,
            130
        );
    }

    #[test]
    fn too_few_pictures_are_refused() {
        let pictures = builtin();
        let error = align(
            &Words,
            pictures.as_ref(),
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
        let error = align(&Words, pictures.as_ref(), &gallery(), elsewhere, &|_| {})
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("130 could not be read, the first in line 1: red-bicycle"),
            "{error}"
        );
    }

    #[test]
    fn lines_of_another_form_are_named_by_number() {
        let good = "\u{feff}# remark\n\na.jpg\ta cat\r\nb c.jpg\t a dog \n";
        let lines = read_captions(good).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (
                lines[1].line,
                lines[1].picture.as_str(),
                lines[1].caption.as_str()
            ),
            (4, "b c.jpg", "a dog")
        );
        for (text, said) in [
            ("a.jpg\ta cat\nb.jpg a dog", "line 2: there is no tab"),
            ("a.jpg\ta\tcat", "line 1: there is more than one tab"),
            ("\ta cat", "line 1: there is no picture"),
            ("a.jpg\t ", "line 1: there is no caption"),
        ] {
            let error = read_captions(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
