//! `config.json` of a CLIP checkpoint, with transformers' defaults for what it does not say.

use eidetic_kernels::matrix::Activation;
use serde::Deserialize;
use serde_json::Value;

use crate::error::LoadError;

/// Largest side of pictures that a model may read.
const LARGEST_SIDE: usize = 4096;
/// Each stage halves the side: more than these leave nothing.
const MOST_STAGES: usize = 8;

/// Sizes and constants of a whole model.
#[derive(Debug, Clone)]
pub struct ClipConfig {
    pub text: TextConfig,
    pub vision: VisionConfig,
    /// Components of an embedding.
    pub projection: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    #[serde(flatten)]
    sizes: RawTower,
    pub vocab_size: usize,
    /// Most tokens that a text may have.
    pub max_position_embeddings: usize,
    eos_token_id: EndToken,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    #[serde(flatten)]
    sizes: RawTower,
    num_channels: usize,
    image_size: Side,
    patch_size: Side,
    tower: TowerKind,
    stem_width: usize,
    stage_widths: Vec<usize>,
    stage_depths: Vec<usize>,
}

/// What a picture tower is made of. transformers knows the first alone and does not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TowerKind {
    Transformer,
    Convolutional,
}

/// Sizes of a convolutional picture tower; tools/builtin-model/README.md says what it computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvolutionalConfig {
    /// Side in pixels of the square pictures that it reads.
    pub side: usize,
    /// Channels of the stem.
    pub stem: usize,
    /// Channels and blocks of each stage.
    pub stages: Vec<(usize, usize)>,
    /// Channels of the head.
    pub hidden: usize,
    pub activation: Activation,
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
}

/// Where a text's embedding is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// At the greatest id: checkpoints older than transformers 4.31, which name a wrong end token (2).
    GreatestId,
    /// At the first end token.
    FirstEnd(u32),
}

#[derive(Debug, Clone, Default, Deserialize)]
struct RawTower {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
}

#[derive(Deserialize)]
struct Raw {
    projection_dim: Option<usize>,
    text_config: Option<Value>,
    vision_config: Option<Value>,
    text_config_dict: Option<Value>,
    vision_config_dict: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum EndToken {
    One(u32),
    List([u32; 1]),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Side {
    Square(usize),
    Both([usize; 2]),
}

impl ClipConfig {
    pub fn from_json(json: &[u8]) -> Result<Self, LoadError> {
        let value: Value = serde_json::from_slice(json).map_err(invalid)?;
        let family = value
            .get("model_type")
            .and_then(Value::as_str)
            .unwrap_or("unnamed");
        if family != "clip" {
            return Err(LoadError::UnknownArchitecture {
                found: family.to_owned(),
            });
        }
        let raw = Raw::deserialize(value).map_err(invalid)?;
        let config = Self {
            // Where the older *_config_dict exist, the reference lets them decide everything.
            text: part(raw.text_config_dict.or(raw.text_config))?,
            vision: part(raw.vision_config_dict.or(raw.vision_config))?,
            projection: raw.projection_dim.unwrap_or(512),
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), LoadError> {
        self.text.tower()?;
        if self.vision.convolutional()?.is_none() {
            self.vision.tower()?;
            self.vision.grid()?;
        }
        if self.vision.num_channels != 3 {
            return Err(LoadError::Config(format!(
                "num_channels is {}, but pictures have 3",
                self.vision.num_channels
            )));
        }
        Ok(())
    }
}

impl TextConfig {
    pub fn tower(&self) -> Result<TowerConfig, LoadError> {
        self.sizes.with_defaults(512, 2048, 8)
    }

    pub const fn pooling(&self) -> Pooling {
        let (EndToken::One(id) | EndToken::List([id])) = self.eos_token_id;
        match id {
            2 => Pooling::GreatestId,
            id => Pooling::FirstEnd(id),
        }
    }
}

impl Pooling {
    /// Where in the text; at its start, as in the reference, if no token qualifies.
    pub fn position(self, ids: &[u32]) -> usize {
        let wanted = match self {
            Self::GreatestId => ids.iter().max().copied(),
            Self::FirstEnd(end) => Some(end),
        };
        ids.iter().position(|&id| Some(id) == wanted).unwrap_or(0)
    }
}

impl VisionConfig {
    pub fn tower(&self) -> Result<TowerConfig, LoadError> {
        self.sizes.with_defaults(768, 3072, 12)
    }

    /// The convolutional tower; none where the tower is a transformer.
    pub fn convolutional(&self) -> Result<Option<ConvolutionalConfig>, LoadError> {
        if self.tower == TowerKind::Transformer {
            return Ok(None);
        }
        let side = self.image_side()?;
        let count = self.stage_widths.len();
        let whole = |count: usize| (1..=LARGEST_SIDE).contains(&side) && side.is_multiple_of(2 << count);
        if count == 0 || count > MOST_STAGES || self.stage_depths.len() != count || !whole(count) {
            return Err(LoadError::Config(format!(
                "pictures of {side} pixels cannot pass {count} stages of {:?} blocks",
                self.stage_depths
            )));
        }
        let widths = [Some(self.stem_width), self.sizes.hidden_size];
        let stages: Vec<(usize, usize)> = (self.stage_widths.iter().copied())
            .zip(self.stage_depths.iter().copied())
            .collect();
        if widths.iter().any(|width| matches!(width, None | Some(0)))
            || stages.iter().any(|&(width, depth)| width == 0 || depth == 0)
        {
            return Err(LoadError::Config(
                "stem_width, hidden_size, stage_widths and stage_depths must be there and positive".into(),
            ));
        }
        Ok(Some(ConvolutionalConfig {
            side,
            stem: self.stem_width,
            stages,
            hidden: self.sizes.hidden_size.unwrap_or_default(),
            activation: self.sizes.activation("relu")?,
        }))
    }

    /// Side in pixels of the square pictures that the model reads.
    pub fn image_side(&self) -> Result<usize, LoadError> {
        self.image_size.square("image_size")
    }

    /// Side in pixels of a patch.
    pub fn patch_side(&self) -> Result<usize, LoadError> {
        self.patch_size.square("patch_size")
    }

    /// Patches along a side; what is left over at the right and the bottom is not seen.
    pub fn grid(&self) -> Result<usize, LoadError> {
        let (image, patch) = (self.image_side()?, self.patch_side()?);
        match image.checked_div(patch) {
            Some(grid) if grid > 0 && image <= LARGEST_SIDE => Ok(grid),
            _ => Err(LoadError::Config(format!(
                "pictures of {image} pixels cannot be cut into patches of {patch}"
            ))),
        }
    }
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            sizes: RawTower::default(),
            vocab_size: 49408,
            max_position_embeddings: 77,
            eos_token_id: EndToken::One(49407),
        }
    }
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            sizes: RawTower::default(),
            num_channels: 3,
            image_size: Side::Square(224),
            patch_size: Side::Square(32),
            tower: TowerKind::Transformer,
            stem_width: 0,
            stage_widths: Vec::new(),
            stage_depths: Vec::new(),
        }
    }
}

impl RawTower {
    fn with_defaults(
        &self,
        hidden: usize,
        intermediate: usize,
        heads: usize,
    ) -> Result<TowerConfig, LoadError> {
        let tower = TowerConfig {
            hidden: self.hidden_size.unwrap_or(hidden),
            intermediate: self.intermediate_size.unwrap_or(intermediate),
            layers: self.num_hidden_layers.unwrap_or(12),
            heads: self.num_attention_heads.unwrap_or(heads),
            activation: self.activation("quick_gelu")?,
            epsilon: self.layer_norm_eps.unwrap_or(1e-5) as f32,
        };
        if tower.heads == 0 || tower.hidden == 0 || !tower.hidden.is_multiple_of(tower.heads) {
            return Err(LoadError::Config(format!(
                "hidden_size {} cannot be shared among {} heads",
                tower.hidden, tower.heads
            )));
        }
        Ok(tower)
    }

    fn activation(&self, default: &str) -> Result<Activation, LoadError> {
        let name = self.hidden_act.as_deref().unwrap_or(default);
        activation(name).ok_or_else(|| LoadError::Config(format!("hidden_act {name:?} is not known")))
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

/// The function that transformers knows by `name`.
fn activation(name: &str) -> Option<Activation> {
    match name {
        "quick_gelu" => Some(Activation::QuickGelu),
        "gelu" => Some(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Some(Activation::GeluTanh),
        "relu" => Some(Activation::Relu),
        _ => None,
    }
}

fn part<T: for<'de> Deserialize<'de> + Default>(value: Option<Value>) -> Result<T, LoadError> {
    value.map_or_else(
        || Ok(T::default()),
        |value| T::deserialize(value).map_err(invalid),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "passed by name to map_err")]
fn invalid(error: serde_json::Error) -> LoadError {
    LoadError::Config(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_keys_have_the_references_defaults() {
        let config = ClipConfig::from_json(br#"{"model_type":"clip"}"#).unwrap();
        let (text, vision) = (config.text.tower().unwrap(), config.vision.tower().unwrap());
        assert_eq!(
            (text.hidden, text.intermediate, text.layers, text.heads),
            (512, 2048, 12, 8)
        );
        assert_eq!(
            (vision.hidden, vision.intermediate, vision.layers, vision.heads),
            (768, 3072, 12, 12)
        );
        assert_eq!((config.projection, config.vision.grid().unwrap()), (512, 7));
        assert_eq!(config.text.pooling(), Pooling::FirstEnd(49407));
    }

    #[test]
    fn a_text_is_pooled_at_its_first_end() {
        assert_eq!(Pooling::FirstEnd(9).position(&[8, 1, 9, 9]), 2);
        assert_eq!(Pooling::GreatestId.position(&[8, 1, 9, 9]), 2);
        assert_eq!(Pooling::FirstEnd(7).position(&[8, 1]), 0);
    }

    #[test]
    fn an_older_config_dict_decides() {
        let json = br#"{"model_type":"clip","text_config":{"hidden_size":64,"eos_token_id":2},
            "text_config_dict":{"hidden_size":768,"num_attention_heads":12},"vision_config_dict":null}"#;
        let config = ClipConfig::from_json(json).unwrap();
        assert_eq!(config.text.tower().unwrap().hidden, 768);
        assert_eq!(config.text.pooling(), Pooling::FirstEnd(49407));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (json, named) in [
            (r#"{"model_type":"siglip"}"#, "siglip"),
            ("{}", "unnamed"),
            ("{", "config.json"),
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
        ] {
            let error = ClipConfig::from_json(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
