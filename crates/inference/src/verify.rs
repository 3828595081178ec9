//! Compares a model's values with published ones.

use std::path::Path;

use eidetic_domain::Embedding;
use eidetic_encoder::Encoder;
use eidetic_imaging::{DecodeLimits, DecodeSize, decode_at_least};
use serde::{Deserialize, Serialize};
use thiserror::Error;

const CHECKS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/models/verify.toml"
));
/// The file of checks in a model's own folder.
const FILE: &str = "verify.toml";
/// Largest accepted file of checks, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Images, texts and the values that a model must give for them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The models that it applies to; empty in a model's own folder.
    #[serde(default)]
    pub models: Vec<String>,
    /// A title for people.
    pub name: String,
    /// What is compared.
    pub compare: Comparison,
    /// One for each column of `expected`.
    pub texts: Vec<String>,
    /// One for each row of `expected`.
    #[serde(rename = "picture")]
    pub images: Vec<CheckImage>,
    /// Published values, images × texts.
    pub expected: Vec<Vec<f64>>,
    /// Largest accepted absolute difference.
    pub tolerance: f64,
    /// Where the values were published.
    pub source: String,
}

/// The value of an image and a text that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Their cosine.
    Cosines,
    /// Their cosine times the model's logit scale.
    Logits,
    /// Their logit less that of the image's first text, for models that add a bias to all logits.
    LogitDifferences,
    /// The softmax of an image's logits over all texts.
    Softmax,
}

/// An image of a check.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckImage {
    /// The name of its file; in a model's own folder, the path within that.
    pub file: String,
    /// Where to download it, if it is not bundled.
    #[serde(default)]
    pub url: Option<String>,
    /// Hash of the file in lowercase hexadecimal digits, if known.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Whether it is part of the program.
    #[serde(default)]
    pub bundled: bool,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// The check's name.
    pub name: String,
    /// Where the values were published.
    pub source: String,
    /// What was compared.
    pub compare: Comparison,
    /// Largest accepted absolute difference.
    pub tolerance: f64,
    /// Every value, image by image.
    pub values: Vec<CheckedValue>,
    /// Whether all are within the tolerance.
    pub equal: bool,
}

/// One value of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckedValue {
    /// The image's file.
    #[serde(rename = "picture")]
    pub image: String,
    /// The text.
    pub text: String,
    /// As published.
    pub expected: f64,
    /// As computed by the model.
    pub found: f64,
    /// `found` - `expected`.
    pub difference: f64,
    /// Whether that is within the tolerance.
    pub equal: bool,
}

/// Why checks could not be read or run.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// A model's own checks are damaged.
    #[error("cannot read checks from {path}: {reason}")]
    Checks {
        /// The file.
        path: String,
        /// What is wrong, with line and column if known.
        reason: String,
    },
    /// An image cannot be read.
    #[error("{file}: {reason}")]
    Image {
        /// The image's file.
        file: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// The model failed.
    #[error(transparent)]
    Encode(#[from] eidetic_encoder::EncodeError),
}

impl Check {
    /// The built-in checks for the model with this name.
    pub fn known(model: &str) -> Vec<Self> {
        let all = parse(CHECKS).expect("the built-in checks are tested");
        let wanted = |check: &Self| check.models.iter().any(|known| known == model);
        all.into_iter().filter(wanted).collect()
    }

    /// The checks in a model's own folder; none where it has no `verify.toml`.
    pub fn in_folder(folder: &Path) -> Result<Vec<Self>, VerifyError> {
        let path = folder.join(FILE);
        let refused = |reason: String| VerifyError::Checks {
            path: path.display().to_string(),
            reason,
        };
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(refused(error.to_string())),
            Ok(metadata) if metadata.len() > MAX_BYTES => {
                return Err(refused(format!("larger than {MAX_BYTES} bytes")));
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
        parse(&text).map_err(refused)
    }

    /// Compares the values of `encoder` for `files`, the files of this check's images in order. They are decoded at full
    /// size, as reference implementations do.
    pub fn run(&self, encoder: &dyn Encoder, files: &[Vec<u8>]) -> Result<CheckReport, VerifyError> {
        let mut embedded = Vec::new();
        for (image, file) in self.images.iter().zip(files) {
            let refused = |reason: String| VerifyError::Image {
                file: image.file.clone(),
                reason,
            };
            let decoded = decode_at_least(file, &DecodeLimits::default(), DecodeSize::FULL)
                .map_err(|error| refused(error.to_string()))?;
            let pixels = encoder.preprocess(&decoded.image);
            embedded.extend(encoder.encode_pixels(&[pixels])?);
        }
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let texts = encoder.encode_texts(&texts)?;
        let scale = f64::from(encoder.score_calibration().logit_scale);
        let found = embedded
            .iter()
            .map(|image| self.compare.row(image, &texts, scale));
        Ok(self.report(&found.collect::<Vec<_>>()))
    }

    fn report(&self, found: &[Vec<f64>]) -> CheckReport {
        let value = |row: usize, column: usize| {
            let expected = self.compare.published(&self.expected[row], column);
            let difference = found[row][column] - expected;
            CheckedValue {
                image: self.images[row].file.clone(),
                text: self.texts[column].clone(),
                expected,
                found: found[row][column],
                difference,
                equal: difference.abs() <= self.tolerance,
            }
        };
        let places = (0..found.len()).flat_map(|row| (0..self.texts.len()).map(move |column| (row, column)));
        let values: Vec<CheckedValue> = places.map(|(row, column)| value(row, column)).collect();
        CheckReport {
            name: self.name.clone(),
            source: self.source.clone(),
            compare: self.compare,
            tolerance: self.tolerance,
            equal: values.iter().all(|value| value.equal),
            values,
        }
    }

    /// Errors: `expected` does not have one row for each image and one column for each text.
    fn validate(&self) -> Result<(), String> {
        let rows = self.expected.len() == self.images.len();
        let columns = self.expected.iter().all(|row| row.len() == self.texts.len());
        if rows && columns && !self.texts.is_empty() && !self.images.is_empty() {
            return Ok(());
        }
        Err(format!(
            "check {:?}: expected one row for each of {} pictures and one column for each of {} texts",
            self.name,
            self.images.len(),
            self.texts.len()
        ))
    }
}

impl Comparison {
    /// The values' name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosines => "cosines",
            Self::Logits => "logits",
            Self::LogitDifferences => "differences of logits from the first",
            Self::Softmax => "softmax of logits",
        }
    }

    fn row(self, image: &Embedding, texts: &[Embedding], scale: f64) -> Vec<f64> {
        let cosines = texts.iter().map(|text| image.cosine(text));
        if self == Self::Cosines {
            return cosines.collect();
        }
        let logits: Vec<f64> = cosines.map(|cosine| cosine * scale).collect();
        match self {
            Self::Cosines | Self::Logits => logits,
            Self::LogitDifferences => logits.iter().map(|logit| logit - logits[0]).collect(),
            Self::Softmax => softmax(&logits),
        }
    }

    /// Logit differences are published as logits.
    fn published(self, row: &[f64], column: usize) -> f64 {
        match self {
            Self::LogitDifferences => row[column] - row[0],
            _ => row[column],
        }
    }
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    check: Vec<Check>,
}

fn parse(text: &str) -> Result<Vec<Check>, String> {
    let checks: Checks = toml::from_str(text).map_err(|error| error.to_string())?;
    checks.check.iter().try_for_each(Check::validate)?;
    Ok(checks.check)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_encoder::fake::FakeEncoder;

    fn png(color: [u8; 3]) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_pixel(9, 9, image::Rgb(color))
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    fn check(compare: &str, expected: &str) -> Check {
        let text = format!(
            "[[check]]\nname = \"colors\"\ncompare = \"{compare}\"\ntexts = [\"red\", \"blue\"]\nexpected = {expected}\n\
             tolerance = 0.001\nsource = \"unknown\"\n[[check.picture]]\nfile = \"red.png\"\n"
        );
        parse(&text).unwrap().swap_remove(0)
    }

    #[test]
    fn bundled_checks_are_valid_for_known_models() {
        let all = parse(CHECKS).unwrap();
        assert!(all.len() >= 5);
        for check in &all {
            assert!(!check.models.is_empty() && !check.source.is_empty() && check.tolerance > 0.0);
            for model in &check.models {
                assert!(eidetic_hub::known_model(model).is_some(), "{model}");
            }
            for image in &check.images {
                assert_ne!(image.bundled, image.url.is_some(), "{}", image.file);
            }
        }
        assert_eq!(Check::known("openai/clip-vit-base-patch32").len(), 2);
        assert!(Check::known("unknown/unknown").is_empty());
    }

    #[test]
    fn values_beyond_tolerance_are_not_equal() {
        let encoder = FakeEncoder::default();
        let red = png([255, 0, 0]);
        let texts = encoder.encode_texts(&["red", "blue"]).unwrap();
        let (one, other) = (texts[0].cosine(&texts[0]), texts[0].cosine(&texts[1]));
        let verified = check("cosines", &format!("[[{one}, {other}]]"))
            .run(&encoder, std::slice::from_ref(&red))
            .unwrap();
        assert!(verified.equal, "{verified:?}");
        let verified = check("cosines", &format!("[[{one}, {}]]", other + 0.01))
            .run(&encoder, &[red])
            .unwrap();
        assert_eq!(
            (verified.equal, verified.values[0].equal, verified.values[1].equal),
            (false, true, false)
        );
        assert!((verified.values[1].difference + 0.01).abs() < 1e-4);
    }

    #[test]
    fn logits_compare_directly_or_by_difference_or_softmax() {
        let encoder = FakeEncoder::default();
        let red = png([255, 0, 0]);
        let run = |compare: &str, expected: &str| {
            let check = check(compare, expected);
            check.run(&encoder, std::slice::from_ref(&red)).unwrap()
        };
        let logits = run("logits", "[[0, 0]]");
        let [a, b] = [logits.values[0].found, logits.values[1].found];
        assert!((a - 100.0).abs() < 0.01 && b < a);
        let published = format!("[[{}, {}]]", a - 16.0, b - 16.0);
        assert!(run("logit-differences", &published).equal);
        assert!(!run("logits", &published).equal);
        assert!(run("softmax", "[[1, 0]]").equal);
    }

    #[test]
    fn invalid_checks_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Check::in_folder(folder.path()).unwrap().is_empty());
        for text in [
            "nonsense",
            "[[check]]\nname = \"x\"",
            "[[check]]\nname = \"x\"\ncompare = \"cosines\"\ntexts = [\"a\"]\nexpected = [[1.0, 2.0]]\ntolerance = 1\nsource = \"s\"\n[[check.picture]]\nfile = \"f\"",
        ] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let error = Check::in_folder(folder.path()).unwrap_err().to_string();
            assert!(error.contains("verify.toml"), "{error}");
        }
    }
}
