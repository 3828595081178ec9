//! Which images a search may return: an object in JSON, separate parameters in a query string.

use eidetic_domain::{DateRange, Filter};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::validate::{date, filter_folders, filter_tags};
use crate::problem::Problem;

/// Which images may be returned; empty parts admit everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterParams {
    /// Absolute folders; an image in one of them, at any depth, passes.
    #[schema(max_items = 100)]
    pub folders: Vec<String>,
    /// Capture time; images without a date do not pass.
    #[serde(deserialize_with = "object_or_null")]
    pub taken: Option<TakenParams>,
    /// Tags, in any case; an image that carries all of them passes.
    #[schema(max_items = 100)]
    pub tags: Vec<String>,
}

/// A span of local time, as `2020`, `2020-05`, `2020-05-01` or `2020-05-01T12:00:00`; a missing end is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TakenParams {
    /// First moment that passes.
    #[schema(example = "2020-05-01")]
    pub from: Option<String>,
    /// First moment that no longer passes.
    #[schema(example = "2021-01-01")]
    pub before: Option<String>,
}

/// [`FilterParams`] as parameters of a query string.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FilterQuery {
    /// Absolute folder to search in; may be given several times.
    #[schema(max_items = 100)]
    pub(super) folder: Vec<String>,
    /// A tag that the image must carry; may be given several times.
    #[schema(max_items = 100)]
    pub(super) tag: Vec<String>,
    /// First moment to search in, such as 2020 or 2020-05-01.
    pub(super) taken_from: Option<String>,
    /// First moment no longer to search in.
    pub(super) taken_before: Option<String>,
}

impl From<Filter> for FilterParams {
    /// Paths that are not UTF-8 are left as they can be shown; the command line refuses them before.
    fn from(filter: Filter) -> Self {
        let moment = |moment: jiff::civil::DateTime| moment.to_string();
        Self {
            folders: filter
                .folders
                .iter()
                .map(|folder| folder.to_string_lossy().into_owned())
                .collect(),
            taken: filter.taken.map(|range| TakenParams {
                from: range.from.map(moment),
                before: range.before.map(moment),
            }),
            tags: filter.tags,
        }
    }
}

impl FilterParams {
    /// The filter as the library takes it.
    pub(crate) fn check(self) -> Result<Filter, Problem> {
        Ok(Filter {
            folders: filter_folders(self.folders)?,
            taken: self.taken.map(TakenParams::check).transpose()?,
            tags: filter_tags(self.tags)?,
        })
    }
}

impl TakenParams {
    fn check(self) -> Result<DateRange, Problem> {
        let moment = |name, text: Option<String>| text.map(|text| date(name, &text)).transpose();
        let range = DateRange {
            from: moment("taken_from", self.from)?,
            before: moment("taken_before", self.before)?,
        };
        match (range.from, range.before) {
            (Some(from), Some(before)) if from >= before => Err(Problem::invalid(format!(
                "no time lies between taken_from {from} and taken_before {before}"
            ))),
            _ => Ok(range),
        }
    }
}

impl From<FilterQuery> for FilterParams {
    fn from(query: FilterQuery) -> Self {
        let dated = query.taken_from.is_some() || query.taken_before.is_some();
        Self {
            folders: query.folder,
            taken: dated.then_some(TakenParams {
                from: query.taken_from,
                before: query.taken_before,
            }),
            tags: query.tag,
        }
    }
}

/// Reads an object. Serde would also fill a struct from an array, field by field; such a request is a
/// mistake.
pub(super) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
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
