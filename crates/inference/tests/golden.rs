//! Embeddings against what transformers answers (data/golden/clip, made by tools/golden/make.py), and damaged models.

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_domain::{Embedding, Precision};
use eidetic_encoder::{EncodeError, Encoder, Pixels};
use eidetic_hub::ModelRef;
use eidetic_inference::{Engine, LoadError, LoadOptions, load_encoder};
use image::RgbImage;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::Value;
use tempfile::TempDir;

const CHECKPOINTS: [&str; 5] = ["quick", "gelu", "tanh", "convolutional", "convolutional-half"];
const EXACT: [Engine; 2] = [Engine::Cpu(Precision::F32), Engine::Candle];
const BF16: Engine = Engine::Cpu(Precision::Bf16);
const INT8: Engine = Engine::Cpu(Precision::Int8);

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden/clip")
}

/// The model in a directory, on an engine.
fn load(folder: &Path, engine: Engine) -> Result<Box<dyn Encoder>, LoadError> {
    let options = LoadOptions {
        engine,
        ..LoadOptions::default()
    };
    load_encoder(&ModelRef::Directory(folder.to_owned()), &options, &())
}

fn open(name: &str) -> Box<dyn Encoder> {
    open_with(name, Engine::default())
}

fn open_with(name: &str, engine: Engine) -> Box<dyn Encoder> {
    load(&golden().join(name), engine).expect("a golden checkpoint opens")
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a golden file")).expect("golden JSON")
}

fn texts() -> Vec<String> {
    serde_json::from_value(json(golden().join("texts.json"))).expect("a list of texts")
}

fn images() -> Vec<RgbImage> {
    (0..10)
        .map(|number| golden().join(format!("pictures/{number:02}.png")))
        .map(|path| image::open(path).expect("a golden picture").to_rgb8())
        .collect()
}

fn expected(name: &str, key: &str) -> Vec<Vec<f64>> {
    serde_json::from_value(json(golden().join(name).join("expected.json"))[key].clone())
        .expect("rows of numbers")
}

/// Asserts cosine ≥ 0.99999 and, between unit vectors, at most 1e-4 for each component.
fn assert_agree(what: &str, got: &[Embedding], expected: &[Vec<f64>]) {
    assert_eq!(got.len(), expected.len());
    for (number, (got, expected)) in got.iter().zip(expected).enumerate() {
        let norm = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
        let pairs = || {
            got.as_slice()
                .iter()
                .zip(expected)
                .map(|(g, e)| (f64::from(*g), e / norm))
        };
        assert_eq!(got.dimension(), expected.len());
        let cosine: f64 = pairs().map(|(g, e)| g * e).sum();
        let error = pairs().map(|(g, e)| (g - e).abs()).fold(0.0, f64::max);
        assert!(cosine >= 0.99999, "{what} {number}: cosine {cosine}");
        assert!(error <= 1e-4, "{what} {number}: error {error}");
    }
}

fn largest_difference(left: &Embedding, right: &Embedding) -> f32 {
    let pairs = left.as_slice().iter().zip(right.as_slice());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn texts_match_reference() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (name, engine) in CHECKPOINTS
        .iter()
        .flat_map(|name| EXACT.map(|engine| (name, engine)))
    {
        let got = open_with(name, engine).encode_texts(&texts).unwrap();
        assert_agree(&format!("{name} {engine:?}"), &got, &expected(name, "texts"));
    }
}

#[test]
fn images_match_reference() {
    for (name, engine) in CHECKPOINTS
        .iter()
        .flat_map(|name| EXACT.map(|engine| (name, engine)))
    {
        let got = open_with(name, engine).encode_images(&images()).unwrap();
        assert_agree(&format!("{name} {engine:?}"), &got, &expected(name, "images"));
    }
}

#[test]
fn batch_equals_single_items() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for name in CHECKPOINTS {
        let encoder = open(name);
        let together = encoder.encode_texts(&texts).unwrap();
        for (text, embedding) in texts.iter().zip(&together) {
            let alone = &encoder.encode_texts(&[text]).unwrap()[0];
            assert!(largest_difference(alone, embedding) < 1e-5, "{name} {text:?}");
        }
        // More than fit one pass.
        let many: Vec<RgbImage> = images().into_iter().cycle().take(150).collect();
        let together = encoder.encode_images(&many).unwrap();
        for (image, embedding) in many.iter().zip(&together).take(12) {
            let alone = &encoder.encode_images(std::slice::from_ref(image)).unwrap()[0];
            assert!(largest_difference(alone, embedding) < 1e-5, "{name}");
        }
        assert!(largest_difference(&together[0], &together[140]) < 1e-5);
    }
}

/// Weights have 8 bits of precision: a cosine of at least 0.999.
#[test]
fn bf16_embeds_close_to_reference() {
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for name in CHECKPOINTS {
        let encoder = open_with(name, BF16);
        assert_eq!(encoder.space(), open(name).space());
        for (got, key) in [
            (encoder.encode_texts(&texts).unwrap(), "texts"),
            (encoder.encode_images(&images()).unwrap(), "images"),
        ] {
            let worst = lowest_cosine(&got, &expected(name, key));
            eprintln!("{name} bf16 {key}: lowest cosine {worst:.6}");
            assert!((0.999..0.999_999_99).contains(&worst), "{name} {key}: {worst}");
        }
    }
}

fn lowest_cosine(got: &[Embedding], expected: &[Vec<f64>]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let cosine = |(got, expected): (&Embedding, &Vec<f64>)| {
        let norm = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
        let pairs = got.as_slice().iter().zip(expected);
        pairs.map(|(g, e)| f64::from(*g) * e / norm).sum::<f64>()
    };
    got.iter().zip(expected).map(cosine).fold(1.0, f64::min)
}

#[test]
fn nonfinite_int8_weights_fail_encoding() {
    let wanted = "vision_model.encoder.layers.0.mlp.fc1.weight";
    let values: Vec<u8> = vec![0xff; 48 * 36 * 4];
    let folder = changed_copy(|tensors| {
        for (name, view) in tensors {
            if name == wanted {
                *view = TensorView::new(safetensors::Dtype::F32, vec![48, 36], values.leak()).unwrap();
                return;
            }
        }
    });
    let encoder = load(folder.path(), INT8).unwrap();
    let result = encoder.encode_images(&images()[..1]);
    assert!(matches!(result, Err(EncodeError::Output(_))), "{result:?}");
}

#[test]
fn empty_batches_give_nothing() {
    let encoder = open("quick");
    assert!(encoder.encode_texts(&[]).unwrap().is_empty());
    assert!(encoder.encode_pixels(&[]).unwrap().is_empty());
}

#[test]
fn pixels_of_another_shape_are_refused() {
    let pixels = Pixels {
        height: 47,
        width: 48,
        values: vec![0.0; 3 * 47 * 48],
    };
    let result = open("quick").encode_pixels(&[pixels]);
    assert!(matches!(
        result,
        Err(EncodeError::PixelShape {
            expected_height: 48,
            height: 47,
            ..
        })
    ));
}

#[test]
fn space_has_model_weights_and_preprocessing() {
    let space = open("quick").space().clone();
    assert_eq!(space.model, "quick");
    assert_eq!(space.preprocessing, "bicubic48-crop48");
    assert_eq!(space.dimension, 24);
    assert_eq!(space.revision.len(), 16);
    assert_eq!(space, *open("quick").space());
    assert_ne!(space.revision, open("gelu").space().revision);
}

/// A copy of a golden checkpoint that a test may damage.
fn copy() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for file in fs::read_dir(golden().join("quick")).expect("the golden folder") {
        let file = file.expect("a golden file");
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copied file");
    }
    folder
}

/// Opens a copy whose weights were rewritten by `change`.
fn open_changed(change: impl FnOnce(&mut Vec<(String, TensorView)>)) -> Result<Box<dyn Encoder>, LoadError> {
    load(changed_copy(change).path(), Engine::default())
}

fn changed_copy(change: impl FnOnce(&mut Vec<(String, TensorView)>)) -> TempDir {
    let folder = copy();
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).expect("the weights");
    let mut tensors = SafeTensors::deserialize(&bytes).expect("sound weights").tensors();
    change(&mut tensors);
    fs::write(&path, safetensors::serialize(tensors, None).expect("new weights")).expect("written weights");
    folder
}

#[test]
fn missing_tensor_is_named() {
    let wanted = "text_model.encoder.layers.1.mlp.fc2.bias";
    let error = open_changed(|tensors| tensors.retain(|(name, _)| name != wanted))
        .err()
        .unwrap();
    assert!(matches!(&error, LoadError::TensorMissing { name } if name == wanted));
    assert!(error.to_string().contains(wanted));
}

#[test]
fn mismatched_tensor_is_named() {
    let wanted = "vision_model.embeddings.class_embedding";
    let values: &'static [u8] = &[0; 40];
    let error = open_changed(|tensors| {
        for (name, view) in tensors {
            if name == wanted {
                *view = TensorView::new(safetensors::Dtype::F32, vec![10], values).unwrap();
            }
        }
    })
    .err()
    .unwrap();
    let LoadError::TensorShape {
        name,
        expected,
        found,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((name.as_str(), expected, found), (wanted, vec![36], vec![10]));
}

#[test]
fn integer_tensor_is_named() {
    let wanted = "visual_projection.weight";
    let values: &'static [u8] = &[0; 24 * 36];
    let error = open_changed(|tensors| {
        for (name, view) in tensors {
            if name == wanted {
                *view = TensorView::new(safetensors::Dtype::U8, vec![24, 36], values).unwrap();
            }
        }
    })
    .err()
    .unwrap();
    assert!(matches!(error, LoadError::TensorType { name, .. } if name == wanted));
}

#[test]
fn nonfinite_weights_fail_encoding() {
    let wanted = "vision_model.post_layernorm.bias";
    let values: &'static [u8] = &[0xff; 36 * 4];
    let encoder = open_changed(|tensors| {
        for (name, view) in tensors {
            if name == wanted {
                *view = TensorView::new(safetensors::Dtype::F32, vec![36], values).unwrap();
            }
        }
    })
    .unwrap();
    let result = encoder.encode_images(&images()[..1]);
    assert!(matches!(result, Err(EncodeError::Output(_))), "{result:?}");
}

#[test]
fn truncated_weights_are_rejected() {
    let folder = copy();
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    for length in [0, 7, 8, 100, 5000, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = load(folder.path(), Engine::default()).err().unwrap();
        assert!(matches!(error, LoadError::Weights(_)), "{length}: {error}");
    }
    fs::write(&path, [&[0xff; 8], &bytes[8..]].concat()).unwrap();
    let error = load(folder.path(), Engine::default()).err().unwrap();
    assert!(matches!(error, LoadError::Weights(_)), "{error}");
}

#[test]
fn missing_file_is_named_with_place() {
    for file in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "preprocessor_config.json",
    ] {
        let folder = copy();
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = load(folder.path(), Engine::default()).err().unwrap().to_string();
        let wanted = if file == "preprocessor_config.json" {
            "processor_config.json"
        } else {
            file
        };
        assert!(error.contains(wanted), "{error}");
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
    }
}

#[test]
fn convolutional_tower_refuses_other_image_size() {
    let folder = TempDir::new().unwrap();
    for file in fs::read_dir(golden().join("convolutional")).unwrap().flatten() {
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    fs::write(folder.path().join("preprocessor_config.json"), "{}").unwrap();
    let error = load(folder.path(), Engine::default()).err().unwrap().to_string();
    assert!(error.contains("48×48") && error.contains("224×224"), "{error}");
}

#[test]
fn oblong_image_processor_is_refused() {
    let folder = copy();
    let settings = r#"{"size":{"height":48,"width":60},"do_center_crop":false}"#;
    fs::write(folder.path().join("preprocessor_config.json"), settings).unwrap();
    let error = load(folder.path(), Engine::default()).err().unwrap().to_string();
    assert!(error.contains("48×60"), "{error}");
}
