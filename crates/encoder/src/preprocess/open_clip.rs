//! `preprocess_cfg` of OpenCLIP's `open_clip_config.json`, with the defaults of its `PreprocessCfg`.

use serde::Deserialize;

use super::config::{
    CLIP_MEAN, CLIP_STD, CropRounding, OutputSize, PixelSize, PreprocessorError, ProcessorConfig,
    ResampleFilter, Resize, ResizeTarget, unsupported,
};

#[derive(Deserialize)]
struct RawPreprocessConfig {
    size: Option<RawSides>,
    mode: Option<String>,
    mean: Option<RawChannels>,
    std: Option<RawChannels>,
    interpolation: Option<String>,
    resize_mode: Option<String>,
    fill_color: Option<u8>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawSides {
    Square(u32),
    Both([u32; 2]),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum RawChannels {
    Same(f64),
    Each([f64; 3]),
}

/// Reads the configuration.
pub fn parse(json: &[u8]) -> Result<ProcessorConfig, PreprocessorError> {
    let raw: RawPreprocessConfig = serde_json::from_slice(json)?;
    if let Some(mode) = raw.mode.filter(|mode| mode != "RGB") {
        return unsupported("mode", format!("expected `RGB`, found {mode:?}"));
    }
    let size = match raw.size.unwrap_or(RawSides::Square(224)) {
        RawSides::Square(side) => PixelSize::checked("size", side, side)?,
        RawSides::Both([height, width]) => PixelSize::checked("size", height, width)?,
    };
    let (target, crop) = resize_mode(raw.resize_mode.as_deref().unwrap_or("shortest"), size)?;
    let filter = match raw.interpolation.as_deref().unwrap_or("bicubic") {
        "bicubic" | "random" => ResampleFilter::Bicubic,
        "bilinear" => ResampleFilter::Bilinear,
        other => {
            return unsupported(
                "interpolation",
                format!("expected `bicubic`, `bilinear` or `random`, found {other:?}"),
            );
        }
    };
    let std = channels(raw.std, CLIP_STD);
    if std.contains(&0.0) {
        return unsupported("std", "a standard deviation must not be 0".into());
    }
    Ok(ProcessorConfig {
        resize: Some(Resize { target, filter }),
        crop,
        output: OutputSize::Fixed(size),
        crop_rounding: CropRounding::Torchvision,
        fill: raw.fill_color.unwrap_or(0),
        rescale: Some(1.0 / 255.0),
        normalize: Some((channels(raw.mean, CLIP_MEAN), std)),
    })
}

/// The resize target, and the size of the crop that follows.
fn resize_mode(mode: &str, size: PixelSize) -> Result<(ResizeTarget, Option<PixelSize>), PreprocessorError> {
    match mode {
        "shortest" if size.height == size.width => Ok((ResizeTarget::ShortestEdge(size.height), Some(size))),
        "shortest" => unsupported("size", "images that are cropped must be square".into()),
        "longest" => Ok((ResizeTarget::Within(size), Some(size))),
        "squash" => Ok((ResizeTarget::Exactly(size), None)),
        other => unsupported(
            "resize_mode",
            format!("expected `shortest`, `longest` or `squash`, found {other:?}"),
        ),
    }
}

fn channels(given: Option<RawChannels>, default: [f64; 3]) -> [f64; 3] {
    match given {
        None => default,
        Some(RawChannels::Same(value)) => [value; 3],
        Some(RawChannels::Each(values)) => values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_configs_are_read() {
        let mobile = parse(
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
            parse(br#"{"size":[224,224],"mean":0.5,"std":[0.5,0.5,0.5],"resize_mode":"squash"}"#).unwrap();
        assert!(siglip.fingerprint().starts_with("bicubic224x224-torchvision-"));
        assert_eq!(
            parse(b"{}").unwrap().fingerprint(),
            "bicubic224-crop224-torchvision"
        );
        let padded = parse(br#"{"resize_mode":"longest","fill_color":9}"#).unwrap();
        assert_eq!(
            padded.fingerprint(),
            "bicubicwithin224x224-crop224-torchvision-fill9"
        );
    }

    #[test]
    fn unsupported_values_are_named() {
        for (json, named) in [
            (r#"{"size":0}"#, "size"),
            (r#"{"size":[224,448]}"#, "size"),
            (r#"{"mode":"L"}"#, "mode"),
            (r#"{"std":0}"#, "std"),
            (r#"{"interpolation":"nearest"}"#, "interpolation"),
            (r#"{"resize_mode":"stretch"}"#, "resize_mode"),
            ("[", "cannot read"),
        ] {
            let error = parse(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
