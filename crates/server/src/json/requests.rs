use eidetic_confidence::profile::Criticality;
use eidetic_domain::Precision;
use eidetic_library::PreviousSpace;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What to search for. Give a text, a picture, or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SearchRequest {
    /// Words for what the picture should show.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000, example = "a red boat on a lake")]
    pub text: Option<String>,
    /// Words for what it should not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub negative: Option<String>,
    /// A picture that it should look like: the file's bytes in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64")]
    pub image: Option<String>,
    /// The id of a picture of the library that it should look like; that picture is not among the hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub image_id: Option<String>,
    /// Largest number of hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000, default = 20)]
    pub k: Option<i64>,
    /// Which images may be returned.
    #[serde(deserialize_with = "object")]
    pub filter: FilterRequest,
    /// How much the text counts beside the picture, 0 to 1; of no effect where only one of them is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1, default = 0.5)]
    pub text_weight: Option<f32>,
    /// Hits less probable than this are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub min_confidence: Option<f32>,
    /// The space to search in, by its number, its model or its name in answers; the active one where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub space: Option<String>,
}

/// Which model is to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchRequest {
    /// A model of the hub, an absolute directory, or `builtin`.
    #[schema(example = "openai/clip-vit-base-patch32")]
    pub model: String,
    /// What becomes of the space that answers now: `keep` or `drop`.
    #[serde(default)]
    #[schema(value_type = String, pattern = "^(keep|drop)$", default = "keep")]
    pub old: PreviousSpace,
    /// What the model computes in, `f32` or `int8`; where left out, as the library was last indexed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(f32|int8)$")]
    pub precision: Option<Precision>,
}

/// Names a space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpaceRequest {
    /// By its number, its model or its name in answers.
    pub space: String,
}

/// A picture and the texts to hold against it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MatchRequest {
    /// The picture: the file's bytes in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(content_encoding = "base64")]
    pub image: Option<String>,
    /// Instead of a file: the id of a picture of the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub image_id: Option<String>,
    /// Texts that may describe it. Empty ones are passed over, equal ones count once.
    #[schema(min_items = 1, max_items = 1000)]
    pub texts: Vec<String>,
    /// The profile that says what each score is good enough for: `product`, `moderation`, `album`, or one of the server's
    /// own. A profile with patterns needs no texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "product")]
    pub profile: Option<String>,
    /// What a mistake costs; it moves the profile's bars.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(low|normal|high)$", default = "normal")]
    pub criticality: Option<Criticality>,
}

/// Which images may be returned; empty parts admit everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterRequest {
    /// Absolute folders; an image in one of them, at any depth, passes.
    pub folders: Vec<String>,
    /// When the picture was taken; images without a date do not pass.
    #[serde(deserialize_with = "object_or_null")]
    pub taken: Option<TakenRequest>,
    /// Tags, in any case; an image that carries all of them passes.
    pub tags: Vec<String>,
}

/// A span of local time, as `2020-05-01` or `2020-05-01T12:00:00`; an end left out is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TakenRequest {
    /// First moment that passes.
    #[schema(example = "2020-05-01")]
    pub from: Option<String>,
    /// First moment that no longer passes.
    #[schema(example = "2021-01-01")]
    pub before: Option<String>,
}

/// What to index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IndexRequest {
    /// Absolute folders; none means those that the library has already.
    pub folders: Vec<String>,
}

/// Serde would also fill a struct from an array, field by field; a request in that form is a mistake.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let fields = Map::deserialize(deserializer)?;
    serde_json::from_value(Value::Object(fields)).map_err(D::Error::custom)
}

fn object_or_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let fields = Option::<Map<String, Value>>::deserialize(deserializer)?;
    fields
        .map(|fields| serde_json::from_value(Value::Object(fields)))
        .transpose()
        .map_err(D::Error::custom)
}
