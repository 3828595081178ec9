//! The parameters of jobs that tag, screen and calibrate.

use std::path::PathBuf;

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{CalibrationScope, ImageTextPair, LabeledPair, MAX_LABELED};
use eidetic_confidence::profile::{Criticality, NamedProfile, Pattern, parse_patterns};
use eidetic_confidence::tagging::{NamedVocabulary, TagRule, Vocabulary};
use eidetic_library::{CalibrationMode, ScreeningOptions, ScreeningTarget, VocabularyChange};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::filter::FilterParams;
use super::image::{ImageBytes, ImageInput};
use super::schema::form_schema;
use super::shortened;
use super::validate::{require_count, unit_interval};
use crate::options::Limits;
use crate::problem::Problem;

/// Most patterns and paths of one screening.
const MAX_PATTERNS: usize = 10_000;
const MAX_PATHS: usize = 100_000;
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
    /// Patterns in place of the profile's, each a text, alone or followed by a tab and its risk (`low`, `medium`, `high`), the
    /// strictest level that it gives, or both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10000)]
    pub patterns: Vec<String>,
    /// Which images of the library to compare; all where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterParams>,
    /// Instead of images of the library: absolute paths of files and folders, which need not be indexed. Those outside of
    /// the library's sources are read only by servers that index any folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100_000)]
    pub paths: Vec<String>,
    /// Instead of images of the library: one image, the file's bytes in base64. It is compared at once, without a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, content_encoding = "base64")]
    pub image: Option<ImageBytes>,
    /// Whether images without a finding are in the result too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// Labeled pairs to calibrate with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalibrateParams {
    /// `text` or `picture`: what is compared with images.
    #[schema(value_type = String, pattern = "^(text|picture)$", default = "text")]
    #[serde(default = "text")]
    pub kind: QueryKind,
    /// Calibrates this profile only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "product")]
    pub profile: Option<String>,
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
    pub(crate) scope: CalibrationScope,
    /// Those whose thresholds are in the result; the handler adds them.
    pub(crate) profiles: Vec<NamedProfile>,
    pub(crate) pairs: Vec<LabeledPair>,
    pub(crate) mode: CalibrationMode,
    pub(crate) report: bool,
}

const fn text() -> QueryKind {
    QueryKind::Text
}

/// What to screen, checked.
#[derive(Debug)]
pub(crate) struct CheckedScreen {
    /// The name of a profile, not yet looked up.
    pub(crate) profile: String,
    /// In place of the profile's own, unless empty.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) options: ScreeningOptions,
    /// The bytes of one image, in place of the options' target.
    pub(crate) image: Option<ImageInput>,
}

/// [`ScreenParams`] as a form, for the OpenAPI document.
pub(crate) struct ScreenForm;

impl PartialSchema for ScreenForm {
    fn schema() -> RefOr<Schema> {
        form_schema::<ScreenParams>()
    }
}

impl ToSchema for ScreenForm {}

impl ScreenParams {
    /// Whether one image is to be compared, at once.
    pub(crate) const fn has_image(&self) -> bool {
        self.image.is_some()
    }

    /// With patterns and filter parsed.
    pub(crate) fn check(self, limits: &Limits) -> Result<CheckedScreen, Problem> {
        require_count("patterns", self.patterns.len(), MAX_PATTERNS)?;
        require_count("paths", self.paths.len(), MAX_PATHS)?;
        let patterns = match self.patterns.as_slice() {
            [] => Vec::new(),
            lines => parse_patterns(&lines.join("\n"))
                .map_err(|error| Problem::invalid(format!("invalid patterns: {error}")))?,
        };
        let image = ImageInput::new(self.image, None, limits)?;
        let targets = [self.filter.is_some(), !self.paths.is_empty(), image.is_some()];
        if targets.into_iter().filter(|given| *given).count() > 1 {
            return Err(Problem::invalid(
                "filter, paths and image exclude each other: each says what is screened",
            ));
        }
        let target = match self.paths.as_slice() {
            [] => {
                let filter = self.filter.map(FilterParams::check).transpose()?;
                ScreeningTarget::Library(Box::new(filter.unwrap_or_default()))
            }
            paths => ScreeningTarget::Files(paths.iter().map(PathBuf::from).collect()),
        };
        Ok(CheckedScreen {
            profile: self.profile,
            patterns,
            options: ScreeningOptions {
                target,
                criticality: self.criticality.unwrap_or_default(),
                all: self.all || image.is_some(),
            },
            image,
        })
    }
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
        if self.profile.is_some() && self.kind == QueryKind::Image {
            return Err(Problem::invalid(
                "a profile compares images with texts; leave kind out",
            ));
        }
        Ok(CheckedCalibrate {
            scope: CalibrationScope {
                kind: self.kind,
                profile: self.profile,
            },
            profiles: Vec::new(),
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
