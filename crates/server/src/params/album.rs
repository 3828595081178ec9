//! The parameters of lists of images, and of counts of their values.

use eidetic_library::{FacetOptions, ListOptions, ListOrder, Position, SortKey};
use serde::Deserialize;
use utoipa::ToSchema;

use super::filter::{FilterParams, read_filtered};
use super::list_cursor;
use super::validate::absolute_folder;
use crate::problem::Problem;

/// Images of a page, or values of a kind, where the request does not say how many.
const DEFAULT_COUNT: usize = 100;
/// Most images of a page.
const MAX_COUNT: usize = 1000;
/// Most values of a kind that are counted.
const MAX_VALUES: usize = 1000;

/// Which images to list, in which order, and what of them; a filter beside.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AlbumParams {
    /// What to list of each image besides: `tags`.
    #[schema(pattern = "^tags$")]
    pub(crate) fields: Option<String>,
    /// `taken`: the latest first, images without a date last; `added`: the last added first; `name`: by the name of the first
    /// file, numbers by their value; `size`: the largest file first; `rating`: the best first, images without a rating last; `random`:
    /// another order for each `seed`; `id`: meaningless and cheap. With `fields`, `id` where left out, else `taken`.
    #[schema(pattern = "^(taken|added|name|size|rating|random|id)$")]
    pub(crate) sort: Option<String>,
    /// Whether the order is reversed.
    pub(crate) reverse: Option<bool>,
    /// The number of a random order; 0 where left out.
    #[schema(minimum = 0)]
    pub(crate) seed: Option<u64>,
    /// Maximum number of images; 100 where left out.
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) k: Option<usize>,
    /// `next_cursor` of the page before, with the same order.
    #[schema(max_length = 2000)]
    pub(crate) cursor: Option<String>,
}

/// Which values to count, of images that match a filter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FacetParams {
    /// Absolute folder whose folders are counted; the library's sources are where left out.
    pub(crate) parent: Option<String>,
    /// Maximum number of values of a kind; 100 where left out.
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) k: Option<usize>,
}

impl AlbumParams {
    /// Reads the query string of a list.
    pub(crate) fn from_query(query: &str) -> Result<ListOptions, Problem> {
        let (params, filter): (Self, FilterParams) = read_filtered(query)?;
        params.check(filter)
    }

    /// The list as the library takes it.
    fn check(self, filter: FilterParams) -> Result<ListOptions, Problem> {
        let with_tags = match self.fields.as_deref() {
            Some("tags") => true,
            Some(other) => {
                let other = super::shortened(other);
                return Err(Problem::invalid(format!(
                    "unknown fields {other:?}; expected \"tags\""
                )));
            }
            None => false,
        };
        let order = ListOrder {
            key: sort_key(self.sort.as_deref(), self.seed, with_tags)?,
            reverse: self.reverse.unwrap_or_default(),
        };
        Ok(ListOptions {
            order,
            filter: filter.check()?,
            after: self.cursor.map(|cursor| parse(&cursor, order)).transpose()?,
            count: number_within(self.k, MAX_COUNT)?,
            with_tags,
        })
    }
}

impl FacetParams {
    /// Reads the query string of a request for counts.
    pub(crate) fn from_query(query: &str) -> Result<FacetOptions, Problem> {
        let (params, filter): (Self, FilterParams) = read_filtered(query)?;
        Ok(FacetOptions {
            filter: filter.check()?,
            parent: params.parent.map(absolute_folder).transpose()?,
            most: number_within(params.k, MAX_VALUES)?,
        })
    }
}

pub(super) fn number_within(k: Option<usize>, most: usize) -> Result<usize, Problem> {
    let count = k.unwrap_or(DEFAULT_COUNT);
    if (1..=most).contains(&count) {
        return Ok(count);
    }
    Err(Problem::invalid(format!("k {count} is not within 1 to {most}")))
}

fn parse(cursor: &str, order: ListOrder) -> Result<Position, Problem> {
    list_cursor::parse(cursor, order).map_err(Problem::invalid)
}

fn sort_key(sort: Option<&str>, seed: Option<u64>, with_tags: bool) -> Result<SortKey, Problem> {
    let key = match sort {
        None if with_tags => SortKey::Id,
        None | Some("taken") => SortKey::Taken,
        Some("added") => SortKey::Added,
        Some("rating") => SortKey::Rating,
        Some("name") => SortKey::Name,
        Some("size") => SortKey::Bytes,
        Some("id") => SortKey::Id,
        Some("random") => SortKey::Random(seed.unwrap_or_default()),
        Some(other) => {
            let other = super::shortened(other);
            return Err(Problem::invalid(format!(
                "unknown sort {other:?}; expected \"taken\", \"added\", \"name\", \"size\", \"rating\", \"random\" or \"id\""
            )));
        }
    };
    match key {
        SortKey::Random(_) => {}
        _ if seed.is_some() => return Err(Problem::invalid("seed is for sort=random")),
        _ => {}
    }
    Ok(key)
}
