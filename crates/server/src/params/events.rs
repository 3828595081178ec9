//! The parameters of lists of events.

use eidetic_domain::{Filter, ImageId};
use eidetic_library::EventOptions;
use serde::Deserialize;
use utoipa::ToSchema;

use super::album::number_within;
use super::filter::{FilterParams, read_filtered};
use super::validate::image_id;
use crate::problem::Problem;

/// Most events, or images of one, of a page.
const MAX_COUNT: usize = 1000;

/// Which events to return; those of the images that match a filter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventsParams {
    /// Maximum number of events; 100 where left out.
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) k: Option<usize>,
    /// `next_cursor` of the page before.
    #[schema(max_length = 200)]
    pub(crate) cursor: Option<String>,
}

/// Which images of an event to return; a filter beside.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventImagesParams {
    /// Maximum number of images; 100 where left out.
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) k: Option<usize>,
    /// `next_cursor` of the page before.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(crate) cursor: Option<String>,
}

/// A page of an event's images as the library takes it.
pub(crate) struct CheckedEventImages {
    pub(crate) filter: Filter,
    pub(crate) after: Option<ImageId>,
    pub(crate) count: usize,
}

impl EventsParams {
    /// Reads the query string of a list of events.
    pub(crate) fn from_query(query: &str) -> Result<EventOptions, Problem> {
        let (params, filter): (Self, FilterParams) = read_filtered(query)?;
        let after = params.cursor.map(|cursor| cursor.parse()).transpose();
        Ok(EventOptions {
            filter: filter.check()?,
            after: after.map_err(|error: eidetic_library::ParseEventPositionError| {
                Problem::invalid(error.to_string())
            })?,
            count: number_within(params.k, MAX_COUNT)?,
        })
    }
}

impl EventImagesParams {
    /// Reads the query string of a request for an event.
    pub(crate) fn from_query(query: &str) -> Result<CheckedEventImages, Problem> {
        let (params, filter): (Self, FilterParams) = read_filtered(query)?;
        Ok(CheckedEventImages {
            filter: filter.check()?,
            after: params.cursor.as_deref().map(image_id).transpose()?,
            count: number_within(params.k, MAX_COUNT)?,
        })
    }
}
