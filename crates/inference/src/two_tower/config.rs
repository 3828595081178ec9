//! The structure of a model, in whichever layout its files describe it.
//!
//! `config.json` of transformers is read by `hugging_face`, `open_clip_config.json` by `open_clip`. Both give the same
//! description, after which the engines build one and the same transformer.

mod convolutional;
mod hugging_face;
mod open_clip;
mod timm;

pub use convolutional::ConvolutionalConfig;
pub use timm::{FastVitConfig, Mixer, Stage};

use eidetic_kernels::matrix::{Activation, Mask};
use serde_json::Value;

use crate::error::LoadError;
use crate::tensor_names::Names;

/// Largest side of images that a model may read.
const LARGEST_SIDE: usize = 4096;
/// The same for images of any shape.
const LARGEST_PATCH: usize = 128;
const MOST_PATCHES: usize = 4096;
/// Most tokens that a text may have.
const LONGEST_TEXT: usize = 1 << 16;

/// Sizes and constants of a whole model, and where its file keeps what.
#[derive(Debug, Clone)]
pub struct ModelConfig {
    pub text: TextConfig,
    pub vision: VisionConfig,
    /// Components of an embedding.
    pub dimension: usize,
    pub names: Names,
    pub objective: Objective,
    /// The layout, which decides on tokenizer and processor.
    pub family: Family,
}

/// How the scores of texts and images were compared in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// Each image chose among texts: CLIP.
    Softmax,
    /// Each pair was judged alone: SigLIP, whose file holds a bias beside the scale.
    Sigmoid,
}

/// Whose habits a model follows outside of its towers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// transformers' CLIP and its kin.
    Clip,
    /// transformers' Chinese-CLIP.
    ChineseClip,
    /// transformers' SigLIP, and SigLIP 2 of fixed image size.
    Siglip,
    /// transformers' SigLIP 2 for images of any shape.
    Naflex,
    /// OpenCLIP, with these texts.
    OpenClip(OpenClipTexts),
}

/// What OpenCLIP does to texts before its model sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenClipTexts {
    pub tokenizer: OpenClipTokenizer,
    pub cleaning: TextCleaning,
    /// Whether the token that ends a text is replaced by padding.
    pub strips_end: bool,
}

/// Whose tokenizer OpenCLIP uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenClipTokenizer {
    /// CLIP's own byte pairs.
    Own,
    /// The one beside the model.
    Beside,
}

/// How OpenCLIP cleans a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextCleaning {
    Whitespace,
    Lower,
    Canonicalize,
}

#[derive(Debug, Clone)]
pub struct TextConfig {
    pub tower: TowerConfig,
    pub vocabulary: usize,
    /// Most tokens that a text may have.
    pub longest: usize,
    pub mask: Mask,
    pub pooling: Pooling,
    pub kind: TextKind,
    pub projection: ProjectionKind,
    pub padding: Padding,
}

/// The parts around the transformer of a text tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// A norm after it.
    Clip,
    /// A norm before it, and an embedding of the segment, of which all texts have the first.
    Bert {
        /// Segments that the file knows.
        segments: usize,
    },
}

/// The product that turns what a tower pooled into an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectionKind {
    /// There is none.
    None,
    /// Without a bias.
    Plain,
    /// With a bias.
    Biased,
}

/// Whether a model sees texts shorter than its longest padded to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Padding has no effect on the pooled token.
    Unseen,
    /// With this token.
    With(u32),
    /// With the token that the tokenizer's files name.
    FromTokenizer,
}

#[derive(Debug, Clone)]
pub enum VisionConfig {
    Transformer(VitConfig),
    Convolutional(ConvolutionalConfig),
    FastVit(FastVitConfig),
}

/// A vision transformer.
#[derive(Debug, Clone)]
pub struct VitConfig {
    pub tower: TowerConfig,
    /// Pixels along a patch.
    pub patch: usize,
    /// Positions along a side of the square that the file's table of positions was made for.
    pub table: TableSide,
    /// How positions are found for other images.
    pub resampling: Resampling,
    pub kind: VitKind,
    pub images: ImageShape,
}

/// How large the file's table of positions is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableSide {
    /// So many positions along its side.
    Of(usize),
    /// Any square; images of the usual size have this many along a side.
    Usually(usize),
}

/// What images a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageShape {
    /// Squares of this many pixels a side.
    Square(usize),
    /// Any shape of at most this many patches.
    Patches(usize),
}

/// The parts around the transformer of a vision tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VitKind {
    /// A class token before the patches; the embedding is read there.
    Clip { norm: FirstNorm, pooling: VitPooling },
    /// Patches alone; attention of one learned query gives the embedding.
    Siglip,
}

/// Whether there is a norm before the transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstNorm {
    Present,
    Absent,
}

/// Where a vision tower with a class token is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VitPooling {
    /// At the class token.
    Class,
    /// The mean of the patches, each normed.
    MeanOfNormed,
    /// The mean of the patches, normed.
    NormOfMean,
}

/// How a table of positions is brought to another size, in torch's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// `bicubic`.
    Cubic,
    /// `bicubic` with `antialias`.
    CubicAntialiased,
    /// `bilinear` with `antialias`.
    LinearAntialiased,
}

/// Sizes of one tower's transformer.
#[derive(Debug, Clone, Copy)]
pub struct TowerConfig {
    pub hidden: usize,
    pub intermediate: usize,
    pub layers: usize,
    pub heads: usize,
    pub activation: Activation,
    pub epsilon: f32,
    pub norms: Norms,
}

/// The places of a block's norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// Before attention and before the dense layers.
    Before,
    /// After each, around what was added.
    After,
}

/// Where a text's embedding is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// At the first of the greatest ids: OpenCLIP, and checkpoints older than transformers 4.31, which name a wrong end token (2).
    GreatestId,
    /// At the first end token.
    FirstEnd(u32),
    /// At the first token.
    First,
    /// At the last token, which may be padding.
    Last,
}

impl ModelConfig {
    /// Reads transformers' `config.json`.
    pub fn from_json(json: &[u8]) -> Result<Self, LoadError> {
        hugging_face::read(&parsed(json)?)?.checked()
    }

    /// Reads `open_clip_config.json`; also gives its `preprocess_cfg`.
    pub fn from_open_clip(json: &[u8]) -> Result<(Self, Value), LoadError> {
        let (config, preprocess) = open_clip::read(parsed(json)?)?;
        Ok((config.checked()?, preprocess))
    }

    /// Takes the size of the images that the processor gives, which the model must be able to read.
    pub fn fit_images(&mut self, height: usize, width: usize) -> Result<(), LoadError> {
        match &mut self.vision {
            VisionConfig::Transformer(vit) => vit.fit_images(height, width),
            VisionConfig::Convolutional(tower) => same_size(tower.side, height, width),
            VisionConfig::FastVit(tower) => same_size(tower.side, height, width),
        }
    }

    /// Takes the patches that the processor makes of images of any shape.
    pub fn fit_patches(&mut self, side: usize, most: usize) -> Result<(), LoadError> {
        match &mut self.vision {
            VisionConfig::Transformer(vit) if vit.patch == side => {
                vit.images = ImageShape::Patches(most);
                vit.check()
            }
            _ => Err(LoadError::Config(format!(
                "the processor cuts pictures into patches of {side} pixels, which the model does not read"
            ))),
        }
    }

    fn checked(self) -> Result<Self, LoadError> {
        let text = &self.text;
        text.tower.check()?;
        if !(1..=LONGEST_TEXT).contains(&text.longest) || text.vocabulary == 0 || self.dimension == 0 {
            return Err(LoadError::Config(format!(
                "texts of {} tokens out of {}, embeddings of {} components: none may be 0",
                text.longest, text.vocabulary, self.dimension
            )));
        }
        if text.projection == ProjectionKind::None && text.tower.hidden != self.dimension {
            return Err(LoadError::Config(format!(
                "texts have {} components, pictures {}",
                text.tower.hidden, self.dimension
            )));
        }
        if let VisionConfig::Transformer(vit) = &self.vision {
            vit.tower.check()?;
            vit.check()?;
        }
        Ok(self)
    }
}

impl VitConfig {
    fn check(&self) -> Result<(), LoadError> {
        match self.images {
            ImageShape::Square(side) => cut(side, self.patch).map(|_| ()),
            ImageShape::Patches(most) if (1..=MOST_PATCHES).contains(&most) => {
                cut(LARGEST_PATCH, self.patch).map(|_| ())
            }
            ImageShape::Patches(most) => Err(LoadError::Config(format!(
                "pictures of {most} patches are none, or too large"
            ))),
        }
    }

    /// Images may have another size than the table of positions, as long as they are square.
    fn fit_images(&mut self, height: usize, width: usize) -> Result<(), LoadError> {
        if let ImageShape::Square(side) = &mut self.images {
            if height != width {
                return same_size(*side, height, width);
            }
            cut(height, self.patch)?;
            *side = height;
        }
        Ok(())
    }

    /// Patches of an image, at most.
    pub const fn most_patches(&self) -> usize {
        match self.images {
            ImageShape::Square(side) => (side / self.patch) * (side / self.patch),
            ImageShape::Patches(most) => most,
        }
    }

    /// Rows of a sequence before its patches.
    pub const fn class_rows(&self) -> usize {
        match self.kind {
            VitKind::Clip { .. } => 1,
            VitKind::Siglip => 0,
        }
    }
}

impl TowerConfig {
    fn check(&self) -> Result<(), LoadError> {
        if self.heads == 0 || self.hidden == 0 || !self.hidden.is_multiple_of(self.heads) {
            return Err(LoadError::Config(format!(
                "hidden_size {} cannot be shared among {} heads",
                self.hidden, self.heads
            )));
        }
        Ok(())
    }
}

impl Pooling {
    /// Where in the text; at its start, as in the reference, if no token qualifies.
    pub fn position(self, ids: &[u32]) -> usize {
        let wanted = match self {
            Self::GreatestId => ids.iter().max().copied(),
            Self::FirstEnd(end) => Some(end),
            Self::First => return 0,
            Self::Last => return ids.len().saturating_sub(1),
        };
        ids.iter().position(|&id| Some(id) == wanted).unwrap_or(0)
    }
}

/// Patches along a side; what is left over at the right and the bottom is not seen.
fn cut(image: usize, patch: usize) -> Result<usize, LoadError> {
    match image.checked_div(patch) {
        Some(grid) if grid > 0 && image <= LARGEST_SIDE => Ok(grid),
        _ => Err(LoadError::Config(format!(
            "pictures of {image} pixels cannot be cut into patches of {patch}"
        ))),
    }
}

/// The processor must give what the model reads.
fn same_size(side: usize, height: usize, width: usize) -> Result<(), LoadError> {
    if (height, width) == (side, side) {
        return Ok(());
    }
    Err(LoadError::Config(format!(
        "the model reads pictures of {side}×{side}, but its processor gives {height}×{width}"
    )))
}

/// The function that transformers knows by `name`.
fn activation(name: &str) -> Result<Activation, LoadError> {
    match name {
        "quick_gelu" => Ok(Activation::QuickGelu),
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        _ => Err(LoadError::Config(format!("hidden_act {name:?} is not known"))),
    }
}

fn parsed(json: &[u8]) -> Result<Value, LoadError> {
    serde_json::from_slice(json).map_err(invalid)
}

#[expect(clippy::needless_pass_by_value, reason = "passed by name to map_err")]
fn invalid(error: serde_json::Error) -> LoadError {
    LoadError::Config(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_position_follows_family() {
        assert_eq!(Pooling::FirstEnd(9).position(&[8, 1, 9, 9]), 2);
        assert_eq!(Pooling::GreatestId.position(&[8, 1, 9, 9]), 2);
        assert_eq!(Pooling::FirstEnd(7).position(&[8, 1]), 0);
        assert_eq!(Pooling::First.position(&[8, 1]), 0);
        assert_eq!(Pooling::Last.position(&[8, 1, 3]), 2);
    }
}
