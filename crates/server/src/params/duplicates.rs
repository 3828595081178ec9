//! The parameters of a search for duplicates.

use eidetic_library::{DuplicateKind, DuplicateOptions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::filter::{FilterParams, read_filtered};
use super::validate::unit_interval;
use crate::problem::Problem;

/// Which groups to look for, among which images.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DuplicatesParams {
    /// Only groups of this kind: `exact`, files with the same content; `near`, the same picture in another encoding, size,
    /// orientation, frame or crop; `burst`, photos that one camera took within seconds. All kinds where left out.
    #[schema(pattern = "^(exact|near|burst)$")]
    pub(crate) kind: Option<String>,
    /// Least probability of the links in a group; 0.85 for `near` and 0.5 for `burst` where left out.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) threshold: Option<f32>,
}

/// A search for duplicates as a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DuplicatesJobParams {
    /// Only groups of this kind, as for `GET /v1/duplicates`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^(exact|near|burst)$")]
    pub kind: Option<String>,
    /// Least probability of the links in a group; 0.85 for `near` and 0.5 for `burst` where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub threshold: Option<f32>,
    /// Which images of the library to compare; all where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterParams>,
}

impl DuplicatesJobParams {
    /// With kinds and filter parsed.
    pub(crate) fn check(self) -> Result<DuplicateOptions, Problem> {
        options(
            self.kind.as_deref(),
            self.threshold,
            self.filter.unwrap_or_default(),
        )
    }
}

impl DuplicatesParams {
    /// Reads the query string of a search for duplicates.
    pub(crate) fn from_query(query: &str) -> Result<DuplicateOptions, Problem> {
        let (params, filter): (Self, FilterParams) = read_filtered(query)?;
        options(params.kind.as_deref(), params.threshold, filter)
    }
}

fn options(
    kind: Option<&str>,
    threshold: Option<f32>,
    filter: FilterParams,
) -> Result<DuplicateOptions, Problem> {
    let threshold = threshold.map(|value| unit_interval("threshold", value));
    Ok(DuplicateOptions {
        kinds: kinds(kind)?,
        threshold: threshold.transpose()?,
        filter: filter.check()?,
    })
}

fn kinds(kind: Option<&str>) -> Result<Vec<DuplicateKind>, Problem> {
    let Some(name) = kind else {
        return Ok(DuplicateKind::ALL.to_vec());
    };
    let named = DuplicateKind::ALL.into_iter().find(|kind| kind.name() == name);
    named.map(|kind| vec![kind]).ok_or_else(|| {
        let name = super::shortened(name);
        Problem::invalid(format!(
            "unknown kind {name:?}; expected \"exact\", \"near\" or \"burst\""
        ))
    })
}
