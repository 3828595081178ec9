//! The parameters of feedback on hits.

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::CalibrationScope;
use eidetic_domain::ImageId;
use eidetic_library::Subject;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::validate::{bounded_text, image_id};
use crate::problem::Problem;

/// Whether an image matches the query that found it: a text, or another image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackParams {
    /// The text of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000, example = "a red boat on a lake")]
    pub text: Option<String>,
    /// Or the id of the image of the library that was searched by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub like: Option<String>,
    /// The id of the image that was found.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub image: String,
    /// The profile in whose review it is given: it counts for this profile's calibration only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "moderation")]
    pub profile: Option<String>,
    /// Whether it matches; null withdraws earlier feedback.
    #[serde(deserialize_with = "Option::deserialize")]
    pub right: Option<bool>,
}

/// The calibration, or the feedback for it, that is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScopeParams {
    /// `text`, which is the default, or `picture`: the kind of queries.
    #[serde(default = "text")]
    #[param(value_type = Option<String>, pattern = "^(text|picture)$")]
    pub(crate) kind: QueryKind,
    /// The profile; where left out, that of all searches.
    #[param(example = "moderation")]
    pub(crate) profile: Option<String>,
}

impl From<ScopeParams> for CalibrationScope {
    fn from(ScopeParams { kind, profile }: ScopeParams) -> Self {
        Self { kind, profile }
    }
}

impl FeedbackParams {
    /// What the image was found by, and the image.
    pub(crate) fn check(self) -> Result<(Subject, ImageId), Problem> {
        let image = image_id(&self.image)?;
        if self.profile.is_some() && self.text.is_none() {
            return Err(Problem::invalid(
                "a profile compares images with texts; expected text",
            ));
        }
        let subject = match (self.text, self.like) {
            (Some(text), None) => Subject::Text(bounded_text("text", text)?),
            (None, Some(like)) => Subject::Image(image_id(&like)?),
            _ => {
                return Err(Problem::invalid(
                    "expected either text or like: what the image was found by",
                ));
            }
        };
        Ok((subject, image))
    }
}

fn text() -> QueryKind {
    QueryKind::Text
}
