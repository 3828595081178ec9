//! The parameters of a list of images.

use eidetic_domain::ImageId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::image_id;
use crate::problem::Problem;

/// Images of a page where the request does not say how many.
const DEFAULT_COUNT: usize = 100;
/// Most images of a page.
const MAX_COUNT: usize = 1000;

/// Which images to list, and what of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlbumParams {
    /// What to list of each image beside its path: `tags`.
    #[param(pattern = "^tags$")]
    pub(crate) fields: Option<String>,
    /// Maximum number of images; 100 where left out.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) k: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9a-f]{64}$")]
    pub(crate) cursor: Option<String>,
}

/// A checked list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckedAlbum {
    pub(crate) count: usize,
    pub(crate) after: Option<ImageId>,
}

impl AlbumParams {
    pub(crate) fn check(self) -> Result<CheckedAlbum, Problem> {
        match self.fields.as_deref() {
            Some("tags") => {}
            Some(other) => {
                let other = super::shortened(other);
                return Err(Problem::invalid(format!(
                    "unknown fields {other:?}; expected \"tags\""
                )));
            }
            None => return Err(Problem::invalid("fields is missing; expected fields=tags")),
        }
        let count = self.k.unwrap_or(DEFAULT_COUNT);
        if !(1..=MAX_COUNT).contains(&count) {
            return Err(Problem::invalid(format!(
                "k {count} is not within 1 to {MAX_COUNT}"
            )));
        }
        Ok(CheckedAlbum {
            count,
            after: self.cursor.as_deref().map(image_id).transpose()?,
        })
    }
}
