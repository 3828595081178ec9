//! What the families' reference programs do around the model: prompts, resizes, limits.

use eidetic_encoder::{DynamicResize, TokenRange};

use crate::error::LoadError;

/// A family of models that one reference program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QwenFamily {
    /// GME-Qwen2-VL: `gme_inference.py` beside its weights.
    Gme,
    /// Qwen3-VL-Embedding: `scripts/qwen3_vl_embedding.py` beside its weights.
    Qwen3Vl,
    /// Qwen2.5 and Qwen2, texts only.
    Qwen2,
}

/// What is embedded, apart from pixels: it decides the instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// An image of the library or of a query.
    Image,
    /// A text query.
    Text(&'a str),
    /// A query of a text and an image together.
    Fused(&'a str),
}

/// The placeholder token for one group of an image's patches.
pub const IMAGE_TOKEN: &str = "<|image_pad|>";
const IMAGE: &str = "<|vision_start|><|image_pad|><|vision_end|>";

/// What the generations of decoders differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details {
    /// Queries, keys and values have biases: Qwen2, Qwen2.5, Qwen2-VL.
    Biases,
    /// Heads of queries and keys are normalized: Qwen3.
    HeadNorms,
}

impl QwenFamily {
    /// The family that `model_type` of `config.json` names.
    pub fn of(model_type: &str) -> Option<Self> {
        match model_type {
            "qwen2_vl" => Some(Self::Gme),
            "qwen3_vl" => Some(Self::Qwen3Vl),
            "qwen2" => Some(Self::Qwen2),
            _ => None,
        }
    }

    /// What the model reads, its special tokens written out, under the family's own instruction unless another is given.
    pub fn prompt(self, content: Content<'_>, instruction: Option<&str>) -> String {
        let (text, image) = match content {
            Content::Image => ("", IMAGE),
            Content::Text(text) => (text, ""),
            Content::Fused(text) => (text, IMAGE),
        };
        let instruction = instruction.unwrap_or(self.instruction(content));
        // The reference of Qwen3-VL-Embedding puts a word where nothing is.
        let nothing = if self == Self::Qwen3Vl && text.is_empty() && image.is_empty() {
            "NULL"
        } else {
            ""
        };
        // That of GME writes the last token out; the tokenizer of Qwen3-VL-Embedding adds it.
        let end = if self == Self::Gme { "<|endoftext|>" } else { "" };
        format!(
            "<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n{image}{text}{nothing}<|im_end|>\n\
             <|im_start|>assistant\n{end}"
        )
    }

    const fn instruction(self, content: Content<'_>) -> &'static str {
        match (self, content) {
            (Self::Qwen3Vl, Content::Image) => "Represent the user's input.",
            (Self::Qwen3Vl, _) => "Retrieve images or text relevant to the user's query.",
            (_, Content::Image) => "You are a helpful assistant.",
            (_, _) => "Find an image that matches the given text.",
        }
    }

    /// Most tokens of a prompt.
    pub const fn longest(self) -> usize {
        match self {
            Self::Gme => 1800,
            Self::Qwen3Vl => 8192,
            // No reference sets one; captions are far shorter, and memory grows with it.
            Self::Qwen2 => 2048,
        }
    }

    /// How images are resized.
    pub const fn resize(self) -> DynamicResize {
        match self {
            Self::Qwen3Vl => DynamicResize {
                outer: TokenRange { min: 4, max: 1800 },
                inner: None,
            },
            _ => DynamicResize {
                outer: TokenRange { min: 4, max: 16_384 },
                inner: Some(TokenRange { min: 256, max: 1280 }),
            },
        }
    }

    pub const fn details(self) -> Details {
        match self {
            Self::Qwen3Vl => Details::HeadNorms,
            _ => Details::Biases,
        }
    }

    /// For each of `count` angles, which coordinate turns it. GME runs its decoder on positions in one dimension.
    pub fn axes(self, count: usize, section: Option<&[usize]>) -> Result<Vec<u8>, LoadError> {
        let mut axes = vec![0; count];
        if self != Self::Qwen3Vl {
            return Ok(axes);
        }
        let section = section.unwrap_or(&[24, 20, 20]);
        let &[_, rows, columns] = section else {
            return Err(LoadError::Config(format!(
                "mrope_section {section:?} has not three parts"
            )));
        };
        for (axis, length) in [(1, rows), (2, columns)] {
            let end = length.saturating_mul(3).min(count);
            for place in (usize::from(axis)..end).step_by(3) {
                axes[place] = axis;
            }
        }
        Ok(axes)
    }

    /// Whether an image's tokens have positions in two dimensions.
    pub const fn has_image_positions(self) -> bool {
        matches!(self, Self::Qwen3Vl)
    }

    /// Dimensions that embeddings may be cut to.
    pub const fn least_dimension(self) -> Option<usize> {
        match self {
            Self::Qwen3Vl => Some(64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_match_references() {
        assert_eq!(
            QwenFamily::Gme.prompt(Content::Text("a cat"), None),
            "<|im_start|>system\nFind an image that matches the given text.<|im_end|>\n<|im_start|>user\na cat<|im_end|>\n\
             <|im_start|>assistant\n<|endoftext|>"
        );
        assert_eq!(
            QwenFamily::Gme.prompt(Content::Image, None),
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|>\
             <|vision_end|><|im_end|>\n<|im_start|>assistant\n<|endoftext|>"
        );
        assert!(
            QwenFamily::Qwen3Vl
                .prompt(Content::Text(""), None)
                .contains("user\nNULL<|im_end|>")
        );
        assert!(
            QwenFamily::Qwen3Vl
                .prompt(Content::Fused(""), None)
                .contains("<|vision_end|><|im_end|>")
        );
    }

    #[test]
    fn angles_interleave_coordinates() {
        let axes = QwenFamily::Qwen3Vl.axes(8, Some(&[4, 2, 2])).unwrap();
        assert_eq!(axes, [0, 1, 2, 0, 1, 2, 0, 0]);
        let published = QwenFamily::Qwen3Vl.axes(64, Some(&[24, 20, 20])).unwrap();
        let of = |axis: u8| published.iter().map(|a| usize::from(*a == axis)).sum::<usize>();
        assert_eq!((of(0), of(1), of(2)), (24, 20, 20));
        assert_eq!(QwenFamily::Gme.axes(2, Some(&[1, 1, 0])).unwrap(), [0, 0]);
        assert!(QwenFamily::Qwen3Vl.axes(8, Some(&[4, 4])).is_err());
    }
}
