//! The parameters of a match: an image and the texts to compare with it.

use eidetic_confidence::profile::Criticality;
use eidetic_search::distinct_texts;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::image::{ImageBytes, ImageInput};
use super::schema::form_schema;
use super::validate::{bounded_text, require_count};
use crate::options::Limits;
use crate::problem::Problem;

/// Maximum number of texts in one request.
const MAX_TEXTS: usize = 1_000;

/// An image and the texts to compare with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MatchParams {
    /// The image: the file's bytes in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, content_encoding = "base64")]
    pub image: Option<ImageBytes>,
    /// Instead of a file: the id of an image of the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub image_id: Option<String>,
    /// Texts that may describe it, of at most 2,000 characters each. Empty ones are skipped, equal ones count
    /// once.
    #[schema(max_items = 1000)]
    pub texts: Vec<String>,
    /// The profile that turns each score into a verdict: `product`, `moderation`, `album`, or one of the
    /// server's own. A profile with patterns needs no texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "product")]
    pub profile: Option<String>,
    /// What a mistake costs, `normal` where left out; it moves the profile's thresholds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(low|normal|high)$", default = "normal")]
    pub criticality: Option<Criticality>,
    /// Whether each result has its views: from the text, from the image, and by words of tags and names.
    #[serde(skip_serializing_if = "is_false")]
    pub breakdown: bool,
    /// An instruction in place of the model's own, for models that take one (GME, Qwen3-VL); needs `breakdown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        max_length = 2000,
        example = "Find a product that matches the given description."
    )]
    pub instruction: Option<String>,
    /// The share of texts that match their image, for which the profile's precisions hold; as the profile states where
    /// left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0.0, exclusive_maximum = 1.0, example = 0.1)]
    pub prevalence: Option<f64>,
}

/// How a batch of pairs is read, in the query string.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MatchBatchParams {
    /// For a batch of pairs: the profile that turns each score into a verdict.
    #[param(example = "product")]
    profile: Option<String>,
    /// For a batch of pairs: what a mistake costs.
    #[param(value_type = Option<String>, pattern = "^(low|normal|high)$")]
    criticality: Option<Criticality>,
    /// For a batch of pairs: the share of them that matches, or `batch`, which estimates it from the scores of at least
    /// 100 pairs; as the profile states where left out.
    #[param(value_type = Option<String>, pattern = "^(batch|0?\\.[0-9]+)$")]
    prevalence: Option<String>,
}

/// A checked batch of pairs.
pub(crate) struct CheckedMatchBatch {
    /// The name of a profile, not yet looked up.
    pub(crate) profile: Option<String>,
    pub(crate) criticality: Criticality,
    pub(crate) prevalence: Option<Prevalence>,
}

/// The share of pairs that match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Prevalence {
    Share(f64),
    /// Estimated from the pairs.
    Batch,
}

/// A checked match.
pub(crate) struct CheckedMatch {
    pub(crate) image: ImageInput,
    /// Each once; none only where a profile is named.
    pub(crate) texts: Vec<String>,
    /// The name of a profile, not yet looked up.
    pub(crate) profile: Option<String>,
    pub(crate) criticality: Criticality,
    pub(crate) prevalence: Option<f64>,
    pub(crate) breakdown: bool,
    pub(crate) instruction: Option<String>,
}

/// [`MatchParams`] as a form, for the OpenAPI document.
pub(crate) struct MatchForm;

impl MatchParams {
    /// The match as the library takes it.
    pub(crate) fn check(self, limits: &Limits) -> Result<CheckedMatch, Problem> {
        let image = ImageInput::new(self.image, self.image_id.as_deref(), limits)?
            .ok_or_else(|| Problem::invalid("no image given; expected image or image_id"))?;
        require_profile(
            self.profile.is_some(),
            [
                ("criticality", self.criticality.is_some()),
                ("prevalence", self.prevalence.is_some()),
            ],
        )?;
        let texts = distinct_texts(&self.texts);
        if texts.is_empty() && self.profile.is_none() {
            return Err(Problem::invalid("no texts given to compare with the image"));
        }
        if self.instruction.is_some() && !self.breakdown {
            return Err(Problem::invalid(
                "instruction has no effect without breakdown; set breakdown, or leave instruction out",
            ));
        }
        require_count("texts", texts.len(), MAX_TEXTS)?;
        let bounded = |text: &str| bounded_text("a text", text.to_owned());
        Ok(CheckedMatch {
            image,
            texts: texts.into_iter().map(bounded).collect::<Result<_, _>>()?,
            profile: self.profile,
            criticality: self.criticality.unwrap_or_default(),
            prevalence: self.prevalence.map(share).transpose()?,
            breakdown: self.breakdown,
            instruction: self
                .instruction
                .map(|text| bounded_text("instruction", text))
                .transpose()?,
        })
    }
}

impl MatchBatchParams {
    pub(crate) fn check(self) -> Result<CheckedMatchBatch, Problem> {
        require_profile(
            self.profile.is_some(),
            [
                ("criticality", self.criticality.is_some()),
                ("prevalence", self.prevalence.is_some()),
            ],
        )?;
        let prevalence = |text: String| match text.as_str() {
            "batch" => Ok(Prevalence::Batch),
            number => number
                .parse()
                .map_err(|_| Problem::invalid("invalid prevalence: expected a number, or batch"))
                .and_then(share)
                .map(Prevalence::Share),
        };
        Ok(CheckedMatchBatch {
            profile: self.profile,
            criticality: self.criticality.unwrap_or_default(),
            prevalence: self.prevalence.map(prevalence).transpose()?,
        })
    }

    /// Whether nothing is given; a request with one image has its parameters in the body.
    pub(crate) const fn is_empty(&self) -> bool {
        self.profile.is_none() && self.criticality.is_none() && self.prevalence.is_none()
    }
}

/// Refuses parameters that do nothing without a profile.
fn require_profile(is_given: bool, dependent: [(&str, bool); 2]) -> Result<(), Problem> {
    match dependent.into_iter().find(|(_, present)| *present) {
        Some((name, _)) if !is_given => Err(Problem::invalid(format!(
            "{name} has no effect without a profile; name one, or leave {name} out"
        ))),
        _ => Ok(()),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

fn share(share: f64) -> Result<f64, Problem> {
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err(Problem::invalid(
            "invalid prevalence: expected a number between 0 and 1",
        ))
    }
}

impl PartialSchema for MatchForm {
    fn schema() -> RefOr<Schema> {
        form_schema::<MatchParams>()
    }
}

impl ToSchema for MatchForm {}
