//! transformers' `config.json`, with its defaults for missing keys.

use eidetic_kernels::matrix::Mask;
use serde::Deserialize;
use serde_json::Value;

use super::{
    ConvolutionalConfig, Family, FirstNorm, ImageShape, ModelConfig, Norms, Objective, Padding, Pooling,
    ProjectionKind, Resampling, TableSide, TextConfig, TextKind, TowerConfig, VisionConfig, VitConfig,
    VitKind, VitPooling, activation, cut, invalid,
};
use crate::error::LoadError;
use crate::tensor_names::{Names, tables};

/// Reads a parsed `config.json`.
pub fn read(value: &Value) -> Result<ModelConfig, LoadError> {
    let family = value
        .get("model_type")
        .and_then(Value::as_str)
        .unwrap_or("unnamed");
    let raw = Raw::deserialize(value).map_err(invalid)?;
    match family {
        "clip" => clip(raw),
        "chinese_clip" => chinese_clip(raw),
        "siglip" => siglip(raw),
        "siglip2" => naflex(raw),
        _ => Err(LoadError::UnknownArchitecture {
            found: family.to_owned(),
        }),
    }
}

fn clip(raw: Raw) -> Result<ModelConfig, LoadError> {
    let dimension = raw.projection_dim.unwrap_or(512);
    let text: RawText = part(raw.text_config_dict.or(raw.text_config))?;
    let vision: RawVision = part(raw.vision_config_dict.or(raw.vision_config))?;
    Ok(ModelConfig {
        text: TextConfig {
            tower: text.sizes.tower(&CLIP_TEXT)?,
            vocabulary: text.vocab_size.unwrap_or(49408),
            longest: text.max_position_embeddings.unwrap_or(77),
            mask: Mask::Causal,
            pooling: match text.end() {
                2 => Pooling::GreatestId,
                id => Pooling::FirstEnd(id),
            },
            kind: TextKind::Clip,
            projection: ProjectionKind::Plain,
            padding: Padding::Unseen,
        },
        vision: clip_vision(&vision)?,
        dimension,
        names: Names::default(),
        objective: Objective::Softmax,
        family: Family::Clip,
    })
}

fn chinese_clip(raw: Raw) -> Result<ModelConfig, LoadError> {
    let dimension = raw.projection_dim.unwrap_or(512);
    let text: RawText = part(raw.text_config_dict.or(raw.text_config))?;
    let vision: RawVision = part(raw.vision_config_dict.or(raw.vision_config))?;
    Ok(ModelConfig {
        text: TextConfig {
            tower: text.sizes.tower(&BERT)?,
            vocabulary: text.vocab_size.unwrap_or(30522),
            longest: text.max_position_embeddings.unwrap_or(512),
            mask: Mask::None,
            pooling: Pooling::First,
            kind: TextKind::Bert {
                segments: text.type_vocab_size.unwrap_or(2),
            },
            projection: ProjectionKind::Plain,
            padding: Padding::Unseen,
        },
        vision: clip_vision(&vision)?,
        dimension,
        names: Names::new(tables::BERT.to_vec()),
        objective: Objective::Softmax,
        family: Family::ChineseClip,
    })
}

fn siglip(raw: Raw) -> Result<ModelConfig, LoadError> {
    let vision: RawVision = part(raw.vision_config)?;
    let tower = vision.siglip_tower()?;
    let patch = vision.patch(16)?;
    let side = vision.side(224)?;
    let vit = VitConfig {
        table: TableSide::Of(cut(side, patch)?),
        patch,
        resampling: Resampling::Cubic,
        kind: VitKind::Siglip,
        images: ImageShape::Square(side),
        tower,
    };
    let text = siglip_text(&part(raw.text_config)?)?;
    Ok(siglip_model(text, vit, Family::Siglip, tables::SIGLIP.to_vec()))
}

fn naflex(raw: Raw) -> Result<ModelConfig, LoadError> {
    let vision: RawVision = part(raw.vision_config)?;
    let tower = vision.siglip_tower()?;
    let most = vision.num_patches.unwrap_or(256);
    let side = most.isqrt();
    if side * side != most {
        return Err(LoadError::Config(format!("num_patches {most} makes no square")));
    }
    let vit = VitConfig {
        table: TableSide::Of(side),
        patch: vision.patch(16)?,
        resampling: Resampling::LinearAntialiased,
        kind: VitKind::Siglip,
        images: ImageShape::Patches(most),
        tower,
    };
    let text = siglip_text(&part(raw.text_config)?)?;
    let names = [&tables::SIGLIP[..], &[tables::NAFLEX]].concat();
    Ok(siglip_model(text, vit, Family::Naflex, names))
}

fn siglip_model(
    text: TextConfig,
    vit: VitConfig,
    family: Family,
    names: Vec<crate::tensor_names::NameTable>,
) -> ModelConfig {
    ModelConfig {
        text,
        dimension: vit.tower.hidden,
        vision: VisionConfig::Transformer(vit),
        names: Names::new(names),
        objective: Objective::Sigmoid,
        family,
    }
}

fn siglip_text(text: &RawText) -> Result<TextConfig, LoadError> {
    Ok(TextConfig {
        tower: text.sizes.tower(&SIGLIP)?,
        vocabulary: text.vocab_size.unwrap_or(32000),
        longest: text.max_position_embeddings.unwrap_or(64),
        mask: Mask::None,
        pooling: Pooling::Last,
        kind: TextKind::Clip,
        projection: ProjectionKind::Biased,
        padding: Padding::FromTokenizer,
    })
}

fn clip_vision(vision: &RawVision) -> Result<VisionConfig, LoadError> {
    vision.check_channels()?;
    if vision.tower == TowerKind::Convolutional {
        return vision.convolutional().map(VisionConfig::Convolutional);
    }
    let (patch, side) = (vision.patch(32)?, vision.side(224)?);
    Ok(VisionConfig::Transformer(VitConfig {
        tower: vision.sizes.tower(&CLIP_VISION)?,
        table: TableSide::Of(cut(side, patch)?),
        patch,
        resampling: Resampling::Cubic,
        kind: VitKind::Clip {
            norm: FirstNorm::Present,
            pooling: VitPooling::Class,
        },
        images: ImageShape::Square(side),
    }))
}

/// What transformers takes where a tower's config is silent.
struct Defaults {
    hidden: usize,
    intermediate: usize,
    heads: usize,
    activation: &'static str,
    epsilon: f64,
    norms: Norms,
}

const CLIP_TEXT: Defaults = Defaults {
    hidden: 512,
    intermediate: 2048,
    heads: 8,
    activation: "quick_gelu",
    epsilon: 1e-5,
    norms: Norms::Before,
};

const CLIP_VISION: Defaults = Defaults {
    hidden: 768,
    intermediate: 3072,
    heads: 12,
    ..CLIP_TEXT
};

const SIGLIP: Defaults = Defaults {
    activation: "gelu_pytorch_tanh",
    epsilon: 1e-6,
    ..CLIP_VISION
};

const BERT: Defaults = Defaults {
    activation: "gelu",
    epsilon: 1e-12,
    norms: Norms::After,
    ..CLIP_VISION
};

#[derive(Deserialize)]
struct Raw {
    projection_dim: Option<usize>,
    text_config: Option<Value>,
    vision_config: Option<Value>,
    // Where these older ones exist, the reference lets them decide everything.
    text_config_dict: Option<Value>,
    vision_config_dict: Option<Value>,
}

#[derive(Default, Deserialize)]
struct RawTower {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
}

#[derive(Default, Deserialize)]
struct RawText {
    #[serde(flatten)]
    sizes: RawTower,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    eos_token_id: Option<EndToken>,
    type_vocab_size: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawVision {
    #[serde(flatten)]
    sizes: RawTower,
    num_channels: Option<usize>,
    image_size: Option<Side>,
    patch_size: Option<Side>,
    num_patches: Option<usize>,
    vision_use_head: Option<bool>,
    tower: TowerKind,
    stem_width: usize,
    stage_widths: Vec<usize>,
    stage_depths: Vec<usize>,
}

/// What an image tower is made of. transformers knows the first alone and does not name it.
#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TowerKind {
    #[default]
    Transformer,
    Convolutional,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum EndToken {
    One(u32),
    List([u32; 1]),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Side {
    Square(usize),
    Both([usize; 2]),
}

impl RawText {
    fn end(&self) -> u32 {
        match self.eos_token_id {
            Some(EndToken::One(id) | EndToken::List([id])) => id,
            None => 49407,
        }
    }
}

impl RawVision {
    fn check_channels(&self) -> Result<(), LoadError> {
        match self.num_channels {
            None | Some(3) => Ok(()),
            Some(channels) => Err(LoadError::Config(format!(
                "num_channels is {channels}, but pictures have 3"
            ))),
        }
    }

    fn siglip_tower(&self) -> Result<TowerConfig, LoadError> {
        self.check_channels()?;
        if self.vision_use_head == Some(false) {
            return Err(LoadError::Config(
                "vision_use_head is false, so that nothing gives a picture's embedding".into(),
            ));
        }
        self.sizes.tower(&SIGLIP)
    }

    fn side(&self, default: usize) -> Result<usize, LoadError> {
        let side = self.image_size.as_ref();
        side.map_or(Ok(default), |side| side.square("image_size"))
    }

    fn patch(&self, default: usize) -> Result<usize, LoadError> {
        let side = self.patch_size.as_ref();
        side.map_or(Ok(default), |side| side.square("patch_size"))
    }

    fn convolutional(&self) -> Result<ConvolutionalConfig, LoadError> {
        if self.stage_depths.len() != self.stage_widths.len() {
            return Err(LoadError::Config(format!(
                "{} stage_widths but {} stage_depths",
                self.stage_widths.len(),
                self.stage_depths.len()
            )));
        }
        let widths = self.stage_widths.iter().copied();
        let config = ConvolutionalConfig {
            side: self.side(224)?,
            stem: self.stem_width,
            stages: widths.zip(self.stage_depths.iter().copied()).collect(),
            hidden: self.sizes.hidden_size.unwrap_or_default(),
            activation: activation(self.sizes.hidden_act.as_deref().unwrap_or("relu"))?,
        };
        config.checked()
    }
}

impl RawTower {
    fn tower(&self, defaults: &Defaults) -> Result<TowerConfig, LoadError> {
        Ok(TowerConfig {
            hidden: self.hidden_size.unwrap_or(defaults.hidden),
            intermediate: self.intermediate_size.unwrap_or(defaults.intermediate),
            layers: self.num_hidden_layers.unwrap_or(12),
            heads: self.num_attention_heads.unwrap_or(defaults.heads),
            activation: activation(self.hidden_act.as_deref().unwrap_or(defaults.activation))?,
            epsilon: self.layer_norm_eps.unwrap_or(defaults.epsilon) as f32,
            norms: defaults.norms,
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

fn part<T: for<'de> Deserialize<'de> + Default>(value: Option<Value>) -> Result<T, LoadError> {
    value.map_or_else(
        || Ok(T::default()),
        |value| T::deserialize(value).map_err(invalid),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> ModelConfig {
        ModelConfig::from_json(json.as_bytes()).unwrap()
    }

    fn vit(config: &ModelConfig) -> &VitConfig {
        let VisionConfig::Transformer(vit) = &config.vision else {
            panic!("no transformer");
        };
        vit
    }

    fn sizes(tower: &TowerConfig) -> (usize, usize, usize, usize) {
        (tower.hidden, tower.intermediate, tower.layers, tower.heads)
    }

    #[test]
    fn missing_keys_have_reference_defaults() {
        let clip = config(r#"{"model_type":"clip"}"#);
        assert_eq!(sizes(&clip.text.tower), (512, 2048, 12, 8));
        assert_eq!(sizes(&vit(&clip).tower), (768, 3072, 12, 12));
        assert_eq!((clip.dimension, vit(&clip).table), (512, TableSide::Of(7)));
        assert_eq!(clip.text.pooling, Pooling::FirstEnd(49407));
        let siglip = config(r#"{"model_type":"siglip"}"#);
        assert_eq!(sizes(&siglip.text.tower), (768, 3072, 12, 12));
        assert_eq!((siglip.dimension, siglip.text.longest), (768, 64));
        assert_eq!(vit(&siglip).table, TableSide::Of(14));
        let chinese = config(r#"{"model_type":"chinese_clip"}"#);
        assert_eq!(chinese.text.tower.norms, Norms::After);
        assert_eq!((chinese.text.vocabulary, chinese.text.longest), (30522, 512));
        let naflex = config(r#"{"model_type":"siglip2"}"#);
        assert_eq!(vit(&naflex).images, ImageShape::Patches(256));
    }

    #[test]
    fn older_config_dict_takes_precedence() {
        let json = r#"{"model_type":"clip","text_config":{"hidden_size":64,"eos_token_id":2},
            "text_config_dict":{"hidden_size":768,"num_attention_heads":12},"vision_config_dict":null}"#;
        let config = config(json);
        assert_eq!(config.text.tower.hidden, 768);
        assert_eq!(config.text.pooling, Pooling::FirstEnd(49407));
    }

    /// Configs, each with a part of its error.
    const CONTRADICTORY: [(&str, &str); 21] = [
        (r#"{"model_type":"blip"}"#, "blip"),
        ("{}", "unnamed"),
        ("{", "config.json"),
        ("[]", "config.json"),
        (
            r#"{"model_type":"clip","text_config":{"hidden_size":10,"num_attention_heads":3}}"#,
            "3 heads",
        ),
        (
            r#"{"model_type":"clip","text_config":{"num_attention_heads":0}}"#,
            "0 heads",
        ),
        (
            r#"{"model_type":"clip","vision_config":{"patch_size":0}}"#,
            "patches of 0",
        ),
        (
            r#"{"model_type":"clip","vision_config":{"image_size":[224,448]}}"#,
            "not square",
        ),
        (
            r#"{"model_type":"clip","vision_config":{"hidden_act":"relu6"}}"#,
            "relu6",
        ),
        (
            r#"{"model_type":"clip","vision_config":{"num_channels":1}}"#,
            "num_channels",
        ),
        (
            r#"{"model_type":"clip","text_config":{"max_position_embeddings":0}}"#,
            "0 tokens",
        ),
        (
            r#"{"model_type":"clip","vision_config":{"tower":"convolutional"}}"#,
            "0 stages",
        ),
        (
            r#"{"model_type":"clip","vision_config":{"tower":"convolutional","image_size":36,
                    "stage_widths":[8,8],"stage_depths":[1,1],"stem_width":8,"hidden_size":8}}"#,
            "36 pixels",
        ),
        (
            r#"{"model_type":"clip","vision_config":{"tower":"convolutional","image_size":32,
                    "stage_widths":[8,8],"stage_depths":[1,0],"stem_width":8,"hidden_size":8}}"#,
            "positive",
        ),
        (
            r#"{"model_type":"clip","vision_config":{"tower":"recurrent"}}"#,
            "recurrent",
        ),
        (
            r#"{"model_type":"siglip","vision_config":{"vision_use_head":false}}"#,
            "vision_use_head",
        ),
        (
            r#"{"model_type":"siglip","vision_config":{"image_size":9}}"#,
            "9 pixels",
        ),
        (
            r#"{"model_type":"siglip","vision_config":{"hidden_size":10,"num_attention_heads":4}}"#,
            "4 heads",
        ),
        (
            r#"{"model_type":"siglip2","vision_config":{"num_patches":200}}"#,
            "num_patches 200",
        ),
        (
            r#"{"model_type":"siglip2","vision_config":{"patch_size":100000}}"#,
            "patches of 100000",
        ),
        (
            r#"{"model_type":"chinese_clip","text_config":{"hidden_size":-1}}"#,
            "-1",
        ),
    ];

    #[test]
    fn contradictory_config_is_refused() {
        for (json, named) in CONTRADICTORY {
            let error = ModelConfig::from_json(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
