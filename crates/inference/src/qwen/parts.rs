//! The parts of a text model, whichever files they were read from.

use eidetic_encoder::PromptTokenizer;

use super::shapes::DecoderConfig;
use crate::layers::packing::PackedTensor;
use crate::layers::weights::Weights;

/// What a model's files hold.
pub struct TextModelParts {
    pub decoder: DecoderConfig,
    pub vocabulary: usize,
    pub tokenizer: PromptTokenizer,
    pub weights: Weights<PackedTensor>,
    pub revision: blake3::Hash,
}
