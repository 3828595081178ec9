//! What a processor does with an image, whichever file described it.

use thiserror::Error;

/// Longest side in pixels that a processor may have; anything above is a damaged file.
const MAX_SIDE: u32 = 4096;
/// Mean of red, green and blue that CLIP was trained with.
pub const CLIP_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Standard deviation of the same.
pub const CLIP_STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

/// Why an image processor configuration cannot be used.
#[derive(Debug, Error)]
pub enum PreprocessorError {
    /// Not JSON, or a key has another type than the reference writes.
    #[error("cannot read the image processor configuration: {0}")]
    Json(#[from] serde_json::Error),
    /// A value that the reference rejects or that no supported checkpoint uses.
    #[error("unsupported `{key}` in the image processor configuration: {reason}")]
    Unsupported {
        /// The key in the file.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// Images would come out in different sizes, which no such model reads.
    #[error("the image processor configuration neither crops nor resizes to a fixed size")]
    VaryingSize,
}

/// The steps of a processor, in order: resize, crop to `output`, normalize.
#[derive(Debug, Clone)]
pub struct ProcessorConfig {
    pub resize: Option<Resize>,
    pub crop: Option<PixelSize>,
    pub output: OutputSize,
    pub crop_rounding: CropRounding,
    /// The level of all channels around an image that is smaller than its crop.
    pub fill: u8,
    /// Factor applied to the levels 0..=255.
    pub rescale: Option<f64>,
    pub normalize: Option<MeanStd>,
}

/// Height and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelSize {
    pub height: u32,
    pub width: u32,
}

/// The size of prepared images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSize {
    /// The same for all images.
    Fixed(PixelSize),
    /// Whole square patches, nearly in the image's own proportions.
    Patches {
        /// Pixels along a patch.
        side: u32,
        /// Largest number of patches per image.
        max: u32,
    },
}

/// Where a crop begins when the number of pixels to cut off or add is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CropRounding {
    /// As in transformers.
    Transformers,
    /// As in torchvision.
    Torchvision,
}

/// Mean and standard deviation of red, green and blue.
pub type MeanStd = ([f64; 3], [f64; 3]);

#[derive(Debug, Clone, Copy)]
pub struct Resize {
    pub target: ResizeTarget,
    pub filter: ResampleFilter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResizeTarget {
    /// Length of the shorter side; the other follows.
    ShortestEdge(u32),
    /// The largest size within these bounds; proportions stay.
    Within(PixelSize),
    /// Both sides; proportions may change.
    Exactly(PixelSize),
}

/// Pillow's filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResampleFilter {
    Nearest,
    Lanczos,
    Bilinear,
    Bicubic,
    Box,
    Hamming,
}

impl ProcessorConfig {
    /// The value of each level for each channel: `(level · factor − mean) / std`.
    pub fn levels(&self) -> [[f32; 256]; 3] {
        let factor = self.rescale.unwrap_or(1.0);
        normalized_levels(factor, self.normalize.unwrap_or(([0.0; 3], [1.0; 3])))
    }

    /// See [`Preprocessor::fingerprint`](super::Preprocessor::fingerprint). It is part of a space's identity,
    /// so equal configurations must keep equal text in all versions.
    pub fn fingerprint(&self) -> String {
        let mut text = match (&self.resize, self.output) {
            (None, _) => "keep".to_owned(),
            (Some(resize), OutputSize::Patches { side, max }) => {
                format!("{}-{max}patches{side}", resize.filter.name())
            }
            (Some(Resize { target, filter }), OutputSize::Fixed(_)) => {
                format!("{}{}", filter.name(), target.fingerprint())
            }
        };
        if let Some(crop) = self.crop {
            text = format!("{text}-crop{}", crop.fingerprint());
        }
        if self.crop_rounding == CropRounding::Torchvision {
            text.push_str("-torchvision");
        }
        if self.fill > 0 {
            text = format!("{text}-fill{}", self.fill);
        }
        if self.normalizes_like_clip() {
            return text;
        }
        format!("{text}-{}", levels_hash(&self.levels()))
    }

    /// Whether normalized values equal those of the original CLIP.
    fn normalizes_like_clip(&self) -> bool {
        let near = |left: f64, right: f64| (left - right).abs() < 1e-6;
        let all_near = |left: [f64; 3], right: [f64; 3]| (0..3).all(|i| near(left[i], right[i]));
        self.rescale.is_some_and(|factor| near(factor * 255.0, 1.0))
            && self
                .normalize
                .is_some_and(|(mean, std)| all_near(mean, CLIP_MEAN) && all_near(std, CLIP_STD))
    }
}

impl PixelSize {
    pub const fn square(side: u32) -> Self {
        Self {
            height: side,
            width: side,
        }
    }

    /// The size, if both sides are within 1 to 4096 pixels; else an error about `key`.
    pub fn checked(key: &'static str, height: u32, width: u32) -> Result<Self, PreprocessorError> {
        let sides = 1..=MAX_SIDE;
        if sides.contains(&height) && sides.contains(&width) {
            return Ok(Self { height, width });
        }
        let reason = format!("{height}×{width} is outside 1 to {MAX_SIDE} pixels per side");
        unsupported(key, reason)
    }

    /// `224` for a square, else `height x width`.
    fn fingerprint(self) -> String {
        if self.height == self.width {
            return self.height.to_string();
        }
        format!("{}x{}", self.height, self.width)
    }
}

impl ResizeTarget {
    /// `224` for the shorter side, `224x224` for both.
    fn fingerprint(self) -> String {
        match self {
            Self::ShortestEdge(edge) => edge.to_string(),
            Self::Within(size) => format!("within{}x{}", size.height, size.width),
            Self::Exactly(size) => format!("{}x{}", size.height, size.width),
        }
    }
}

impl ResampleFilter {
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

    /// How far the filter reaches to each side, in pixels of the coarser image.
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

/// The value of each of the 256 levels for each channel.
pub fn normalized_levels(factor: f64, (mean, std): MeanStd) -> [[f32; 256]; 3] {
    std::array::from_fn(|channel| {
        std::array::from_fn(|level| ((level as f64 * factor - mean[channel]) / std[channel]) as f32)
    })
}

/// Eight hexadecimal digits for a fingerprint.
pub fn levels_hash(levels: &[[f32; 256]; 3]) -> String {
    let mut hasher = blake3::Hasher::new();
    for level in levels.as_flattened() {
        hasher.update(&level.to_le_bytes());
    }
    hasher.finalize().to_hex()[..8].to_owned()
}

pub fn unsupported<T>(key: &'static str, reason: String) -> Result<T, PreprocessorError> {
    Err(PreprocessorError::Unsupported { key, reason })
}
