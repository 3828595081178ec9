//! Damaged and contradictory files: one clear error each, which names the file and the field.

use std::fs;
use std::path::Path;

use eidetic_inference::LoadError;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{golden, json as read_json, open, open_with, with_prompt};

/// A copy of a golden checkpoint that a test may damage.
fn copy(name: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    copy_into(&golden().join(name), folder.path());
    folder
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a golden folder") {
        let entry = entry.expect("a golden file");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a folder");
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copied file");
        }
    }
}

fn error_of(folder: &TempDir) -> String {
    open(folder.path()).err().expect("a damaged model").to_string()
}

/// Replaces a field; null removes it.
fn set(path: &Path, field: &str, value: Value) {
    let mut file = read_json(path);
    let fields = file.as_object_mut().expect("an object");
    fields.remove(field);
    if !value.is_null() {
        fields.insert(field.to_owned(), value);
    }
    fs::write(path, file.to_string()).expect("a written file");
}

#[test]
fn missing_files_are_named() {
    for (model, file) in [
        ("bert", "tokenizer.json"),
        ("bert", "model.safetensors"),
        ("bert", "1_Pooling/config.json"),
        ("bert-dense", "2_Dense/config.json"),
    ] {
        let folder = copy(model);
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = error_of(&folder);
        assert!(error.contains(file), "{error}");
    }
    let folder = copy("bert-dense");
    fs::remove_file(folder.path().join("2_Dense/model.safetensors")).unwrap();
    let error = error_of(&folder);
    assert!(
        error.contains("2_Dense") && error.contains("model.safetensors"),
        "{error}"
    );
}

#[test]
fn contradictions_name_file_and_field() {
    for (model, file, field, value) in [
        ("bert", "config.json", "hidden_size", json!(null)),
        ("bert", "config.json", "num_hidden_layers", json!("two")),
        ("bert", "config.json", "vocab_size", json!(20)),
        (
            "bert",
            "1_Pooling/config.json",
            "word_embedding_dimension",
            json!(47),
        ),
        (
            "bert",
            "sentence_bert_config.json",
            "max_seq_length",
            json!("long"),
        ),
        ("bert-dense", "2_Dense/config.json", "in_features", json!(48)),
        ("bert-dense", "2_Dense/config.json", "out_features", json!(0)),
        (
            "bert-dense",
            "2_Dense/config.json",
            "activation_function",
            json!("torch.nn.Mish"),
        ),
        ("bert-dense", "2_Dense/config.json", "use_residual", json!(true)),
        (
            "xlm-roberta",
            "config_sentence_transformers.json",
            "prompts",
            json!(["query"]),
        ),
    ] {
        let folder = copy(model);
        set(&folder.path().join(file), field, value);
        let error = error_of(&folder);
        assert!(error.contains(file) && error.contains(field), "{error}");
    }
}

#[test]
fn unsupported_modules_are_named() {
    let module = |class: &str, path: &str| json!({"path": path, "type": format!("sentence_transformers.models.{class}")});
    let transformer = || module("Transformer", "");
    for (modules, named) in [
        (json!([transformer()]), "pooling"),
        (json!([transformer(), module("Normalize", "")]), "Normalize"),
        (
            json!([
                transformer(),
                module("Pooling", "1_Pooling"),
                module("CNN", "2_CNN")
            ]),
            "CNN",
        ),
        (
            json!([
                module("Transformer", "0_Transformer"),
                module("Pooling", "1_Pooling")
            ]),
            "0_Transformer",
        ),
        (
            json!([transformer(), module("Pooling", "../1_Pooling")]),
            "../1_Pooling",
        ),
        (json!({"modules": []}), "modules.json"),
    ] {
        let folder = copy("bert");
        fs::write(folder.path().join("modules.json"), modules.to_string()).unwrap();
        let error = error_of(&folder);
        assert!(error.contains("modules.json") && error.contains(named), "{error}");
    }
}

#[test]
fn encoder_without_modules_takes_mean() {
    let folder = copy("bert");
    fs::remove_file(folder.path().join("modules.json")).unwrap();
    let (bare, whole) = (
        open(folder.path()).unwrap(),
        open(&golden().join("bert")).unwrap(),
    );
    let vector = |model: &dyn eidetic_encoder::TextModel| model.encode(&["a photo"]).unwrap().remove(0);
    let (bare, unit) = (vector(bare.as_ref()), vector(whole.as_ref()));
    let length = bare.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() > 0.1, "not normalized");
    assert!(bare.iter().zip(&unit).all(|(a, b)| (a / length - b).abs() < 1e-5));
}

#[test]
fn damaged_weights_are_named() {
    let folder = copy("mpnet");
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    for wanted in [
        "encoder.relative_attention_bias.weight",
        "encoder.layer.1.attention.attn.o.bias",
    ] {
        let mut tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
        tensors.retain(|(name, _)| !name.ends_with(wanted));
        fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
        let error = open(folder.path()).err().unwrap();
        assert!(
            matches!(&error, LoadError::TensorMissing { name } if name == wanted),
            "{error}"
        );
    }
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(open(folder.path()), Err(LoadError::Weights(_))));
}

#[test]
fn prompt_must_leave_room_for_text() {
    let folder = golden().join("bert");
    let error = open_with(&folder, &with_prompt(&"a photo of ".repeat(40)))
        .err()
        .unwrap();
    assert!(error.to_string().contains("as many tokens"), "{error}");
}
