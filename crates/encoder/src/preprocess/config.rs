//! `preprocessor_config.json` in all the forms that are about.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::geometry::Size;

/// Largest side in pixels that a processor may ask for; anything above is a damaged file.
const LARGEST_SIDE: u32 = 4096;
/// Pixels along a patch, and patches of a picture, of which the same is true.
const LARGEST_PATCH: u32 = 128;
const MOST_PATCHES: u32 = 4096;
pub const CLIP_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
pub const CLIP_DEVIATION: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// Why a processor's description cannot be followed.
#[derive(Debug, Error)]
pub enum PreprocessorError {
    /// No JSON, or a key of another type than the reference writes.
    #[error("the picture processor's description is not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// A value that the reference refuses or that no CLIP checkpoint uses.
    #[error("the picture processor's `{key}` cannot be followed: {reason}")]
    Unsupported {
        /// The key in the file.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// Pictures would come out in dynamic_resolution sizes, which no model reads.
    #[error(
        "the picture processor neither crops nor resizes to a fixed size, so pictures would differ in size"
    )]
    VaryingSize,
}

/// Whose habits a processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// transformers' for CLIP.
    Clip,
    /// transformers' for Chinese-CLIP.
    ChineseClip,
    /// transformers' for SigLIP, and for SigLIP 2 of fixed picture size.
    Siglip,
    /// transformers' for SigLIP 2 for pictures of any shape.
    Naflex,
}

/// What to do with a picture, in order: resize, crop to `output`, normalize.
#[derive(Debug, Clone)]
pub struct Settings {
    pub resize: Option<ResizeTo>,
    pub crops: Option<Size>,
    pub output: Output,
    pub crop_rounding: CropRounding,
    /// The level of all channels around a picture that is smaller than its crop.
    pub fill: u8,
    /// Factor on the levels 0..=255, where they are rescaled.
    pub rescale: Option<f64>,
    /// Mean and deviation, where values are normalized.
    pub normalize: Option<MeanStd>,
}

/// What size pictures come out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// All in this one.
    Fixed(Size),
    /// Whole square patches of `side` pixels, at most so many, in nearly the picture's own proportions.
    Patches {
        /// Pixels along a patch.
        side: u32,
        /// Patches of a picture.
        most: u32,
    },
}

/// Where the middle is when an odd number of pixels is cut off or added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CropRounding {
    /// As transformers has it.
    Transformers,
    /// As torchvision has it.
    Torchvision,
}

/// Mean and deviation of red, green and blue.
pub type MeanStd = ([f64; 3], [f64; 3]);

#[derive(Debug, Clone, Copy)]
pub struct ResizeTo {
    pub target: Target,
    pub filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The shorter side becomes this long; the other follows.
    ShortestEdge(u32),
    /// The longer side comes to fill these; the other follows.
    Within(Size),
    /// Both sides are given; proportions may change.
    Exactly(Size),
}

/// Pillow's filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    Nearest,
    Lanczos,
    Bilinear,
    Bicubic,
    Box,
    Hamming,
}

/// The file as it stands. Unknown keys are other programs' business.
#[derive(Deserialize)]
struct Raw {
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

impl Settings {
    pub fn from_json(json: &[u8], processor: Processor) -> Result<Self, PreprocessorError> {
        let mut value: Value = serde_json::from_slice(json)?;
        if let Some(nested) = value.get_mut("image_processor") {
            value = nested.take();
        }
        Raw::deserialize(value)?.settings(processor)
    }

    /// The value of each level for each channel: `(level · factor − mean) / deviation`.
    pub fn levels(&self) -> [[f32; 256]; 3] {
        let factor = self.rescale.unwrap_or(1.0);
        rescaled_levels(factor, self.normalize.unwrap_or(([0.0; 3], [1.0; 3])))
    }

    pub fn fingerprint(&self) -> String {
        let mut text = match (&self.resize, self.output) {
            (None, _) => "keep".to_owned(),
            (Some(resize), Output::Patches { side, most }) => {
                format!("{}-{most}patches{side}", resize.filter.name())
            }
            (Some(ResizeTo { target, filter }), Output::Fixed(_)) => {
                format!("{}{}", filter.name(), target.text())
            }
        };
        if let Some(crop) = self.crops {
            text = format!("{text}-crop{}", crop.text());
        }
        if self.crop_rounding == CropRounding::Torchvision {
            text.push_str("-torchvision");
        }
        if self.fill > 0 {
            text = format!("{text}-fill{}", self.fill);
        }
        if self.is_clips() {
            return text;
        }
        format!("{text}-{}", self.level_hash())
    }

    /// Whether normalized values equal those of the original CLIP.
    fn is_clips(&self) -> bool {
        let near = |left: f64, right: f64| (left - right).abs() < 1e-6;
        let all_near = |left: [f64; 3], right: [f64; 3]| (0..3).all(|i| near(left[i], right[i]));
        self.rescale.is_some_and(|factor| near(factor * 255.0, 1.0))
            && self.normalize.is_some_and(|(mean, deviation)| {
                all_near(mean, CLIP_MEAN) && all_near(deviation, CLIP_DEVIATION)
            })
    }

    fn level_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for level in self.levels().as_flattened() {
            hasher.update(&level.to_le_bytes());
        }
        hasher.finalize().to_hex()[..8].to_owned()
    }
}

impl Raw {
    fn settings(self, processor: Processor) -> Result<Settings, PreprocessorError> {
        self.reject_unknown_keys(processor)?;
        let patches = (processor == Processor::Naflex)
            .then(|| self.patches())
            .transpose()?;
        let (resize, crops, output) = match patches {
            Some((resize, output)) => (resize, None, output),
            None => self.shapes(processor)?,
        };
        Ok(Settings {
            resize,
            crops,
            output,
            crop_rounding: CropRounding::Transformers,
            fill: 0,
            rescale: self.rescale()?,
            normalize: self.normalize(processor)?,
        })
    }

    /// Resizing, cropping, and what comes of them.
    fn shapes(
        &self,
        processor: Processor,
    ) -> Result<(Option<ResizeTo>, Option<Size>, Output), PreprocessorError> {
        let (resize, crops) = (self.resize(processor)?, self.crops(processor)?);
        match (crops, resize.map(|resize| resize.target)) {
            (Some(size), _) | (None, Some(Target::Exactly(size))) => Ok((resize, crops, Output::Fixed(size))),
            _ => Err(PreprocessorError::VaryingSize),
        }
    }

    fn patches(&self) -> Result<(Option<ResizeTo>, Output), PreprocessorError> {
        if self.do_resize == Some(false) {
            return unsupported("do_resize", "pictures must become whole patches".into());
        }
        let (side, most) = (self.patch_size.unwrap_or(16), self.max_num_patches.unwrap_or(256));
        if !(1..=LARGEST_PATCH).contains(&side) || !(1..=MOST_PATCHES).contains(&most) {
            let reason = format!("{most} patches of {side} pixels are none, or too many");
            return unsupported("max_num_patches", reason);
        }
        let resize = ResizeTo {
            // Only its filter counts: the size follows the picture's shape.
            target: Target::ShortestEdge(side),
            filter: Filter::from_pillow(self.resample.unwrap_or(2))?,
        };
        Ok((Some(resize), Output::Patches { side, most }))
    }

    /// Other processors have other defaults, and padding comes with sizes that vary.
    fn reject_unknown_keys(&self, processor: Processor) -> Result<(), PreprocessorError> {
        let kind = self
            .image_processor_type
            .as_ref()
            .or(self.feature_extractor_type.as_ref());
        if let Some(kind) = kind.filter(|kind| !processor.goes_by(kind)) {
            let reason = format!("{kind:?} is none of {}'s", processor.name());
            return unsupported("image_processor_type", reason);
        }
        if self.do_pad == Some(true) {
            return unsupported("do_pad", format!("{} pads no pictures", processor.name()));
        }
        Ok(())
    }

    fn resize(&self, processor: Processor) -> Result<Option<ResizeTo>, PreprocessorError> {
        if self.do_resize == Some(false) {
            return Ok(None);
        }
        Ok(Some(ResizeTo {
            target: self.target(processor)?,
            filter: Filter::from_pillow(self.resample.unwrap_or(3))?,
        }))
    }

    fn target(&self, processor: Processor) -> Result<Target, PreprocessorError> {
        if self.use_square_size == Some(true) {
            return Ok(Target::Exactly(Size::square(224)));
        }
        let usual = match processor {
            Processor::Clip | Processor::ChineseClip => RawSize::Edge(224),
            Processor::Siglip | Processor::Naflex => RawSize::Pair([224, 224]),
        };
        match self.size.unwrap_or(usual) {
            RawSize::Edge(edge) if self.default_to_square == Some(true) => {
                Ok(Target::Exactly(checked("size", edge, edge)?))
            }
            RawSize::Edge(edge)
            | RawSize::Named(NamedSize {
                shortest_edge: Some(edge),
                height: None,
                width: None,
            }) => Ok(Target::ShortestEdge(checked("size", edge, edge)?.height)),
            other => Ok(Target::Exactly(other.both_sides("size")?)),
        }
    }

    fn crops(&self, processor: Processor) -> Result<Option<Size>, PreprocessorError> {
        let usual = matches!(processor, Processor::Clip | Processor::ChineseClip);
        if !self.do_center_crop.unwrap_or(usual) {
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
        unsupported("rescale_factor", format!("{factor} leaves nothing of a picture"))
    }

    fn normalize(&self, processor: Processor) -> Result<Option<MeanStd>, PreprocessorError> {
        if self.do_normalize == Some(false) {
            return Ok(None);
        }
        let (mean, deviation) = processor.mean_std();
        let deviation = self.image_std.unwrap_or(deviation);
        if deviation.contains(&0.0) {
            return unsupported("image_std", "a deviation of 0 divides by zero".into());
        }
        Ok(Some((self.image_mean.unwrap_or(mean), deviation)))
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

    /// Whether a class of that name is this processor.
    fn goes_by(self, class: &str) -> bool {
        let rest = class.strip_prefix(self.name());
        // Chinese-CLIP's checkpoints may also name the processor that theirs was copied from.
        let rest = rest.or_else(|| class.strip_prefix("CLIP").filter(|_| self == Self::ChineseClip));
        rest.is_some_and(|rest| rest.starts_with(['I', 'F', 'P']))
    }

    const fn mean_std(self) -> MeanStd {
        match self {
            Self::Clip | Self::ChineseClip => (CLIP_MEAN, CLIP_DEVIATION),
            Self::Siglip | Self::Naflex => ([0.5; 3], [0.5; 3]),
        }
    }
}

impl RawSize {
    fn both_sides(self, key: &'static str) -> Result<Size, PreprocessorError> {
        match self {
            Self::Edge(edge) => checked(key, edge, edge),
            Self::Pair([height, width])
            | Self::Named(NamedSize {
                shortest_edge: None,
                height: Some(height),
                width: Some(width),
            }) => checked(key, height, width),
            Self::Named(_) => unsupported(key, "it gives no height and width".into()),
        }
    }
}

impl Filter {
    /// The filter that Pillow gives this number.
    pub fn from_pillow(number: u8) -> Result<Self, PreprocessorError> {
        match number {
            0 => Ok(Self::Nearest),
            1 => Ok(Self::Lanczos),
            2 => Ok(Self::Bilinear),
            3 => Ok(Self::Bicubic),
            4 => Ok(Self::Box),
            5 => Ok(Self::Hamming),
            _ => unsupported("resample", format!("Pillow has no filter {number}")),
        }
    }

    /// How far the filter reaches to each side, in pixels of the coarser picture.
    pub const fn radius(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Lanczos => "lanczos",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
            Self::Box => "box",
            Self::Hamming => "hamming",
        }
    }
}

impl Target {
    /// `224` for the shorter side, `224x224` for both.
    fn text(self) -> String {
        match self {
            Self::ShortestEdge(edge) => edge.to_string(),
            Self::Within(size) => format!("within{}x{}", size.height, size.width),
            Self::Exactly(size) => format!("{}x{}", size.height, size.width),
        }
    }
}

impl Size {
    pub const fn square(side: u32) -> Self {
        Self {
            height: side,
            width: side,
        }
    }

    /// `224` for a square, else `height x width`.
    fn text(self) -> String {
        if self.height == self.width {
            return self.height.to_string();
        }
        format!("{}x{}", self.height, self.width)
    }
}

/// The value of each of the 256 levels for each channel.
pub fn rescaled_levels(factor: f64, (mean, deviation): MeanStd) -> [[f32; 256]; 3] {
    std::array::from_fn(|channel| {
        std::array::from_fn(|level| ((level as f64 * factor - mean[channel]) / deviation[channel]) as f32)
    })
}

pub(super) fn checked(key: &'static str, height: u32, width: u32) -> Result<Size, PreprocessorError> {
    let sides = 1..=LARGEST_SIDE;
    if sides.contains(&height) && sides.contains(&width) {
        return Ok(Size { height, width });
    }
    unsupported(
        key,
        format!("{height}×{width} is not within 1 to {LARGEST_SIDE} pixels a side"),
    )
}

pub fn unsupported<T>(key: &'static str, reason: String) -> Result<T, PreprocessorError> {
    Err(PreprocessorError::Unsupported { key, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(json: &str) -> String {
        Settings::from_json(json.as_bytes(), Processor::Clip)
            .unwrap()
            .fingerprint()
    }

    #[test]
    fn old_and_new_spellings_mean_the_same() {
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
    fn whatever_changes_pixels_changes_the_fingerprint() {
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
    fn what_cannot_be_followed_is_refused_by_name() {
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
            (r#"{"do_center_crop":false}"#, "differ in size"),
            (r#"{"size":{"longest_edge":224}}"#, "not readable"),
            ("[", "not readable"),
        ] {
            let error = Settings::from_json(json.as_bytes(), Processor::Clip)
                .unwrap_err()
                .to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn each_processor_has_its_own_defaults_and_names() {
        let of = |json: &str, processor| Settings::from_json(json.as_bytes(), processor);
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
        assert!(error.contains("differ in size"), "{error}");
    }
}
