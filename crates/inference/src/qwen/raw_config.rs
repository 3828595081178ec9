//! `config.json` as files have it, and its meaning for each generation.

use eidetic_kernels::matrix::Activation;
use serde::Deserialize;

use super::family::{Details, QwenFamily};
use super::shapes::{DecoderConfig, LARGEST, QWEN2_NAMES, QWEN3_NAMES, VisionConfig, refused, within};
use crate::error::LoadError;

#[derive(Deserialize)]
pub struct RawText {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    pub vocab_size: usize,
    pub max_position_embeddings: usize,
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_scaling: Option<RawRope>,
    rope_parameters: Option<RawRope>,
    hidden_act: Option<String>,
    use_sliding_window: Option<bool>,
    attention_bias: Option<bool>,
}

#[derive(Deserialize)]
struct RawRope {
    rope_theta: Option<f64>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
    mrope_section: Option<Vec<usize>>,
}

#[derive(Deserialize)]
pub struct RawVision {
    depth: usize,
    embed_dim: Option<usize>,
    hidden_size: usize,
    intermediate_size: Option<usize>,
    mlp_ratio: Option<f64>,
    num_heads: usize,
    out_hidden_size: Option<usize>,
    patch_size: Option<usize>,
    spatial_merge_size: Option<usize>,
    temporal_patch_size: Option<usize>,
    in_channels: Option<usize>,
    num_position_embeddings: Option<usize>,
    deepstack_visual_indexes: Option<Vec<usize>>,
    hidden_act: Option<String>,
}

impl RawText {
    /// The decoder's sizes, if they fit each other.
    pub fn decoder(&self, family: QwenFamily) -> Result<DecoderConfig, LoadError> {
        self.reject_unknown_keys(family)?;
        let heads = within("num_attention_heads", self.num_attention_heads, LARGEST)?;
        let rope = [&self.rope_parameters, &self.rope_scaling];
        let theta = rope
            .iter()
            .find_map(|rope| rope.as_ref()?.rope_theta)
            .or(self.rope_theta);
        let head_width = self.head_dim.unwrap_or(self.hidden_size / heads);
        let decoder = DecoderConfig {
            hidden: self.hidden_size,
            intermediate: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads,
            shared_heads: self.num_key_value_heads.unwrap_or(heads),
            head_width,
            epsilon: self.rms_norm_eps as f32,
            theta: theta.unwrap_or(1e6) as f32,
            details: family.details(),
            axes: Vec::new(),
        };
        decoder.check()?;
        let section = rope
            .iter()
            .find_map(|rope| rope.as_ref()?.mrope_section.as_deref());
        Ok(DecoderConfig {
            axes: family.axes(head_width / 2, section)?,
            ..decoder
        })
    }

    fn reject_unknown_keys(&self, family: QwenFamily) -> Result<(), LoadError> {
        if let Some(activation) = (self.hidden_act.as_deref()).filter(|name| *name != "silu") {
            return refused(format!("hidden_act {activation:?} of the decoder is not known"));
        }
        if self.use_sliding_window == Some(true) {
            return refused("use_sliding_window is not known".into());
        }
        if self.attention_bias == Some(true) && family.details() == Details::HeadNorms {
            return refused("attention_bias is not known in this family".into());
        }
        for rope in [&self.rope_parameters, &self.rope_scaling].into_iter().flatten() {
            if let Some(kind) =
                (rope.rope_type.as_deref()).filter(|kind| !matches!(*kind, "default" | "mrope"))
            {
                return refused(format!("rope_type {kind:?} is not known"));
            }
        }
        Ok(())
    }
}

impl RawVision {
    /// The tower's sizes, if they fit each other and a decoder of `hidden` numbers a row.
    pub fn config(&self, family: QwenFamily, hidden: usize) -> Result<VisionConfig, LoadError> {
        if self.temporal_patch_size.unwrap_or(2) != 2 || self.in_channels.unwrap_or(3) != 3 {
            return refused("temporal_patch_size 2 and in_channels 3 are known, no others".into());
        }
        let (config, out) = match family {
            QwenFamily::Qwen3Vl => (self.newer()?, self.out_hidden_size.unwrap_or(3584)),
            _ => (self.older()?, self.hidden_size),
        };
        config.check()?;
        if out != hidden {
            return refused(format!(
                "a picture's {out} numbers do not fit the decoder's {hidden}"
            ));
        }
        Ok(config)
    }

    /// Qwen2-VL's tower.
    fn older(&self) -> Result<VisionConfig, LoadError> {
        let width = self.embed_dim.unwrap_or(1280);
        let ratio = self.mlp_ratio.unwrap_or(4.0).clamp(0.0, 1024.0);
        Ok(VisionConfig {
            depth: self.depth,
            width,
            intermediate: (width as f64 * ratio) as usize,
            heads: self.num_heads,
            activation: self.activation("quick_gelu")?,
            patch: self.patch_size.unwrap_or(14),
            merge: self.spatial_merge_size.unwrap_or(2),
            positions: None,
            deep: Vec::new(),
            names: &QWEN2_NAMES,
        })
    }

    /// Qwen3-VL's tower.
    fn newer(&self) -> Result<VisionConfig, LoadError> {
        Ok(VisionConfig {
            depth: self.depth,
            width: self.hidden_size,
            intermediate: self.intermediate_size.unwrap_or(4304),
            heads: self.num_heads,
            activation: self.activation("gelu_pytorch_tanh")?,
            patch: self.patch_size.unwrap_or(16),
            merge: self.spatial_merge_size.unwrap_or(2),
            positions: Some(self.num_position_embeddings.unwrap_or(2304).isqrt()),
            deep: (self.deepstack_visual_indexes.clone()).unwrap_or_else(|| vec![8, 16, 24]),
            names: &QWEN3_NAMES,
        })
    }

    fn activation(&self, default: &str) -> Result<Activation, LoadError> {
        match self.hidden_act.as_deref().unwrap_or(default) {
            "quick_gelu" => Ok(Activation::QuickGelu),
            "gelu" => Ok(Activation::Gelu),
            "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
            other => refused(format!("hidden_act {other:?} of the vision tower is not known")),
        }
    }
}
