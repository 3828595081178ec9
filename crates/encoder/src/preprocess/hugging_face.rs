//! `preprocessor_config.json` of transformers, in all versions in use.

use serde::Deserialize;
use serde_json::Value;

use super::config::{
    CLIP_MEAN, CLIP_STD, CropRounding, MeanStd, OutputSize, PixelSize, PreprocessorError, ProcessorConfig,
    ResampleFilter, Resize, ResizeTarget, unsupported,
};

/// Pixels along a patch, and patches per image; anything above is a damaged file.
const MAX_PATCH_SIDE: u32 = 128;
const MAX_PATCHES: u32 = 4096;

/// The processor class of transformers, which decides the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// `CLIPImageProcessor`.
    Clip,
    /// `ChineseCLIPImageProcessor`.
    ChineseClip,
    /// `SiglipImageProcessor`, also for SigLIP 2 with a fixed image size.
    Siglip,
    /// `Siglip2ImageProcessor`, for images of any shape.
    Naflex,
}

/// The file. Unknown keys belong to other programs.
#[derive(Deserialize)]
struct RawProcessorConfig {
    image_processor_type: Option<String>,
    feature_extractor_type: Option<String>,
    do_resize: Option<bool>,
    size: Option<RawSize>,
    default_to_square: Option<bool>,
    use_square_size: Option<bool>,
    resample: Option<u8>,
    do_center_crop: Option<bool>,
    crop_size: Option<RawSize>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<[f64; 3]>,
    image_std: Option<[f64; 3]>,
    do_pad: Option<bool>,
    patch_size: Option<u32>,
    max_num_patches: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum RawSize {
    Edge(u32),
    Pair([u32; 2]),
    Named(NamedSize),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedSize {
    shortest_edge: Option<u32>,
    height: Option<u32>,
    width: Option<u32>,
}

/// Reads the file, or the `processor_config.json` of transformers 5 that nests it.
pub fn parse(json: &[u8], processor: Processor) -> Result<ProcessorConfig, PreprocessorError> {
    let mut value: Value = serde_json::from_slice(json)?;
    if let Some(nested) = value.get_mut("image_processor") {
        value = nested.take();
    }
    RawProcessorConfig::deserialize(value)?.resolve(processor)
}

impl RawProcessorConfig {
    fn resolve(self, processor: Processor) -> Result<ProcessorConfig, PreprocessorError> {
        self.reject_unsupported(processor)?;
        let (resize, crop, output) = if processor == Processor::Naflex {
            let (resize, output) = self.patches()?;
            (Some(resize), None, output)
        } else {
            self.fixed_size(processor)?
        };
        Ok(ProcessorConfig {
            resize,
            crop,
            output,
            crop_rounding: CropRounding::Transformers,
            fill: 0,
            rescale: self.rescale()?,
            normalize: self.normalize(processor)?,
        })
    }

    /// The steps of a processor whose images all come out in one size.
    fn fixed_size(
        &self,
        processor: Processor,
    ) -> Result<(Option<Resize>, Option<PixelSize>, OutputSize), PreprocessorError> {
        let (resize, crop) = (self.resize(processor)?, self.crop(processor)?);
        match (crop, resize.map(|resize| resize.target)) {
            (Some(size), _) | (None, Some(ResizeTarget::Exactly(size))) => {
                Ok((resize, crop, OutputSize::Fixed(size)))
            }
            _ => Err(PreprocessorError::VaryingSize),
        }
    }

    fn patches(&self) -> Result<(Resize, OutputSize), PreprocessorError> {
        if self.do_resize == Some(false) {
            return unsupported("do_resize", "images must be resized to whole patches".into());
        }
        let (side, max) = (self.patch_size.unwrap_or(16), self.max_num_patches.unwrap_or(256));
        if !(1..=MAX_PATCH_SIDE).contains(&side) || !(1..=MAX_PATCHES).contains(&max) {
            let reason = format!(
                "{max} patches of {side} pixels; at most {MAX_PATCHES} of {MAX_PATCH_SIDE} are supported"
            );
            return unsupported("max_num_patches", reason);
        }
        let resize = Resize {
            // Only the filter is used: the size follows the image's shape.
            target: ResizeTarget::ShortestEdge(side),
            filter: ResampleFilter::from_pillow(self.resample.unwrap_or(2))?,
        };
        Ok((resize, OutputSize::Patches { side, max }))
    }

    /// Rejects other processors, which have other defaults, and padding, which none of these processors does.
    fn reject_unsupported(&self, processor: Processor) -> Result<(), PreprocessorError> {
        let class = self
            .image_processor_type
            .as_ref()
            .or(self.feature_extractor_type.as_ref());
        if let Some(class) = class.filter(|class| !processor.matches_class(class)) {
            let reason = format!("expected a processor of {}, found {class:?}", processor.name());
            return unsupported("image_processor_type", reason);
        }
        if self.do_pad == Some(true) {
            return unsupported("do_pad", format!("{} does not pad images", processor.name()));
        }
        Ok(())
    }

    fn resize(&self, processor: Processor) -> Result<Option<Resize>, PreprocessorError> {
        if self.do_resize == Some(false) {
            return Ok(None);
        }
        Ok(Some(Resize {
            target: self.resize_target(processor)?,
            filter: ResampleFilter::from_pillow(self.resample.unwrap_or(3))?,
        }))
    }

    fn resize_target(&self, processor: Processor) -> Result<ResizeTarget, PreprocessorError> {
        if self.use_square_size == Some(true) {
            return Ok(ResizeTarget::Exactly(PixelSize::square(224)));
        }
        let default = match processor {
            Processor::Clip | Processor::ChineseClip => RawSize::Edge(224),
            Processor::Siglip | Processor::Naflex => RawSize::Pair([224, 224]),
        };
        match self.size.unwrap_or(default) {
            RawSize::Edge(edge) if self.default_to_square == Some(true) => {
                Ok(ResizeTarget::Exactly(PixelSize::checked("size", edge, edge)?))
            }
            RawSize::Edge(edge)
            | RawSize::Named(NamedSize {
                shortest_edge: Some(edge),
                height: None,
                width: None,
            }) => Ok(ResizeTarget::ShortestEdge(
                PixelSize::checked("size", edge, edge)?.height,
            )),
            other => Ok(ResizeTarget::Exactly(other.both_sides("size")?)),
        }
    }

    fn crop(&self, processor: Processor) -> Result<Option<PixelSize>, PreprocessorError> {
        let default = matches!(processor, Processor::Clip | Processor::ChineseClip);
        if !self.do_center_crop.unwrap_or(default) {
            return Ok(None);
        }
        let size = self.crop_size.unwrap_or(RawSize::Edge(224));
        size.both_sides("crop_size").map(Some)
    }

    fn rescale(&self) -> Result<Option<f64>, PreprocessorError> {
        if self.do_rescale == Some(false) {
            return Ok(None);
        }
        let factor = self.rescale_factor.unwrap_or(1.0 / 255.0);
        if factor.is_finite() && factor != 0.0 {
            return Ok(Some(factor));
        }
        unsupported(
            "rescale_factor",
            format!("{factor} is not a finite number other than 0"),
        )
    }

    fn normalize(&self, processor: Processor) -> Result<Option<MeanStd>, PreprocessorError> {
        if self.do_normalize == Some(false) {
            return Ok(None);
        }
        let (mean, std) = processor.mean_std();
        let std = self.image_std.unwrap_or(std);
        if std.contains(&0.0) {
            return unsupported("image_std", "a standard deviation must not be 0".into());
        }
        Ok(Some((self.image_mean.unwrap_or(mean), std)))
    }
}

impl Processor {
    const fn name(self) -> &'static str {
        match self {
            Self::Clip => "CLIP",
            Self::ChineseClip => "ChineseCLIP",
            Self::Siglip => "Siglip",
            Self::Naflex => "Siglip2",
        }
    }

    /// Whether the class is this processor's, such as `CLIPImageProcessor`, `CLIPFeatureExtractor` or
    /// `CLIPProcessor`.
    fn matches_class(self, class: &str) -> bool {
        let rest = class.strip_prefix(self.name());
        // Some checkpoints of Chinese-CLIP name CLIP's processor, of which theirs is a copy.
        let rest = rest.or_else(|| class.strip_prefix("CLIP").filter(|_| self == Self::ChineseClip));
        rest.is_some_and(|rest| rest.starts_with(['I', 'F', 'P']))
    }

    const fn mean_std(self) -> MeanStd {
        match self {
            Self::Clip | Self::ChineseClip => (CLIP_MEAN, CLIP_STD),
            Self::Siglip | Self::Naflex => ([0.5; 3], [0.5; 3]),
        }
    }
}

impl RawSize {
    fn both_sides(self, key: &'static str) -> Result<PixelSize, PreprocessorError> {
        match self {
            Self::Edge(edge) => PixelSize::checked(key, edge, edge),
            Self::Pair([height, width])
            | Self::Named(NamedSize {
                shortest_edge: None,
                height: Some(height),
                width: Some(width),
            }) => PixelSize::checked(key, height, width),
            Self::Named(_) => unsupported(key, "height and width are missing".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(json: &str) -> String {
        parse(json.as_bytes(), Processor::Clip).unwrap().fingerprint()
    }

    #[test]
    fn old_and_new_spellings_are_equal() {
        for json in [
            "{}",
            r#"{"size":224,"crop_size":224,"resample":3,"feature_extractor_type":"CLIPFeatureExtractor"}"#,
            r#"{"size":{"shortest_edge":224},"crop_size":{"height":224,"width":224},"rescale_factor":0.00392156862745098}"#,
            r#"{"image_processor":{"size":{"shortest_edge":224}},"processor_class":"CLIPProcessor"}"#,
        ] {
            assert_eq!(fingerprint(json), "bicubic224-crop224", "{json}");
        }
    }

    #[test]
    fn fingerprint_changes_with_pixels() {
        assert_eq!(
            fingerprint(r#"{"size":{"height":80,"width":96},"do_center_crop":false,"resample":2}"#),
            "bilinear80x96"
        );
        assert_eq!(fingerprint(r#"{"do_resize":false}"#), "keep-crop224");
        let plain = fingerprint(r#"{"do_normalize":false}"#);
        let half = fingerprint(r#"{"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]}"#);
        assert!(plain.starts_with("bicubic224-crop224-"));
        assert!(half.starts_with("bicubic224-crop224-"));
        assert_ne!(plain, half);
    }

    #[test]
    fn unsupported_values_are_named() {
        for (json, named) in [
            (r#"{"size":0}"#, "size"),
            (r#"{"crop_size":{"shortest_edge":224}}"#, "crop_size"),
            (r#"{"resample":9}"#, "resample"),
            (r#"{"image_std":[0.5,0.0,0.5]}"#, "image_std"),
            (r#"{"crop_size":4000000000}"#, "crop_size"),
            (
                r#"{"image_processor_type":"SiglipImageProcessor"}"#,
                "SiglipImageProcessor",
            ),
            (r#"{"do_center_crop":false}"#, "fixed size"),
            (r#"{"size":{"longest_edge":224}}"#, "cannot read"),
            ("[", "cannot read"),
        ] {
            let error = parse(json.as_bytes(), Processor::Clip).unwrap_err().to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn processors_have_own_defaults_and_classes() {
        let of = |json: &str, processor| parse(json.as_bytes(), processor);
        let siglip = of("{}", Processor::Siglip).unwrap();
        assert!(siglip.fingerprint().starts_with("bicubic224x224-"));
        let naflex = of(r#"{"max_num_patches":64}"#, Processor::Naflex).unwrap();
        assert!(naflex.fingerprint().contains("64patches16"));
        assert_eq!(
            of("{}", Processor::ChineseClip).unwrap().fingerprint(),
            "bicubic224-crop224"
        );
        for (class, processor) in [
            ("SiglipImageProcessorFast", Processor::Siglip),
            ("Siglip2ImageProcessor", Processor::Naflex),
            ("ChineseCLIPFeatureExtractor", Processor::ChineseClip),
            ("CLIPImageProcessorPil", Processor::Clip),
        ] {
            let json = format!(r#"{{"image_processor_type":"{class}"}}"#);
            assert!(of(&json, processor).is_ok(), "{class}");
            let other = if processor == Processor::Clip {
                Processor::Siglip
            } else {
                Processor::Clip
            };
            assert!(of(&json, other).unwrap_err().to_string().contains(class));
        }
        let error = of(r#"{"patch_size":100000}"#, Processor::Naflex)
            .unwrap_err()
            .to_string();
        assert!(error.contains("max_num_patches"), "{error}");
        let error = of(r#"{"do_resize":false}"#, Processor::Siglip)
            .unwrap_err()
            .to_string();
        assert!(error.contains("fixed size"), "{error}");
    }
}
