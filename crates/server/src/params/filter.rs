//! Which images a search may return: an object in JSON, separate parameters in a query string.

use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::LazyLock;

use eidetic_domain::{DateRange, Filter, ReachFilter};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::pairs::{Encoding, from_pairs, query_pairs};
use super::schema::query_parameters;
use super::validate::{MAX_TEXTS, date, filter_folders, filter_tags, filter_texts, require_count, shortened};
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
    /// Formats, such as `jpeg`, `heif` or `raw`; an image of one of them passes.
    #[schema(max_items = 100)]
    pub types: Vec<String>,
    /// Cameras: maker and model, or one of them, in any case, with `*` and `?` as wildcards; an image of one of them passes.
    #[schema(max_items = 100)]
    pub cameras: Vec<String>,
    /// Lenses, likewise.
    #[schema(max_items = 100)]
    pub lenses: Vec<String>,
    /// Keywords, in any case, with wildcards; an image that has all of them passes.
    #[schema(max_items = 100)]
    pub keywords: Vec<String>,
    /// Places: part of a city, city, state or country, in any case, with wildcards; an image whose place has all of them passes.
    #[schema(max_items = 100)]
    pub places: Vec<String>,
    /// Parts of file names, in any case, or patterns of whole ones with wildcards; an image with one of them passes.
    #[schema(max_items = 100)]
    pub names: Vec<String>,
    /// Rating: `4` for at least 4 stars, `2..3`, `-1` for rejected images, `none` for images without one.
    #[schema(example = "4")]
    pub rating: Option<String>,
    /// Size of the file: `2M` for at least 2 MiB, `500k..10M`, `..1MB`.
    #[schema(example = "500k..10M")]
    pub size: Option<String>,
    /// `landscape`, `portrait`, `square`; an image with one of them passes.
    #[schema(max_items = 100)]
    pub orientations: Vec<String>,
    /// Whether the file is damaged and shown as far as it goes.
    pub damaged: Option<bool>,
    /// Whether all files of the image are out of reach, as on a disk that is not mounted.
    pub unreachable: Option<bool>,
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
    /// A format, such as jpeg, heif or raw; may be given several times, one of which the image must have.
    #[serde(rename = "type")]
    #[schema(max_items = 100)]
    pub(super) format: Vec<String>,
    /// A camera, with * and ? as wildcards; may be given several times, one of which the image must have.
    #[schema(max_items = 100)]
    pub(super) camera: Vec<String>,
    /// A lens, likewise.
    #[schema(max_items = 100)]
    pub(super) lens: Vec<String>,
    /// A keyword that the image must have, with * and ? as wildcards; may be given several times.
    #[schema(max_items = 100)]
    pub(super) keyword: Vec<String>,
    /// A place that the image must be of: part of a city, city, state or country; may be given several times.
    #[schema(max_items = 100)]
    pub(super) place: Vec<String>,
    /// A part of a file name, or a pattern of a whole one with * and ?; may be given several times.
    #[schema(max_items = 100)]
    pub(super) name: Vec<String>,
    /// Rating: 4 for at least 4 stars, 2..3, -1 for rejected images, none for images without one.
    pub(super) rating: Option<String>,
    /// Size of the file: 2M for at least 2 MiB, 500k..10M, ..1MB.
    pub(super) size: Option<String>,
    /// landscape, portrait or square; may be given several times.
    #[schema(max_items = 100)]
    pub(super) orientation: Vec<String>,
    /// Whether the file is damaged and shown as far as it goes.
    pub(super) damaged: Option<bool>,
    /// Whether all files of the image are out of reach.
    pub(super) unreachable: Option<bool>,
}

/// The parameters of [`FilterQuery`].
pub(super) static FILTER_PARAMETERS: LazyLock<Vec<Parameter>> =
    LazyLock::new(query_parameters::<FilterQuery>);

/// Reads a query string of filters and the parameters of `T`.
pub(super) fn read_filtered<T: DeserializeOwned>(query: &str) -> Result<(T, FilterParams), Problem> {
    let is_filter = |name: &str| FILTER_PARAMETERS.iter().any(|known| known.name == name);
    let (filter, others): (Vec<_>, Vec<_>) = query_pairs(query)?
        .into_iter()
        .partition(|(name, _)| is_filter(name));
    let filter: FilterQuery = from_pairs(filter, Encoding::Query)?;
    Ok((from_pairs(others, Encoding::Query)?, filter.into()))
}

/// The parameters of `T` and those of a filter in a query string, for the OpenAPI document.
pub(crate) struct Filtered<T>(PhantomData<T>);

impl<T: PartialSchema> IntoParams for Filtered<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = query_parameters::<T>();
        parameters.extend(FILTER_PARAMETERS.iter().cloned());
        parameters
    }
}

/// The parameters of a query string that give a filter, as names and values in order.
pub fn filter_pairs(filter: Filter) -> Vec<(&'static str, String)> {
    let params = FilterParams::from(filter);
    let taken = params.taken.unwrap_or_default();
    let texts = [
        ("folder", params.folders),
        ("tag", params.tags),
        ("type", params.types),
        ("camera", params.cameras),
        ("lens", params.lenses),
        ("keyword", params.keywords),
        ("place", params.places),
        ("name", params.names),
        ("orientation", params.orientations),
    ];
    let single = [
        ("taken_from", taken.from),
        ("taken_before", taken.before),
        ("rating", params.rating),
        ("size", params.size),
        ("damaged", params.damaged.map(|damaged| damaged.to_string())),
        (
            "unreachable",
            params.unreachable.map(|unreachable| unreachable.to_string()),
        ),
    ];
    let texts = texts
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name, value)));
    let single = single
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    texts.chain(single).collect()
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
            types: filter
                .formats
                .iter()
                .map(|format| format.name().to_owned())
                .collect(),
            cameras: filter.cameras,
            lenses: filter.lenses,
            keywords: filter.keywords,
            places: filter.places,
            names: filter.names,
            rating: filter.rating.map(|rating| rating.to_string()),
            size: filter.size.map(|size| size.to_string()),
            orientations: filter
                .orientations
                .iter()
                .map(|one| one.name().to_owned())
                .collect(),
            damaged: filter.damaged,
            unreachable: filter.reach.map(|reach| reach.unreachable),
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
            formats: parsed_all("types", &self.types)?,
            cameras: filter_texts("camera", self.cameras)?,
            lenses: filter_texts("lens", self.lenses)?,
            keywords: filter_texts("keyword", self.keywords)?,
            places: filter_texts("place", self.places)?,
            names: filter_texts("name", self.names)?,
            rating: self.rating.as_deref().map(parsed).transpose()?,
            size: self.size.as_deref().map(parsed).transpose()?,
            orientations: parsed_all("orientations", &self.orientations)?,
            damaged: self.damaged,
            reach: self.unreachable.map(|unreachable| ReachFilter {
                unreachable,
                folders: Vec::new(),
            }),
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
            types: query.format,
            cameras: query.camera,
            lenses: query.lens,
            keywords: query.keyword,
            places: query.place,
            names: query.name,
            rating: query.rating,
            size: query.size,
            orientations: query.orientation,
            damaged: query.damaged,
            unreachable: query.unreachable,
        }
    }
}

/// A value as the domain reads it, which says what it expects.
fn parsed<T>(text: &str) -> Result<T, Problem>
where
    T: FromStr,
    T::Err: Display,
{
    let shortened = shortened(text);
    shortened
        .parse()
        .map_err(|error: T::Err| Problem::invalid(error.to_string()))
}

fn parsed_all<T>(what: &str, texts: &[String]) -> Result<Vec<T>, Problem>
where
    T: FromStr,
    T::Err: Display,
{
    require_count(&format!("{what} in the filter"), texts.len(), MAX_TEXTS)?;
    texts.iter().map(|text| parsed(text)).collect()
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
