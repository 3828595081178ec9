//! `config.json` of an encoder, and what it means for each family.

use super::json_file::JsonFile;
use super::relative::BUCKETS;
use crate::error::LoadError;
use eidetic_kernels::matrix::Activation;

/// Largest width, count of heads or layers, … that is taken seriously.
const LARGEST: usize = 1 << 20;
/// Padding of RoBERTa, XLM-RoBERTa and MPNet where the config names none.
const PADDING: u32 = 1;
/// What transformers has for every family.
const EPSILON: f64 = 1e-12;

/// Sizes and constants of an encoder, and where the families differ.
#[derive(Debug, Clone)]
pub struct EncoderConfig {
    pub hidden: usize,
    pub intermediate: usize,
    pub layers: usize,
    pub heads: usize,
    pub vocabulary: usize,
    /// Rows of the table of positions.
    pub positions: usize,
    pub numbering: Numbering,
    /// Kinds of segments; a text is of the first one. 0: there are none.
    pub segments: usize,
    pub epsilon: f32,
    pub activation: Activation,
    /// Buckets of distances, each with a number for each head that is added to scores.
    pub distances: Option<usize>,
    pub names: &'static LayerNames,
}

/// The positions of a text's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// 0, 1, 2, …
    FromZero,
    /// Padding has its own id as position; other tokens are counted from the next one on.
    AfterPadding(u32),
}

/// What checkpoints call the parts of a layer.
#[derive(Debug)]
pub struct LayerNames {
    pub queries: &'static str,
    pub keys: &'static str,
    pub values: &'static str,
    pub attention_output: &'static str,
    pub attention_norm: &'static str,
}

const BERT_NAMES: LayerNames = LayerNames {
    queries: "attention.self.query",
    keys: "attention.self.key",
    values: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
};

const MPNET_NAMES: LayerNames = LayerNames {
    queries: "attention.attn.q",
    keys: "attention.attn.k",
    values: "attention.attn.v",
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
};

/// Where the families differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Bert,
    Roberta,
    Mpnet,
}

impl EncoderConfig {
    /// Reads `config.json`.
    pub fn from_json(json: &[u8]) -> Result<Self, LoadError> {
        let file = JsonFile::parse("config.json", json)?;
        let family = family(&file)?;
        check(&file)?;
        let config = Self {
            hidden: size(&file, "hidden_size")?,
            intermediate: size(&file, "intermediate_size")?,
            layers: size(&file, "num_hidden_layers")?,
            heads: size(&file, "num_attention_heads")?,
            vocabulary: size(&file, "vocab_size")?,
            positions: size(&file, "max_position_embeddings")?,
            numbering: match family {
                Family::Bert => Numbering::FromZero,
                Family::Roberta => Numbering::AfterPadding(file.optional("pad_token_id")?.unwrap_or(PADDING)),
                Family::Mpnet => Numbering::AfterPadding(PADDING),
            },
            segments: match family {
                Family::Mpnet => 0,
                _ => file.optional("type_vocab_size")?.unwrap_or(2),
            },
            epsilon: file.optional("layer_norm_eps")?.unwrap_or(EPSILON) as f32,
            activation: activation(&file)?,
            distances: match family {
                Family::Mpnet => Some(buckets(&file)?),
                _ => None,
            },
            names: match family {
                Family::Mpnet => &MPNET_NAMES,
                _ => &BERT_NAMES,
            },
        };
        config.fits_together(&file)?;
        Ok(config)
    }

    fn fits_together(&self, file: &JsonFile) -> Result<(), LoadError> {
        if !self.hidden.is_multiple_of(self.heads) {
            return Err(file.invalid(format!(
                "hidden_size {} cannot be shared among {} num_attention_heads",
                self.hidden, self.heads
            )));
        }
        if self.longest() == 0 {
            let reason = "max_position_embeddings leaves no position for a token";
            return Err(file.invalid(reason.into()));
        }
        if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            return Err(file.invalid("layer_norm_eps is not a usable number".into()));
        }
        Ok(())
    }

    /// Most tokens of a text.
    pub const fn longest(&self) -> usize {
        match self.numbering {
            Numbering::FromZero => self.positions,
            Numbering::AfterPadding(padding) => self.positions.saturating_sub(padding as usize + 1),
        }
    }
}

impl Numbering {
    /// The position of each token.
    pub fn positions(self, ids: &[u32]) -> Vec<usize> {
        match self {
            Self::FromZero => (0..ids.len()).collect(),
            Self::AfterPadding(padding) => {
                let mut last = padding as usize;
                let mut next = |id: &u32| {
                    if *id == padding {
                        return padding as usize;
                    }
                    last += 1;
                    last
                };
                ids.iter().map(&mut next).collect()
            }
        }
    }
}

fn family(file: &JsonFile) -> Result<Family, LoadError> {
    match file.required::<String>("model_type")?.as_str() {
        "bert" => Ok(Family::Bert),
        "roberta" | "xlm-roberta" => Ok(Family::Roberta),
        "mpnet" => Ok(Family::Mpnet),
        other => Err(file.invalid(format!("model_type {other:?} is not a sentence encoder"))),
    }
}

/// A size that is neither 0 nor absurd. Everything else about a size shows when tensors have another shape.
fn size(file: &JsonFile, field: &str) -> Result<usize, LoadError> {
    let size: usize = file.required(field)?;
    if (1..=LARGEST).contains(&size) {
        return Ok(size);
    }
    Err(file.invalid(format!("{field} {size} is not within 1 to {LARGEST}")))
}

/// An error for a variant that is not supported.
fn check(file: &JsonFile) -> Result<(), LoadError> {
    if file.optional("is_decoder")? == Some(true) {
        let reason = "is_decoder is true; sentence encoders read texts in both directions";
        return Err(file.invalid(reason.into()));
    }
    match file.optional::<String>("position_embedding_type")?.as_deref() {
        None | Some("absolute") => Ok(()),
        Some(kind) => Err(file.invalid(format!(
            "position_embedding_type {kind:?} is not supported; expected \"absolute\""
        ))),
    }
}

fn activation(file: &JsonFile) -> Result<Activation, LoadError> {
    match file
        .optional::<String>("hidden_act")?
        .as_deref()
        .unwrap_or("gelu")
    {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => Err(file.invalid(format!("hidden_act {other:?} is not known"))),
    }
}

/// transformers computes distances for 32 buckets, whatever the config says.
fn buckets(file: &JsonFile) -> Result<usize, LoadError> {
    let field = "relative_attention_num_buckets";
    match file.optional(field)?.unwrap_or(BUCKETS) {
        BUCKETS => Ok(BUCKETS),
        other => Err(file.invalid(format!("{field} {other} is not supported; expected {BUCKETS}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(model_type: &str, changed: &str) -> Result<EncoderConfig, LoadError> {
        let mut json = serde_json::json!({"model_type": model_type, "hidden_size": 8, "intermediate_size": 16,
            "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 9, "max_position_embeddings": 6});
        let changed: serde_json::Value = serde_json::from_str(changed).unwrap();
        let changed = changed.as_object().unwrap().clone();
        json.as_object_mut().unwrap().extend(changed);
        EncoderConfig::from_json(json.to_string().as_bytes())
    }

    #[test]
    fn positions_are_numbered_by_family() {
        let ids = [0, 7, 1, 8, 2];
        let positions = |family, changed| {
            let config = config(family, changed).unwrap();
            (config.numbering.positions(&ids), config.longest())
        };
        assert_eq!(positions("bert", "{}"), (vec![0, 1, 2, 3, 4], 6));
        assert_eq!(positions("xlm-roberta", "{}"), (vec![2, 3, 1, 4, 5], 4));
        assert_eq!(positions("mpnet", "{}"), (vec![2, 3, 1, 4, 5], 4));
        assert_eq!(
            positions("roberta", r#"{"pad_token_id":0}"#),
            (vec![0, 1, 2, 3, 4], 5)
        );
    }

    #[test]
    fn unusable_configs_name_their_field() {
        for (family, changed, field) in [
            ("bert", r#"{"hidden_size":0}"#, "hidden_size"),
            ("bert", r#"{"num_attention_heads":3}"#, "num_attention_heads"),
            (
                "bert",
                r#"{"position_embedding_type":"relative_key"}"#,
                "position_embedding_type",
            ),
            ("bert", r#"{"is_decoder":true}"#, "is_decoder"),
            ("bert", r#"{"hidden_act":"silu"}"#, "hidden_act"),
            ("bert", r#"{"vocab_size":"many"}"#, "vocab_size"),
            (
                "roberta",
                r#"{"max_position_embeddings":2}"#,
                "max_position_embeddings",
            ),
            (
                "mpnet",
                r#"{"relative_attention_num_buckets":16}"#,
                "relative_attention_num_buckets",
            ),
            ("electra", "{}", "model_type"),
        ] {
            let error = config(family, changed).unwrap_err().to_string();
            assert!(error.contains("config.json") && error.contains(field), "{error}");
        }
    }
}
