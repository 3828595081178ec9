//! Damaged and contradictory files: one clear error each, never a panic.

use eidetic_hub::HubError;
use std::fs;

use eidetic_encoder::{EncodeError, Encoder, PromptTokenizer};
use eidetic_inference::{Engine, LoadError};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use tempfile::TempDir;

use crate::{golden, load, open_text};

/// A copy of a golden checkpoint that a test may damage.
fn copy(name: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for file in fs::read_dir(golden().join(name)).expect("the golden folder") {
        let file = file.expect("a golden file");
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copied file");
    }
    folder
}

fn open_copy(folder: &TempDir) -> Result<Box<dyn Encoder>, LoadError> {
    load(folder.path(), Engine::default())
}

#[test]
fn missing_shard_is_named() {
    let folder = copy("gme");
    let shard = "model-00002-of-00003.safetensors";
    fs::remove_file(folder.path().join(shard)).unwrap();
    let error = open_copy(&folder).err().unwrap();
    assert!(
        matches!(&error, LoadError::Hub(HubError::ShardMissing { file, .. }) if file == shard),
        "{error}"
    );
    let text = copy("qwen2.5");
    fs::remove_file(text.path().join("model-00001-of-00002.safetensors")).unwrap();
    assert!(matches!(
        open_text(text.path()),
        Err(LoadError::Hub(HubError::ShardMissing { .. }))
    ));
}

#[test]
fn tensor_missing_from_shards_is_named() {
    let folder = copy("qwen3");
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    for wanted in [
        "visual.deepstack_merger_list.1.norm.bias",
        "language_model.layers.2.self_attn.k_norm.weight",
    ] {
        let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
        tensors.retain(|(name, _)| !name.ends_with(wanted));
        fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
        let error = open_copy(&folder).err().unwrap();
        let short = wanted.trim_start_matches("language_model.");
        assert!(
            matches!(&error, LoadError::TensorMissing { name } if name.ends_with(short)),
            "{error}"
        );
    }
}

#[test]
fn mismatched_tensors_are_named() {
    let folder = copy("qwen3");
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let wanted = "model.language_model.norm.weight";
    let zeros = [0_u8; 400];
    for (kind, shape, length) in [
        (safetensors::Dtype::BF16, vec![47], 94),
        (safetensors::Dtype::U8, vec![48], 48),
        (safetensors::Dtype::BF16, vec![1, 48], 96),
        (safetensors::Dtype::BF16, vec![0, 1 << 40, 1 << 40], 0),
    ] {
        let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
        for (name, view) in &mut tensors {
            if name == wanted {
                *view = TensorView::new(kind, shape.clone(), &zeros[..length]).unwrap();
            }
        }
        fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
        let error = open_copy(&folder).err().unwrap();
        let named = matches!(&error, LoadError::TensorShape { name, .. } | LoadError::TensorType { name, .. } if name == "norm.weight");
        assert!(named, "{kind:?} {shape:?}: {error}");
    }
}

#[test]
fn truncated_weights_are_rejected() {
    let folder = copy("gme");
    let path = folder.path().join("model-00001-of-00003.safetensors");
    let bytes = fs::read(&path).unwrap();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = open_copy(&folder).err().unwrap();
        assert!(matches!(error, LoadError::Weights(_)), "{length}: {error}");
    }
}

#[test]
fn nonfinite_weights_fail_encoding() {
    let folder = copy("qwen3");
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let bad = [0xff_u8; 96];
    for (name, view) in &mut tensors {
        if name == "model.language_model.norm.weight" {
            *view = TensorView::new(safetensors::Dtype::BF16, vec![48], &bad).unwrap();
        }
    }
    fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let result = open_copy(&folder).unwrap().encode_texts(&["a cat"]);
    assert!(matches!(result, Err(EncodeError::Output(_))), "{result:?}");
}

#[test]
fn contradictory_files_are_refused() {
    for (file, from, to, named) in [
        (
            "config.json",
            "\"patch_size\": 16",
            "\"patch_size\": 8",
            "patches of 8",
        ),
        ("config.json", "\"image_token_id\"", "\"image_id\"", "151655"),
        (
            "config.json",
            "\"num_attention_heads\": 4",
            "\"num_attention_heads\": 3",
            "cannot share",
        ),
        (
            "config.json",
            "\"hidden_size\": 48",
            "\"hidden_size\": 4800000000",
            "within",
        ),
        ("config.json", "\"vocab_size\": 347", "\"vocab_size\": 300", "347"),
        (
            "config.json",
            "\"num_hidden_layers\": 3",
            "\"num_hidden_layers\": 1000000",
            "layers.3.",
        ),
        ("config.json", "{", "", "config.json"),
        (
            "preprocessor_config.json",
            "\"merge_size\": 2",
            "\"merge_size\": 3",
            "patches",
        ),
        ("tokenizer.json", "{", "", "tokenizer"),
    ] {
        let folder = copy("qwen3");
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains(from),
            "{file} has no {from}: {}",
            &text[..300.min(text.len())]
        );
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = open_copy(&folder).err().unwrap().to_string();
        assert!(error.contains(named), "{file} {to}: {error}");
    }
}

#[test]
fn missing_file_is_named_with_place() {
    for file in [
        "config.json",
        "tokenizer.json",
        "preprocessor_config.json",
        "model.safetensors",
    ] {
        let folder = copy("qwen3");
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = open_copy(&folder).err().unwrap().to_string();
        let wanted = file.trim_start_matches("pre");
        assert!(error.contains(wanted), "{error}");
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
    }
}

#[test]
fn damaged_gguf_never_panics() {
    let folder = copy("qwen2.5-gguf");
    let path = folder.path().join("tiny-q4_k_m.gguf");
    let bytes = fs::read(&path).unwrap();
    for length in [0, 3, 4, 20, 100, 3000, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = open_text(folder.path()).err().unwrap();
        assert!(matches!(error, LoadError::Weights(_)), "{length}: {error}");
    }
    // Each eight bytes of the header in turn become the greatest number or zero: lengths, counts, types, offsets.
    let mut opened = 0;
    for place in (4..12_000).step_by(151) {
        for byte in [0xff, 0] {
            let mut changed = bytes.clone();
            changed[place..place + 8].fill(byte);
            fs::write(&path, &changed).unwrap();
            opened += usize::from(open_text(folder.path()).is_ok());
        }
    }
    eprintln!("{opened} of 160 changes left a model that opens");
    fs::write(&path, &bytes).unwrap();
    assert!(open_text(&path).is_ok(), "by the file's own name");
    fs::copy(&path, folder.path().join("other.GGUF")).unwrap();
    let error = open_text(folder.path()).err().unwrap().to_string();
    assert!(error.contains("several"), "{error}");
}

#[test]
fn damaged_tokenizer_never_panics() {
    let sound = fs::read(golden().join("qwen3/tokenizer.json")).unwrap();
    let mut opened = 0;
    for place in (0..sound.len() - 4).step_by(sound.len() / 400) {
        for filling in [b"\"\"\"\"", b"9999", b"    "] {
            let mut changed = sound.clone();
            changed[place..place + 4].copy_from_slice(filling);
            if let Ok(tokenizer) = PromptTokenizer::from_json(&changed, 100) {
                opened += 1;
                let _ = tokenizer.ids("a cat <|image_pad|> 一只");
            }
        }
    }
    eprintln!("{opened} of 1203 changes left a tokenizer");
}
