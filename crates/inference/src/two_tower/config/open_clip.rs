//! OpenCLIP's `open_clip_config.json`, with the defaults of its `CLIPTextCfg` and `CLIPVisionCfg`.
//!
//! A key that selects an unsupported part is an error, and so is an unknown key.

use eidetic_kernels::matrix::{Activation, Mask};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Family, FirstNorm, ImageShape, ModelConfig, Norms, Objective, OpenClipTexts, OpenClipTokenizer, Padding,
    Pooling, ProjectionKind, Resampling, TableSide, TextCleaning, TextConfig, TextKind, TowerConfig,
    VisionConfig, VitConfig, VitKind, VitPooling, cut, invalid, timm,
};
use crate::error::LoadError;
use crate::tensor_names::{NameTable, Names, tables};

/// Keys without effect on what a finished model computes.
const HARMLESS: [&str; 12] = [
    "attn_pooler_heads",
    "attn_pooler_queries",
    "hf_model_pretrained",
    "hf_pooler_type",
    "hf_proj_type",
    "output_tokens",
    "pad_id",
    "patch_dropout",
    "timm_drop",
    "timm_drop_path",
    "timm_model_pretrained",
    "timm_proj_bias",
];
const TEXT_KEYS: [&str; 16] = [
    "act_kwargs",
    "context_length",
    "eos_id",
    "heads",
    "hf_tokenizer_name",
    "layers",
    "mlp_ratio",
    "no_causal_mask",
    "norm_kwargs",
    "pool_type",
    "proj_bias",
    "proj_type",
    "tokenizer_kwargs",
    "vocab_size",
    "width",
    // Said to be for all models, read for none.
    "final_ln_after_pool",
];
const VISION_KEYS: [&str; 14] = [
    "act_kwargs",
    "final_ln_after_pool",
    "head_width",
    "image_size",
    "layers",
    "mlp_ratio",
    "no_ln_pre",
    "norm_kwargs",
    "patch_size",
    "pool_type",
    "timm_model_name",
    "timm_pool",
    "timm_proj",
    "width",
];

/// Reads a parsed `open_clip_config.json`; also gives its `preprocess_cfg`, with the model's own image size where it
/// has none.
pub fn read(value: Value) -> Result<(ModelConfig, Value), LoadError> {
    let raw = Raw::deserialize(value).map_err(invalid)?;
    let model = raw.model_cfg;
    check_keys("text_cfg", &model.text_cfg, &TEXT_KEYS)?;
    check_keys("vision_cfg", &model.vision_cfg, &VISION_KEYS)?;
    let text = RawText::deserialize(&model.text_cfg).map_err(invalid)?;
    let vision = RawVision::deserialize(&model.vision_cfg).map_err(invalid)?;
    let mut preprocess = raw.preprocess_cfg.unwrap_or_else(|| json!({}));
    if let Some(settings) = preprocess.as_object_mut() {
        settings.entry("size").or_insert(json!(vision.side()?));
    }
    Ok((model_config(&model, &text, &vision)?, preprocess))
}

fn model_config(model: &RawModel, text: &RawText, vision: &RawVision) -> Result<ModelConfig, LoadError> {
    let (vision_config, vision_names) = match &vision.timm_model_name {
        Some(name) => vision.timm(name)?,
        None => (
            VisionConfig::Transformer(vision.vit(model.gelu())?),
            tables::OPEN_CLIP_VISION.to_vec(),
        ),
    };
    let prefix = if model.custom_text { "text." } else { "" };
    Ok(ModelConfig {
        text: text.config(model.gelu())?,
        vision: vision_config,
        dimension: model.embed_dim,
        names: Names::new(vision_names).with_text(prefix, text.names()),
        objective: match model.init_logit_bias {
            Some(_) => Objective::Sigmoid,
            None => Objective::Softmax,
        },
        family: Family::OpenClip(text.texts()?),
    })
}

/// Refuses what is neither known nor said to be absent.
fn check_keys(part: &str, settings: &Value, known: &[&str]) -> Result<(), LoadError> {
    let keys = settings.as_object().into_iter().flatten();
    for (key, value) in keys {
        let absent = value.is_null() || *value == json!(false);
        if !(absent || known.contains(&key.as_str()) || HARMLESS.contains(&key.as_str())) {
            return Err(LoadError::Config(format!(
                "{part}.{key} is {value}, which is not built in"
            )));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Raw {
    model_cfg: RawModel,
    preprocess_cfg: Option<Value>,
}

#[derive(Deserialize)]
struct RawModel {
    embed_dim: usize,
    vision_cfg: Value,
    text_cfg: Value,
    #[serde(default)]
    quick_gelu: bool,
    #[serde(default)]
    custom_text: bool,
    init_logit_bias: Option<f64>,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawVision {
    layers: usize,
    width: usize,
    head_width: usize,
    mlp_ratio: f64,
    patch_size: Side,
    image_size: Side,
    no_ln_pre: bool,
    final_ln_after_pool: bool,
    pool_type: String,
    act_kwargs: Option<Approximation>,
    norm_kwargs: Option<Epsilon>,
    timm_model_name: Option<String>,
    timm_pool: String,
    timm_proj: Option<String>,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawText {
    context_length: usize,
    vocab_size: usize,
    hf_tokenizer_name: Option<String>,
    tokenizer_kwargs: Option<TokenizerArguments>,
    width: usize,
    heads: usize,
    layers: usize,
    mlp_ratio: f64,
    eos_id: u32,
    no_causal_mask: bool,
    pool_type: String,
    proj_bias: bool,
    proj_type: String,
    act_kwargs: Option<Approximation>,
    norm_kwargs: Option<Epsilon>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TokenizerArguments {
    clean: Option<String>,
    strip_sep_token: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approximation {
    approximate: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Epsilon {
    eps: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Side {
    Square(usize),
    Both([usize; 2]),
}

impl Default for RawVision {
    fn default() -> Self {
        Self {
            layers: 12,
            width: 768,
            head_width: 64,
            mlp_ratio: 4.0,
            patch_size: Side::Square(16),
            image_size: Side::Square(224),
            no_ln_pre: false,
            final_ln_after_pool: false,
            pool_type: "tok".into(),
            act_kwargs: None,
            norm_kwargs: None,
            timm_model_name: None,
            timm_pool: "avg".into(),
            timm_proj: Some("linear".into()),
        }
    }
}

impl Default for RawText {
    fn default() -> Self {
        Self {
            context_length: 77,
            vocab_size: 49408,
            hf_tokenizer_name: None,
            tokenizer_kwargs: None,
            width: 512,
            heads: 8,
            layers: 12,
            mlp_ratio: 4.0,
            eos_id: 2,
            no_causal_mask: false,
            pool_type: "argmax".into(),
            proj_bias: false,
            proj_type: "linear".into(),
            act_kwargs: None,
            norm_kwargs: None,
        }
    }
}

impl RawModel {
    /// The gelu of both towers unless their own settings name one.
    const fn gelu(&self) -> Activation {
        if self.quick_gelu {
            Activation::QuickGelu
        } else {
            Activation::Gelu
        }
    }
}

impl RawVision {
    fn side(&self) -> Result<usize, LoadError> {
        self.image_size.square("image_size")
    }

    fn vit(&self, gelu: Activation) -> Result<VitConfig, LoadError> {
        let (patch, side) = (self.patch_size.square("patch_size")?, self.side()?);
        let pooling = match (self.pool_type.as_str(), self.final_ln_after_pool) {
            ("tok", _) => VitPooling::Class,
            ("avg", false) => VitPooling::MeanOfNormed,
            ("avg", true) => VitPooling::NormOfMean,
            (other, _) => return Err(unknown("vision_cfg.pool_type", other)),
        };
        let norm = if self.no_ln_pre {
            FirstNorm::Absent
        } else {
            FirstNorm::Present
        };
        Ok(VitConfig {
            tower: TowerConfig {
                hidden: self.width,
                intermediate: widened(self.width, self.mlp_ratio)?,
                layers: self.layers,
                heads: self.width.checked_div(self.head_width).unwrap_or(0),
                activation: activation(self.act_kwargs.as_ref(), gelu)?,
                epsilon: epsilon(self.norm_kwargs.as_ref()),
                norms: Norms::Before,
            },
            patch,
            table: TableSide::Usually(cut(side, patch)?),
            resampling: Resampling::CubicAntialiased,
            kind: VitKind::Clip { norm, pooling },
            images: ImageShape::Square(side),
        })
    }

    /// A tower of timm's, which must end in the way in which it was published.
    fn timm(&self, name: &str) -> Result<(VisionConfig, Vec<NameTable>), LoadError> {
        let tower = timm::tower(name, self.side()?)?;
        let projection = self.timm_proj.as_deref().unwrap_or_default();
        match (&tower, self.timm_pool.as_str(), projection) {
            (VisionConfig::FastVit(_), "avg", "") => Ok((tower, vec![tables::TIMM_FASTVIT])),
            (VisionConfig::Transformer(_), "map", "none") => Ok((tower, tables::TIMM_SIGLIP.to_vec())),
            (_, pool, projection) => Err(LoadError::Config(format!(
                "timm's {name} with timm_pool {pool:?} and timm_proj {projection:?} is not built in"
            ))),
        }
    }
}

impl RawText {
    fn config(&self, gelu: Activation) -> Result<TextConfig, LoadError> {
        let mask = if self.no_causal_mask {
            Mask::None
        } else {
            Mask::Causal
        };
        let pooling = match self.pool_type.as_str() {
            "argmax" => Pooling::GreatestId,
            "eos" => Pooling::FirstEnd(self.eos_id),
            "first" => Pooling::First,
            "last" => Pooling::Last,
            other => return Err(unknown("text_cfg.pool_type", other)),
        };
        let padding = match (mask, pooling, &self.hf_tokenizer_name) {
            (Mask::Causal, Pooling::GreatestId | Pooling::FirstEnd(_) | Pooling::First, _) => Padding::Unseen,
            (_, _, None) => Padding::With(0),
            (_, _, Some(_)) => Padding::FromTokenizer,
        };
        Ok(TextConfig {
            tower: TowerConfig {
                hidden: self.width,
                intermediate: widened(self.width, self.mlp_ratio)?,
                layers: self.layers,
                heads: self.heads,
                activation: activation(self.act_kwargs.as_ref(), gelu)?,
                epsilon: epsilon(self.norm_kwargs.as_ref()),
                norms: Norms::Before,
            },
            vocabulary: self.vocab_size,
            longest: self.context_length,
            mask,
            pooling,
            kind: TextKind::Clip,
            projection: self.projection()?,
            padding,
        })
    }

    fn projection(&self) -> Result<ProjectionKind, LoadError> {
        match (self.proj_type.as_str(), self.proj_bias) {
            ("none", _) => Ok(ProjectionKind::None),
            ("linear", false) => Ok(ProjectionKind::Plain),
            ("linear", true) => Ok(ProjectionKind::Biased),
            (other, _) => Err(unknown("text_cfg.proj_type", other)),
        }
    }

    fn names(&self) -> Vec<NameTable> {
        let projection = if self.proj_bias {
            tables::OPEN_CLIP_LINEAR
        } else {
            tables::OPEN_CLIP_MATRIX
        };
        [&tables::OPEN_CLIP_TEXT[..], &[projection]].concat()
    }

    fn texts(&self) -> Result<OpenClipTexts, LoadError> {
        let (tokenizer, usual) = match self.hf_tokenizer_name.as_deref() {
            None | Some("") => (OpenClipTokenizer::Own, "lower"),
            Some(_) => (OpenClipTokenizer::Beside, "whitespace"),
        };
        let arguments = self.tokenizer_kwargs.as_ref();
        let clean = arguments.and_then(|arguments| arguments.clean.as_deref());
        Ok(OpenClipTexts {
            tokenizer,
            cleaning: match clean.unwrap_or(usual) {
                "whitespace" => TextCleaning::Whitespace,
                "lower" => TextCleaning::Lower,
                "canonicalize" => TextCleaning::Canonicalize,
                other => return Err(unknown("text_cfg.tokenizer_kwargs.clean", other)),
            },
            strips_end: arguments.is_some_and(|arguments| arguments.strip_sep_token),
        })
    }
}

impl Side {
    fn square(&self, key: &str) -> Result<usize, LoadError> {
        match *self {
            Self::Square(side) => Ok(side),
            Self::Both([height, width]) if height == width => Ok(height),
            Self::Both([height, width]) => {
                Err(LoadError::Config(format!("{key} {height}×{width} is not square")))
            }
        }
    }
}

/// Columns between the two dense layers of a block.
fn widened(width: usize, ratio: f64) -> Result<usize, LoadError> {
    let wide = width as f64 * ratio;
    if (1.0..1e9).contains(&wide) {
        return Ok(wide as usize);
    }
    Err(LoadError::Config(format!(
        "mlp_ratio {ratio} of a width of {width} leaves nothing to compute"
    )))
}

fn activation(settings: Option<&Approximation>, gelu: Activation) -> Result<Activation, LoadError> {
    match settings.map(|settings| settings.approximate.as_str()) {
        None => Ok(gelu),
        Some("none") => Ok(Activation::Gelu),
        Some("tanh") => Ok(Activation::GeluTanh),
        Some(other) => Err(unknown("act_kwargs.approximate", other)),
    }
}

fn epsilon(settings: Option<&Epsilon>) -> f32 {
    settings.map_or(1e-5, |settings| settings.eps as f32)
}

fn unknown(key: &str, value: &str) -> LoadError {
    LoadError::Config(format!("{key} is {value:?}, which is not known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str, vision: &str, rest: &str) -> Result<(ModelConfig, Value), LoadError> {
        let json = format!(
            r#"{{"model_cfg":{{"embed_dim":512,"text_cfg":{{{text}}},"vision_cfg":{{{vision}}}{rest}}}}}"#
        );
        ModelConfig::from_open_clip(json.as_bytes())
    }

    #[test]
    fn missing_keys_have_reference_defaults() {
        let (config, preprocess) = config("", "", "").unwrap();
        let VisionConfig::Transformer(vit) = &config.vision else {
            panic!("no transformer");
        };
        assert_eq!(
            (vit.tower.hidden, vit.tower.heads, vit.tower.intermediate),
            (768, 12, 3072)
        );
        assert_eq!((vit.table, vit.patch), (TableSide::Usually(14), 16));
        assert_eq!(config.text.pooling, Pooling::GreatestId);
        assert_eq!(
            (config.text.mask, config.text.padding),
            (Mask::Causal, Padding::Unseen)
        );
        assert_eq!(
            (config.text.tower.activation, config.objective),
            (Activation::Gelu, Objective::Softmax)
        );
        assert_eq!(preprocess, json!({"size": 224}));
    }

    #[test]
    fn text_tower_without_mask_reads_padding() {
        let (mobile, _) = config(
            r#""no_causal_mask":true"#,
            r#""timm_model_name":"fastvit_mci2",
            "timm_pool":"avg","timm_proj":null,"image_size":256"#,
            r#","custom_text":true"#,
        )
        .unwrap();
        assert_eq!(
            (mobile.text.mask, mobile.text.padding),
            (Mask::None, Padding::With(0))
        );
        let (siglip, _) = config(
            r#""no_causal_mask":true,"hf_tokenizer_name":"x/y","pool_type":"last","proj_bias":true,
               "norm_kwargs":{"eps":1e-6},"act_kwargs":{"approximate":"tanh"},"tokenizer_kwargs":{"clean":"canonicalize"}"#,
            r#""timm_model_name":"vit_base_patch16_siglip_224","timm_pool":"map","timm_proj":"none""#,
            r#","custom_text":true,"init_logit_bias":-10"#,
        )
        .unwrap();
        assert_eq!(
            (siglip.text.padding, siglip.text.pooling),
            (Padding::FromTokenizer, Pooling::Last)
        );
        assert_eq!(
            (siglip.objective, siglip.text.tower.activation),
            (Objective::Sigmoid, Activation::GeluTanh)
        );
        assert!(matches!(
            siglip.family,
            Family::OpenClip(OpenClipTexts {
                cleaning: TextCleaning::Canonicalize,
                ..
            })
        ));
    }

    #[test]
    fn unsupported_parts_are_named() {
        for (text, vision, named) in [
            (
                r#""hf_model_name":"xlm-roberta-base""#,
                "",
                "text_cfg.hf_model_name",
            ),
            (r#""qk_norm":true"#, "", "text_cfg.qk_norm"),
            (r#""embed_cls":true"#, "", "text_cfg.embed_cls"),
            (r#""surprise":1"#, "", "text_cfg.surprise"),
            (r#""pool_type":"none""#, "", "text_cfg.pool_type"),
            (r#""heads":7"#, "", "7 heads"),
            (r#""mlp_ratio":0"#, "", "mlp_ratio 0"),
            (r#""vocab_size":0"#, "", "out of 0"),
            ("", r#""attentional_pool":true"#, "vision_cfg.attentional_pool"),
            ("", r#""ls_init_value":0.1"#, "vision_cfg.ls_init_value"),
            ("", r#""layers":[3,4,6,3]"#, "config.json"),
            ("", r#""timm_model_name":"vit_base_mci_224""#, "vit_base_mci_224"),
            (
                "",
                r#""timm_model_name":"fastvit_mci1","image_size":256"#,
                "timm_proj",
            ),
            ("", r#""head_width":0"#, "0 heads"),
            ("", r#""patch_size":0"#, "patches of 0"),
            ("", r#""image_size":[224,448]"#, "not square"),
        ] {
            let error = config(text, vision, "").unwrap_err().to_string();
            assert!(error.contains(named), "{text} {vision}: {error}");
        }
        assert!(
            ModelConfig::from_open_clip(b"{}")
                .unwrap_err()
                .to_string()
                .contains("model_cfg")
        );
    }
}
