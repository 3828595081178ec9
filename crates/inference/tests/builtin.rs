//! The model inside the program, whatever its weights.

use eidetic_encoder::Encoder;
use eidetic_hub::{HubSettings, ModelRef, Network};
use eidetic_inference::{LoadOptions, load_encoder};
use image::{Rgb, RgbImage};

fn builtin() -> Box<dyn Encoder> {
    load_encoder(&ModelRef::Builtin, &LoadOptions::default(), &()).expect("the built-in model loads")
}

#[test]
fn builtin_encodes_texts_and_images_together() {
    let encoder = builtin();
    let dimension = encoder.space().dimension;
    let long = "a very long text ".repeat(100);
    let texts = encoder
        .encode_texts(&["a red square", "", "Ein Hund im Schnee", &long])
        .unwrap();
    let images = [
        RgbImage::from_pixel(1, 1, Rgb([255, 255, 255])),
        RgbImage::from_pixel(300, 200, Rgb([200, 0, 0])),
        RgbImage::from_fn(64, 900, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8])),
    ];
    let images = encoder.encode_images(&images).unwrap();
    assert_eq!((texts.len(), images.len()), (4, 3));
    for embedding in texts.iter().chain(&images) {
        assert_eq!(embedding.dimension(), dimension);
        let square: f32 = embedding.as_slice().iter().map(|x| x * x).sum();
        assert!((square - 1.0).abs() < 1e-4, "{square}");
    }
    assert_ne!(texts[0], texts[2]);
    assert_ne!(images[1], images[2]);
}

#[test]
fn builtin_model_opens_by_name_without_hub() {
    let nowhere = HubSettings {
        endpoint: "http://127.0.0.1:1".into(),
        cache: "/nowhere".into(),
        token: None,
        timeout: std::time::Duration::ZERO,
        network: Network::Off,
    };
    let model: ModelRef = "builtin".parse().unwrap();
    let options = LoadOptions {
        hub: nowhere,
        ..LoadOptions::default()
    };
    let encoder = load_encoder(&model, &options, &()).unwrap();
    assert_eq!(encoder.space().model, "builtin");
    assert_eq!(encoder.space(), builtin().space());
}

#[test]
fn known_dimension_matches_builtin_files() {
    let encoder = builtin();
    let space = encoder.space().clone();
    let known = eidetic_hub::known_model("builtin").unwrap();
    assert_eq!(known.dimension, space.dimension);
}
