//! Image towers that OpenCLIP takes from timm, by timm's names for them, which is all that its files give.

use eidetic_kernels::matrix::Activation;

use super::{
    ImageShape, LARGEST_SIDE, Norms, Resampling, TableSide, TowerConfig, VisionConfig, VitConfig, VitKind,
    cut,
};
use crate::error::LoadError;

/// Stages of every FastViT of MobileCLIP.
const STAGES: usize = 4;
/// What stem and stages divide a side by.
const SHRINKS: usize = 32;

/// Sizes of a FastViT image tower (MobileCLIP's image encoders), after timm's `fastvit.py`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FastVitConfig {
    /// Side in pixels of the square images that it reads.
    pub side: usize,
    pub stages: [Stage; STAGES],
}

/// One stage of a FastViT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    pub channels: usize,
    pub blocks: usize,
    /// What mixes positions.
    pub mixer: Mixer,
    /// Whether its downsampling weighs channels by their means (squeeze and excitation).
    pub excites: bool,
}

/// What mixes positions in a block of FastViT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mixer {
    /// A convolution of each channel.
    Convolution,
    /// Attention, after a depthwise convolution that encodes positions.
    Attention,
}

impl FastVitConfig {
    /// Widening of the dense layers.
    pub const WIDENING: usize = 3;
    /// Columns of a head.
    pub const HEAD: usize = 32;
    /// Channels of the last convolution for each of the last stage.
    pub const LAST_WIDENING: usize = 2;
}

/// The tower that timm calls `name`, for images of `side` pixels.
pub fn tower(name: &str, side: usize) -> Result<VisionConfig, LoadError> {
    if let Some((channels, blocks)) = fast_vit(name) {
        return fast_vit_config(side, channels, blocks).map(VisionConfig::FastVit);
    }
    match siglip(name) {
        Some((tower, patch)) => Ok(VisionConfig::Transformer(VitConfig {
            table: TableSide::Of(cut(side, patch)?),
            tower,
            patch,
            resampling: Resampling::CubicAntialiased,
            kind: VitKind::Siglip,
            images: ImageShape::Square(side),
        })),
        None => Err(LoadError::Config(format!(
            "timm's picture tower {name:?} is not known; those of SigLIP (vit_*_siglip_*) and of MobileCLIP S0, S1 and S2 \
             (fastvit_mci0 to 2) are"
        ))),
    }
}

fn fast_vit(name: &str) -> Option<([usize; STAGES], [usize; STAGES])> {
    match name {
        "fastvit_mci0" => Some(([64, 128, 256, 512], [2, 6, 10, 2])),
        "fastvit_mci1" => Some(([64, 128, 256, 512], [4, 12, 20, 4])),
        "fastvit_mci2" => Some(([80, 160, 320, 640], [4, 12, 24, 4])),
        // So small that golden files can hold it; timm itself has none of this name.
        "fastvit_tiny" => Some(([8, 16, 32, 64], [1, 2, 1, 2])),
        _ => None,
    }
}

fn fast_vit_config(
    side: usize,
    channels: [usize; STAGES],
    blocks: [usize; STAGES],
) -> Result<FastVitConfig, LoadError> {
    if !(SHRINKS..=LARGEST_SIDE).contains(&side) || !side.is_multiple_of(SHRINKS) {
        return Err(LoadError::Config(format!(
            "pictures of {side} pixels cannot be shrunk {SHRINKS} times"
        )));
    }
    let stage = |number: usize| Stage {
        channels: channels[number],
        blocks: blocks[number],
        mixer: if number + 1 == STAGES {
            Mixer::Attention
        } else {
            Mixer::Convolution
        },
        excites: number >= 2,
    };
    Ok(FastVitConfig {
        side,
        stages: std::array::from_fn(stage),
    })
}

/// Sizes and patches of SigLIP's vision transformers.
fn siglip(name: &str) -> Option<(TowerConfig, usize)> {
    let mut parts = name.strip_prefix("vit_")?.split('_');
    let (size, patch, family, side) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if family != "siglip" || parts.next().is_some() || side.parse::<usize>().is_err() {
        return None;
    }
    let patch = patch.strip_prefix("patch")?.parse().ok()?;
    let (hidden, layers, heads, intermediate) = match size {
        "base" => (768, 12, 12, 3072),
        "large" => (1024, 24, 16, 4096),
        "so400m" => (1152, 27, 16, 4304),
        "giantopt" => (1536, 40, 16, 6144),
        // So small that golden files can hold it; timm itself has none of this name.
        "tiny" => (24, 2, 3, 40),
        _ => return None,
    };
    let tower = TowerConfig {
        hidden,
        intermediate,
        layers,
        heads,
        activation: siglip_activation(size, patch, side),
        epsilon: 1e-6,
        norms: Norms::Before,
    };
    Some((tower, patch))
}

/// timm has the exact gelu for its older entries, its tanh form for those that SigLIP 2 brought, whatever the weights.
fn siglip_activation(size: &str, patch: usize, side: &str) -> Activation {
    match (size, patch, side) {
        (_, 32, _) | ("giantopt", ..) | ("so400m", 16, _) | ("large", _, "512") => Activation::GeluTanh,
        _ => Activation::Gelu,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_towers_are_known() {
        for (name, side) in [
            ("vit_base_patch16_siglip_224", 224),
            ("vit_so400m_patch14_siglip_384", 384),
            ("vit_giantopt_patch16_siglip_384", 384),
            ("fastvit_mci1", 256),
            ("fastvit_mci2", 256),
        ] {
            tower(name, side).unwrap();
        }
    }

    #[test]
    fn unknown_towers_are_named() {
        for name in [
            "vit_base_mci_224",
            "fastvit_mci3",
            "vit_base_patch16_siglip_gap_224",
            "convnext_base",
            "",
        ] {
            let error = tower(name, 256).unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
        assert!(
            tower("fastvit_mci1", 250)
                .unwrap_err()
                .to_string()
                .contains("250")
        );
        assert!(tower("vit_base_patch0_siglip_224", 224).is_err());
    }
}
