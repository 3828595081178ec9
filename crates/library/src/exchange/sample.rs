//! Whether a file's embeddings are those that the model makes: a sample of them is made again.

use std::path::Path;

use eidetic_domain::{Embedding, ImageId, SplitMix64};
use eidetic_imaging::decode_at_least;

use super::staging::{StagedImage, Staging};
use super::{SampleComparison, VectorsError};
use crate::calibration::read_image;
use crate::{Library, LibraryError, Space};

/// Images that are compared.
const SAMPLE: usize = 32;
/// Images that are tried, where some cannot be read.
const TRIES: usize = 256;
/// The median cosine similarity that is required. Programs that decode and resize differently stay above it; another model, or another
/// revision of one, is far below.
const REQUIRED: f64 = 0.99;

impl Library {
    /// Compares a random sample of the staged embeddings with what the model of `space` makes of the same images.
    ///
    /// Errors: they do not agree, or no image can be read.
    pub(super) fn compare_sample(
        &self,
        space: &Space,
        staging: &Staging,
        file: &Path,
    ) -> Result<SampleComparison, LibraryError> {
        let model = || space.model().to_owned();
        let encoder = space.encoder()?;
        let mut cosines = Vec::new();
        for number in sampled(staging.images().len()) {
            let Some(bytes) = self.bytes_of(&staging.images()[number]) else {
                continue;
            };
            let decoded = decode_at_least(&bytes, &self.decode_limits(), space.decode_size()?);
            let (Ok(decoded), Some(staged)) = (decoded, staging.read(number)) else {
                continue;
            };
            let made: Vec<Embedding> = encoder.encode_images(&[decoded.image])?;
            cosines.extend(made.iter().map(|made| made.cosine(&staged)));
            if cosines.len() == SAMPLE {
                break;
            }
        }
        cosines.sort_by(f64::total_cmp);
        let Some(&least) = cosines.first() else {
            return Err(VectorsError::NothingToCompare {
                path: file.to_owned(),
                model: model(),
            }
            .into());
        };
        let comparison = SampleComparison {
            compared: cosines.len(),
            median: cosines[(cosines.len() - 1) / 2],
            least,
        };
        if comparison.median >= REQUIRED {
            return Ok(comparison);
        }
        Err(VectorsError::NotOfModel {
            path: file.to_owned(),
            model: model(),
            compared: comparison.compared,
            median: comparison.median,
            least,
            required: REQUIRED,
        }
        .into())
    }

    /// The content of a staged image, if it can be read now.
    fn bytes_of(&self, staged: &StagedImage) -> Option<Vec<u8>> {
        match (&staged.path, staged.image) {
            (Some(path), image) => {
                let bytes = read_image(path).ok()?;
                let is_it = image.is_none_or(|image| ImageId::of(&bytes) == image);
                is_it.then_some(bytes)
            }
            (None, Some(image)) => Some(self.image_file(&image).ok()?.bytes),
            (None, None) => None,
        }
    }
}

/// Some different numbers below `count`, at random.
fn sampled(count: usize) -> Vec<usize> {
    let mut random = SplitMix64::new(count as u64);
    if count <= TRIES {
        let mut all: Vec<usize> = (0..count).collect();
        for at in (1..count).rev() {
            all.swap(at, random.below(at + 1));
        }
        return all;
    }
    let mut numbers = Vec::new();
    while numbers.len() < TRIES {
        let number = random.below(count);
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_has_each_number_once() {
        for count in [0, 1, 5, TRIES, TRIES + 1, 1_000_000] {
            let mut numbers = sampled(count);
            assert_eq!(numbers.len(), count.min(TRIES));
            numbers.sort_unstable();
            numbers.dedup();
            assert!(numbers.len() == count.min(TRIES) && numbers.iter().all(|number| *number < count));
        }
        assert_ne!(sampled(100), (0..100).collect::<Vec<_>>());
    }
}
