//! The parameters of a match: an image and the texts to compare with it.

use eidetic_confidence::profile::Criticality;
use eidetic_search::distinct_texts;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

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
}

/// A checked match.
pub(crate) struct CheckedMatch {
    pub(crate) image: ImageInput,
    /// Each once; none only where a profile is named.
    pub(crate) texts: Vec<String>,
    /// The name of a profile, not yet looked up.
    pub(crate) profile: Option<String>,
    pub(crate) criticality: Criticality,
}

/// [`MatchParams`] as a form, for the OpenAPI document.
pub(crate) struct MatchForm;

impl MatchParams {
    /// The match as the library takes it.
    pub(crate) fn check(self, limits: &Limits) -> Result<CheckedMatch, Problem> {
        let image = ImageInput::new(self.image, self.image_id.as_deref(), limits)?
            .ok_or_else(|| Problem::invalid("no image given; expected image or image_id"))?;
        let texts = distinct_texts(&self.texts);
        if texts.is_empty() && self.profile.is_none() {
            return Err(Problem::invalid("no texts given to compare with the image"));
        }
        require_count("texts", texts.len(), MAX_TEXTS)?;
        let bounded = |text: &str| bounded_text("a text", text.to_owned());
        Ok(CheckedMatch {
            image,
            texts: texts.into_iter().map(bounded).collect::<Result<_, _>>()?,
            profile: self.profile,
            criticality: self.criticality.unwrap_or_default(),
        })
    }
}

impl PartialSchema for MatchForm {
    fn schema() -> RefOr<Schema> {
        form_schema::<MatchParams>()
    }
}

impl ToSchema for MatchForm {}
