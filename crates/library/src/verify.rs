//! Whether a model gives the values that were published for it.

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
/// How a model's own folder names its checks.
const FILE: &str = "verify.toml";
/// Bytes of such a file; more is a mistake.
const LARGEST_FILE: u64 = 1 << 20;

/// Pictures, texts and the values that a model must give for them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The models that it is for; none in a model's own folder.
    #[serde(default)]
    pub models: Vec<String>,
    /// What people call it.
    pub name: String,
    /// What the values are.
    pub compare: Comparison,
    /// One column a text.
    pub texts: Vec<String>,
    /// One row a picture.
    #[serde(rename = "picture")]
    pub pictures: Vec<CheckPicture>,
    /// Pictures × texts.
    pub expected: Vec<Vec<f64>>,
    /// How far a value may be off.
    pub tolerance: f64,
    /// Who published the values.
    pub source: String,
}

/// What of a picture and a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Their cosine.
    Cosines,
    /// Their cosine times the model's factor.
    Logits,
    /// By how much their logit exceeds that of the picture's first text: for models that add a number to all of them.
    LogitDifferences,
    /// The share of each text among all of a picture, from their logits.
    Softmax,
}

/// A picture of a check.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckPicture {
    /// Its file's name; in a model's own folder, where it lies there.
    pub file: String,
    /// Where it can be had, if it is not there already.
    #[serde(default)]
    pub url: Option<String>,
    /// Of the file, in small hexadecimal digits, where it is known.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Whether it comes with the program.
    #[serde(default)]
    pub bundled: bool,
}

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// The check's name.
    pub name: String,
    /// Who published the values.
    pub source: String,
    /// What was compared.
    pub compare: Comparison,
    /// How far a value may be off.
    pub tolerance: f64,
    /// Every value, pictures one after another.
    pub values: Vec<VerifiedValue>,
    /// Whether all are within the tolerance.
    pub equal: bool,
}

/// One value of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifiedValue {
    /// The picture's file.
    pub picture: String,
    /// The text.
    pub text: String,
    /// As published.
    pub expected: f64,
    /// As the model gives it.
    pub found: f64,
    /// Found less expected.
    pub difference: f64,
    /// Whether that is within the tolerance.
    pub equal: bool,
}

/// Why checks could not be read or run.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// A model's own checks are damaged.
    #[error("{path} cannot be used: {reason}")]
    Checks {
        /// The file.
        path: String,
        /// What is wrong, with line and column where they are known.
        reason: String,
    },
    /// A picture cannot be read.
    #[error("{file}: {reason}")]
    Picture {
        /// The picture.
        file: String,
        /// Why not.
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
            Ok(metadata) if metadata.len() > LARGEST_FILE => return Err(refused("it is too long".into())),
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
        parse(&text).map_err(refused)
    }

    /// Compares what `encoder` gives for `pictures`, the files of this check's pictures in order. They are decoded in full,
    /// as references do.
    pub fn run(&self, encoder: &dyn Encoder, pictures: &[Vec<u8>]) -> Result<Verified, VerifyError> {
        let mut embedded = Vec::new();
        for (picture, file) in self.pictures.iter().zip(pictures) {
            let refused = |reason: String| VerifyError::Picture {
                file: picture.file.clone(),
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
            .map(|picture| self.compare.row(picture, &texts, scale));
        Ok(self.compared(&found.collect::<Vec<_>>()))
    }

    fn compared(&self, found: &[Vec<f64>]) -> Verified {
        let value = |row: usize, column: usize| {
            let expected = self.compare.published(&self.expected[row], column);
            let difference = found[row][column] - expected;
            VerifiedValue {
                picture: self.pictures[row].file.clone(),
                text: self.texts[column].clone(),
                expected,
                found: found[row][column],
                difference,
                equal: difference.abs() <= self.tolerance,
            }
        };
        let places = (0..found.len()).flat_map(|row| (0..self.texts.len()).map(move |column| (row, column)));
        let values: Vec<VerifiedValue> = places.map(|(row, column)| value(row, column)).collect();
        Verified {
            name: self.name.clone(),
            source: self.source.clone(),
            compare: self.compare,
            tolerance: self.tolerance,
            equal: values.iter().all(|value| value.equal),
            values,
        }
    }

    /// Every picture has a row, every text a column.
    fn is_whole(&self) -> Result<(), String> {
        let rows = self.expected.len() == self.pictures.len();
        let columns = self.expected.iter().all(|row| row.len() == self.texts.len());
        if rows && columns && !self.texts.is_empty() && !self.pictures.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the check {:?} has {} pictures and {} texts, so expected must have as many rows and columns",
            self.name,
            self.pictures.len(),
            self.texts.len()
        ))
    }
}

impl Comparison {
    /// What a picture's row of values is called in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosines => "cosines",
            Self::Logits => "logits",
            Self::LogitDifferences => "differences of logits from the first",
            Self::Softmax => "softmax of logits",
        }
    }

    fn row(self, picture: &Embedding, texts: &[Embedding], scale: f64) -> Vec<f64> {
        let cosines = texts.iter().map(|text| picture.cosine(text));
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

    /// Differences are published as the logits themselves.
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
    checks.check.iter().try_for_each(Check::is_whole)?;
    Ok(checks.check)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_encoder::fake::FakeEncoder;

    fn png(colour: [u8; 3]) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_pixel(9, 9, image::Rgb(colour))
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    fn check(compare: &str, expected: &str) -> Check {
        let text = format!(
            "[[check]]\nname = \"colours\"\ncompare = \"{compare}\"\ntexts = [\"red\", \"blue\"]\nexpected = {expected}\n\
             tolerance = 0.001\nsource = \"nobody\"\n[[check.picture]]\nfile = \"red.png\"\n"
        );
        parse(&text).unwrap().swap_remove(0)
    }

    #[test]
    fn the_built_in_checks_are_whole_and_name_known_models() {
        let all = parse(CHECKS).unwrap();
        assert!(all.len() >= 5);
        for check in &all {
            assert!(!check.models.is_empty() && !check.source.is_empty() && check.tolerance > 0.0);
            for model in &check.models {
                assert!(eidetic_hub::known_model(model).is_some(), "{model}");
            }
            for picture in &check.pictures {
                assert_ne!(picture.bundled, picture.url.is_some(), "{}", picture.file);
            }
        }
        assert_eq!(Check::known("openai/clip-vit-base-patch32").len(), 2);
        assert!(Check::known("nobody/nothing").is_empty());
    }

    #[test]
    fn equal_values_are_told_from_others() {
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
    fn logits_are_compared_as_they_are_by_difference_or_as_shares() {
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
    fn a_check_that_does_not_add_up_is_refused() {
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
