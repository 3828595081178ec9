//! The parameters of a search for duplicates.

use eidetic_library::{DuplicateKind, DuplicateOptions};
use serde::Deserialize;
use utoipa::IntoParams;

use super::filter::{FilterParams, FilterQuery};
use super::validate::unit_interval;
use crate::problem::Problem;

/// Which groups to look for, among which images.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DuplicatesParams {
    /// Only groups of this kind: `exact`, files with the same content; `near`, the same picture in another encoding, size,
    /// orientation, frame or crop; `burst`, photos that one camera took within seconds. All kinds where left out.
    #[param(pattern = "^(exact|near|burst)$")]
    pub(crate) kind: Option<String>,
    /// Least probability of the links in a group; 0.85 for `near` and 0.5 for `burst` where left out.
    #[param(minimum = 0, maximum = 1)]
    pub(crate) threshold: Option<f32>,
    /// Absolute folder to look in; may be given several times.
    #[param(max_items = 100)]
    pub(crate) folder: Vec<String>,
    /// A tag that the image must carry; may be given several times.
    #[param(max_items = 100)]
    pub(crate) tag: Vec<String>,
    /// First moment to look at, such as 2020 or 2020-05-01; images without a date are left out.
    pub(crate) taken_from: Option<String>,
    /// First moment no longer to look at.
    pub(crate) taken_before: Option<String>,
}

impl DuplicatesParams {
    /// The search as the library takes it.
    pub(crate) fn check(self) -> Result<DuplicateOptions, Problem> {
        let threshold = self.threshold.map(|value| unit_interval("threshold", value));
        let filter = FilterParams::from(FilterQuery {
            folder: self.folder,
            tag: self.tag,
            taken_from: self.taken_from,
            taken_before: self.taken_before,
        });
        Ok(DuplicateOptions {
            kinds: kinds(self.kind.as_deref())?,
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
