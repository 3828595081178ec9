//! Sentence encoders against what sentence-transformers answers (data/golden/sentence, made by tools/golden/sentence.py), and
//! damage.

mod damage;

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_domain::Precision;
use eidetic_encoder::{TextModel, TextTokenizer};
use eidetic_hub::ModelRef;
use eidetic_inference::{Engine, LoadError, LoadOptions, load_text_model};
use serde_json::Value;

const MODELS: [&str; 5] = ["bert", "bert-dense", "xlm-roberta", "xlm-roberta-modes", "mpnet"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden/sentence")
}

fn open(path: &Path) -> Result<Box<dyn TextModel>, LoadError> {
    open_with(path, &LoadOptions::default())
}

fn open_with(path: &Path, options: &LoadOptions) -> Result<Box<dyn TextModel>, LoadError> {
    load_text_model(&ModelRef::Directory(path.to_owned()), options, &())
}

fn with_prompt(prompt: &str) -> LoadOptions {
    LoadOptions {
        text_prompt: Some(prompt.to_owned()),
        ..LoadOptions::default()
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a golden file")).expect("golden JSON")
}

fn texts() -> Vec<String> {
    serde_json::from_value(json(&golden().join("texts.json"))).expect("a list of texts")
}

fn as_strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn expected(name: &str) -> Value {
    json(&golden().join(name).join("expected.json"))
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).expect("rows of numbers")
}

fn length(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The lowest cosine, and the greatest difference of a component relative to the expected vector's length.
fn agreement(got: &[Vec<f32>], expected: &[Vec<f64>]) -> (f64, f64) {
    assert_eq!(got.len(), expected.len());
    let mut worst = (1.0_f64, 0.0_f64);
    for (got, expected) in got.iter().zip(expected) {
        assert_eq!(got.len(), expected.len());
        let got: Vec<f64> = got.iter().copied().map(f64::from).collect();
        let dot: f64 = got.iter().zip(expected).map(|(g, e)| g * e).sum();
        worst.0 = worst.0.min(dot / length(&got) / length(expected));
        let error = got
            .iter()
            .zip(expected)
            .map(|(g, e)| (g - e).abs())
            .fold(0.0, f64::max);
        worst.1 = worst.1.max(error / length(expected));
    }
    worst
}

#[test]
fn vectors_match_references() {
    for name in MODELS {
        let model = open(&golden().join(name)).unwrap();
        let expected = rows(&expected(name)["texts"]);
        assert_eq!(model.dimension(), expected[0].len(), "{name}");
        let got = model.encode(&as_strs(&texts())).unwrap();
        let (cosine, error) = agreement(&got, &expected);
        eprintln!("{name}: lowest cosine {cosine:.9}, greatest error {error:.1e}");
        assert!(
            cosine >= 0.999_999 && error <= 1e-5,
            "{name}: cosine {cosine}, error {error}"
        );
    }
}

#[test]
fn token_ids_match_references() {
    for (name, prompt, longest) in [
        ("bert", "", 40),
        ("xlm-roberta", "query: ", 64),
        ("xlm-roberta-modes", "here is seen: ", 64),
        ("mpnet", "", 180),
    ] {
        let file = fs::read(golden().join(name).join("tokenizer.json")).unwrap();
        let tokenizer = TextTokenizer::from_json(&file, longest).unwrap();
        let prompted: Vec<String> = texts().iter().map(|text| format!("{prompt}{text}")).collect();
        let ids = tokenizer.tokenize(&as_strs(&prompted)).unwrap();
        assert_eq!(serde_json::json!(ids), expected(name)["tokens"], "{name}");
    }
}

#[test]
fn lower_precision_stays_near() {
    for (precision, least) in [(Precision::Bf16, 0.999), (Precision::Int8, 0.99)] {
        let options = LoadOptions {
            engine: Engine::Cpu(precision),
            ..LoadOptions::default()
        };
        for name in ["bert", "xlm-roberta", "mpnet"] {
            let model = open_with(&golden().join(name), &options).unwrap();
            let got = model.encode(&as_strs(&texts())).unwrap();
            let (cosine, _) = agreement(&got, &rows(&expected(name)["texts"]));
            assert!(cosine >= least, "{name} in {precision}: {cosine}");
        }
    }
}

#[test]
fn batches_do_not_change_vectors() {
    let texts = texts();
    for name in MODELS {
        let model = open(&golden().join(name)).unwrap();
        let together = model.encode(&as_strs(&texts)).unwrap();
        for (text, expected) in texts.iter().zip(&together) {
            let alone = model.encode(&[text]).unwrap();
            let worst = alone[0]
                .iter()
                .zip(expected)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 1e-5, "{name}: {text:.40}: {worst}");
        }
        assert!(model.encode(&[]).unwrap().is_empty());
    }
}

#[test]
fn prompt_is_part_of_revision() {
    let folder = golden().join("xlm-roberta");
    let own = open(&folder).unwrap();
    assert_eq!(own.prompt(), Some("query: "));
    let same = open_with(&folder, &with_prompt("query: ")).unwrap();
    let other = open_with(&folder, &with_prompt("passage: ")).unwrap();
    let none = open_with(&folder, &with_prompt("")).unwrap();
    assert_eq!(own.revision(), same.revision());
    assert_ne!(own.revision(), other.revision());
    assert_ne!(own.revision(), none.revision());
    let text = ["a photo of a cat"];
    assert_eq!(
        own.encode(&text).unwrap(),
        none.encode(&["query: a photo of a cat"]).unwrap()
    );
    assert_ne!(own.encode(&text).unwrap(), other.encode(&text).unwrap());
}

#[test]
fn models_without_prompts_refuse_one() {
    for path in ["../qwen/qwen2.5", "../clip/gelu"] {
        let error = open_with(&golden().join(path), &with_prompt("query: "))
            .err()
            .unwrap();
        assert!(matches!(error, LoadError::NoPrompt { .. }), "{error}");
        assert!(error.to_string().contains("--text-prompt"), "{error}");
    }
}

/// `EIDETIC_REFERENCE_SENTENCES` is what `tools/golden/sentence.py --parity MODEL OUT` wrote, `EIDETIC_REFERENCE_MODEL` the
/// directory of that model.
#[test]
fn full_size_model_matches_reference() {
    let (Ok(model), Ok(reference)) = (
        std::env::var("EIDETIC_REFERENCE_MODEL"),
        std::env::var("EIDETIC_REFERENCE_SENTENCES"),
    ) else {
        eprintln!("skipped: EIDETIC_REFERENCE_MODEL and EIDETIC_REFERENCE_SENTENCES are not set");
        return;
    };
    let reference = json(Path::new(&reference));
    let sentences: Vec<String> = serde_json::from_value(reference["sentences"].clone()).unwrap();
    let options = with_prompt("");
    let got = open_with(Path::new(&model), &options).unwrap();
    let got = got.encode(&as_strs(&sentences)).unwrap();
    let (cosine, error) = agreement(&got, &rows(&reference["vectors"]));
    eprintln!(
        "{model}: {} sentences, lowest cosine {cosine:.9}, greatest error {error:.1e}",
        got.len()
    );
    assert!(
        cosine >= 0.999_999 && error <= 1e-5,
        "cosine {cosine}, error {error}"
    );
}
