//! The tables of names of each layout.

use super::Form::{self, ChannelsLast, Nested, Transposed, Whole};
use super::{NameTable, Rule};

const fn third(number: usize) -> Form {
    Form::Part { number, of: 3 }
}

const fn half(number: usize) -> Form {
    Form::Part { number, of: 2 }
}

const fn table(ours: &'static str, theirs: &'static str, rules: &'static [Rule]) -> NameTable {
    NameTable { ours, theirs, rules }
}

/// transformers' SigLIP, where it differs from its CLIP.
pub const SIGLIP: [NameTable; 2] = [
    table("text_projection.", "text_model.head.", &[("*", "*", Whole)]),
    table(
        "vision_model.head.attention.",
        "vision_model.head.attention.",
        &[
            ("q_proj.*", "in_proj_*", third(0)),
            ("k_proj.*", "in_proj_*", third(1)),
            ("v_proj.*", "in_proj_*", third(2)),
        ],
    ),
];

/// transformers' SigLIP 2 for images of any shape, beside [`SIGLIP`].
pub const NAFLEX: NameTable = table(
    "vision_model.embeddings.patch_embedding.",
    "vision_model.embeddings.patch_embedding.",
    &[("weight", "weight", ChannelsLast)],
);

/// transformers' Chinese-CLIP: a text tower as BERT names it.
pub const BERT: [NameTable; 2] = [
    table(
        "text_model.embeddings.",
        "text_model.embeddings.",
        &[
            ("token_embedding.weight", "word_embeddings.weight", Whole),
            ("position_embedding.weight", "position_embeddings.weight", Whole),
            ("segment_embedding.weight", "token_type_embeddings.weight", Whole),
            ("layer_norm.*", "LayerNorm.*", Whole),
        ],
    ),
    table(
        "text_model.encoder.layers.#.",
        "text_model.encoder.layer.#.",
        &[
            ("self_attn.q_proj.*", "attention.self.query.*", Whole),
            ("self_attn.k_proj.*", "attention.self.key.*", Whole),
            ("self_attn.v_proj.*", "attention.self.value.*", Whole),
            ("self_attn.out_proj.*", "attention.output.dense.*", Whole),
            ("layer_norm1.*", "attention.output.LayerNorm.*", Whole),
            ("mlp.fc1.*", "intermediate.dense.*", Whole),
            ("mlp.fc2.*", "output.dense.*", Whole),
            ("layer_norm2.*", "output.LayerNorm.*", Whole),
        ],
    ),
];

/// A block of OpenCLIP, in either tower.
const OPEN_CLIP_BLOCK: &[Rule] = &[
    ("self_attn.q_proj.*", "attn.in_proj_*", third(0)),
    ("self_attn.k_proj.*", "attn.in_proj_*", third(1)),
    ("self_attn.v_proj.*", "attn.in_proj_*", third(2)),
    ("self_attn.out_proj.*", "attn.out_proj.*", Whole),
    ("layer_norm1.*", "ln_1.*", Whole),
    ("mlp.fc1.*", "mlp.c_fc.*", Whole),
    ("mlp.fc2.*", "mlp.c_proj.*", Whole),
    ("layer_norm2.*", "ln_2.*", Whole),
];

/// OpenCLIP's text tower without its projection.
pub const OPEN_CLIP_TEXT: [NameTable; 2] = [
    table(
        "text_model.",
        "",
        &[
            (
                "embeddings.token_embedding.weight",
                "token_embedding.weight",
                Whole,
            ),
            (
                "embeddings.position_embedding.weight",
                "positional_embedding",
                Whole,
            ),
            ("final_layer_norm.*", "ln_final.*", Whole),
        ],
    ),
    table(
        "text_model.encoder.layers.#.",
        "transformer.resblocks.#.",
        OPEN_CLIP_BLOCK,
    ),
];

/// OpenCLIP's text projection where it is a matrix alone.
pub const OPEN_CLIP_MATRIX: NameTable = table(
    "text_projection",
    "text_projection",
    &[(".weight", "", Transposed)],
);

/// OpenCLIP's text projection where it has a bias.
pub const OPEN_CLIP_LINEAR: NameTable = table("text_projection.", "text_projection.", &[("*", "*", Whole)]);

/// OpenCLIP's image tower.
pub const OPEN_CLIP_VISION: [NameTable; 2] = [
    table(
        "",
        "visual.",
        &[
            (
                "vision_model.embeddings.class_embedding",
                "class_embedding",
                Whole,
            ),
            (
                "vision_model.embeddings.patch_embedding.weight",
                "conv1.weight",
                Whole,
            ),
            (
                "vision_model.embeddings.position_embedding.weight",
                "positional_embedding",
                Whole,
            ),
            ("vision_model.pre_layrnorm.*", "ln_pre.*", Whole),
            ("vision_model.post_layernorm.*", "ln_post.*", Whole),
            ("visual_projection.weight", "proj", Transposed),
        ],
    ),
    table(
        "vision_model.encoder.layers.#.",
        "visual.transformer.resblocks.#.",
        OPEN_CLIP_BLOCK,
    ),
];

/// timm's SigLIP image tower inside OpenCLIP's model.
pub const TIMM_SIGLIP: [NameTable; 3] = [
    table(
        "vision_model.",
        "visual.trunk.",
        &[
            ("embeddings.patch_embedding.*", "patch_embed.proj.*", Whole),
            ("embeddings.position_embedding.weight", "pos_embed", Nested),
            ("post_layernorm.*", "norm.*", Whole),
        ],
    ),
    table(
        "vision_model.encoder.layers.#.",
        "visual.trunk.blocks.#.",
        &[
            ("self_attn.q_proj.*", "attn.qkv.*", third(0)),
            ("self_attn.k_proj.*", "attn.qkv.*", third(1)),
            ("self_attn.v_proj.*", "attn.qkv.*", third(2)),
            ("self_attn.out_proj.*", "attn.proj.*", Whole),
            ("layer_norm1.*", "norm1.*", Whole),
            ("mlp.fc1.*", "mlp.fc1.*", Whole),
            ("mlp.fc2.*", "mlp.fc2.*", Whole),
            ("layer_norm2.*", "norm2.*", Whole),
        ],
    ),
    table(
        "vision_model.head.",
        "visual.trunk.attn_pool.",
        &[
            ("probe", "latent", Whole),
            ("attention.q_proj.*", "q.*", Whole),
            ("attention.k_proj.*", "kv.*", half(0)),
            ("attention.v_proj.*", "kv.*", half(1)),
            ("attention.out_proj.*", "proj.*", Whole),
            ("layernorm.*", "norm.*", Whole),
            ("mlp.fc1.*", "mlp.fc1.*", Whole),
            ("mlp.fc2.*", "mlp.fc2.*", Whole),
        ],
    ),
];

/// The head of timm's FastViT inside OpenCLIP's model. The tower before it keeps its names.
pub const TIMM_FASTVIT: NameTable = table(
    "visual_projection.",
    "visual.trunk.head.fc.",
    &[("*", "*", Whole)],
);
