//! The Qwen families: a decoder that was trained to give embeddings, with a vision tower in front of it or without.
//!
//! One decoder and one vision tower run all of them; the generations differ in configuration ([`config`]), and in what
//! their reference programs do around the model ([`family`]). In f32 precision weights stay in the type of the files, 16
//! bits or quantized blocks, and are widened while they are multiplied; sums are f32. See
//! docs/decisions/0016-qwen-families.md.

mod config;
mod decoder;
mod encoder;
mod family;
mod gguf;
mod gguf_values;
#[cfg(test)]
mod memory;
mod parts;
mod raw_config;
mod rotary;
mod shapes;
mod text;
mod vision;

pub use encoder::QwenEncoder;
pub use family::QwenFamily;
pub use text::load as load_text;

use eidetic_domain::Precision;
use eidetic_hub::Shards;

use crate::error::LoadError;
use crate::layers::checkpoint::read_checkpoint;
use crate::layers::packing::{Exactness, HalfWeights, PackOptions, PackedTensor, TensorUse};
use crate::layers::weights::Weights;
use crate::tensor_names::Names;

/// Outputs of a part of a matrix: enough parts for all threads, each small once it is widened.
const PART: usize = 128;

/// How tensors of these families are packed.
fn pack_options(precision: Precision) -> PackOptions {
    PackOptions {
        use_of,
        precision,
        halves: HalfWeights::Kept,
        part: PART,
    }
}

/// Reads all tensors of a checkpoint and feeds its files to `hasher`.
fn read_weights(
    shards: &Shards,
    precision: Precision,
    hasher: &mut blake3::Hasher,
) -> Result<Weights<PackedTensor>, LoadError> {
    read_checkpoint(shards, Names::Qwen, &pack_options(precision), hasher)
}

/// Matrices are for products, except tables of embeddings and of positions.
fn use_of(name: &str, shape: &[usize]) -> TensorUse {
    if name.ends_with("embed_tokens.weight") {
        TensorUse::Table
    } else if shape.len() < 2 || name.ends_with("pos_embed.weight") {
        TensorUse::Values
    } else {
        TensorUse::Linear(Exactness::Rounded)
    }
}
