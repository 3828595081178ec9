//! The parameters of a list of images.

use eidetic_library::{ListOptions, ListOrder, Position, SortKey};
use serde::Deserialize;
use utoipa::IntoParams;

use super::filter::{FilterParams, FilterQuery};
use super::list_cursor;
use crate::problem::Problem;

/// Images of a page where the request does not say how many.
const DEFAULT_COUNT: usize = 100;
/// Most images of a page.
const MAX_COUNT: usize = 1000;

/// Which images to list, in which order, and what of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlbumParams {
    /// What to list of each image besides: `tags`.
    #[param(pattern = "^tags$")]
    pub(crate) fields: Option<String>,
    /// `taken`: the latest first, images without a date last; `name`: by the name of the first file, numbers by their value;
    /// `size`: the largest file first; `random`: another order for each `seed`; `id`: meaningless and cheap. With `fields`,
    /// `id` where left out, else `taken`.
    #[param(pattern = "^(taken|name|size|random|id)$")]
    pub(crate) sort: Option<String>,
    /// Whether the order is reversed.
    pub(crate) reverse: Option<bool>,
    /// The number of a random order; 0 where left out.
    #[param(minimum = 0)]
    pub(crate) seed: Option<u64>,
    /// Absolute folder to list; may be given several times.
    #[param(max_items = 100)]
    pub(crate) folder: Vec<String>,
    /// A tag that the image must carry; may be given several times.
    #[param(max_items = 100)]
    pub(crate) tag: Vec<String>,
    /// First moment to list, such as 2020 or 2020-05-01; images without a date are left out.
    pub(crate) taken_from: Option<String>,
    /// First moment no longer to list.
    pub(crate) taken_before: Option<String>,
    /// Maximum number of images; 100 where left out.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) k: Option<usize>,
    /// `next_cursor` of the page before, with the same order.
    #[param(max_length = 2000)]
    pub(crate) cursor: Option<String>,
}

impl AlbumParams {
    /// The list as the library takes it.
    pub(crate) fn check(self) -> Result<ListOptions, Problem> {
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
        let count = self.k.unwrap_or(DEFAULT_COUNT);
        if !(1..=MAX_COUNT).contains(&count) {
            return Err(Problem::invalid(format!(
                "k {count} is not within 1 to {MAX_COUNT}"
            )));
        }
        let order = ListOrder {
            key: sort_key(self.sort.as_deref(), self.seed, with_tags)?,
            reverse: self.reverse.unwrap_or_default(),
        };
        let filter = FilterParams::from(FilterQuery {
            folder: self.folder,
            tag: self.tag,
            taken_from: self.taken_from,
            taken_before: self.taken_before,
        });
        Ok(ListOptions {
            order,
            filter: filter.check()?,
            after: self.cursor.map(|cursor| parse(&cursor, order)).transpose()?,
            count,
            with_tags,
        })
    }
}

fn parse(cursor: &str, order: ListOrder) -> Result<Position, Problem> {
    list_cursor::parse(cursor, order).map_err(Problem::invalid)
}

fn sort_key(sort: Option<&str>, seed: Option<u64>, with_tags: bool) -> Result<SortKey, Problem> {
    let key = match sort {
        None if with_tags => SortKey::Id,
        None | Some("taken") => SortKey::Taken,
        Some("name") => SortKey::Name,
        Some("size") => SortKey::Bytes,
        Some("id") => SortKey::Id,
        Some("random") => SortKey::Random(seed.unwrap_or_default()),
        Some(other) => {
            let other = super::shortened(other);
            return Err(Problem::invalid(format!(
                "unknown sort {other:?}; expected \"taken\", \"name\", \"size\", \"random\" or \"id\""
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
