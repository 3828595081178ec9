//! Images that keep their shape: Qwen's processors resize to whole groups of patches within a range of
//! pixels.
//!
//! References: `gme_inference.py` of GME-Qwen2-VL, `qwen3_vl_embedding.py` with qwen-vl-utils 0.0.14 for
//! Qwen3-VL-Embedding, and the `Qwen2VLImageProcessorPil` of transformers behind both.

use image::RgbImage;
use serde::Deserialize;
use serde_json::Value;

use super::config::{
    CLIP_MEAN, CLIP_STD, PixelSize, PreprocessorError, ResampleFilter, levels_hash, normalized_levels,
    unsupported,
};
use super::geometry::CropWindow;
use super::normalize;
use super::resample::resample;
use crate::Pixels;

/// Largest ratio of the longer to the shorter side.
const MAX_RATIO: u32 = 200;

/// The number of tokens that an image becomes: its pixels divided by those of one square group of patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRange {
    /// At least 1.
    pub min: u32,
    /// At least `min`.
    pub max: u32,
}

/// How a model family resizes images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DynamicResize {
    /// The first resize, always with Pillow's default filter.
    pub outer: TokenRange,
    /// The second resize, with the processor's own filter, if the family has one.
    pub inner: Option<TokenRange>,
}

/// Prepares images and nearly keeps their shape.
#[derive(Debug, Clone)]
pub struct DynamicResolutionPreprocessor {
    resize: DynamicResize,
    filter: ResampleFilter,
    patch: u32,
    merge: u32,
    levels: [[f32; 256]; 3],
}

#[derive(Deserialize)]
struct RawQwenConfig {
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
    /// Reads Qwen's `preprocessor_config.json`, or the `processor_config.json` that nests it. The pixel
    /// limits in the file are ignored, since the reference programs set their own: those of `resize`.
    pub fn from_json(json: &[u8], resize: DynamicResize) -> Result<Self, PreprocessorError> {
        let mut value: Value = serde_json::from_slice(json)?;
        if let Some(nested) = value.get_mut("image_processor") {
            value = nested.take();
        }
        let raw = RawQwenConfig::deserialize(value)?;
        raw.reject_unsupported()?;
        Ok(Self {
            resize,
            filter: ResampleFilter::from_pillow(raw.resample.unwrap_or(3))?,
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

    /// Largest number of tokens that an image becomes.
    pub fn max_tokens(&self) -> usize {
        self.resize.inner.unwrap_or(self.resize.outer).max as usize
    }

    /// Resizes and normalizes one image. Height and width are whole groups of patches.
    pub fn preprocess(&self, image: &RgbImage) -> Pixels {
        normalize(&self.resize(image), &self.levels)
    }

    /// The first half of [`preprocess`](Self::preprocess): the resized image in 8 bits.
    pub fn resize(&self, image: &RgbImage) -> RgbImage {
        if image.width() == 0 || image.height() == 0 {
            return self.resize(&RgbImage::new(1, 1));
        }
        let outer = resize_to(image, self.outer_size(image), ResampleFilter::Bicubic);
        match self.resize.inner {
            None => outer,
            Some(range) => {
                let size = self.size_within(outer.height(), outer.width(), range);
                resize_to(&outer, size, self.filter)
            }
        }
    }

    /// A short text that differs where prepared images would differ. It is part of a space's identity.
    pub fn fingerprint(&self) -> String {
        let range = |range: TokenRange| format!("{}to{}", range.min, range.max);
        let mut text = format!("smart{}-{}", self.group(), range(self.resize.outer));
        if let Some(inner) = self.resize.inner {
            text = format!("{text}-{}{}", self.filter.name(), range(inner));
        }
        format!("{text}-{}", levels_hash(&self.levels))
    }

    /// Pixels along a group.
    fn group(&self) -> u32 {
        self.patch * self.merge
    }

    /// Squashes extreme shapes to [`MAX_RATIO`], as GME does; qwen-vl-utils rejects them.
    fn outer_size(&self, image: &RgbImage) -> PixelSize {
        let size = self.size_within(image.height(), image.width(), self.resize.outer);
        PixelSize {
            height: size.height.min(size.width.saturating_mul(MAX_RATIO)),
            width: size.width.min(size.height.saturating_mul(MAX_RATIO)),
        }
    }

    /// The nearest whole groups of patches. Where those are outside the range, both sides are scaled alike
    /// first.
    fn size_within(&self, height: u32, width: u32, range: TokenRange) -> PixelSize {
        let group = f64::from(self.group());
        let (height, width) = (f64::from(height), f64::from(width));
        let sides = |round: &dyn Fn(f64) -> f64, scale: f64| {
            let side = |side: f64| (round(side * scale / group) * group).max(group);
            (side(height), side(width))
        };
        let nearest = sides(&|x| x.round_ties_even(), 1.0);
        let pixels = |tokens: u32| f64::from(tokens) * group * group;
        let (max, min) = (pixels(range.max), pixels(range.min));
        let (height, width) = if nearest.0 * nearest.1 > max {
            let beta = (height * width / max).sqrt();
            let side = |side: f64| ((side / beta / group).floor() * group).max(group);
            (side(height), side(width))
        } else if nearest.0 * nearest.1 < min {
            sides(&f64::ceil, (min / (height * width)).sqrt())
        } else {
            nearest
        };
        PixelSize {
            height: height as u32,
            width: width as u32,
        }
    }
}

impl RawQwenConfig {
    fn reject_unsupported(&self) -> Result<(), PreprocessorError> {
        if let Some(class) =
            (self.image_processor_type.as_ref()).filter(|class| !class.starts_with("Qwen2VL"))
        {
            let reason = format!("expected a processor of Qwen2-VL, found {class:?}");
            return unsupported("image_processor_type", reason);
        }
        for (key, value) in [("patch_size", self.patch_size), ("merge_size", self.merge_size)] {
            if let Some(value) = value.filter(|value| !(1..=64).contains(value)) {
                return unsupported(key, format!("{value} is outside 1 to 64"));
            }
        }
        if let Some(frames) = self.temporal_patch_size.filter(|&frames| frames != 2) {
            return unsupported("temporal_patch_size", format!("expected 2, found {frames}"));
        }
        Ok(())
    }

    fn levels(&self) -> Result<[[f32; 256]; 3], PreprocessorError> {
        let factor = match self.do_rescale {
            Some(false) => 1.0,
            _ => self.rescale_factor.unwrap_or(1.0 / 255.0),
        };
        let (mean, std) = match self.do_normalize {
            Some(false) => ([0.0; 3], [1.0; 3]),
            _ => (
                self.image_mean.unwrap_or(CLIP_MEAN),
                self.image_std.unwrap_or(CLIP_STD),
            ),
        };
        let finite = mean.iter().chain(&std).all(|x| x.is_finite());
        if !factor.is_finite() || factor == 0.0 || std.contains(&0.0) || !finite {
            return unsupported(
                "image_std",
                "mean, standard deviation and factor must be finite; the latter two must not be 0".into(),
            );
        }
        Ok(normalized_levels(factor, (mean, std)))
    }
}

fn resize_to(image: &RgbImage, size: PixelSize, filter: ResampleFilter) -> RgbImage {
    if (size.width, size.height) == image.dimensions() {
        return image.clone();
    }
    resample(image, filter, &CropWindow::uncropped(image.dimensions(), size))
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
        fn sizes_are_whole_groups_within_range(width in 1_u32..6000, height in 1_u32..40) {
            for (resize, group) in [(GME, 28), (QWEN3, 32)] {
                let preprocessor = preprocessor(&format!(r#"{{"patch_size":{}}}"#, group / 2), resize);
                for (width, height) in [(width, height), (height, width)] {
                    let size = preprocessor.outer_size(&RgbImage::new(width, height));
                    let size = resize.inner.map_or(size, |range| preprocessor.size_within(size.height, size.width, range));
                    prop_assert!(size.height % group == 0 && size.width % group == 0);
                    let tokens = (size.height / group) * (size.width / group);
                    prop_assert!((1..=preprocessor.max_tokens() as u32).contains(&tokens), "{size:?}");
                }
            }
        }
    }

    #[test]
    fn sizes_match_references() {
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
    fn extreme_and_empty_images_have_bounded_cost() {
        for (width, height) in [(1, 60_000), (60_000, 1), (2_000_000, 1), (0, 7), (0, 0)] {
            for resize in [GME, QWEN3] {
                let pixels = preprocessor("{}", resize).preprocess(&RgbImage::new(width, height));
                assert_eq!(pixels.values.len(), 3 * pixels.height * pixels.width);
                assert!(pixels.values.len() <= 3 * 1800 * 28 * 28, "{width}×{height}");
            }
        }
    }

    #[test]
    fn unsupported_values_are_named() {
        for (json, named) in [
            (
                r#"{"image_processor_type":"CLIPImageProcessor"}"#,
                "image_processor_type",
            ),
            (r#"{"patch_size":0}"#, "patch_size"),
            (r#"{"merge_size":100000}"#, "merge_size"),
            (r#"{"temporal_patch_size":3}"#, "temporal_patch_size"),
            (r#"{"image_std":[0.5,0.0,0.5]}"#, "image_std"),
            ("[", "cannot read"),
        ] {
            let error = DynamicResolutionPreprocessor::from_json(json.as_bytes(), GME)
                .unwrap_err()
                .to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn fingerprint_changes_with_pixels() {
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
