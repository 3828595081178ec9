//! The parameters of jobs that tag, screen and calibrate.

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{ImageTextPair, LabeledPair, MAX_LABELED};
use eidetic_confidence::profile::Criticality;
use eidetic_confidence::tagging::{NamedVocabulary, TagRule, Vocabulary};
use eidetic_library::{CalibrationMode, VocabularyChange};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shortened;
use super::validate::{require_count, unit_interval};
use crate::problem::Problem;

/// Most tags of an image.
const MAX_TAGS_OF_IMAGE: u16 = 100;

/// How to tag all images. Without a body, with the vocabularies of the last run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TagParams {
    /// Vocabularies to add to those of the library.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub vocabularies: Vec<VocabularyParams>,
    /// Whether an added vocabulary may replace another one of the same name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// Names of vocabularies to remove.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Maximum number of tags that an image gets from each vocabulary, 1 to 100; 10 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100, default = 10)]
    pub max_tags: Option<u16>,
    /// Minimum confidence of a tag, 0 to 1; 0.5 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1, default = 0.5)]
    pub min_confidence: Option<f32>,
    /// Fill up to this number of tags with those of at least 0.8 times the minimum confidence, marked as low; 3 where left
    /// out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100, default = 3)]
    pub min_tags: Option<u16>,
}

/// A vocabulary and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VocabularyParams {
    /// Its name; `everyday` is the bundled one's.
    #[schema(example = "plants")]
    pub name: String,
    /// Its words; the bundled ones where left out, for the name `everyday` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 10000)]
    pub words: Option<Vec<String>>,
}

/// How to screen all images.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenParams {
    /// The profile, which must have patterns: `moderation`, or one of the server's own.
    #[schema(example = "moderation")]
    pub profile: String,
    /// What a mistake costs, `normal` where left out; it moves the profile's thresholds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(low|normal|high)$", default = "normal")]
    pub criticality: Option<Criticality>,
}

/// Labeled pairs to calibrate with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrateParams {
    /// `text` or `picture`: what is compared with images.
    #[schema(value_type = String, pattern = "^(text|picture)$", default = "text")]
    #[serde(default = "text")]
    pub kind: QueryKind,
    /// The pairs.
    #[schema(max_items = 20000)]
    pub pairs: Vec<LabeledPairParams>,
    /// Whether the calibration is computed only, and not stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whether the job's result has the report as an HTML page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub report: bool,
}

/// An image and a text, or another image, and whether they match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabeledPairParams {
    /// An absolute path, or the id of an image of the library.
    pub image: String,
    /// A text; for the kind `picture` another image.
    pub text: String,
    /// Whether they match.
    pub matches: bool,
    /// The line that messages name; the number of the pair where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// How to tag, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckedTag {
    pub(crate) change: VocabularyChange,
    pub(crate) rule: TagRule,
}

/// What to calibrate with, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckedCalibrate {
    pub(crate) kind: QueryKind,
    pub(crate) pairs: Vec<LabeledPair>,
    pub(crate) mode: CalibrationMode,
    pub(crate) report: bool,
}

const fn text() -> QueryKind {
    QueryKind::Text
}

impl TagParams {
    /// With all vocabularies parsed.
    pub(crate) fn check(self) -> Result<CheckedTag, Problem> {
        let default = TagRule::default();
        let max_tags = self.max_tags.map_or(default.max_tags, usize::from);
        if !(1..=usize::from(MAX_TAGS_OF_IMAGE)).contains(&max_tags) {
            return Err(Problem::invalid(format!(
                "max_tags {max_tags} is not within 1 to {MAX_TAGS_OF_IMAGE}"
            )));
        }
        let min_confidence = self
            .min_confidence
            .map(|value| unit_interval("min_confidence", value));
        Ok(CheckedTag {
            change: VocabularyChange {
                add: self
                    .vocabularies
                    .into_iter()
                    .map(VocabularyParams::check)
                    .collect::<Result<_, _>>()?,
                replace: self.replace,
                remove: self.remove,
            },
            rule: TagRule {
                max_tags,
                min_confidence: min_confidence.transpose()?.unwrap_or(default.min_confidence),
                min_tags: self.min_tags.map_or(default.min_tags, usize::from),
            },
        })
    }
}

impl VocabularyParams {
    fn check(self) -> Result<NamedVocabulary, Problem> {
        let Self { name, words } = self;
        if !NamedVocabulary::is_valid_name(&name) {
            return Err(Problem::invalid(format!(
                "invalid name of a vocabulary {:?}; expected 1 to 100 characters without \"=\" and \",\"",
                shortened(&name)
            )));
        }
        let bundled = NamedVocabulary::bundled();
        let Some(words) = words else {
            return if name == bundled.name {
                Ok(bundled)
            } else {
                Err(Problem::invalid(format!(
                    "the vocabulary {name:?} has no words; only {:?} is bundled",
                    bundled.name
                )))
            };
        };
        let parsed = Vocabulary::parse(words.join("\n").as_bytes());
        let words = parsed.map_err(|error| Problem::invalid(format!("the vocabulary {name:?}: {error}")))?;
        Ok(NamedVocabulary { name, words })
    }
}

impl CalibrateParams {
    /// The pairs as the library takes them.
    pub(crate) fn check(self) -> Result<CheckedCalibrate, Problem> {
        require_count("pairs", self.pairs.len(), MAX_LABELED)?;
        let pairs = (1..).zip(self.pairs).map(|(number, pair)| LabeledPair {
            pair: ImageTextPair {
                image: pair.image,
                text: pair.text,
            },
            matches: pair.matches,
            line: pair.line.unwrap_or(number),
        });
        Ok(CheckedCalibrate {
            kind: self.kind,
            pairs: pairs.collect(),
            mode: if self.dry_run {
                CalibrationMode::DryRun
            } else {
                CalibrationMode::Store
            },
            report: self.report,
        })
    }
}
