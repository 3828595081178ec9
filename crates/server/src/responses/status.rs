//! The schema of a library's status.

use utoipa::ToSchema;

use super::{FailedFile, UnreachableFolder};

/// Size and state of a library: the schema of `eidetic_library::Status`.
#[derive(ToSchema)]
#[schema(as = Status)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct StatusDocument {
    /// The library's directory.
    library: String,
    /// Number of images.
    images: u64,
    /// Number of their paths.
    paths: u64,
    /// Files that could not be read as images.
    failed: u64,
    /// Images with damaged vectors; the next indexing job repairs them.
    damaged: u64,
    /// Why the library can only be read, if so: searches work, and changes are refused.
    read_only: Option<String>,
    /// Changes that were reported as done and are missing, as in a copy of an earlier state, if any are.
    missing_changes: Option<u64>,
    /// What its owner must know, in sentences, if there is anything.
    warnings: Option<Vec<String>>,
    /// Images with tags.
    tagged: u64,
    /// The name of its model.
    model: String,
    /// The active space.
    space: String,
    /// The folders that it indexes.
    sources: Vec<SourceStatusDocument>,
    /// How the sources are being watched, where they are.
    watch: Option<WatchStatusDocument>,
    /// Folders below sources that are left out.
    excluded: Vec<String>,
    /// Images without a file whose vectors and tags are kept for a while.
    removed: u64,
    /// How the library is kept up to date.
    indexing: IndexingSettingsDocument,
    /// The files that could not be read as images, where requested.
    failures: Option<Vec<FailedFile>>,
    /// The images whose files are damaged and shown as far as they go, where requested with the failures.
    damaged_images: Option<Vec<FailedFile>>,
    /// The precisions with which its vectors were computed, `f32`, `bf16` or `int8`, the latest last.
    precisions: Vec<String>,
    /// The precision that its model computes in: `f32`, `bf16` or `int8`.
    precision: String,
    /// The measurement that chose this precision, where one did.
    precision_choice: Option<PrecisionChoiceDocument>,
    /// All its spaces, the active one first.
    spaces: Vec<SpaceStatusDocument>,
    /// The switch to another space that is not complete yet.
    switch: Option<SwitchStatusDocument>,
    /// The quality of recent answers, of each kind of query and profile that has any.
    quality: Option<Vec<AnswerQualityDocument>>,
    /// The sets of stored texts, by name.
    texts: Option<Vec<TextSetCountDocument>>,
    /// The vector index.
    index: IndexStatusDocument,
    /// Disk space.
    bytes: BytesOnDiskDocument,
    /// Recall of the index, where requested.
    recall: Option<RecallStatusDocument>,
}

/// A set of stored texts.
#[derive(ToSchema)]
#[schema(as = TextSetCount)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct TextSetCountDocument {
    /// Its name.
    name: String,
    /// Its texts.
    texts: u64,
}

/// The recent answers to one kind of query, or in the reviews of one profile.
#[derive(ToSchema)]
#[schema(as = AnswerQuality)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct AnswerQualityDocument {
    /// `text` or `picture`.
    #[schema(pattern = "^(text|picture)$")]
    kind: String,
    /// The profile; null: hits of searches.
    profile: Option<String>,
    /// Recent answers, at most 200, for which it is known whether a match was shown.
    answers: u64,
    /// Answers to what was shown as a match.
    shown: u64,
    /// Those that say that it is none.
    false_alarms: u64,
    /// Answers that say that it is a match.
    matching: u64,
    /// Those to what was not shown as a match.
    misses: u64,
}

/// A precision that was chosen by comparing another one with f32 on bundled pictures and texts.
#[derive(ToSchema)]
#[schema(as = PrecisionChoice)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct PrecisionChoiceDocument {
    /// The precision chosen.
    precision: String,
    /// The precision that was compared with f32.
    compared: String,
    /// Mean cosine of its embeddings and those of f32, after the mean is removed.
    similarity: f32,
    /// Its speed on images, in units of that of f32.
    speed: f32,
}

/// The state of one source.
#[derive(ToSchema)]
#[schema(as = SourceStatus)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct SourceStatusDocument {
    /// The folder.
    path: String,
    /// `present` or `unreachable`.
    #[schema(pattern = "^(present|unreachable)$")]
    state: String,
    /// Files with an image that the last run left in the library.
    images: u64,
    /// What the last run could not reach.
    unreachable: Vec<UnreachableFolder>,
}

/// How a library is being watched.
#[derive(ToSchema)]
#[schema(as = WatchStatus)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct WatchStatusDocument {
    /// Every source, and how it is watched.
    sources: Vec<WatchedSourceStatusDocument>,
    /// Seconds between two walks through a source of which the system tells all changes.
    rescan_seconds: u64,
    /// The same for a source that is polled.
    poll_seconds: u64,
    /// Why the last round failed, if it did.
    error: Option<String>,
}

/// How a source is being watched.
#[derive(ToSchema)]
#[schema(as = WatchedSourceStatus)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct WatchedSourceStatusDocument {
    /// The folder.
    path: String,
    /// `notifications`: the system tells of changes; `polling`: they are looked for again and again.
    #[schema(pattern = "^(notifications|polling)$")]
    mode: String,
    /// Why it is polled, where that was not asked for.
    reason: Option<String>,
    /// When all its files were last looked at, if they were.
    #[schema(format = DateTime)]
    looked_at: Option<String>,
    /// When changes in it were last indexed, if they were.
    #[schema(format = DateTime)]
    changed_at: Option<String>,
}

/// How a library is kept up to date.
#[derive(ToSchema)]
#[schema(as = IndexingSettings)]
#[expect(
    dead_code,
    clippy::struct_excessive_bools,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct IndexingSettingsDocument {
    /// Whether links in sources are followed.
    follow_links: bool,
    /// The share of a source's images whose loss at once is taken for the absence of its disk.
    absent_share: f64,
    /// The number of images below which a loss never is.
    absent_count: u64,
    /// Days for which the vectors and tags of removed images are kept.
    keep_removed_days: u32,
    /// Whether archives are looked into.
    archives: bool,
    /// Whether pages of documents, and further pages of TIFF files, are images.
    pages: bool,
    /// Whether frames of videos are images, where `ffmpeg` is installed.
    videos: bool,
    /// Million pixels up to which pictures are decoded in full; larger ones are decoded at a reduced size.
    max_megapixels: u32,
}

/// Size and state of one space.
#[derive(ToSchema)]
#[schema(as = SpaceStatus)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct SpaceStatusDocument {
    /// Its number, which can be used as a name.
    number: u32,
    /// Whether it is the active one.
    active: bool,
    /// The name of its model.
    model: String,
    /// Its name in responses.
    space: String,
    /// The precisions with which its vectors were computed, the latest last.
    precisions: Vec<String>,
    /// The measurement that chose the precision of a new space, where one did.
    precision_choice: Option<PrecisionChoiceDocument>,
    /// Images with a vector in it.
    images: u64,
    /// Images of the library without one.
    missing: u64,
    /// Disk space of its vectors and graph.
    bytes: u64,
}

/// A switch that is not complete yet.
#[derive(ToSchema)]
#[schema(as = SwitchStatus)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct SwitchStatusDocument {
    /// The number of the space that will become active.
    number: u32,
    /// The name of its model.
    model: String,
    /// Images with a vector in it.
    done: u64,
    /// Images of the library.
    total: u64,
    /// What becomes of the space that is active now: `keep` or `drop`.
    old: String,
    /// Whether a job of the server is running it.
    running: bool,
}

/// Recall of the index, compared with an exact search.
#[derive(ToSchema)]
#[schema(as = RecallStatus)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct RecallStatusDocument {
    /// Number of neighbors.
    k: u64,
    /// Queries that are stored vectors.
    #[schema(rename = "picture_queries")]
    image_queries: u64,
    /// Queries that are texts, or else mixtures of two stored vectors.
    text_queries: u64,
    /// One entry for each filter and kind of query.
    measured: Vec<RecallEntryDocument>,
}

/// Recall under one filter, for one kind of query.
#[derive(ToSchema)]
#[schema(as = RecallEntry)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct RecallEntryDocument {
    /// `pictures`, `texts` or `mixtures`.
    queries: String,
    /// `none`, `random 50%`, or a source's folder.
    filter: String,
    /// Vectors that the filter admits.
    vectors: u64,
    /// Share of the true nearest neighbors that was found.
    recall: f64,
    /// Lower end of the 95 % interval.
    low: f64,
    /// Upper end of the 95 % interval.
    high: f64,
}

/// Size and kind of the vector index.
#[derive(ToSchema)]
#[schema(as = IndexStatus)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
pub(crate) struct IndexStatusDocument {
    /// `exact` or `hnsw`.
    kind: String,
    /// Live vectors.
    vectors: u64,
    /// Rows of removed images, which are reused.
    tombstones: u64,
}

/// Disk space by part, in bytes.
#[derive(ToSchema)]
#[schema(as = BytesOnDisk)]
#[expect(
    dead_code,
    reason = "only a schema: the type itself is in a crate without HTTP"
)]
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
