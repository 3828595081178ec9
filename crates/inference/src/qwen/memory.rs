//! What a model takes in memory, by its description alone.

use super::config::{Details, QwenConfig, VisionConfig};

/// Outputs that lie side by side in packed weights; the last ones are filled up.
const PANEL: u64 = 32;

/// Bytes of everything that [`QwenConfig`] describes once it is loaded, at so many bytes a number of its matrices.
pub fn weight_bytes(config: &QwenConfig, bytes_a_number: u64) -> u64 {
    let decoder = &config.decoder;
    let [hidden, inner] = [decoder.hidden, decoder.intermediate].map(|size| size as u64);
    let [all, shared] =
        [decoder.heads, decoder.shared_heads].map(|heads| (heads * decoder.head_width) as u64);
    let shapes = [
        (all, hidden),
        (shared, hidden),
        (shared, hidden),
        (hidden, all),
        (inner, hidden),
        (inner, hidden),
        (hidden, inner),
    ];
    let norms = 2 * hidden
        + match decoder.details {
            Details::Biases => 0,
            Details::HeadNorms => 2 * decoder.head_width as u64,
        };
    let layer = linears(&shapes, bytes_a_number) + 4 * norms;
    let table = config.vocabulary as u64 * hidden * bytes_a_number;
    let vision = config
        .vision
        .as_ref()
        .map_or(0, |vision| vision_bytes(vision, hidden, bytes_a_number));
    table + decoder.layers as u64 * layer + 4 * hidden + vision
}

fn vision_bytes(config: &VisionConfig, out: u64, bytes_a_number: u64) -> u64 {
    let [width, inner, patch] = [config.width, config.intermediate, config.patch].map(|size| size as u64);
    let joined = width * (config.merge * config.merge) as u64;
    let block = [(3 * width, width), (width, width), (inner, width), (width, inner)];
    let merger = linears(&[(joined, joined), (out, joined)], bytes_a_number);
    let patches = linears(&[(width, 6 * patch * patch)], bytes_a_number);
    let positions = config.positions.map_or(0, |side| (side * side) as u64 * width);
    let deep = config.deep.len() as u64 * (merger + 8 * joined);
    let blocks = config.depth as u64 * (linears(&block, bytes_a_number) + 16 * width);
    patches + 4 * positions + blocks + merger + 8 * width + deep
}

/// Weights of these outputs and inputs, and a bias each.
fn linears(shapes: &[(u64, u64)], bytes_a_number: u64) -> u64 {
    let one = |(outputs, inputs): &(u64, u64)| {
        outputs.next_multiple_of(PANEL) * inputs * bytes_a_number + 4 * outputs
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
    fn models_of_two_billion_numbers_take_less_than_six_gigabytes() {
        for (json, expected) in [(GME_2B, 4_419_000_000_u64), (QWEN3_2B, 4_260_000_000)] {
            let config = QwenConfig::from_json(json.as_bytes()).unwrap();
            let (half, full) = (weight_bytes(&config, 2), weight_bytes(&config, 4));
            eprintln!("{:?}: {half} bytes in 16 bits, {full} in 32", config.family);
            assert!(half.abs_diff(expected) < 10_000_000, "{half}");
            // What stands between layers for 4,096 tokens and the largest picture's patches is below 0.9 GB.
            assert!(half + 900_000_000 < 6_000_000_000 && full > 8_000_000_000);
        }
    }

    #[test]
    fn a_loaded_model_takes_what_its_description_says() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden/qwen");
        for (name, precision, bytes_a_number) in [
            ("gme", Precision::F32, 4),
            ("gme", Precision::Bf16, 2),
            ("gme-half", Precision::F32, 2),
            ("qwen3", Precision::F32, 2),
        ] {
            let encoder = QwenEncoder::load(name, &golden.join(name), name, precision).unwrap();
            let json = std::fs::read(golden.join(name).join("config.json")).unwrap();
            let config = QwenConfig::from_json(&json).unwrap();
            assert_eq!(
                encoder.bytes(),
                weight_bytes(&config, bytes_a_number),
                "{name} {precision}"
            );
        }
    }
}
