//! Embeddings of a CLIP checkpoint against those of the crate candle-transformers, a second implementation.
//!
//! Its `clip` module knows quick_gelu and a layer norm epsilon of 1e-5 only, so one golden checkpoint fits it.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::clip::text_model::{Activation, ClipTextConfig};
use candle_transformers::models::clip::vision_model::ClipVisionConfig;
use candle_transformers::models::clip::{ClipConfig, ClipModel, div_l2_norm};
use eidetic_domain::Precision;
use eidetic_encoder::{Encoder, Pixels, TextTokenizer};
use eidetic_hub::ModelRef;
use eidetic_inference::{Engine, LoadOptions, load_encoder};
use image::{Rgb, RgbImage};
use serde_json::Value;

const TEXTS: [&str; 4] = ["a red square", "two dogs in the snow", "", "猫"];
/// Largest difference of a component of two unit vectors.
const TOLERANCE: f32 = 1e-5;

fn checkpoint() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden/clip/quick")
}

fn number(config: &Value, tower: &str, key: &str) -> usize {
    let value = config[tower][key].as_u64().expect("a number in config.json");
    usize::try_from(value).expect("a small number")
}

fn clip_config(config: &Value) -> ClipConfig {
    let text = |key| number(config, "text_config", key);
    let vision = |key| number(config, "vision_config", key);
    let projection_dim =
        usize::try_from(config["projection_dim"].as_u64().expect("a number")).expect("small");
    ClipConfig {
        text_config: ClipTextConfig {
            vocab_size: text("vocab_size"),
            embed_dim: text("hidden_size"),
            activation: Activation::QuickGelu,
            intermediate_size: text("intermediate_size"),
            max_position_embeddings: text("max_position_embeddings"),
            pad_with: None,
            num_hidden_layers: text("num_hidden_layers"),
            num_attention_heads: text("num_attention_heads"),
            projection_dim,
        },
        vision_config: ClipVisionConfig {
            embed_dim: vision("hidden_size"),
            activation: Activation::QuickGelu,
            intermediate_size: vision("intermediate_size"),
            num_hidden_layers: vision("num_hidden_layers"),
            num_attention_heads: vision("num_attention_heads"),
            projection_dim,
            num_channels: 3,
            image_size: vision("image_size"),
            patch_size: vision("patch_size"),
        },
        logit_scale_init_value: 2.6592,
        image_size: vision("image_size"),
    }
}

fn oracle(config: &Value) -> ClipModel {
    let weights = fs::read(checkpoint().join("model.safetensors")).expect("golden weights");
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu);
    ClipModel::new(weights.expect("safetensors"), &clip_config(config)).expect("candle-transformers loads it")
}

fn unit_vector(features: &Tensor) -> Vec<f32> {
    let unit = div_l2_norm(features).expect("a norm");
    unit.squeeze(0).and_then(|row| row.to_vec1()).expect("one row")
}

fn oracle_text(model: &ClipModel, tokens: &[u32]) -> Vec<f32> {
    let ids = Tensor::new(tokens, &Device::Cpu).and_then(|ids| ids.unsqueeze(0));
    unit_vector(
        &model
            .get_text_features(&ids.expect("ids"))
            .expect("text features"),
    )
}

fn oracle_image(model: &ClipModel, pixels: &Pixels) -> Vec<f32> {
    let shape = (1, 3, pixels.height, pixels.width);
    let values = Tensor::from_vec(pixels.values.clone(), shape, &Device::Cpu).expect("pixel values");
    unit_vector(&model.get_image_features(&values).expect("image features"))
}

fn encoders() -> [Box<dyn Encoder>; 2] {
    [Engine::Cpu(Precision::F32), Engine::Candle].map(|engine| {
        let options = LoadOptions {
            engine,
            ..LoadOptions::default()
        };
        load_encoder(&ModelRef::Directory(checkpoint()), &options, &()).expect("a golden checkpoint loads")
    })
}

fn assert_close(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let differences = got.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let largest = differences.fold(0.0, f32::max);
    assert!(largest <= TOLERANCE, "{what}: {largest}");
}

#[test]
fn embeddings_equal_candle_transformers() {
    let file = |name: &str| fs::read(checkpoint().join(name)).expect("a golden file");
    let config: Value = serde_json::from_slice(&file("config.json")).expect("golden JSON");
    let model = oracle(&config);
    let length = number(&config, "text_config", "max_position_embeddings");
    let tokenizer = TextTokenizer::from_json(&file("tokenizer.json"), length).expect("a golden tokenizer");
    let tokens = tokenizer.tokenize(&TEXTS).expect("tokens");
    let images = [
        RgbImage::from_pixel(64, 64, Rgb([200, 30, 30])),
        RgbImage::from_fn(90, 60, |x, y| Rgb([x as u8, y as u8, (x * y) as u8])),
    ];
    for encoder in encoders() {
        let texts = encoder.encode_texts(&TEXTS).expect("text embeddings");
        for ((text, tokens), embedding) in TEXTS.iter().zip(&tokens).zip(&texts) {
            assert_close(text, embedding.as_slice(), &oracle_text(&model, tokens));
        }
        for (number, image) in images.iter().enumerate() {
            let pixels = encoder.preprocess(image);
            let embedding = &encoder
                .encode_pixels(std::slice::from_ref(&pixels))
                .expect("image embeddings")[0];
            assert_close(
                &format!("image {number}"),
                embedding.as_slice(),
                &oracle_image(&model, &pixels),
            );
        }
    }
}
