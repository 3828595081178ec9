//! Every family against what its reference answers (data/golden/families, made by tools/golden/families.py).

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_domain::{Embedding, Precision};
use eidetic_encoder::{EncodeError, Encoder, Pixels};
use eidetic_hub::ModelRef;
use eidetic_inference::{Engine, LoadError, LoadOptions, load_encoder};
use image::RgbImage;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tempfile::TempDir;

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

/// Asserts cosine ≥ 0.99999 and, between unit vectors, at most 1e-4 for each component; gives the largest error.
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
fn sigmoid_model_gives_its_own_probability() {
    for name in ["siglip", "siglip2", "naflex", "open-clip-siglip"] {
        let facts = open(name, Engine::default()).score_calibration();
        let curve = facts.text.expect("a curve");
        let close = |a: f64, b: f64| (a - b).abs() < 0.1;
        assert!(
            close(curve.slope, 20.0) && close(curve.intercept, -7.5),
            "{name}: {curve:?}"
        );
        assert_eq!(facts.logit_bias, Some(-7.5));
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

/// A copy of a checkpoint, whose file `name` is changed.
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

#[test]
fn missing_tensor_has_name_of_file() {
    for (name, file, wanted) in [
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
    ] {
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

#[test]
fn mismatched_tensor_has_shapes_of_file() {
    for (name, file, wanted, given, asked) in [
        (
            "open-clip",
            "open_clip_model.safetensors",
            "visual.proj",
            vec![5, 20],
            vec![32, 20],
        ),
        (
            "open-clip",
            "open_clip_model.safetensors",
            "transformer.resblocks.0.attn.in_proj_weight",
            vec![72, 9],
            vec![72, 24],
        ),
        (
            "open-clip",
            "open_clip_model.safetensors",
            "visual.positional_embedding",
            vec![12, 32],
            vec![17, 32],
        ),
        (
            "siglip",
            "model.safetensors",
            "vision_model.head.probe",
            vec![1, 1, 9],
            vec![1, 1, 36],
        ),
        (
            "mobile-clip",
            "open_clip_model.safetensors",
            "visual.trunk.stem.0.conv_kxk.0.conv.weight",
            vec![8, 3, 1, 1],
            vec![8, 3, 3, 3],
        ),
    ] {
        let folder = changed(name, file, |bytes| Some(reshaped(&bytes, wanted, &given)));
        let LoadError::TensorShape {
            name,
            expected,
            found,
        } = error_of(&folder)
        else {
            panic!("{wanted}");
        };
        assert_eq!((name.as_str(), expected, found), (wanted, asked, given));
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
