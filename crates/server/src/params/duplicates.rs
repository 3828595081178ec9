//! The parameters of a search for duplicates.

use eidetic_library::{DuplicateKind, DuplicateOptions};
use serde::Deserialize;
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

impl DuplicatesParams {
    /// Reads the query string of a search for duplicates.
    pub(crate) fn from_query(query: &str) -> Result<DuplicateOptions, Problem> {
        let (params, filter): (Self, FilterParams) = read_filtered(query)?;
        let threshold = params.threshold.map(|value| unit_interval("threshold", value));
        Ok(DuplicateOptions {
            kinds: kinds(params.kind.as_deref())?,
            threshold: threshold.transpose()?,
            filter: filter.check()?,
        })
    }
}

fn kinds(kind: Option<&str>) -> Result<Vec<DuplicateKind>, Problem> {
    Ok(match kind {
        None => DuplicateKind::ALL.to_vec(),
        Some("exact") => vec![DuplicateKind::Exact],
        Some("near") => vec![DuplicateKind::Near],
        Some("burst") => vec![DuplicateKind::Burst],
        Some(other) => {
            let other = super::shortened(other);
            return Err(Problem::invalid(format!(
                "unknown kind {other:?}; expected \"exact\", \"near\" or \"burst\""
            )));
        }
    })
}
