//! The parameters of a search.
//!
//! [`SearchParams`] is the only list of them: the query string, the JSON body, the form, the messages
//! about unknown parameters and the OpenAPI document all follow from its fields.

use std::sync::LazyLock;

use eidetic_search::{CopyMode, HitOrder, Query, QueryWeights};
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::filter::{FILTER_PARAMETERS, FilterParams, object, read_filtered};
use super::image::{ImageBytes, ImageInput};
use super::pairs::query_pairs;
use super::schema::{form_schema, query_parameters};
use super::search_cursor;
use super::validate::{bounded_text, number_of_hits, unit_interval, unknown_parameter};
use crate::options::Limits;
use crate::problem::Problem;

/// What to search for. Give a text, an image, or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SearchParams {
    /// What is searched: `images`, where left out, or `texts`, the stored ones, by an image or by a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(images|texts)$", default = "images")]
    pub target: Option<SearchTarget>,
    /// The only set of stored texts to search, with `target` `texts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub set: Option<String>,
    /// Words for what the image should show.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000, example = "a red boat on a lake")]
    pub text: Option<String>,
    /// Words for what it should not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub negative: Option<String>,
    /// An image that it should look like: the file's bytes in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, content_encoding = "base64")]
    pub image: Option<ImageBytes>,
    /// The id of an image of the library that it should look like; that image is not among the hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub image_id: Option<String>,
    /// `next_cursor` of the page before, of the same search; the hits go on after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub cursor: Option<String>,
    /// The order of the hits of the page: `score`, where left out, the best first, or `taken`, the latest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(score|taken)$", default = "score")]
    pub sort: Option<SortParam>,
    /// Maximum number of hits of a page; 20 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000, default = 20)]
    pub k: Option<i64>,
    /// Which images may be returned.
    #[serde(deserialize_with = "object")]
    pub filter: FilterParams,
    /// Weight of the text beside the image, 0 to 1, 0.5 where left out; without effect where only one of them
    /// is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1, default = 0.5)]
    pub text_weight: Option<f32>,
    /// Minimum confidence of a hit, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub min_confidence: Option<f32>,
    /// The space to search in, by its number, its model or its name in responses, or `all`; the active one where
    /// left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub space: Option<String>,
    /// Whether images that look the same are hits of their own, rather than one hit with `copies`, their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expand: Option<bool>,
}

/// What a search looks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchTarget {
    /// Images of the library.
    #[default]
    Images,
    /// Stored texts.
    Texts,
}

/// The order of hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortParam {
    /// The best first.
    #[default]
    Score,
    /// The latest first.
    Taken,
}

impl From<SortParam> for HitOrder {
    fn from(sort: SortParam) -> Self {
        match sort {
            SortParam::Score => Self::Score,
            SortParam::Taken => Self::Taken,
        }
    }
}

/// A checked search for stored texts, by an image or by words.
#[derive(Debug)]
pub(crate) struct CheckedTextSearch {
    pub(crate) by: TextSearchBy,
    pub(crate) k: usize,
    pub(crate) set: Option<String>,
    pub(crate) min_confidence: Option<f32>,
    /// The space to search in; `None`: the active one.
    pub(crate) space: Option<String>,
}

/// What stored texts are searched by.
#[derive(Debug)]
pub(crate) enum TextSearchBy {
    Image(ImageInput),
    Words(String),
}

/// A checked search; only the image of its query is still missing.
pub(crate) struct CheckedSearch {
    pub(crate) query: Query,
    pub(crate) image: Option<ImageInput>,
    /// The space to search in; `None`: the active one.
    pub(crate) space: Option<String>,
}

/// The name of all spaces together.
pub(crate) const ALL_SPACES: &str = "all";

/// Fields that are not in a query string: an image is a file, the filter is given in parts, and texts are searched by POST.
const NOT_IN_QUERY: [&str; 4] = ["image", "filter", "target", "set"];
/// Fields that mean nothing where the address names the image to search by.
const NOT_FOR_SIMILAR: [&str; 4] = ["text", "negative", "image_id", "text_weight"];

/// All parameters of a search in a query string.
static QUERY_PARAMETERS: LazyLock<Vec<Parameter>> = LazyLock::new(|| {
    let mut parameters = query_parameters::<SearchParams>();
    parameters.retain(|parameter| !NOT_IN_QUERY.contains(&parameter.name.as_str()));
    parameters.extend(FILTER_PARAMETERS.iter().cloned());
    parameters
});

/// [`SearchParams`] in a query string, for the OpenAPI document.
pub(crate) struct SearchQuery;
/// [`SearchParams`] in a query string beside the id of an image, for the OpenAPI document.
pub(crate) struct SimilarQuery;
/// [`SearchParams`] as a form, for the OpenAPI document.
pub(crate) struct SearchForm;

impl SearchParams {
    /// Reads the query string of a search.
    pub(crate) fn from_query(query: &str) -> Result<Self, Problem> {
        Self::from_query_without(query, &[])
    }

    /// Reads the query string of a search for images similar to the image `id`.
    pub(crate) fn similar_to(id: String, query: &str) -> Result<Self, Problem> {
        let params = Self::from_query_without(query, &NOT_FOR_SIMILAR)?;
        Ok(Self {
            image_id: Some(id),
            ..params
        })
    }

    fn from_query_without(query: &str, excluded: &[&str]) -> Result<Self, Problem> {
        let pairs = query_pairs(query)?;
        let known: Vec<&str> = parameters_without(excluded)
            .map(|known| known.name.as_str())
            .collect();
        if let Some((unknown, _)) = pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return Err(Problem::invalid(unknown_parameter(unknown, &known)));
        }
        let (params, filter): (Self, _) = read_filtered(query)?;
        Ok(Self { filter, ..params })
    }

    /// Whether stored texts are searched.
    pub(crate) fn is_for_texts(&self) -> bool {
        self.target == Some(SearchTarget::Texts)
    }

    /// The search for stored texts as the library takes it. A parameter that would have no effect is refused.
    pub(crate) fn check_texts(self, limits: &Limits) -> Result<CheckedTextSearch, Problem> {
        let unused = [
            ("negative", self.negative.is_some()),
            ("text_weight", self.text_weight.is_some()),
            ("cursor", self.cursor.is_some()),
            ("sort", self.sort.is_some()),
            ("filter", self.filter != FilterParams::default()),
            ("expand", self.expand.is_some()),
        ];
        if let Some((name, _)) = unused.iter().find(|(_, is_given)| *is_given) {
            return Err(Problem::invalid(format!(
                "{name} has no effect on a search for texts; leave it out"
            )));
        }
        let bounded = |name, text: Option<String>| text.map(|text| bounded_text(name, text)).transpose();
        let words = bounded("text", self.text.filter(|text| !text.trim().is_empty()))?;
        let image = ImageInput::new(self.image, self.image_id.as_deref(), limits)?;
        let by = match (image, words) {
            (Some(image), None) => TextSearchBy::Image(image),
            (None, Some(words)) => TextSearchBy::Words(words),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid(
                    "texts are searched by an image or by a text, not by both; leave one out",
                ));
            }
            (None, None) => return Err(Problem::invalid("the query is empty; give a text or an image")),
        };
        if self.min_confidence.is_some() && matches!(by, TextSearchBy::Words(_)) {
            return Err(Problem::invalid(
                "min_confidence has no effect on a search for texts by words, which have no confidence; leave it out",
            ));
        }
        let min_confidence = self
            .min_confidence
            .map(|value| unit_interval("min_confidence", value));
        Ok(CheckedTextSearch {
            by,
            k: number_of_hits(self.k)?,
            set: bounded("set", self.set)?,
            min_confidence: min_confidence.transpose()?,
            space: bounded("space", self.space)?,
        })
    }

    /// The search as the library takes it.
    pub(crate) fn check(self, limits: &Limits) -> Result<CheckedSearch, Problem> {
        if self.set.is_some() {
            return Err(Problem::invalid(
                "set has no effect on a search for images; leave it out, or add \"target\": \"texts\"",
            ));
        }
        let text = self.text.filter(|text| !text.trim().is_empty());
        let image = ImageInput::new(self.image, self.image_id.as_deref(), limits)?;
        let both = text.is_some() && image.is_some();
        let bounded = |name, text: Option<String>| text.map(|text| bounded_text(name, text)).transpose();
        let min_confidence = self
            .min_confidence
            .map(|value| unit_interval("min_confidence", value));
        let after = self
            .cursor
            .map(|cursor| search_cursor::parse(&cursor))
            .transpose();
        let space = bounded("space", self.space)?;
        let query = Query {
            after: after.map_err(Problem::invalid)?,
            order: self.sort.unwrap_or_default().into(),
            weights: weights(self.text_weight, both)?,
            text: bounded("text", text)?,
            negative: bounded("negative", self.negative)?,
            image: None,
            k: number_of_hits(self.k)?,
            min_confidence: min_confidence.transpose()?,
            filter: self.filter.check()?,
            copies: match self.expand {
                Some(true) => CopyMode::Expanded,
                _ => CopyMode::Folded,
            },
        };
        if query.after.is_some() && space.as_deref() == Some(ALL_SPACES) {
            return Err(Problem::invalid(
                "a search of all spaces has no pages; leave cursor out, or name one space",
            ));
        }
        Ok(CheckedSearch { query, image, space })
    }
}

/// Alone, a text or an image has all the weight.
fn weights(text_weight: Option<f32>, both: bool) -> Result<QueryWeights, Problem> {
    let weight = text_weight
        .map(|weight| unit_interval("text_weight", weight))
        .transpose()?;
    Ok(match weight {
        Some(weight) if both => QueryWeights::with_text_share(weight),
        _ => QueryWeights::default(),
    })
}

fn parameters_without(excluded: &[&str]) -> impl Iterator<Item = &'static Parameter> {
    let applies = |parameter: &&Parameter| !excluded.contains(&parameter.name.as_str());
    QUERY_PARAMETERS.iter().filter(applies)
}

impl IntoParams for SearchQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        QUERY_PARAMETERS.clone()
    }
}

impl IntoParams for SimilarQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        parameters_without(&NOT_FOR_SIMILAR).cloned().collect()
    }
}

impl PartialSchema for SearchForm {
    fn schema() -> RefOr<Schema> {
        form_schema::<SearchParams>()
    }
}

impl ToSchema for SearchForm {}
