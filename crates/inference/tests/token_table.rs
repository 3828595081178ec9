//! A large table of tokens stays in the weight file: the vectors are the same, and a file that changes is an error.

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_domain::{Embedding, Precision};
use eidetic_encoder::Encoder;
use eidetic_hub::ModelRef;
use eidetic_inference::{Engine, LoadOptions, load_encoder};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use tempfile::TempDir;

/// Rows that make the table of every golden model larger than a mebibyte.
const ROWS: usize = 32_768;
const TEXTS: [&str; 3] = ["a red apple", "two dogs in the snow", "z"];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../data/golden")
        .join(name)
}

/// A golden model with a vocabulary of [`ROWS`] tokens, of which its tokenizer knows the first.
fn enlarged(name: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for entry in fs::read_dir(golden(name)).expect("a golden model").flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copied file");
        }
    }
    let path = folder.path().join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).expect("a config")).expect("JSON");
    let part = match config.get("text_config") {
        Some(_) => &mut config["text_config"],
        None => &mut config,
    };
    part["vocab_size"] = ROWS.into();
    fs::write(path, config.to_string()).expect("a written config");
    enlarge_table(&folder.path().join("model.safetensors"));
    folder
}

fn enlarge_table(path: &Path) {
    let file = fs::read(path).expect("golden weights");
    let tensors = SafeTensors::deserialize(&file).expect("golden weights");
    let is_table = |name: &str| {
        let tables = [
            "token_embedding.weight",
            "word_embeddings.weight",
            "embed_tokens.weight",
        ];
        tables.iter().any(|table| name.ends_with(table))
    };
    let enlarged: Vec<(String, TensorView, Vec<u8>)> = tensors
        .tensors()
        .into_iter()
        .map(|(name, tensor)| {
            let mut bytes = tensor.data().to_vec();
            if is_table(&name) {
                bytes.resize(bytes.len() / tensor.shape()[0] * ROWS, 0x3c);
            }
            (name, tensor, bytes)
        })
        .collect();
    let views = enlarged.iter().map(|(name, tensor, bytes)| {
        let mut shape = tensor.shape().to_vec();
        if is_table(name) {
            shape[0] = ROWS;
        }
        (
            name,
            TensorView::new(tensor.dtype(), shape, bytes).expect("a tensor"),
        )
    });
    let written = safetensors::serialize(views.collect::<Vec<_>>(), None).expect("weights");
    fs::write(path, written).expect("written weights");
}

fn load(folder: &Path, precision: Precision) -> Box<dyn Encoder> {
    let options = LoadOptions {
        engine: Engine::Cpu(precision),
        ..LoadOptions::default()
    };
    load_encoder(&ModelRef::Directory(folder.to_owned()), &options, &()).expect("the model loads")
}

fn texts(encoder: &dyn Encoder) -> Vec<Embedding> {
    encoder.encode_texts(&TEXTS).expect("it encodes")
}

#[test]
fn rows_from_file_give_same_vectors() {
    for name in [
        "families/siglip",
        "families/siglip2",
        "families/chinese-clip",
        "families/clip-larger",
        "clip/gelu",
        "qwen/gme-half",
        "qwen/qwen3",
    ] {
        let folder = enlarged(name);
        let [expected, got] = [golden(name), folder.path().to_owned()]
            .map(|folder| texts(load(&folder, Precision::F32).as_ref()));
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn low_precisions_read_exact_rows() {
    let folder = enlarged("families/siglip2");
    let exact = texts(load(folder.path(), Precision::F32).as_ref());
    for (precision, least) in [(Precision::Bf16, 0.999), (Precision::Int8, 0.99)] {
        let got = texts(load(folder.path(), precision).as_ref());
        for (got, exact) in got.iter().zip(&exact) {
            assert!(got.cosine(exact) > least, "{precision}: {}", got.cosine(exact));
        }
    }
}

#[test]
fn truncated_weights_are_error_later() {
    let folder = enlarged("families/siglip2");
    let encoder = load(folder.path(), Precision::F32);
    let expected = texts(encoder.as_ref());
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(4096)
        .unwrap();
    let error = encoder.encode_texts(&TEXTS).unwrap_err().to_string();
    assert!(
        error.contains("changed on disk since they were loaded"),
        "{error}"
    );
    // Overwritten in place by another model of the same length.
    let other: Vec<u8> = whole.iter().map(|byte| byte ^ 1).collect();
    fs::write(&path, other).unwrap();
    let error = encoder.encode_texts(&TEXTS).unwrap_err().to_string();
    assert!(error.contains("start the program again"), "{error}");
    fs::write(&path, whole).unwrap();
    assert_eq!(texts(encoder.as_ref()), expected);
}

#[cfg(unix)]
#[test]
fn replaced_weights_keep_old_vectors() {
    let folder = enlarged("families/siglip2");
    let encoder = load(folder.path(), Precision::F32);
    let expected = texts(encoder.as_ref());
    let path = folder.path().join("model.safetensors");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "another model").unwrap();
    assert_eq!(texts(encoder.as_ref()), expected);
}
