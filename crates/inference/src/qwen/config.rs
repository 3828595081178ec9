//! `config.json` of the Qwen families: GME-Qwen2-VL, Qwen3-VL-Embedding, and Qwen2.5 as a text encoder.

use eidetic_kernels::matrix::Activation;
use serde::Deserialize;
use serde_json::Value;

use super::family::Family;
use super::raw_config::{RawText, RawVision};
use crate::error::LoadError;

/// Largest width, count of heads or layers, … that is taken seriously.
pub const LARGEST: usize = 1 << 20;
/// Most tokens of a vocabulary.
const LARGEST_VOCABULARY: usize = 1 << 24;

/// Sizes and constants of a whole model.
#[derive(Debug, Clone)]
pub struct QwenConfig {
    pub family: Family,
    pub decoder: DecoderConfig,
    /// None where the model reads texts only.
    pub vision: Option<VisionConfig>,
    pub vocabulary: usize,
    /// Most tokens that the model was trained for.
    pub longest: usize,
    /// The placeholder token for an image's parts.
    pub image_token: u32,
}

/// Sizes and constants of a decoder.
#[derive(Debug, Clone)]
pub struct DecoderConfig {
    pub hidden: usize,
    pub intermediate: usize,
    pub layers: usize,
    pub heads: usize,
    /// Heads of keys and values, each shared by several of queries.
    pub shared_heads: usize,
    pub head_width: usize,
    pub epsilon: f32,
    pub theta: f32,
    pub details: Details,
    /// For each angle of a head, which coordinate turns it: 0 for time, 1 for rows, 2 for columns.
    pub axes: Vec<u8>,
}

/// What the generations of decoders differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details {
    /// Queries, keys and values have biases: Qwen2, Qwen2.5, Qwen2-VL.
    Biases,
    /// Heads of queries and keys are normalized: Qwen3.
    HeadNorms,
}

/// Sizes and constants of a vision tower, and where the generations of towers differ.
#[derive(Debug, Clone)]
pub struct VisionConfig {
    pub depth: usize,
    pub width: usize,
    pub intermediate: usize,
    pub heads: usize,
    pub activation: Activation,
    /// Pixels along a patch.
    pub patch: usize,
    /// Patches along a group that becomes one token.
    pub merge: usize,
    /// Side of the square grid of learned positions, where there is one.
    pub positions: Option<usize>,
    /// The layers after which an image is also handed to the decoder's first layers.
    pub deep: Vec<usize>,
    pub names: &'static VisionNames,
}

/// What checkpoints call the parts of a vision tower.
#[derive(Debug)]
pub struct VisionNames {
    pub wide: &'static str,
    pub narrow: &'static str,
    pub merger_norm: &'static str,
    pub merger_wide: &'static str,
    pub merger_narrow: &'static str,
    pub patch_bias: Option<&'static str>,
}

pub const QWEN2_NAMES: VisionNames = VisionNames {
    wide: "mlp.fc1",
    narrow: "mlp.fc2",
    merger_norm: "ln_q",
    merger_wide: "mlp.0",
    merger_narrow: "mlp.2",
    patch_bias: None,
};

pub const QWEN3_NAMES: VisionNames = VisionNames {
    wide: "mlp.linear_fc1",
    narrow: "mlp.linear_fc2",
    merger_norm: "norm",
    merger_wide: "linear_fc1",
    merger_narrow: "linear_fc2",
    patch_bias: Some("visual.patch_embed.proj.bias"),
};

impl QwenConfig {
    /// Reads the file of a model of one of the families.
    pub fn from_json(json: &[u8]) -> Result<Self, LoadError> {
        let value: Value = serde_json::from_slice(json).map_err(invalid)?;
        let model_type = value
            .get("model_type")
            .and_then(Value::as_str)
            .unwrap_or("unnamed");
        let family = Family::of(model_type).ok_or_else(|| LoadError::UnknownArchitecture {
            found: model_type.to_owned(),
        })?;
        // GME and Qwen2.5 keep the decoder's sizes outside, newer files within.
        let text = value
            .get("text_config")
            .filter(|text| text.is_object())
            .unwrap_or(&value);
        let text = RawText::deserialize(text).map_err(invalid)?;
        let decoder = text.decoder(family)?;
        let vision = match family {
            Family::Qwen2 => None,
            _ => Some(vision(&value, family, &decoder)?),
        };
        Ok(Self {
            family,
            vision,
            vocabulary: within("vocab_size", text.vocab_size, LARGEST_VOCABULARY)?,
            longest: text.max_position_embeddings,
            image_token: value
                .get("image_token_id")
                .and_then(Value::as_u64)
                .unwrap_or(151_655) as u32,
            decoder,
        })
    }
}

impl DecoderConfig {
    /// An error unless all sizes fit each other. Everything else about a size shows when tensors have another shape.
    pub fn check(&self) -> Result<(), LoadError> {
        for (name, size) in [
            ("hidden_size", self.hidden),
            ("intermediate_size", self.intermediate),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("num_key_value_heads", self.shared_heads),
            ("head_dim", self.head_width),
        ] {
            within(name, size, LARGEST)?;
        }
        if !self.head_width.is_multiple_of(2) || !self.heads.is_multiple_of(self.shared_heads) {
            return refused(format!(
                "{} heads of {} cannot share {} of keys",
                self.heads, self.head_width, self.shared_heads
            ));
        }
        if !(self.epsilon.is_finite() && self.theta.is_finite() && self.theta > 0.0) {
            return refused("rms_norm_eps and rope_theta must be usable numbers".into());
        }
        Ok(())
    }
}

impl VisionConfig {
    /// An error unless all sizes fit each other.
    pub fn check(&self) -> Result<(), LoadError> {
        for (name, size, most) in [
            ("depth", self.depth, LARGEST),
            ("width", self.width, LARGEST),
            ("intermediate_size", self.intermediate, LARGEST),
            ("num_heads", self.heads, LARGEST),
            ("patch_size", self.patch, 64),
            ("spatial_merge_size", self.merge, 64),
            ("num_position_embeddings", self.positions.unwrap_or(1), LARGEST),
        ] {
            within(name, size, most)?;
        }
        // Two coordinates turn a half of each head's pairs each.
        if !self.width.is_multiple_of(4 * self.heads) {
            return refused(format!(
                "width {} cannot be shared among {} heads",
                self.width, self.heads
            ));
        }
        let ascending = self.deep.is_sorted_by(|a, b| a < b);
        if !ascending || self.deep.last().is_some_and(|layer| *layer >= self.depth) {
            return refused(format!("deepstack_visual_indexes {:?} are no layers", self.deep));
        }
        Ok(())
    }
}

fn vision(value: &Value, family: Family, decoder: &DecoderConfig) -> Result<VisionConfig, LoadError> {
    let Some(raw) = value.get("vision_config") else {
        return refused("vision_config is missing".into());
    };
    let raw = RawVision::deserialize(raw).map_err(invalid)?;
    let config = raw.config(family, decoder.hidden)?;
    if config.deep.len() > decoder.layers {
        return refused(format!("{} layers cannot take {:?}", decoder.layers, config.deep));
    }
    Ok(config)
}

/// `size`, unless it is 0 or more than `most`.
pub fn within(name: &str, size: usize, most: usize) -> Result<usize, LoadError> {
    if (1..=most).contains(&size) {
        return Ok(size);
    }
    refused(format!("{name} {size} is not within 1 to {most}"))
}

pub fn refused<T>(reason: String) -> Result<T, LoadError> {
    Err(LoadError::Config(reason))
}

#[expect(clippy::needless_pass_by_value, reason = "passed by name to map_err")]
fn invalid(error: serde_json::Error) -> LoadError {
    LoadError::Config(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GME: &str = r#"{"model_type":"qwen2_vl","hidden_size":1536,"intermediate_size":8960,"num_hidden_layers":28,
        "num_attention_heads":12,"num_key_value_heads":2,"vocab_size":151936,"max_position_embeddings":32768,
        "rms_norm_eps":1e-06,"rope_theta":1000000.0,"rope_scaling":{"type":"mrope","mrope_section":[16,24,24]},
        "vision_config":{"depth":32,"embed_dim":1280,"mlp_ratio":4,"num_heads":16,"hidden_size":1536,"patch_size":14}}"#;

    #[test]
    fn published_sizes_are_read() {
        let config = QwenConfig::from_json(GME.as_bytes()).unwrap();
        let vision = config.vision.unwrap();
        assert_eq!(
            (vision.intermediate, vision.width, vision.patch),
            (5120, 1280, 14)
        );
        assert_eq!(
            (config.decoder.head_width, config.decoder.axes),
            (128, vec![0; 64])
        );
        assert_eq!(
            (config.image_token, config.decoder.details),
            (151_655, Details::Biases)
        );
    }

    #[test]
    fn contradictory_config_is_refused() {
        for (from, to, named) in [
            (
                "\"hidden_size\":1536,\"intermediate",
                "\"hidden_size\":0,\"intermediate",
                "hidden_size 0",
            ),
            (
                "\"num_attention_heads\":12",
                "\"num_attention_heads\":0",
                "num_attention_heads",
            ),
            (
                "\"num_key_value_heads\":2",
                "\"num_key_value_heads\":5",
                "cannot share",
            ),
            ("\"mrope\",", "\"yarn\",", "yarn"),
            ("\"rope_theta\":1000000.0", "\"rope_theta\":-1", "rope_theta"),
            ("\"depth\":32", "\"depth\":99999999", "depth"),
            ("\"num_heads\":16", "\"num_heads\":7", "7 heads"),
            ("1536,\"patch", "77,\"patch", "77"),
            ("\"patch_size\":14", "\"patch_size\":0", "patch_size"),
            ("\"vision_config\"", "\"vision\"", "vision_config"),
            ("\"qwen2_vl\"", "\"qwen9\"", "qwen9"),
            (
                "\"vocab_size\":151936",
                "\"vocab_size\":99999999999",
                "vocab_size",
            ),
            ("1e-06", "\"small\"", "invalid type"),
        ] {
            assert!(GME.contains(from), "{from}");
            let error = QwenConfig::from_json(GME.replace(from, to).as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(named), "{to}: {error}");
        }
    }
}
