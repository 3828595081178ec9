//! Pictures that keep their shape: Qwen's processors resize to whole groups of patches within a range of pixels.
//!
//! References: `gme_inference.py` of GME-Qwen2-VL, `qwen3_vl_embedding.py` with qwen-vl-utils 0.0.14 for Qwen3-VL-Embedding,
//! transformers' `Qwen2VLImageProcessorPil` behind both.

use image::RgbImage;
use serde::Deserialize;
use serde_json::Value;

use super::PreprocessorError;
use super::config::{Filter, rescaled_levels, unsupported};
use super::geometry::{Size, Window};
use super::resample::resample;
use super::{CLIP_DEVIATION, CLIP_MEAN, normalized};
use crate::Pixels;

/// The longest side may be so many times the shorter one.
const GREATEST_RATIO: u32 = 200;

/// A range for the product of height and width, in squares of one group of patches: the tokens that a picture becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRange {
    /// At least 1.
    pub min: u32,
    /// At least `min`.
    pub max: u32,
}

/// How a family of models resizes pictures, one resize after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DynamicResize {
    /// First, always by Pillow's default filter.
    pub outer: TokenRange,
    /// Then, by the processor's own filter, where the family has a second resize.
    pub inner: Option<TokenRange>,
}

/// Prepares pictures whose shape stays nearly as it is.
#[derive(Debug, Clone)]
pub struct DynamicResolutionPreprocessor {
    resize: DynamicResize,
    filter: Filter,
    patch: u32,
    merge: u32,
    levels: [[f32; 256]; 3],
}

#[derive(Deserialize)]
struct Raw {
    image_processor_type: Option<String>,
    patch_size: Option<u32>,
    merge_size: Option<u32>,
    temporal_patch_size: Option<u32>,
    resample: Option<u8>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<[f64; 3]>,
    image_std: Option<[f64; 3]>,
}

impl DynamicResolutionPreprocessor {
    /// Reads Qwen's `preprocessor_config.json`, or the `processor_config.json` that nests it. The limits that it gives
    /// for pixels do not count: the reference programs set their own, which are `resize`.
    pub fn from_json(json: &[u8], resize: DynamicResize) -> Result<Self, PreprocessorError> {
        let mut value: Value = serde_json::from_slice(json)?;
        if let Some(nested) = value.get_mut("image_processor") {
            value = nested.take();
        }
        let raw = Raw::deserialize(value)?;
        raw.reject_unknown_keys()?;
        Ok(Self {
            resize,
            filter: Filter::from_pillow(raw.resample.unwrap_or(3))?,
            patch: raw.patch_size.unwrap_or(14),
            merge: raw.merge_size.unwrap_or(2),
            levels: raw.levels()?,
        })
    }

    /// Pixels along a patch.
    pub fn patch(&self) -> usize {
        self.patch as usize
    }

    /// Patches along a group, which becomes one token.
    pub fn merge(&self) -> usize {
        self.merge as usize
    }

    /// Most tokens that a picture becomes.
    pub fn max_tokens(&self) -> usize {
        self.resize.inner.unwrap_or(self.resize.outer).max as usize
    }

    /// Resizes and normalises one picture. Height and width are whole groups of patches.
    pub fn preprocess(&self, image: &RgbImage) -> Pixels {
        normalized(&self.resize(image), &self.levels)
    }

    /// The first half of [`preprocess`](Self::preprocess): the picture in 8 bits as the model sees it.
    pub fn resize(&self, image: &RgbImage) -> RgbImage {
        if image.width() == 0 || image.height() == 0 {
            return self.resize(&RgbImage::new(1, 1));
        }
        let outer = resized(image, self.outer_size(image), Filter::Bicubic);
        match self.resize.inner {
            None => outer,
            Some(range) => {
                let size = self.within(outer.height(), outer.width(), range);
                resized(&outer, size, self.filter)
            }
        }
    }

    /// A short text that differs where prepared pictures would differ.
    pub fn fingerprint(&self) -> String {
        let range = |range: TokenRange| format!("{}to{}", range.min, range.max);
        let mut text = format!("smart{}-{}", self.group(), range(self.resize.outer));
        if let Some(inner) = self.resize.inner {
            text = format!("{text}-{}{}", self.filter.name(), range(inner));
        }
        let mut hasher = blake3::Hasher::new();
        for level in self.levels.as_flattened() {
            hasher.update(&level.to_le_bytes());
        }
        format!("{text}-{}", &hasher.finalize().to_hex()[..8])
    }

    fn group(&self) -> u32 {
        self.patch * self.merge
    }

    /// Extreme shapes are squashed to [`GREATEST_RATIO`], as GME does; qwen-vl-utils refuses them.
    fn outer_size(&self, image: &RgbImage) -> Size {
        let size = self.within(image.height(), image.width(), self.resize.outer);
        Size {
            height: size.height.min(size.width.saturating_mul(GREATEST_RATIO)),
            width: size.width.min(size.height.saturating_mul(GREATEST_RATIO)),
        }
    }

    /// The nearest whole groups of patches, then both sides scaled alike where those leave the range.
    fn within(&self, height: u32, width: u32, range: TokenRange) -> Size {
        let group = f64::from(self.group());
        let (height, width) = (f64::from(height), f64::from(width));
        let sides = |round: &dyn Fn(f64) -> f64, scale: f64| {
            let side = |side: f64| (round(side * scale / group) * group).max(group);
            (side(height), side(width))
        };
        let nearest = sides(&|x| x.round_ties_even(), 1.0);
        let pixels = |tokens: u32| f64::from(tokens) * group * group;
        let (most, least) = (pixels(range.max), pixels(range.min));
        let (height, width) = if nearest.0 * nearest.1 > most {
            let beta = (height * width / most).sqrt();
            let side = |side: f64| ((side / beta / group).floor() * group).max(group);
            (side(height), side(width))
        } else if nearest.0 * nearest.1 < least {
            sides(&f64::ceil, (least / (height * width)).sqrt())
        } else {
            nearest
        };
        Size {
            height: height as u32,
            width: width as u32,
        }
    }
}

impl Raw {
    fn reject_unknown_keys(&self) -> Result<(), PreprocessorError> {
        if let Some(kind) = (self.image_processor_type.as_ref()).filter(|kind| !kind.starts_with("Qwen2VL")) {
            return unsupported("image_processor_type", format!("{kind:?} is none of Qwen's"));
        }
        for (key, value) in [("patch_size", self.patch_size), ("merge_size", self.merge_size)] {
            if value.is_some_and(|value| !(1..=64).contains(&value)) {
                return unsupported(key, "it is not within 1 to 64".into());
            }
        }
        if self.temporal_patch_size.is_some_and(|frames| frames != 2) {
            return unsupported("temporal_patch_size", "only 2 is known".into());
        }
        Ok(())
    }

    fn levels(&self) -> Result<[[f32; 256]; 3], PreprocessorError> {
        let factor = match self.do_rescale {
            Some(false) => 1.0,
            _ => self.rescale_factor.unwrap_or(1.0 / 255.0),
        };
        let (mean, deviation) = match self.do_normalize {
            Some(false) => ([0.0; 3], [1.0; 3]),
            _ => (
                self.image_mean.unwrap_or(CLIP_MEAN),
                self.image_std.unwrap_or(CLIP_DEVIATION),
            ),
        };
        let finite = mean.iter().chain(&deviation).all(|x| x.is_finite());
        if !factor.is_finite() || factor == 0.0 || deviation.contains(&0.0) || !finite {
            return unsupported(
                "image_std",
                "mean, deviation and factor must be usable numbers".into(),
            );
        }
        Ok(rescaled_levels(factor, (mean, deviation)))
    }
}

fn resized(image: &RgbImage, size: Size, filter: Filter) -> RgbImage {
    if (size.width, size.height) == image.dimensions() {
        return image.clone();
    }
    resample(image, filter, &Window::whole(image.dimensions(), size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GME: DynamicResize = DynamicResize {
        outer: TokenRange { min: 4, max: 16_384 },
        inner: Some(TokenRange { min: 256, max: 1280 }),
    };
    const QWEN3: DynamicResize = DynamicResize {
        outer: TokenRange { min: 4, max: 1800 },
        inner: None,
    };

    fn preprocessor(json: &str, resize: DynamicResize) -> DynamicResolutionPreprocessor {
        DynamicResolutionPreprocessor::from_json(json.as_bytes(), resize).unwrap()
    }

    proptest! {
        #[test]
        fn every_picture_becomes_whole_groups_within_the_range(width in 1_u32..6000, height in 1_u32..40) {
            for (resize, group) in [(GME, 28), (QWEN3, 32)] {
                let preprocessor = preprocessor(&format!(r#"{{"patch_size":{}}}"#, group / 2), resize);
                for (width, height) in [(width, height), (height, width)] {
                    let size = preprocessor.outer_size(&RgbImage::new(width, height));
                    let size = resize.inner.map_or(size, |range| preprocessor.within(size.height, size.width, range));
                    prop_assert!(size.height % group == 0 && size.width % group == 0);
                    let tokens = (size.height / group) * (size.width / group);
                    prop_assert!((1..=preprocessor.max_tokens() as u32).contains(&tokens), "{size:?}");
                }
            }
        }
    }

    #[test]
    fn sizes_are_those_of_the_references() {
        let gme = preprocessor("{}", GME);
        for ((width, height), expected) in [
            ((640, 480), (644, 476)),
            ((4000, 3000), (1148, 840)),
            ((1, 1), (448, 448)),
        ] {
            let image = RgbImage::new(width, height);
            assert_eq!(gme.resize(&image).dimensions(), expected, "{width}×{height}");
        }
        let qwen3 = preprocessor(r#"{"patch_size":16}"#, QWEN3);
        for ((width, height), expected) in [
            ((640, 480), (640, 480)),
            ((4000, 3000), (1536, 1152)),
            ((1, 1), (64, 64)),
        ] {
            let image = RgbImage::new(width, height);
            assert_eq!(qwen3.resize(&image).dimensions(), expected, "{width}×{height}");
        }
    }

    #[test]
    fn extreme_shapes_and_empty_pictures_cost_no_more_than_others() {
        for (width, height) in [(1, 60_000), (60_000, 1), (2_000_000, 1), (0, 7), (0, 0)] {
            for resize in [GME, QWEN3] {
                let pixels = preprocessor("{}", resize).preprocess(&RgbImage::new(width, height));
                assert_eq!(pixels.values.len(), 3 * pixels.height * pixels.width);
                assert!(pixels.values.len() <= 3 * 1800 * 28 * 28, "{width}×{height}");
            }
        }
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        for (json, named) in [
            (
                r#"{"image_processor_type":"CLIPImageProcessor"}"#,
                "image_processor_type",
            ),
            (r#"{"patch_size":0}"#, "patch_size"),
            (r#"{"merge_size":100000}"#, "merge_size"),
            (r#"{"temporal_patch_size":3}"#, "temporal_patch_size"),
            (r#"{"image_std":[0.5,0.0,0.5]}"#, "image_std"),
            ("[", "not readable"),
        ] {
            let error = DynamicResolutionPreprocessor::from_json(json.as_bytes(), GME)
                .unwrap_err()
                .to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn whatever_changes_pixels_changes_the_fingerprint() {
        let texts = [
            preprocessor("{}", GME),
            preprocessor("{}", QWEN3),
            preprocessor(r#"{"patch_size":16}"#, QWEN3),
            preprocessor(r#"{"image_mean":[0.5,0.5,0.5]}"#, GME),
            preprocessor(r#"{"resample":2}"#, GME),
        ]
        .map(|preprocessor| preprocessor.fingerprint());
        let distinct: std::collections::BTreeSet<&String> = texts.iter().collect();
        assert_eq!(distinct.len(), texts.len(), "{texts:?}");
    }
}
