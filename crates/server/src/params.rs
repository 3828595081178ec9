//! The parameters of requests: one struct for each request, and what reads and checks them.
//!
//! A query string, a JSON body and a form are three spellings of the same struct: all are deserialized by
//! serde, and the OpenAPI document is derived from it. `check` methods turn a struct into what the
//! library takes.

mod album;
mod analysis;
mod arrival;
mod backup;
mod body;
mod duplicates;
mod events;
mod feedback;
mod file;
mod filter;
mod image;
mod index;
pub mod list_cursor;
mod map;
mod matching;
mod model;
mod multipart;
mod pairs;
mod schema;
mod search;
pub mod search_cursor;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use album::{AlbumParams, FacetParams};
pub use analysis::{CalibrateParams, LabeledPairParams, ScreenParams, TagParams, VocabularyParams};
pub(crate) use analysis::{CheckedCalibrate, CheckedScreen, ScreenForm};
pub use backup::BackupParams;
pub(crate) use backup::CheckedBackup;
pub(crate) use body::{
    media_type, read_json, read_json_or_form, read_json_within, read_optional_json, read_text, read_to_file,
};
pub use duplicates::DuplicatesJobParams;
pub(crate) use duplicates::DuplicatesParams;
pub(crate) use events::{EventImagesParams, EventsParams};
pub use feedback::FeedbackParams;
pub(crate) use feedback::ScopeParams;
pub(crate) use file::{FileForm, FileParams};
pub(crate) use filter::Filtered;
pub use filter::{FilterParams, TakenParams, filter_pairs};
pub use image::ImageBytes;
pub(crate) use image::ImageInput;
pub use index::IndexParams;
pub(crate) use index::{CheckedIndex, ForgetParams};
pub(crate) use map::MapParams;
pub use matching::MatchParams;
pub(crate) use matching::{CheckedMatch, CheckedMatchBatch, MatchBatchParams, MatchForm, Prevalence};
pub use model::{SpaceParams, SwitchParams};
pub(crate) use pairs::read_query;
pub(crate) use search::{
    ALL_SPACES, CheckedSearch, CheckedTextSearch, SearchForm, SearchQuery, SimilarQuery, TextSearchBy,
};
pub use search::{SearchParams, SearchTarget, SortParam};
pub(crate) use session::SessionParams;
pub(crate) use status::StatusParams;
pub(crate) use validate::{image_id, nonempty_text, require_no_nul, shortened};
