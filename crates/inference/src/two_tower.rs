//! Models of two towers, one for texts and one for images, and how their tensors are packed.

mod candle;
pub mod config;
mod cpu;
mod encoder;
pub mod fastvit_weights;
mod fused_conv;
mod patches;
mod position_embeddings;
mod tokenizer;

pub use encoder::ClipEncoder;

use eidetic_domain::Precision;

use crate::layers::packing::{Exactness, HalfWeights, PackOptions, TensorUse};

/// How tensors of two-tower models are packed. Threads take different images and texts, so a matrix is one part.
fn pack_options(precision: Precision) -> PackOptions {
    PackOptions {
        use_of,
        precision,
        halves: HalfWeights::Widened,
        part: usize::MAX,
    }
}

/// What a tensor of the canonical `name` is used for.
///
/// The last product of a tower stays in f32: it has one row an image or text, and its output is the embedding.
fn use_of(name: &str, shape: &[usize]) -> TensorUse {
    const ENDS: [&str; 3] = [
        "visual_projection.weight",
        "text_projection.weight",
        "vision_model.head.mlp.fc2.weight",
    ];
    const INSIDE: [&str; 12] = [
        "patch_embedding.weight",
        "vision_model.stem.weight",
        ".q_proj.weight",
        ".k_proj.weight",
        ".v_proj.weight",
        ".out_proj.weight",
        ".fc1.weight",
        ".fc2.weight",
        ".conv1.weight",
        ".conv2.weight",
        ".shortcut.weight",
        "vision_model.head.weight",
    ];
    /// The parts of a convolutional tower that have convolutions.
    const CONVOLUTIONS: [&str; 3] = ["vision_model.stem.", "vision_model.stages.", "vision_model.head."];
    let ends_with = |suffix: &&str| name.ends_with(*suffix);
    if name == "text_model.embeddings.token_embedding.weight" {
        return TensorUse::Table;
    }
    let exactness = if name.starts_with(fastvit_weights::PREFIX) {
        // Fused first, then packed by the tower itself.
        return TensorUse::Values;
    } else if ENDS.iter().any(ends_with) {
        Exactness::Exact
    } else if INSIDE.iter().any(ends_with) {
        Exactness::Rounded
    } else {
        return TensorUse::Values;
    };
    let convolution = CONVOLUTIONS.iter().any(|prefix| name.starts_with(prefix));
    if convolution && shape.len() == 4 {
        TensorUse::Convolution(exactness)
    } else {
        TensorUse::Linear(exactness)
    }
}
