//! `preprocess_cfg` of OpenCLIP's `open_clip_config.json`, with the defaults of its `PreprocessCfg`.

use serde::Deserialize;

use super::config::{
    CLIP_DEVIATION, CLIP_MEAN, CropRounding, Filter, Output, PreprocessorError, ResizeTo, Settings, Target,
    checked, unsupported,
};
use super::geometry::Size;

#[derive(Deserialize)]
struct Raw {
    size: Option<Sides>,
    mode: Option<String>,
    mean: Option<Channels>,
    std: Option<Channels>,
    interpolation: Option<String>,
    resize_mode: Option<String>,
    fill_color: Option<u8>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sides {
    Square(u32),
    Both([u32; 2]),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Channels {
    Same(f64),
    Each([f64; 3]),
}

/// Reads the settings.
pub fn settings(json: &[u8]) -> Result<Settings, PreprocessorError> {
    let raw: Raw = serde_json::from_slice(json)?;
    if let Some(mode) = raw.mode.filter(|mode| mode != "RGB") {
        return unsupported("mode", format!("{mode:?} is not RGB"));
    }
    let size = match raw.size.unwrap_or(Sides::Square(224)) {
        Sides::Square(side) => checked("size", side, side)?,
        Sides::Both([height, width]) => checked("size", height, width)?,
    };
    let (target, crops) = target(raw.resize_mode.as_deref().unwrap_or("shortest"), size)?;
    let filter = match raw.interpolation.as_deref().unwrap_or("bicubic") {
        "bicubic" | "random" => Filter::Bicubic,
        "bilinear" => Filter::Bilinear,
        other => return unsupported("interpolation", format!("{other:?} is not known")),
    };
    let deviation = channels(raw.std, CLIP_DEVIATION);
    if deviation.contains(&0.0) {
        return unsupported("std", "a deviation of 0 divides by zero".into());
    }
    Ok(Settings {
        resize: Some(ResizeTo { target, filter }),
        crops,
        output: Output::Fixed(size),
        crop_rounding: CropRounding::Torchvision,
        fill: raw.fill_color.unwrap_or(0),
        rescale: Some(1.0 / 255.0),
        normalize: Some((channels(raw.mean, CLIP_MEAN), deviation)),
    })
}

/// How pictures are resized, and whether they are cropped after that.
fn target(mode: &str, size: Size) -> Result<(Target, Option<Size>), PreprocessorError> {
    match mode {
        "shortest" if size.height == size.width => Ok((Target::ShortestEdge(size.height), Some(size))),
        "shortest" => unsupported("size", "pictures that are cropped must be square".into()),
        "longest" => Ok((Target::Within(size), Some(size))),
        "squash" => Ok((Target::Exactly(size), None)),
        other => unsupported("resize_mode", format!("{other:?} is not known")),
    }
}

fn channels(given: Option<Channels>, usual: [f64; 3]) -> [f64; 3] {
    match given {
        None => usual,
        Some(Channels::Same(value)) => [value; 3],
        Some(Channels::Each(values)) => values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_settings_are_read() {
        let mobile = settings(
            br#"{"size":256,"mode":"RGB","mean":[0,0,0],"std":[1,1,1],"interpolation":"bilinear",
            "resize_mode":"shortest","fill_color":0}"#,
        )
        .unwrap();
        assert!(
            mobile
                .fingerprint()
                .starts_with("bilinear256-crop256-torchvision-")
        );
        let siglip =
            settings(br#"{"size":[224,224],"mean":0.5,"std":[0.5,0.5,0.5],"resize_mode":"squash"}"#).unwrap();
        assert!(siglip.fingerprint().starts_with("bicubic224x224-torchvision-"));
        assert_eq!(
            settings(b"{}").unwrap().fingerprint(),
            "bicubic224-crop224-torchvision"
        );
        let padded = settings(br#"{"resize_mode":"longest","fill_color":9}"#).unwrap();
        assert_eq!(
            padded.fingerprint(),
            "bicubicwithin224x224-crop224-torchvision-fill9"
        );
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        for (json, named) in [
            (r#"{"size":0}"#, "size"),
            (r#"{"size":[224,448]}"#, "size"),
            (r#"{"mode":"L"}"#, "mode"),
            (r#"{"std":0}"#, "std"),
            (r#"{"interpolation":"nearest"}"#, "interpolation"),
            (r#"{"resize_mode":"stretch"}"#, "resize_mode"),
            ("[", "not readable"),
        ] {
            let error = settings(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
