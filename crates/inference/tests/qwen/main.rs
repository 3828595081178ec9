//! The Qwen families against what transformers answers (data/golden/qwen, made by tools/golden/qwen.py), and damage.

mod damage;

use eidetic_hub::HubError;
use std::fs;
use std::path::{Path, PathBuf};

use eidetic_domain::{Embedding, Precision};
use eidetic_encoder::{EncodeError, Encoder, Pixels, PromptTokenizer, TextModel};
use eidetic_hub::ModelRef;
use eidetic_inference::{Engine, LoadError, LoadOptions, load_encoder, load_text_model};
use image::RgbImage;
use serde_json::Value;

const MODELS: [&str; 3] = ["gme", "gme-half", "qwen3"];
/// Numbers of the texts and images that are embedded together.
const FUSED: [(usize, usize); 4] = [(0, 1), (4, 5), (5, 8), (7, 4)];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden/qwen")
}

/// The model in a directory, on an engine.
fn load(folder: &Path, engine: Engine) -> Result<Box<dyn Encoder>, LoadError> {
    let options = LoadOptions {
        engine,
        ..LoadOptions::default()
    };
    load_encoder(&ModelRef::Directory(folder.to_owned()), &options, &())
}

/// A golden checkpoint with shorter embeddings.
fn shortened(name: &str, dimension: usize) -> Result<Box<dyn Encoder>, LoadError> {
    let model = ModelRef::Shortened {
        model: Box::new(ModelRef::Directory(golden().join(name))),
        dimension,
    };
    load_encoder(&model, &LoadOptions::default(), &())
}

fn golden_model(name: &str) -> Box<dyn Encoder> {
    load(&golden().join(name), Engine::default()).expect("a golden checkpoint opens")
}

fn open_text(path: &Path) -> Result<Box<dyn TextModel>, LoadError> {
    load_text_model(
        &ModelRef::Directory(path.to_owned()),
        &LoadOptions::default(),
        &(),
    )
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a golden file")).expect("golden JSON")
}

fn texts() -> Vec<String> {
    serde_json::from_value(json(golden().join("texts.json"))).expect("a list of texts")
}

fn images() -> Vec<RgbImage> {
    let drawn = RgbImage::from_fn(2000, 1400, |x, y| {
        image::Rgb([(x / 7 * 5) as u8, (y / 3 * 11) as u8, (x + y) as u8])
    });
    let shown = [0, 1, 2, 3, 4, 5, 6, 8, 9].map(|number| {
        let path = golden().join(format!("../clip/pictures/{number:02}.png"));
        image::open(path).expect("a golden picture").to_rgb8()
    });
    shown.into_iter().chain([drawn]).collect()
}

fn expected(name: &str) -> Value {
    json(golden().join(name).join("expected.json"))
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).expect("rows of numbers")
}

/// The lowest cosine and the greatest difference of a component, between unit vectors.
fn agreement(got: &[Embedding], expected: &[Vec<f64>]) -> (f64, f64) {
    assert_eq!(got.len(), expected.len());
    let mut worst = (1.0_f64, 0.0_f64);
    for (got, expected) in got.iter().zip(expected) {
        assert_eq!(got.dimension(), expected.len());
        let norm = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
        let pairs = || {
            got.as_slice()
                .iter()
                .zip(expected)
                .map(|(g, e)| (f64::from(*g), e / norm))
        };
        worst.0 = worst.0.min(pairs().map(|(g, e)| g * e).sum());
        worst.1 = worst
            .1
            .max(pairs().map(|(g, e)| (g - e).abs()).fold(0.0, f64::max));
    }
    worst
}

/// Asserts cosine ≥ 0.99999 and at most 1e-4 for each component.
#[expect(clippy::print_stderr, reason = "figures for docs/decisions")]
fn assert_agree(what: &str, got: &[Embedding], expected: &Value) {
    let (cosine, error) = agreement(got, &rows(expected));
    eprintln!("{what}: lowest cosine {cosine:.9}, greatest error {error:.1e}");
    assert!(
        cosine >= 0.99999 && error <= 1e-4,
        "{what}: cosine {cosine}, error {error}"
    );
}

fn as_strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn texts_match_references() {
    for name in MODELS {
        let got = golden_model(name).encode_texts(&as_strs(&texts())).unwrap();
        assert_agree(&format!("{name} texts"), &got, &expected(name)["texts"]);
    }
}

#[test]
fn images_match_references() {
    for name in MODELS {
        let got = golden_model(name).encode_images(&images()).unwrap();
        assert_agree(&format!("{name} pictures"), &got, &expected(name)["images"]);
    }
}

#[test]
fn texts_with_images_match_references() {
    let (texts, images) = (texts(), images());
    for name in MODELS {
        let model = golden_model(name);
        let pixels = FUSED.map(|(_, image)| model.preprocess(&images[image]));
        let parts: Vec<(&str, &Pixels)> = FUSED
            .iter()
            .zip(&pixels)
            .map(|((text, _), pixels)| (&texts[*text][..], pixels))
            .collect();
        let got = model
            .encode_fused(&parts)
            .unwrap()
            .expect("the model embeds both together");
        assert_agree(&format!("{name} fused"), &got, &expected(name)["fused"]);
    }
}

#[test]
fn preprocessed_images_match_references() {
    for name in MODELS {
        let model = golden_model(name);
        let patch = if name == "qwen3" { 16 } else { 14 };
        for (image, expected) in images().iter().zip(expected(name)["pixels"].as_array().unwrap()) {
            let pixels = model.preprocess(image);
            assert_eq!(expected["height"], pixels.height, "{name}");
            assert_eq!(expected["width"], pixels.width, "{name}");
            let step = expected["step"].as_u64().unwrap() as usize;
            let values: Vec<f64> = serde_json::from_value(expected["values"].clone()).unwrap();
            for (number, value) in values.iter().enumerate() {
                let got = f64::from(value_at(&pixels, patch, number * step));
                // A grey level is more than 0.007 in every processor here.
                assert!(
                    (got - value).abs() < 1e-4,
                    "{name} value {number}: {got} is not {value}"
                );
            }
        }
    }
}

/// The value that stands at `place` where patches follow each other, group by group, with two frames each.
fn value_at(pixels: &Pixels, patch: usize, place: usize) -> f32 {
    let size = patch * patch;
    let (number, inside) = (place / (6 * size), place % (6 * size));
    let (channel, line) = (inside / (2 * size), inside % size);
    let (group, corner) = (number / 4, number % 4);
    let wide = pixels.width / patch / 2;
    let row = (group / wide * 2 + corner / 2) * patch + line / patch;
    let column = (group % wide * 2 + corner % 2) * patch + line % patch;
    pixels.values[(channel * pixels.height + row) * pixels.width + column]
}

#[test]
fn prompt_tokens_match_references() {
    let texts = texts();
    let gme = |instruction: &str, content: &str| {
        format!(
            "<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n<|endoftext|>"
        )
    };
    let tokenizer = fs::read(golden().join("gme/tokenizer.json")).unwrap();
    let tokenizer = PromptTokenizer::from_json(&tokenizer, 1800).unwrap();
    let expected = expected("gme");
    for (text, expected) in texts.iter().zip(expected["tokens"].as_array().unwrap()) {
        let ids = tokenizer
            .ids(&gme("Find an image that matches the given text.", text))
            .unwrap();
        assert_eq!(serde_json::json!(ids), *expected, "{text:.40}");
    }
    let image = tokenizer.token_id("<|image_pad|>").unwrap();
    for ((text, _), expected) in FUSED.iter().zip(expected["fused_tokens"].as_array().unwrap()) {
        let runs: Vec<(u32, usize)> = serde_json::from_value(expected.clone()).unwrap();
        let count = runs.iter().find(|(id, _)| *id == image).unwrap().1;
        let content = format!("<|vision_start|><|image_pad|><|vision_end|>{}", texts[*text]);
        let prompt = gme("Find an image that matches the given text.", &content);
        let expected: Vec<u32> = runs
            .iter()
            .flat_map(|(id, count)| std::iter::repeat_n(*id, *count))
            .collect();
        assert_eq!(
            tokenizer.ids_with_placeholder(&prompt, image, count).unwrap(),
            expected
        );
    }
}

#[test]
fn prompt_ending_tokenizer_matches_reference() {
    let tokenizer = fs::read(golden().join("qwen3/tokenizer.json")).unwrap();
    let tokenizer = PromptTokenizer::from_json(&tokenizer, 8192).unwrap();
    for (text, expected) in texts()
        .iter()
        .zip(expected("qwen3")["tokens"].as_array().unwrap())
    {
        let text = if text.is_empty() { "NULL" } else { text };
        let prompt = format!(
            "<|im_start|>system\nRetrieve images or text relevant to the user's query.<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n\
             <|im_start|>assistant\n"
        );
        let ids = tokenizer.ids(&prompt).unwrap();
        assert_eq!(serde_json::json!(ids), *expected, "{text:.40}");
    }
}

#[test]
fn text_models_match_reference_means() {
    for name in ["qwen2.5", "qwen2.5-gguf"] {
        let model = open_text(&golden().join(name)).unwrap();
        let got = model.encode(&as_strs(&texts())).unwrap();
        let expected = rows(&expected(name)["texts"]);
        assert_eq!((model.dimension(), model.name()), (expected[0].len(), name));
        let mut worst = (1.0_f64, 0.0_f64);
        for (got, expected) in got.iter().zip(&expected) {
            let norm = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
            let got: Vec<f64> = got.iter().map(|x| f64::from(*x)).collect();
            let dot: f64 = got.iter().zip(expected).map(|(a, b)| a * b).sum();
            worst.0 = worst.0.min(dot / norm(&got) / norm(expected));
            let error = got
                .iter()
                .zip(expected)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            worst.1 = worst.1.max(error / norm(expected));
        }
        eprintln!(
            "{name}: lowest cosine {:.9}, greatest error {:.1e} of the length",
            worst.0, worst.1
        );
        assert!(worst.0 >= 0.99999 && worst.1 <= 1e-4, "{name}: {worst:?}");
    }
}

#[test]
fn gguf_tokenizer_equals_safetensors_tokenizer() {
    let tokens = |name: &str| expected(name)["tokens"].clone();
    // Both models have the same vocabulary; that the GGUF model's means are right shows that its tokens are.
    assert_eq!(tokens("qwen2.5"), tokens("qwen2.5-gguf"));
}

#[test]
fn batch_equals_single_items() {
    let texts = texts();
    for name in MODELS {
        let model = golden_model(name);
        let together = model.encode_texts(&as_strs(&texts)).unwrap();
        for (text, together) in texts.iter().zip(&together).step_by(3) {
            let alone = model.encode_texts(&[text]).unwrap();
            let wide: Vec<f64> = together.as_slice().iter().map(|x| f64::from(*x)).collect();
            let (_, error) = agreement(&alone, &[wide]);
            assert!(error < 1e-5, "{name} {text:.40}: {error}");
        }
        assert!(model.encode_texts(&[]).unwrap().is_empty());
        assert!(model.encode_pixels(&[]).unwrap().is_empty());
    }
}

#[test]
fn bf16_keeps_direction() {
    let folder = golden().join("gme");
    let rounded = load(&folder, Engine::Cpu(Precision::Bf16)).unwrap();
    let texts = rounded.encode_texts(&as_strs(&texts())).unwrap();
    let images = rounded.encode_images(&images()).unwrap();
    for (what, got, key) in [("texts", texts, "texts"), ("pictures", images, "images")] {
        let (cosine, error) = agreement(&got, &rows(&expected("gme")[key]));
        eprintln!("bf16 of f32 weights, {what}: lowest cosine {cosine:.6}, greatest error {error:.1e}");
        assert!(cosine > 0.999 && cosine < 0.999_999_99, "{what}: {cosine}");
    }
}

/// The lowest cosine of int8 to f32, of all texts and images of a model.
fn int8_cosine(name: &str) -> f64 {
    let [exact, int8] = [Precision::F32, Precision::Int8].map(|precision| {
        load(&golden().join(name), Engine::Cpu(precision)).expect("a golden checkpoint loads")
    });
    assert_eq!(exact.space(), int8.space());
    let mut worst = 1.0_f64;
    let vectors = |model: &dyn Encoder| {
        let mut all = model.encode_texts(&as_strs(&texts())).expect("embeddings");
        all.extend(model.encode_images(&images()).expect("embeddings"));
        all
    };
    for (exact, int8) in vectors(exact.as_ref()).iter().zip(&vectors(int8.as_ref())) {
        worst = worst.min(exact.cosine(int8));
    }
    worst
}

#[test]
fn int8_keeps_direction_of_embeddings() {
    for name in MODELS {
        let cosine = int8_cosine(name);
        eprintln!("{name} int8: lowest cosine to f32 {cosine:.6}");
        assert!((0.995..0.999_999_9).contains(&cosine), "{name}: {cosine}");
    }
}

#[test]
fn int8_keeps_direction_of_text_models() {
    for name in ["qwen2.5", "qwen2.5-gguf"] {
        let path = golden().join(name);
        let [exact, int8] = [Precision::F32, Precision::Int8].map(|precision| {
            let options = LoadOptions {
                engine: Engine::Cpu(precision),
                ..LoadOptions::default()
            };
            load_text_model(&ModelRef::Directory(path.clone()), &options, &()).unwrap()
        });
        assert_eq!(exact.revision(), int8.revision());
        let texts = texts();
        let [exact, int8] = [exact, int8].map(|model| model.encode(&as_strs(&texts)).unwrap());
        for (exact, int8) in exact.into_iter().zip(int8) {
            let [exact, int8] = [exact, int8].map(|row| Embedding::normalize(row).unwrap());
            let cosine = exact.cosine(&int8);
            assert!(cosine >= 0.995, "{name}: {cosine}");
        }
    }
}

#[test]
fn space_has_model_weights_and_preprocessing() {
    let [gme, half, qwen3] = MODELS.map(|name| golden_model(name).space().clone());
    assert_eq!(
        (gme.model.as_str(), gme.dimension, gme.revision.len()),
        ("gme", 48, 16)
    );
    assert!(
        gme.preprocessing
            .starts_with("smart28-4to16384-bicubic256to1280-"),
        "{}",
        gme.preprocessing
    );
    assert!(
        qwen3.preprocessing.starts_with("smart32-4to1800-"),
        "{}",
        qwen3.preprocessing
    );
    assert_ne!(gme.revision, half.revision);
    let facts = golden_model("gme").score_calibration();
    assert_eq!((facts.range.low, facts.range.high), (0.1, 0.5));
    assert!(facts.is_valid());
}

#[test]
fn only_matryoshka_models_can_be_shortened() {
    // 48 is less than the family's least of 64: the tiny model's own width is all there is.
    assert!(shortened("qwen3", 48).is_err());
    let error = shortened("gme", 32).err().unwrap().to_string();
    assert!(error.contains("48"), "{error}");
    assert_eq!(shortened("gme", 48).unwrap().space().dimension, 48);
    let name = format!("{}#48", golden().join("gme").display());
    let model: ModelRef = name.parse().unwrap();
    let opened = load_encoder(&model, &LoadOptions::default(), &()).unwrap();
    assert_eq!((opened.space().dimension, model.to_string()), (48, name));
}

#[test]
fn text_models_are_not_image_encoders() {
    let error = load(&golden().join("qwen2.5"), Engine::default()).err().unwrap();
    assert!(
        matches!(error, LoadError::Hub(HubError::TextOnly { .. }))
            && error.to_string().contains("eidetic align"),
        "{error}"
    );
    // The text side of a model of images and texts is its text tower.
    assert_eq!(open_text(&golden().join("gme")).unwrap().dimension(), 48);
    assert!(load(&golden().join("gme"), Engine::Candle).is_err());
}

#[test]
fn partial_patch_groups_are_refused() {
    let model = golden_model("gme");
    for (height, width, count) in [
        (448, 449, 448 * 449),
        (448, 448, 7),
        (0, 0, 0),
        (28 * 2000, 28, 28 * 28 * 2000),
    ] {
        let values = vec![0.0; 3 * count];
        let result = model.encode_pixels(&[Pixels {
            height,
            width,
            values,
        }]);
        assert!(
            matches!(result, Err(EncodeError::PixelShape { .. })),
            "{height}×{width}"
        );
    }
}
