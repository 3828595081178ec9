//! Compares every two-tower family with its reference (data/golden/families, made by tools/golden/families.py).

mod damage;

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_domain::{Embedding, Precision};
use eidetic_encoder::{EncodeError, Encoder, Pixels};
use eidetic_hub::ModelRef;
use eidetic_inference::{Engine, LoadError, LoadOptions, load_encoder};
use image::RgbImage;
use serde_json::Value;

const FAMILIES: [&str; 11] = [
    "siglip",
    "siglip2",
    "naflex",
    "chinese-clip",
    "clip-larger",
    "open-clip",
    "open-clip-quick",
    "open-clip-mean",
    "open-clip-siglip",
    "mobile-clip",
    "mobile-clip-folded",
];
const EXACT: [Engine; 2] = [Engine::Cpu(Precision::F32), Engine::Candle];
const INT8: Engine = Engine::Cpu(Precision::Int8);

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden")
}

fn family(name: &str) -> PathBuf {
    golden().join("families").join(name)
}

/// The model in a directory, on an engine.
fn load(folder: &Path, engine: Engine) -> Result<Box<dyn Encoder>, LoadError> {
    let options = LoadOptions {
        engine,
        ..LoadOptions::default()
    };
    load_encoder(&ModelRef::Directory(folder.to_owned()), &options, &())
}

fn open_at(folder: &Path, engine: Engine) -> Box<dyn Encoder> {
    load(folder, engine).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

fn open(name: &str, engine: Engine) -> Box<dyn Encoder> {
    open_at(&family(name), engine)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a golden file")).expect("golden JSON")
}

fn texts(folder: &Path) -> Vec<String> {
    let file = folder.parent().expect("a folder of goldens").join("texts.json");
    serde_json::from_value(json(&file)).expect("a list of texts")
}

fn images() -> Vec<RgbImage> {
    let path = |number| golden().join(format!("clip/pictures/{number:02}.png"));
    let read = |number| image::open(path(number)).expect("a golden picture").to_rgb8();
    (0..10).map(read).collect()
}

fn expected(folder: &Path, key: &str) -> Vec<Vec<f64>> {
    serde_json::from_value(json(&folder.join("expected.json"))[key].clone()).expect("rows of numbers")
}

fn cosine_and_error(got: &Embedding, expected: &[f64]) -> (f64, f64) {
    assert_eq!(got.dimension(), expected.len());
    let norm = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
    let pairs = || {
        let got = got.as_slice().iter().map(|x| f64::from(*x));
        got.zip(expected.iter().map(|x| x / norm))
    };
    let cosine = pairs().map(|(g, e)| g * e).sum();
    let error = pairs().map(|(g, e)| (g - e).abs()).fold(0.0, f64::max);
    (cosine, error)
}

/// Asserts cosine ≥ 0.99999 and, between unit vectors, at most 1e-4 for each component; returns the largest error.
fn assert_agree(what: &str, got: &[Embedding], expected: &[Vec<f64>]) -> f64 {
    assert_eq!(got.len(), expected.len(), "{what}");
    let mut worst = 0.0_f64;
    for (number, (got, expected)) in got.iter().zip(expected).enumerate() {
        let (cosine, error) = cosine_and_error(got, expected);
        assert!(cosine >= 0.99999, "{what} {number}: cosine {cosine}");
        assert!(error <= 1e-4, "{what} {number}: error {error}");
        worst = worst.max(error);
    }
    worst
}

/// Largest errors of texts and of images.
fn errors(folder: &Path, engine: Engine) -> [f64; 2] {
    let encoder = open_at(folder, engine);
    let texts = texts(folder);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let what = format!("{} {engine:?}", folder.display());
    let got = encoder.encode_texts(&texts).expect("texts");
    let of_texts = assert_agree(&format!("{what} texts"), &got, &expected(folder, "texts"));
    let got = encoder.encode_images(&images()).expect("pictures");
    let of_images = assert_agree(&format!("{what} pictures"), &got, &expected(folder, "images"));
    [of_texts, of_images]
}

#[test]
fn texts_and_images_match_reference() {
    for name in FAMILIES {
        for engine in EXACT {
            let [texts, images] = errors(&family(name), engine);
            println!("{name} {engine:?}: {texts:.1e} in texts, {images:.1e} in pictures");
        }
    }
}

/// Checkpoints that are too large to be kept: `families.py --mobile OUT`, where `EIDETIC_REFERENCE_MODELS` names OUT.
#[test]
fn full_size_models_match_reference() {
    let Some(folder) = std::env::var_os("EIDETIC_REFERENCE_MODELS").map(PathBuf::from) else {
        return;
    };
    let models = fs::read_dir(&folder).expect("a folder of models").flatten();
    let mut compared = 0;
    for model in models.filter(|entry| entry.path().is_dir()) {
        for engine in EXACT {
            let [texts, images] = errors(&model.path(), engine);
            let name = model.file_name();
            println!("{name:?} {engine:?}: {texts:.1e} in texts, {images:.1e} in pictures");
        }
        compared += 1;
    }
    assert!(compared > 0, "no models in {}", folder.display());
}

/// The lowest cosine of a precision's embeddings to those in f32, and that both have the same space.
fn lowest_cosine_to_f32(name: &str, engine: Engine) -> f64 {
    let (exact, rounded) = (open(name, EXACT[0]), open(name, engine));
    assert_eq!(exact.space(), rounded.space());
    let texts = texts(&family(name));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let embed = |encoder: &dyn Encoder| {
        let mut all = encoder.encode_texts(&texts).expect("embeddings");
        all.extend(encoder.encode_images(&images()).expect("embeddings"));
        all
    };
    let mut worst = 1.0_f64;
    for (exact, rounded) in embed(exact.as_ref()).iter().zip(&embed(rounded.as_ref())) {
        let exact: Vec<f64> = exact.as_slice().iter().map(|x| f64::from(*x)).collect();
        worst = worst.min(cosine_and_error(rounded, &exact).0);
    }
    worst
}

#[test]
fn int8_keeps_direction() {
    for name in FAMILIES {
        let worst = lowest_cosine_to_f32(name, INT8);
        eprintln!("{name} int8: lowest cosine {worst:.5}");
        // Narrow random towers round worse than trained ones.
        assert!(worst >= 0.98, "{name}: {worst}");
    }
}

#[test]
fn bf16_keeps_direction() {
    for name in FAMILIES {
        let worst = lowest_cosine_to_f32(name, Engine::Cpu(Precision::Bf16));
        eprintln!("{name} bf16: lowest cosine {worst:.5}");
        assert!((0.999..0.999_999_99).contains(&worst), "{name}: {worst}");
    }
}

#[test]
fn batch_equals_single_items() {
    for name in FAMILIES {
        let encoder = open(name, Engine::default());
        let texts = texts(&family(name));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let images = images();
        let together = encoder.encode_texts(&texts).unwrap();
        let alone = texts
            .iter()
            .map(|text| encoder.encode_texts(&[text]).unwrap().remove(0));
        let seen = encoder.encode_images(&images).unwrap();
        let seen_alone = images
            .iter()
            .map(|p| encoder.encode_images(std::slice::from_ref(p)).unwrap().remove(0));
        for (alone, together) in alone.chain(seen_alone).zip(together.iter().chain(&seen)) {
            let together: Vec<f64> = together.as_slice().iter().map(|x| f64::from(*x)).collect();
            assert!(cosine_and_error(&alone, &together).1 < 1e-5, "{name}");
        }
    }
}

#[test]
fn scale_and_bias_come_from_checkpoint() {
    for name in ["siglip", "siglip2", "naflex", "open-clip-siglip"] {
        let facts = open(name, Engine::default()).score_calibration();
        assert!((facts.logit_scale - 20.0).abs() < 0.1, "{name}: {facts:?}");
        assert_eq!(facts.logit_bias, Some(-7.5), "{name}");
    }
    for name in ["chinese-clip", "open-clip", "mobile-clip"] {
        let facts = open(name, Engine::default()).score_calibration();
        assert!(
            (facts.logit_scale - 20.0).abs() < 0.1 && facts.logit_bias.is_none(),
            "{name}"
        );
    }
}

#[test]
fn naflex_images_must_be_whole_patches() {
    let encoder = open("naflex", Engine::default());
    for (height, width) in [(8, 7), (0, 8), (8, 8 * 21)] {
        let values = vec![0.0; 3 * height * width];
        let result = encoder.encode_pixels(&[Pixels {
            height,
            width,
            values,
        }]);
        assert!(matches!(
            result,
            Err(EncodeError::PixelPatches {
                patch_size: 8,
                max_patches: 20,
                ..
            })
        ));
    }
    let short = Pixels {
        height: 8,
        width: 8,
        values: vec![0.0; 3],
    };
    assert!(encoder.encode_pixels(&[short]).is_err());
}
