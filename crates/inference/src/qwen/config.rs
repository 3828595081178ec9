//! `config.json` of the Qwen families: GME-Qwen2-VL, Qwen3-VL-Embedding, and Qwen2.5 as a text encoder.

use serde::Deserialize;
use serde_json::Value;

use super::family::QwenFamily;
use super::raw_config::{RawText, RawVision};
use super::shapes::{DecoderConfig, VisionConfig, refused, within};
use crate::error::LoadError;

/// Most tokens of a vocabulary.
const LARGEST_VOCABULARY: usize = 1 << 24;

/// Sizes and constants of a whole model.
#[derive(Debug, Clone)]
pub struct QwenConfig {
    pub family: QwenFamily,
    pub decoder: DecoderConfig,
    /// None where the model reads texts only.
    pub vision: Option<VisionConfig>,
    pub vocabulary: usize,
    /// Most tokens that the model was trained for.
    pub longest: usize,
    /// The placeholder token for an image's parts.
    pub image_token: u32,
}

impl QwenConfig {
    /// Reads the file of a model of one of the families.
    pub fn from_json(json: &[u8]) -> Result<Self, LoadError> {
        let value: Value = serde_json::from_slice(json).map_err(invalid)?;
        let model_type = value
            .get("model_type")
            .and_then(Value::as_str)
            .unwrap_or("unnamed");
        let family = QwenFamily::of(model_type).ok_or_else(|| LoadError::UnknownArchitecture {
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
            QwenFamily::Qwen2 => None,
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

fn vision(value: &Value, family: QwenFamily, decoder: &DecoderConfig) -> Result<VisionConfig, LoadError> {
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

#[expect(clippy::needless_pass_by_value, reason = "passed by name to map_err")]
fn invalid(error: serde_json::Error) -> LoadError {
    LoadError::Config(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qwen::family::Details;

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
