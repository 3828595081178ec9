//! The parameters of the map.

use eidetic_library::MapOptions;
use serde::Deserialize;
use utoipa::ToSchema;

use super::filter::{FilterParams, read_filtered};
use super::validate::image_id;
use crate::problem::Problem;

/// Most images of a page, and those of one where the request does not say how many: they are some 60 bytes each.
const MAX_COUNT: usize = 100_000;

/// Which images of the map to return; a filter beside.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MapParams {
    /// Maximum number of images; 0 for the regions alone, 100,000 where left out.
    #[schema(minimum = 0, maximum = 100_000, default = 100_000)]
    pub(crate) limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(crate) cursor: Option<String>,
}

impl MapParams {
    /// Reads the query string of a request for the map.
    pub(crate) fn from_query(query: &str) -> Result<MapOptions, Problem> {
        let (params, filter): (Self, FilterParams) = read_filtered(query)?;
        let count = params.limit.unwrap_or(MAX_COUNT);
        if count > MAX_COUNT {
            return Err(Problem::invalid(format!(
                "limit {count} is not within 0 to {MAX_COUNT}"
            )));
        }
        Ok(MapOptions {
            filter: filter.check()?,
            after: params.cursor.as_deref().map(image_id).transpose()?,
            count,
        })
    }
}
