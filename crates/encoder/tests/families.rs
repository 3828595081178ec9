//! Tokens and prepared images of every model family, compared with its reference implementation
//! (`data/golden/families`, made by `tools/golden/families.py`).

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_encoder::{Preprocessor, Processor, TextNormalizer, TextTokenizer, TokenizerSettings};
use image::RgbImage;
use serde_json::Value;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden")
}

fn family(name: &str) -> PathBuf {
    golden().join("families").join(name)
}

fn file(family_name: &str, name: &str) -> Vec<u8> {
    fs::read(family(family_name).join(name)).expect("a golden file")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a golden file")).expect("golden JSON")
}

fn assert_tokens(name: &str, tokenizer: &TextTokenizer) {
    let texts: Vec<String> =
        serde_json::from_value(json(&golden().join("families/texts.json"))).expect("texts");
    let expected = json(&family(name).join("expected.json"))["tokens"].clone();
    let expected: Vec<Vec<u32>> = serde_json::from_value(expected).expect("tokens");
    assert_eq!(texts.len(), expected.len());
    for (text, expected) in texts.iter().zip(expected) {
        assert_eq!(
            tokenizer.tokenize(&[text]).expect("tokens")[0],
            expected,
            "{name} {text:?}"
        );
    }
}

#[test]
fn siglip_tokens_match_reference() {
    let tokenizer = TextTokenizer::from_sentencepiece(&file("siglip", "spiece.model"), 16).unwrap();
    let padding = tokenizer.token_id("</s>").unwrap();
    assert_eq!(padding, 1);
    assert_tokens("siglip", &tokenizer.padded(padding));
}

#[test]
fn siglip2_tokens_match_reference() {
    for name in ["siglip2", "naflex"] {
        let tokenizer = TextTokenizer::from_json(&file(name, "tokenizer.json"), 16).unwrap();
        let settings = TokenizerSettings::from_json(&file(name, "tokenizer_config.json")).unwrap();
        let (start, end) = settings.bos_eos().expect("start and end are defined");
        assert_eq!(
            (start, end, settings.pad_token()),
            (None, Some("<eos>"), Some("<pad>"))
        );
        let tokenizer = tokenizer
            .with_special_tokens(start, end)
            .unwrap()
            .lowercased()
            .unwrap();
        assert!(tokenizer.is_bpe());
        assert_tokens(name, &tokenizer.padded(0));
    }
}

#[test]
fn chinese_clip_tokens_match_reference() {
    let settings = TokenizerSettings::default();
    let file = file("chinese-clip", "vocab.txt");
    let tokenizer = TextTokenizer::from_wordpiece(&file, &settings, 40).unwrap();
    assert_tokens("chinese-clip", &tokenizer);
}

#[test]
fn open_clip_tokens_match_reference() {
    for name in ["open-clip", "open-clip-quick", "mobile-clip-folded"] {
        let tokenizer = TextTokenizer::open_clip_from_json(&file(name, "tokenizer.json"), 16).unwrap();
        assert_tokens(name, &tokenizer);
    }
    for name in ["mobile-clip", "open-clip-mean"] {
        let tokenizer = TextTokenizer::open_clip_from_json(&file(name, "tokenizer.json"), 16).unwrap();
        assert_tokens(name, &tokenizer.padded(0));
    }
    let beside = TextTokenizer::from_json(&file("open-clip-siglip", "tokenizer.json"), 16).unwrap();
    assert_tokens(
        "open-clip-siglip",
        &beside
            .with_normalizer(TextNormalizer::OpenClipCanonical)
            .padded(0),
    );
}

fn processor(name: &str) -> Preprocessor {
    let of = |kind| {
        Preprocessor::from_json_for(&file(name, "preprocessor_config.json"), kind).expect("a processor")
    };
    match name {
        "siglip" | "siglip2" => of(Processor::Siglip),
        "naflex" => of(Processor::Naflex),
        "chinese-clip" => of(Processor::ChineseClip),
        "clip-larger" => of(Processor::Clip),
        _ => {
            let config = json(&family(name).join("open_clip_config.json"));
            let mut settings = config["preprocess_cfg"].clone();
            settings["size"] = config["model_cfg"]["vision_cfg"]["image_size"].clone();
            Preprocessor::from_open_clip(settings.to_string().as_bytes()).expect("settings")
        }
    }
}

/// Largest difference of any channel.
fn difference(left: &RgbImage, right: &RgbImage) -> u8 {
    assert_eq!(left.dimensions(), right.dimensions());
    let pairs = left.as_raw().iter().zip(right.as_raw());
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

fn read_image(path: &Path) -> RgbImage {
    image::open(path).expect("a golden image").to_rgb8()
}

#[test]
fn prepared_images_equal_references() {
    let mut compared = 0;
    for folder in fs::read_dir(golden().join("families")).unwrap().flatten() {
        let name = folder.file_name().into_string().unwrap();
        if !folder.path().is_dir() {
            continue;
        }
        let processor = processor(&name);
        for number in 0..10 {
            let name_of = format!("{number:02}.png");
            let got = processor.resize_and_crop(&read_image(&golden().join("clip/pictures").join(&name_of)));
            let expected = read_image(&folder.path().join("levels").join(&name_of));
            assert_eq!(difference(&got, &expected), 0, "{name} {name_of}");
            compared += 1;
        }
    }
    assert_eq!(compared, 110);
}

/// Compares with `families.py --photos FOLDER OUT`, where `EIDETIC_REFERENCE_FAMILY_PHOTOS` names OUT.
#[test]
fn photos_are_within_one_level_of_references() {
    let Some(folder) = std::env::var_os("EIDETIC_REFERENCE_FAMILY_PHOTOS").map(PathBuf::from) else {
        return;
    };
    let mut compared = 0;
    for reference in fs::read_dir(&folder).unwrap().flatten() {
        if !reference.path().is_dir() {
            continue;
        }
        let name = reference.file_name().into_string().unwrap();
        let settings = fs::read(reference.path().join("settings.json")).unwrap();
        let processor = match name.as_str() {
            "siglip" | "siglip2" => Preprocessor::from_json_for(&settings, Processor::Siglip),
            "chinese-clip" => Preprocessor::from_json_for(&settings, Processor::ChineseClip),
            _ => Preprocessor::from_open_clip(&settings),
        };
        let processor = processor.unwrap();
        let mut worst = 0;
        for number in (0..).map(|i| format!("{i:03}")) {
            let input = folder.join(format!("{number}.in.png"));
            if !input.exists() {
                break;
            }
            let got = processor.resize_and_crop(&read_image(&input));
            let expected = read_image(&reference.path().join(format!("{number}.png")));
            worst = worst.max(difference(&got, &expected));
            compared += 1;
        }
        println!("{name}: at most {worst} levels");
        assert!(worst <= 1, "{name} differs by {worst}");
    }
    assert!(compared > 0, "no images in {}", folder.display());
}
