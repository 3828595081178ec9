//! Preprocessing and tokenization compared with transformers (`data/golden/clip`, made by
//! `tools/golden/make.py`).

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_encoder::{
    DynamicResize, DynamicResolutionPreprocessor, Preprocessor, TextTokenizer, TokenRange,
};
use image::RgbImage;
use serde_json::Value;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden/clip")
}

fn read_image(path: &Path) -> RgbImage {
    image::open(path).expect("a golden image").to_rgb8()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a golden file")).expect("golden JSON")
}

fn texts() -> Vec<String> {
    serde_json::from_value(json(&golden().join("texts.json"))).expect("a list of texts")
}

/// Largest difference of any channel, and the number of channels that differ.
fn difference(left: &RgbImage, right: &RgbImage) -> (u8, usize) {
    assert_eq!(left.dimensions(), right.dimensions());
    let differences = || {
        left.as_raw()
            .iter()
            .zip(right.as_raw())
            .map(|(a, b)| a.abs_diff(*b))
    };
    (
        differences().max().unwrap_or(0),
        differences().filter(|&d| d > 0).count(),
    )
}

#[test]
fn prepared_images_equal_references() {
    let mut compared = 0;
    for folder in fs::read_dir(golden().join("processors")).unwrap() {
        let folder = folder.unwrap().path();
        let config = fs::read(folder.join("preprocessor_config.json")).unwrap();
        let preprocessor = Preprocessor::from_json(&config).unwrap();
        for number in 0..10 {
            let name = format!("{number:02}.png");
            if !folder.join(&name).exists() {
                continue;
            }
            let got = preprocessor.resize_and_crop(&read_image(&golden().join("pictures").join(&name)));
            let (greatest, count) = difference(&got, &read_image(&folder.join(&name)));
            let total = got.as_raw().len();
            println!("{} {name}: {greatest}, {count} of {total}", folder.display());
            assert_eq!(greatest, 0, "{} {name} differs", folder.display());
            compared += 1;
        }
    }
    assert_eq!(compared, 63);
}

#[test]
fn normalized_values_match_reference() {
    for name in ["quick", "gelu", "tanh"] {
        let config = fs::read(golden().join(name).join("preprocessor_config.json")).unwrap();
        let preprocessor = Preprocessor::from_json(&config).unwrap();
        let expected = &json(&golden().join(name).join("expected.json"))["pixels"][0];
        let expected: Vec<f32> = serde_json::from_value(expected.clone()).unwrap();
        let got = preprocessor.preprocess(&read_image(&golden().join("pictures/01.png")));
        assert_eq!(got.values.len(), expected.len());
        // One level is at most this much after normalization with any of the three configurations.
        let level = 1.01 / 255.0 / 0.261;
        for (got, expected) in got.values.iter().zip(&expected) {
            assert!((got - expected).abs() < level, "{name}: {got} is not {expected}");
        }
    }
}

#[test]
fn tokens_match_reference() {
    for (name, length) in [("quick", 16), ("gelu", 24), ("tanh", 12)] {
        let file = fs::read(golden().join(name).join("tokenizer.json")).unwrap();
        let tokenizer = TextTokenizer::from_json(&file, length).unwrap();
        let expected = json(&golden().join(name).join("expected.json"));
        let expected: Vec<Vec<u32>> = serde_json::from_value(expected["tokens"].clone()).unwrap();
        let texts = texts();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(tokenizer.tokenize(&texts).unwrap(), expected, "{name}");
    }
}

#[test]
fn vocab_and_merges_give_same_tokens() {
    let file = fs::read(golden().join("gelu/tokenizer.json")).unwrap();
    let tokenizer: Value = serde_json::from_slice(&file).unwrap();
    let model = &tokenizer["model"];
    let merges: Vec<String> = model["merges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect();
    let vocabulary = model["vocab"].to_string();
    let merges = format!("#version: 0.2\n{}\n", merges.join("\n"));
    let old = TextTokenizer::from_vocabulary(vocabulary.as_bytes(), merges.as_bytes(), 24).unwrap();
    let new = TextTokenizer::from_json(&file, 24).unwrap();
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(old.tokenize(&texts).unwrap(), new.tokenize(&texts).unwrap());
}

/// Compares with `make.py --photos FOLDER OUT`, where `EIDETIC_REFERENCE_PHOTOS` names OUT.
#[test]
fn photos_are_within_one_level_of_reference() {
    let preprocessor = Preprocessor::from_json(b"{}").unwrap();
    compare_photos("EIDETIC_REFERENCE_PHOTOS", "out", &|image| {
        preprocessor.resize_and_crop(image)
    });
}

/// Compares with `qwen.py --photos FOLDER OUT`, where `EIDETIC_QWEN_PHOTOS` names OUT.
#[test]
fn dynamic_photos_match_references_within_one_level() {
    let range = |min, max| TokenRange { min, max };
    let gme = DynamicResize {
        outer: range(4, 16_384),
        inner: Some(range(256, 1280)),
    };
    let qwen3 = DynamicResize {
        outer: range(4, 1800),
        inner: None,
    };
    for (kind, json, resize) in [("gme", "{}", gme), ("qwen3", r#"{"patch_size":16}"#, qwen3)] {
        let preprocessor = DynamicResolutionPreprocessor::from_json(json.as_bytes(), resize).unwrap();
        compare_photos("EIDETIC_QWEN_PHOTOS", kind, &|image| preprocessor.resize(image));
    }
}

/// Compares the prepared `NNN.in.png` with `NNN.KIND.png` in the folder that the environment variable names,
/// if it is set.
#[expect(clippy::print_stdout, reason = "the comparison prints its results")]
fn compare_photos(variable: &str, kind: &str, prepare: &dyn Fn(&RgbImage) -> RgbImage) {
    let Some(folder) = std::env::var_os(variable).map(PathBuf::from) else {
        return;
    };
    let mut worst = 0;
    for number in 0.. {
        let input = folder.join(format!("{number:03}.in.png"));
        if !input.exists() {
            assert!(number > 0, "no images in {}", folder.display());
            break;
        }
        let got = prepare(&read_image(&input));
        let (greatest, count) =
            difference(&got, &read_image(&folder.join(format!("{number:03}.{kind}.png"))));
        println!(
            "{} {kind}: {greatest}, {count} of {}",
            input.display(),
            got.as_raw().len()
        );
        worst = worst.max(greatest);
    }
    assert!(worst <= 1, "differs by {worst}");
}
