//! Sizes and constants of decoders and vision towers, and which of them fit each other.

use eidetic_kernels::matrix::Activation;

use super::family::Details;
use crate::error::LoadError;

/// Largest width, count of heads or layers, … that is taken seriously.
pub const LARGEST: usize = 1 << 20;

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
