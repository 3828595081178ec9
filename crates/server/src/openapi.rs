use utoipa::openapi::OpenApi as Document;
use utoipa::{OpenApi, ToSchema};

use crate::handlers;

/// The API, described.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Eidetic",
        description = "Finds pictures of one library by words or by another picture. Errors are RFC 9457 problem documents.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        handlers::search::by_address,
        handlers::search::by_body,
        handlers::search::similar,
        handlers::matching::texts,
        handlers::calibration::describe,
        handlers::calibration::report,
        handlers::feedback::give,
        handlers::feedback::list,
        handlers::images::describe,
        handlers::images::file,
        handlers::images::thumbnail,
        handlers::tags::of_image,
        handlers::index::start,
        handlers::index::look,
        handlers::index::cancel,
        handlers::model::switch,
        handlers::model::catch_up,
        handlers::model::drop_space,
        handlers::server::status,
        handlers::server::health,
        handlers::server::metrics,
        handlers::server::describe,
        handlers::server::home,
        handlers::server::asset,
    )
)]
struct Api;

/// The OpenAPI 3.1 description of every route.
pub fn document() -> Document {
    Api::openapi()
}

/// How the library stands: `eidetic_library::Status`, described.
#[derive(ToSchema)]
#[schema(as = Status)]
#[expect(dead_code, reason = "a description of a type of a crate that knows no HTTP")]
pub(crate) struct StatusDocument {
    /// The library's directory.
    library: String,
    /// Different images.
    images: u64,
    /// Paths at which they stand.
    paths: u64,
    /// Files that could not be read as pictures.
    failed: u64,
    /// Images whose vectors are damaged; the next indexing run repairs them.
    damaged: u64,
    /// Images that carry tags.
    tagged: u64,
    /// How to load its model.
    model: String,
    /// Its space.
    space: String,
    /// Folders that it indexes.
    sources: Vec<String>,
    /// The precisions that its vectors were computed in, `f32` or `int8`, the latest last.
    precisions: Vec<String>,
    /// All its spaces, the active one first.
    spaces: Vec<SpaceStatusDocument>,
    /// The switch to another space that has begun and has not ended.
    switch: Option<SwitchStatusDocument>,
    /// The vector index.
    index: IndexStatusDocument,
    /// Disk space.
    bytes: BytesOnDiskDocument,
    /// Recall of the index, where it was asked for.
    recall: Option<RecallStatusDocument>,
}

/// How one space of a library stands.
#[derive(ToSchema)]
#[schema(as = SpaceStatus)]
#[expect(dead_code, reason = "a description of a type of a crate that knows no HTTP")]
pub(crate) struct SpaceStatusDocument {
    /// Its number, by which it can be named too.
    number: u32,
    /// Whether it is the one that answers.
    active: bool,
    /// How to load its model.
    model: String,
    /// Its name in answers.
    space: String,
    /// The precisions that its vectors were computed in, the latest last.
    precisions: Vec<String>,
    /// Images that have a vector in it.
    images: u64,
    /// Images of the library that have none.
    missing: u64,
    /// Disk space of its vectors and graph.
    bytes: u64,
}

/// A switch that has begun and has not ended.
#[derive(ToSchema)]
#[schema(as = SwitchStatus)]
#[expect(dead_code, reason = "a description of a type of a crate that knows no HTTP")]
pub(crate) struct SwitchStatusDocument {
    /// The number of the space that is to answer.
    number: u32,
    /// How to load its model.
    model: String,
    /// Images that have a vector in it.
    done: u64,
    /// Images of the library.
    total: u64,
    /// What becomes of the space that answers now: `keep` or `drop`.
    old: String,
    /// Whether the server is at it.
    running: bool,
}

/// Recall of the live index against a comparison with every vector.
#[derive(ToSchema)]
#[schema(as = RecallStatus)]
#[expect(dead_code, reason = "a description of a type of a crate that knows no HTTP")]
pub(crate) struct RecallStatusDocument {
    /// Neighbours asked for.
    k: u64,
    /// Queries that are stored vectors.
    picture_queries: u64,
    /// Queries that are texts, or else stored vectors mixed with another.
    text_queries: u64,
    /// One entry for each filter and kind of query.
    measured: Vec<RecallEntryDocument>,
}

/// Recall under one filter, for one kind of query.
#[derive(ToSchema)]
#[schema(as = RecallEntry)]
#[expect(dead_code, reason = "a description of a type of a crate that knows no HTTP")]
pub(crate) struct RecallEntryDocument {
    /// `pictures`, `texts` or `mixtures`.
    queries: String,
    /// `none`, `random 50%`, or a source's folder.
    filter: String,
    /// Vectors that the filter admits.
    vectors: u64,
    /// Which part of the truly nearest was found.
    recall: f64,
    /// Lower end of the 95 % interval.
    low: f64,
    /// Upper end of it.
    high: f64,
}

/// How the vector index stands.
#[derive(ToSchema)]
#[schema(as = IndexStatus)]
#[expect(dead_code, reason = "a description of a type of a crate that knows no HTTP")]
pub(crate) struct IndexStatusDocument {
    /// `exact` or `hnsw`.
    kind: String,
    /// Live vectors.
    vectors: u64,
    /// Rows that removed images left behind, to be used again.
    tombstones: u64,
}

/// Disk space by part, in bytes.
#[derive(ToSchema)]
#[schema(as = BytesOnDisk)]
#[expect(dead_code, reason = "a description of a type of a crate that knows no HTTP")]
pub(crate) struct BytesOnDiskDocument {
    /// The catalog.
    catalog: u64,
    /// The vector file.
    vectors: u64,
    /// The search graph.
    graph: u64,
    /// The thumbnails.
    thumbnails: u64,
}
