//! Damaged and contradictory files of two-tower models: one clear error each, never a panic.

use std::fs;

use eidetic_inference::{Engine, LoadError};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{EXACT, family, load};

/// A copy of a checkpoint with a changed file `name`; `None` removes it.
fn changed(family_name: &str, name: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for file in fs::read_dir(family(family_name))
        .expect("a golden folder")
        .flatten()
    {
        if file.path().is_file() {
            fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copied file");
        }
    }
    let path = folder.path().join(name);
    match change(fs::read(&path).unwrap_or_default()) {
        Some(bytes) => fs::write(path, bytes).expect("a changed file"),
        None => fs::remove_file(path).expect("a removed file"),
    }
    folder
}

fn error_of(folder: &TempDir) -> LoadError {
    load(folder.path(), Engine::default())
        .err()
        .expect("a damaged model")
}

fn without(bytes: &[u8], wanted: &str) -> Vec<u8> {
    let mut tensors = SafeTensors::deserialize(bytes).expect("sound weights").tensors();
    tensors.retain(|(name, _)| name != wanted);
    safetensors::serialize(tensors, None).expect("new weights")
}

fn reshaped(bytes: &[u8], wanted: &str, shape: &[usize]) -> Vec<u8> {
    let mut tensors = SafeTensors::deserialize(bytes).expect("sound weights").tensors();
    let zeros = vec![0; shape.iter().product::<usize>() * 4];
    for (name, view) in &mut tensors {
        if name == wanted {
            *view = TensorView::new(safetensors::Dtype::F32, shape.to_vec(), &zeros).expect("a tensor");
        }
    }
    safetensors::serialize(tensors, None).expect("new weights")
}

/// Checkpoint, weight file, and a tensor of it.
const REQUIRED_TENSORS: [(&str, &str, &str); 12] = [
    (
        "siglip",
        "model.safetensors",
        "vision_model.head.attention.in_proj_weight",
    ),
    ("siglip", "model.safetensors", "text_model.head.bias"),
    ("siglip", "model.safetensors", "logit_bias"),
    (
        "naflex",
        "model.safetensors",
        "vision_model.embeddings.patch_embedding.weight",
    ),
    (
        "chinese-clip",
        "model.safetensors",
        "text_model.encoder.layer.1.attention.self.key.bias",
    ),
    (
        "chinese-clip",
        "model.safetensors",
        "text_model.embeddings.token_type_embeddings.weight",
    ),
    (
        "open-clip",
        "open_clip_model.safetensors",
        "transformer.resblocks.1.attn.in_proj_bias",
    ),
    (
        "open-clip",
        "open_clip_model.safetensors",
        "visual.positional_embedding",
    ),
    (
        "open-clip-quick",
        "open_clip_model.safetensors",
        "text.text_projection",
    ),
    (
        "open-clip-siglip",
        "open_clip_model.safetensors",
        "visual.trunk.attn_pool.kv.weight",
    ),
    (
        "mobile-clip",
        "open_clip_model.safetensors",
        "visual.trunk.stages.1.blocks.1.mlp.conv.bn.running_var",
    ),
    (
        "mobile-clip",
        "open_clip_model.safetensors",
        "visual.trunk.head.fc.bias",
    ),
];

#[test]
fn missing_tensor_has_name_of_file() {
    for (name, file, wanted) in REQUIRED_TENSORS {
        for engine in EXACT {
            let folder = changed(name, file, |bytes| Some(without(&bytes, wanted)));
            let error = load(folder.path(), engine).err().unwrap();
            assert!(
                matches!(&error, LoadError::TensorMissing { name } if name == wanted),
                "{wanted}: {error}"
            );
        }
    }
}

/// Checkpoint, weight file, a tensor of it, a wrong shape, and the right one.
type WrongShape = (
    &'static str,
    &'static str,
    &'static str,
    &'static [usize],
    &'static [usize],
);

const SHAPES: [WrongShape; 5] = [
    (
        "open-clip",
        "open_clip_model.safetensors",
        "visual.proj",
        &[5, 20],
        &[32, 20],
    ),
    (
        "open-clip",
        "open_clip_model.safetensors",
        "transformer.resblocks.0.attn.in_proj_weight",
        &[72, 9],
        &[72, 24],
    ),
    (
        "open-clip",
        "open_clip_model.safetensors",
        "visual.positional_embedding",
        &[12, 32],
        &[17, 32],
    ),
    (
        "siglip",
        "model.safetensors",
        "vision_model.head.probe",
        &[1, 1, 9],
        &[1, 1, 36],
    ),
    (
        "mobile-clip",
        "open_clip_model.safetensors",
        "visual.trunk.stem.0.conv_kxk.0.conv.weight",
        &[8, 3, 1, 1],
        &[8, 3, 3, 3],
    ),
];

#[test]
fn mismatched_tensor_has_shapes_of_file() {
    for (name, file, wanted, given, right) in SHAPES {
        let folder = changed(name, file, |bytes| Some(reshaped(&bytes, wanted, given)));
        let LoadError::TensorShape {
            name,
            expected,
            found,
        } = error_of(&folder)
        else {
            panic!("{wanted}");
        };
        assert_eq!(
            (name.as_str(), expected.as_slice(), found.as_slice()),
            (wanted, right, given)
        );
    }
    let odd = changed("open-clip", "open_clip_model.safetensors", |bytes| {
        Some(reshaped(
            &bytes,
            "transformer.resblocks.0.attn.in_proj_weight",
            &[71, 24],
        ))
    });
    let error = error_of(&odd).to_string();
    assert!(
        error.contains("transformer.resblocks.0.attn.in_proj_weight") && error.contains("71"),
        "{error}"
    );
}

#[test]
fn truncated_weights_are_rejected() {
    for (name, file) in [
        ("siglip2", "model.safetensors"),
        ("chinese-clip", "model.safetensors"),
        ("mobile-clip", "open_clip_model.safetensors"),
    ] {
        for part in [0, 9, 2000, 20_000] {
            let folder = changed(name, file, |bytes| Some(bytes[..part].to_vec()));
            let error = error_of(&folder);
            assert!(matches!(error, LoadError::Weights(_)), "{name} {part}: {error}");
        }
    }
}

#[test]
fn missing_or_damaged_file_is_named() {
    for (name, file, named) in [
        ("siglip", "spiece.model", "spiece.model"),
        ("chinese-clip", "vocab.txt", "vocab.txt"),
        (
            "chinese-clip",
            "preprocessor_config.json",
            "processor_config.json",
        ),
        (
            "open-clip",
            "open_clip_model.safetensors",
            "open_clip_model.safetensors",
        ),
        ("open-clip", "open_clip_config.json", "config.json"),
        ("mobile-clip", "tokenizer.json", "tokenizer.json"),
    ] {
        let error = error_of(&changed(name, file, |_| None)).to_string();
        assert!(error.contains(named), "{name} {file}: {error}");
    }
    for (name, file) in [
        ("siglip", "spiece.model"),
        ("siglip", "config.json"),
        ("siglip2", "tokenizer_config.json"),
        ("chinese-clip", "vocab.txt"),
        ("open-clip", "open_clip_config.json"),
        ("open-clip", "tokenizer.json"),
        ("naflex", "preprocessor_config.json"),
    ] {
        for bytes in [&b"{"[..], b"", b"\xff\xff\xff\xff\xff", b"[]", b"{}"] {
            if (file, bytes) == ("tokenizer_config.json", b"{}")
                || (file, bytes) == ("preprocessor_config.json", b"{}")
            {
                continue;
            }
            let error = error_of(&changed(name, file, |_| Some(bytes.to_vec()))).to_string();
            assert!(!error.is_empty(), "{name} {file}");
        }
    }
}

#[test]
fn contradictory_config_is_refused() {
    let edit = |name: &str, file: &str, change: &dyn Fn(&mut Value)| {
        let folder = changed(name, file, |bytes| {
            let mut config: Value = serde_json::from_slice(&bytes).expect("golden JSON");
            change(&mut config);
            Some(config.to_string().into_bytes())
        });
        error_of(&folder).to_string()
    };
    let error = edit("chinese-clip", "config.json", &|c| {
        c["model_type"] = json!("altclip");
    });
    assert!(error.contains("altclip"), "{error}");
    let error = edit("open-clip", "open_clip_config.json", &|c| {
        c["model_cfg"]["text_cfg"]["hf_model_name"] = json!("xlm-roberta-base");
    });
    assert!(
        error.contains("hf_model_name") && error.contains("xlm-roberta-base"),
        "{error}"
    );
    let error = edit("open-clip-mean", "open_clip_config.json", &|c| {
        c["model_cfg"]["text_cfg"]["proj_type"] = json!("none");
    });
    assert!(error.contains("24 components, pictures 20"), "{error}");
    let error = edit("mobile-clip", "open_clip_config.json", &|c| {
        c["preprocess_cfg"]["size"] = json!(96);
    });
    assert!(error.contains("64×64") && error.contains("96×96"), "{error}");
    let error = edit("naflex", "preprocessor_config.json", &|c| {
        c["patch_size"] = json!(9);
    });
    assert!(error.contains("patches of 9"), "{error}");
    let error = edit("siglip2", "tokenizer_config.json", &|c| {
        c["pad_token"] = json!("<nothing>");
    });
    assert!(error.contains("<nothing>"), "{error}");
}
