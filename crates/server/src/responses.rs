//! The JSON of responses, shared by the HTTP API and the command line.
//!
//! A path that is not UTF-8 has replacement characters in `path`, and its bytes in base64 in `path_bytes`.

mod analysis;
mod calibration;
mod duplicates;
mod events;
mod facets;
mod feedback;
mod image;
mod jobs;
mod map;
mod matching;
mod path;
mod problem;
mod search;
mod server;
mod sources;
mod spaces;
mod status;
mod tags;
mod texts;

pub use analysis::{
    AlbumPicture, AlbumResponse, AlbumTagging, CalibrateResponse, FailedPairImage, ScreenResponse,
    ScreenedPicture, TagFrequency, TagReportResponse, VocabularySummary, WeightedTag,
};
pub(crate) use calibration::timestamp;
pub use calibration::{
    CalibrationHistoryEntry, CalibrationSummary, CalibrationsResponse, ClassificationMetrics, LevelSummary,
    ProfileThresholds, ThresholdSummary,
};
pub use duplicates::{DuplicateFile, DuplicateGroupResponse, DuplicatesResponse};
pub use events::{EventImagesResponse, EventResponse, EventsResponse};
pub use facets::{FacetValue, FacetsResponse, FolderFacet, MonthFacet, PlaceFacet, YearFacet};
pub use feedback::{FeedbackCount, FeedbackEntry, FeedbackList};
pub use image::{ImageResponse, PlaceNames, Position};
pub(crate) use jobs::JobReports;
pub use jobs::{
    BackupResponse, FailedFile, IndexReport, JobKind, JobResponse, JobState, JobTicket, JobsResponse,
    UnreachableFolder,
};
pub use map::{MapRegionResponse, MapResponse, MapState};
pub use matching::{MatchLine, MatchResponse, MatchResult, MatchVerdict, ProfileSummary, ProfilesResponse};
pub use path::{FilePart, PathTexts};
pub use problem::ProblemDocument;
pub use search::{SearchHit, SearchResponse, TookMs};
pub use server::HealthResponse;
pub use sources::ForgetResponse;
pub use spaces::{DropResponse, SpaceReportResponse};
pub(crate) use status::StatusDocument;
pub use tags::{ImageTag, TagsResponse};
pub(crate) use texts::SearchAnswer;
pub use texts::{
    RemovedTextsResponse, TextSearchHit, TextSearchResponse, TextSetEntry, TextSetsResponse,
    TextsReportResponse,
};
