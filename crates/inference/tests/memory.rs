//! What the process of a model really takes, on systems that tell. A test of its own: others in the process would count.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use eidetic_hub::ModelRef;
use eidetic_inference::{LoadOptions, load_encoder};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tempfile::TempDir;

const HIDDEN: usize = 512;
const INNER: usize = 1536;
const LAYERS: usize = 12;
const VOCABULARY: usize = 32_768;

/// A field of the process's status, in bytes.
fn status(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("the process's status");
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .expect("the field");
    let kilobytes = line.split_whitespace().nth(1).expect("a number");
    kilobytes.parse::<f64>().expect("a number") * 1024.0
}

/// The golden model with a wider decoder and many tokens: 115 MB of bf16.
fn checkpoint() -> TempDir {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden/qwen/gme-half");
    let folder = TempDir::new().expect("a temporary folder");
    for file in ["tokenizer.json", "preprocessor_config.json"] {
        fs::copy(golden.join(file), folder.path().join(file)).expect("a copied file");
    }
    let config = format!(
        r#"{{"model_type":"qwen2_vl","hidden_size":{HIDDEN},"intermediate_size":{INNER},"num_hidden_layers":{LAYERS},
        "num_attention_heads":8,"num_key_value_heads":2,"vocab_size":{VOCABULARY},"max_position_embeddings":4096,
        "rms_norm_eps":1e-06,"rope_theta":1000000.0,"image_token_id":IMAGE,
        "vision_config":{{"depth":1,"embed_dim":128,"mlp_ratio":4,"num_heads":2,"hidden_size":{HIDDEN},"patch_size":14}}}}"#
    );
    let known = fs::read_to_string(golden.join("config.json")).expect("the golden description");
    let known: serde_json::Value = serde_json::from_str(&known).expect("JSON");
    let config = config.replace("IMAGE", &known["image_token_id"].to_string());
    fs::write(folder.path().join("config.json"), config).expect("a description");
    let shapes = shapes();
    // bf16's 0.0078, so that nothing overflows; one zeroed page for all would not be counted by the system.
    let data: BTreeMap<&String, Vec<u8>> = shapes
        .iter()
        .map(|(name, shape)| (name, [0x00, 0x3c].repeat(shape.iter().product())))
        .collect();
    let views = shapes.iter().map(|(name, shape)| {
        let view = TensorView::new(Dtype::BF16, shape.clone(), &data[name]).expect("a tensor");
        (name.clone(), view)
    });
    let bytes = safetensors::serialize(views.collect::<Vec<_>>(), None).expect("weights");
    fs::write(folder.path().join("model.safetensors"), bytes).expect("a file of weights");
    folder
}

fn shapes() -> BTreeMap<String, Vec<usize>> {
    let mut shapes = BTreeMap::new();
    let mut add = |name: String, shape: &[usize]| {
        shapes.insert(name, shape.to_vec());
    };
    add("model.embed_tokens.weight".into(), &[VOCABULARY, HIDDEN]);
    add("model.norm.weight".into(), &[HIDDEN]);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        for (part, outputs) in [("q_proj", HIDDEN), ("k_proj", HIDDEN / 4), ("v_proj", HIDDEN / 4)] {
            add(name(&format!("self_attn.{part}.weight")), &[outputs, HIDDEN]);
            add(name(&format!("self_attn.{part}.bias")), &[outputs]);
        }
        add(name("self_attn.o_proj.weight"), &[HIDDEN, HIDDEN]);
        add(name("mlp.gate_proj.weight"), &[INNER, HIDDEN]);
        add(name("mlp.up_proj.weight"), &[INNER, HIDDEN]);
        add(name("mlp.down_proj.weight"), &[HIDDEN, INNER]);
        add(name("input_layernorm.weight"), &[HIDDEN]);
        add(name("post_attention_layernorm.weight"), &[HIDDEN]);
    }
    add("visual.patch_embed.proj.weight".into(), &[128, 3, 2, 14, 14]);
    for (part, outputs, inputs) in [
        ("blocks.0.attn.qkv", 384, 128),
        ("blocks.0.attn.proj", 128, 128),
        ("blocks.0.mlp.fc1", 512, 128),
        ("blocks.0.mlp.fc2", 128, 512),
        ("merger.mlp.0", 512, 512),
        ("merger.mlp.2", HIDDEN, 512),
    ] {
        add(format!("visual.{part}.weight"), &[outputs, inputs]);
        add(format!("visual.{part}.bias"), &[outputs]);
    }
    for part in ["blocks.0.norm1", "blocks.0.norm2", "merger.ln_q"] {
        add(format!("visual.{part}.weight"), &[128]);
        add(format!("visual.{part}.bias"), &[128]);
    }
    shapes
}

#[test]
fn half_weights_take_two_bytes_each() {
    let folder = checkpoint();
    let file = fs::metadata(folder.path().join("model.safetensors"))
        .expect("the file")
        .len() as f64;
    // The table of tokens stays in the file.
    let file = file - (2 * VOCABULARY * HIDDEN) as f64;
    // Forgets the peak that making the file left.
    fs::write("/proc/self/clear_refs", "5").expect("the peak can be forgotten");
    let before = status("VmRSS");
    let model = load_encoder(
        &ModelRef::Directory(folder.path().to_owned()),
        &LoadOptions::default(),
        &(),
    )
    .expect("the model opens");
    let (kept, peak) = (status("VmRSS") - before, status("VmHWM") - before);
    eprintln!(
        "{:.1} MB without the table, {:.2} bytes a number kept, at the peak {:.2}",
        file / 1e6,
        2.0 * kept / file,
        2.0 * peak / file
    );
    // The largest tensor is a tenth of the file; the tokenizer and what the allocator keeps take the rest.
    assert!(kept < 1.2 * file, "{kept} bytes for {file} in the file");
    assert!(
        peak < 1.5 * file,
        "{peak} bytes at the peak for {file} in the file"
    );
    assert_eq!(model.encode_texts(&["a cat"]).expect("it encodes").len(), 1);
}
