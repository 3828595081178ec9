//! The memory that a model takes, computed from its description alone: what a loaded model is compared with.

use super::config::QwenConfig;
use super::family::Details;
use super::shapes::{DecoderConfig, VisionConfig};

/// Outputs of a packed panel; the last panel is padded.
const PANEL: u64 = 32;

/// Bytes of the weights of products and of embedding tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueBytes {
    /// 4 each.
    Full,
    /// 2 each.
    Half,
    /// 1 each in products, with a scale and a sum for each output; 2 each in tables.
    Int8,
}

/// Outputs, inputs, and whether there is a bias.
type Shape = (u64, u64, Bias);

#[derive(Clone, Copy)]
enum Bias {
    Present,
    Absent,
}

/// Bytes of everything that [`QwenConfig`] describes once it is loaded.
pub fn weight_bytes(config: &QwenConfig, bytes: ValueBytes) -> u64 {
    let hidden = config.decoder.hidden as u64;
    let table = config.vocabulary as u64 * hidden * if bytes == ValueBytes::Full { 4 } else { 2 };
    let vision = config.vision.as_ref();
    let vision = vision.map_or(0, |vision| vision_bytes(vision, hidden, bytes));
    table + config.decoder.layers as u64 * layer_bytes(&config.decoder, bytes) + 4 * hidden + vision
}

fn layer_bytes(decoder: &DecoderConfig, bytes: ValueBytes) -> u64 {
    let [hidden, inner] = [decoder.hidden, decoder.intermediate].map(|size| size as u64);
    let [all, shared] =
        [decoder.heads, decoder.shared_heads].map(|heads| (heads * decoder.head_width) as u64);
    let (bias, head_norms) = match decoder.details {
        Details::Biases => (Bias::Present, 0),
        Details::HeadNorms => (Bias::Absent, 2 * decoder.head_width as u64),
    };
    let shapes = [
        (all, hidden, bias),
        (shared, hidden, bias),
        (shared, hidden, bias),
        (hidden, all, Bias::Absent),
        (inner, hidden, Bias::Absent),
        (inner, hidden, Bias::Absent),
        (hidden, inner, Bias::Absent),
    ];
    linear_bytes(&shapes, bytes) + 4 * (2 * hidden + head_norms)
}

fn vision_bytes(config: &VisionConfig, out: u64, bytes: ValueBytes) -> u64 {
    let [width, inner, patch] = [config.width, config.intermediate, config.patch].map(|size| size as u64);
    let joined = width * (config.merge * config.merge) as u64;
    let biased = |(outputs, inputs)| (outputs, inputs, Bias::Present);
    let block = [(3 * width, width), (width, width), (inner, width), (width, inner)].map(biased);
    let merger = linear_bytes(&[(joined, joined), (out, joined)].map(biased), bytes);
    let patch_bias = config.names.patch_bias.map_or(Bias::Absent, |_| Bias::Present);
    let patches = linear_bytes(&[(width, 6 * patch * patch, patch_bias)], bytes);
    let positions = config.positions.map_or(0, |side| (side * side) as u64 * width);
    let deep = config.deep.len() as u64 * (merger + 8 * joined);
    let blocks = config.depth as u64 * (linear_bytes(&block, bytes) + 16 * width);
    patches + 4 * positions + blocks + merger + 8 * width + deep
}

fn linear_bytes(shapes: &[Shape], bytes: ValueBytes) -> u64 {
    let one = |&(outputs, inputs, bias): &Shape| {
        let padded = outputs.next_multiple_of(PANEL);
        let weights = match bytes {
            ValueBytes::Full => 4 * padded * inputs,
            ValueBytes::Half => 2 * padded * inputs,
            ValueBytes::Int8 => padded * (inputs.next_multiple_of(4) + 8),
        };
        weights
            + match bias {
                Bias::Present => 4 * outputs,
                Bias::Absent => 0,
            }
    };
    shapes.iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use eidetic_domain::Precision;

    use super::*;
    use crate::qwen::QwenEncoder;

    /// Decoder, vocabulary and vision tower as the hub's `config.json` of GME-Qwen2-VL-2B-Instruct gives them.
    const GME_2B: &str = r#"{"model_type":"qwen2_vl","hidden_size":1536,"intermediate_size":8960,"num_hidden_layers":28,
        "num_attention_heads":12,"num_key_value_heads":2,"vocab_size":151936,"max_position_embeddings":32768,
        "rms_norm_eps":1e-06,"rope_theta":1000000.0,"rope_scaling":{"type":"mrope","mrope_section":[16,24,24]},
        "vision_config":{"depth":32,"embed_dim":1280,"mlp_ratio":4,"num_heads":16,"hidden_size":1536,"patch_size":14}}"#;
    /// The same of Qwen3-VL-Embedding-2B.
    const QWEN3_2B: &str = r#"{"model_type":"qwen3_vl","text_config":{"hidden_size":2048,"intermediate_size":6144,
        "num_hidden_layers":28,"num_attention_heads":16,"num_key_value_heads":8,"head_dim":128,"vocab_size":151936,
        "max_position_embeddings":262144,"rms_norm_eps":1e-06,"rope_theta":5000000,
        "rope_scaling":{"mrope_interleaved":true,"mrope_section":[24,20,20],"rope_type":"default"}},
        "vision_config":{"depth":24,"hidden_size":1024,"intermediate_size":4096,"num_heads":16,"out_hidden_size":2048,
        "deepstack_visual_indexes":[5,11,17],"num_position_embeddings":2304,"patch_size":16}}"#;

    #[test]
    fn two_billion_weights_fit_published_limits() {
        for (json, expected, int8) in [
            (GME_2B, 4_419_000_000_u64, 2_460_000_000),
            (QWEN3_2B, 4_260_000_000, 2_450_000_000),
        ] {
            let config = QwenConfig::from_json(json.as_bytes()).unwrap();
            let [half, full, small] = [ValueBytes::Half, ValueBytes::Full, ValueBytes::Int8]
                .map(|bytes| weight_bytes(&config, bytes));
            eprintln!(
                "{:?}: {half} bytes in 16 bits, {full} in 32, {small} in 8",
                config.family
            );
            assert!(half.abs_diff(expected) < 10_000_000, "{half}");
            assert!(small.abs_diff(int8) < 60_000_000, "{small}");
            // Activations of 4,096 tokens and of the largest image's patches take less than 0.9 GB.
            assert!(half + 900_000_000 < 6_000_000_000 && full > 8_000_000_000);
            assert!(small + 900_000_000 < 3_500_000_000);
        }
    }

    #[test]
    fn loaded_model_takes_computed_bytes() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden/qwen");
        for (name, precision, bytes) in [
            ("gme", Precision::F32, ValueBytes::Full),
            ("gme", Precision::Bf16, ValueBytes::Half),
            ("gme", Precision::Int8, ValueBytes::Int8),
            ("gme-half", Precision::F32, ValueBytes::Half),
            ("gme-half", Precision::Int8, ValueBytes::Int8),
            ("qwen3", Precision::F32, ValueBytes::Half),
            ("qwen3", Precision::Int8, ValueBytes::Int8),
        ] {
            let encoder = QwenEncoder::load(name, &golden.join(name), name, precision).unwrap();
            let json = std::fs::read(golden.join(name).join("config.json")).unwrap();
            let config = QwenConfig::from_json(&json).unwrap();
            assert_eq!(
                encoder.bytes(),
                weight_bytes(&config, bytes),
                "{name} {precision}"
            );
        }
    }
}
