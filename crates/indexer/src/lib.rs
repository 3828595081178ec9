//! Keeps a library's catalog, vectors and thumbnails up to date with folders of images.
//!
//! ```text
//! walk ──▶ plan ──tasks──▶ decode (several threads) ──outcomes──▶ embed ──▶ commit (the calling thread)
//! ```
//!
//! - **Walk**: lists the files of each source, sorted by path, with size and modification time.
//! - **Plan**: merges the walk with the catalog's sorted records. An unchanged file costs one `stat`; no list
//!   of files is kept.
//! - **Decode**: reads and hashes a file. A known hash is only a new path. A new image is decoded, as small
//!   as model and thumbnail allow, and preprocessed. Full-size images never queue up.
//! - **Embed**: runs the encoder on batches.
//! - **Commit**: writes vectors, then the catalog records that name their rows, so that a reported image
//!   stays.
//!
//! Files that no longer exist are removed last, and only where their source could be walked and the run was
//! not cancelled. A source that lost its disk is told from one whose files were deleted by its file system and
//! by how much is gone at once; its files are kept and the source is reported as unreachable. The record and the
//! vector of a removed image are kept until the library purges them: a file that holds it again costs no
//! embedding. Bounded channels join the stages, so memory does not depend on the number of files.
//!
//! **Details** (captions, keywords, dates and more) come from the file, from side-cars beside it, and from its name and
//! time. Each file's stamp has a fingerprint of its side-cars: where that changed, or is missing as in records of earlier
//! versions, only the details are read again.
//!
//! **Files inside files**: archives, documents, paged images and videos are looked into, if [`IndexerOptions::contents`]
//! says so. Each picture inside has a record of its own, with the stamp of the file. While the file does not change, it
//! is not opened, and its pictures are taken for unchanged; that they are known is told by a number in the fingerprint
//! of the file's record, which is committed after theirs.
//!
//! **Part of a source**: a run may look at some paths only ([`IndexerOptions::scope`]), as it does for the changes that
//! [`watch`] tells of. It takes the same way through the same stages.
//!
//! A *backfill* has the same stages after the plan, but takes its images from the catalog instead of a walk:
//! it embeds images that are known and have no vector in a space, for example after a switch to another
//! model.
//!
//! **Known embeddings** ([`IndexerOptions::known_embeddings`]), of a file of them, are taken in place of the model's: the image is
//! decoded for its thumbnail and details, and goes from there to the commit. A backfill does not even decode it.
//!
//! [`Indexer`] is the entry point. It opens no library and prints nothing; a [`RunContext`] receives progress
//! and stops the run.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use eidetic_catalog::{Catalog, CatalogError};
use eidetic_containers::Contents;
use eidetic_domain::ImageId;
use eidetic_encoder::Encoder;
use eidetic_imaging::{DecodeLimits, ThumbnailStore};
use eidetic_vectors::VectorIndex;
use image::RgbImage;

mod absence;
mod backfill;
mod background;
mod budget;
mod commit;
mod context;
mod count;
mod decode;
mod deleted;
mod details;
mod duplicates;
mod embed;
mod findings;
mod in_flight;
mod list;
mod mounts;
mod observer;
mod plan;
mod progress;
mod read;
mod removal;
mod report;
mod run;
mod scope;
mod side_cars;
mod sources;
mod stamp;
mod walk;
pub mod watch;

pub use absence::{RemovalLimit, UnreachableSource};
pub use backfill::{BackfillFilter, BackfillReport};
pub use background::{Background, Foreground, ForegroundGuard, lower_priority};
pub use context::{CancelToken, RunContext};
pub use embed::KnownEmbeddings;
pub use list::files_of;
pub use mounts::{KnownMount, MountId};
pub use observer::{Observer, RunStage};
pub use report::{FileFailure, IndexingError, IndexingReport};
pub use scope::Scope;
pub use sources::normalize;
pub use walk::{FolderHook, Links, is_junk};
#[cfg(feature = "testing")]
pub use walk::{Walk, WalkError, WalkMode, WalkOptions, WalkSummary, WalkedFile, walk};

/// The parts of a library that indexing reads and writes.
pub struct Indexer<'a, V: VectorIndex + ?Sized> {
    /// The records of all files and images.
    pub catalog: &'a dyn Catalog,
    /// The embeddings. Locked for writing only while vectors are added or removed, for reading during an
    /// fsync.
    pub vectors: &'a RwLock<V>,
    /// Makes the embeddings; of the same space as `vectors`.
    pub encoder: &'a dyn Encoder,
    /// Where thumbnails are stored, if anywhere.
    pub thumbnails: Option<&'a ThumbnailStore>,
    /// Called with the images that were just removed from the catalog, so that other spaces hide their
    /// vectors too.
    pub on_removed: &'a (dyn Fn(&[ImageId]) + Sync),
    /// Called with the removed images that a file just brought back, so that other spaces restore their vectors.
    pub on_returned: &'a (dyn Fn(&[ImageId]) + Sync),
    /// Called with the pixels of each image that is decoded, by the thread that decodes it, so that other things are derived
    /// from them too.
    pub on_decoded: &'a (dyn Fn(&ImageId, &RgbImage) + Sync),
}

/// How to index.
#[derive(Debug, Clone)]
pub struct IndexerOptions {
    /// Images in one batch of the encoder.
    pub batch: usize,
    /// Threads that read and decode; 0 for one per processor.
    pub threads: usize,
    /// Results are committed after this many new images, or after two seconds.
    pub commit_every: usize,
    /// Limits on a single image.
    pub limits: DecodeLimits,
    /// Bytes that all images being decoded may take together, as estimated from their headers. An image that
    /// is estimated at more is decoded alone.
    pub decode_memory: u64,
    /// Folders that are never walked: the library's own.
    pub excluded: Vec<PathBuf>,
    /// Sources of the library that are not part of this run. Files of such a source within a source of this
    /// run are not taken for deleted only because the outer walk skips them as hidden or ignored.
    pub other_sources: Vec<PathBuf>,
    /// Which files to read.
    pub reading: Reading,
    /// Which files are looked into for pictures.
    pub contents: Contents,
    /// What to do with symbolic links.
    pub links: Links,
    /// What loss of images at once counts as absence of a disk; `None`: whatever is gone is removed.
    pub removal_limit: Option<RemovalLimit>,
    /// Sources whose files that are gone are removed, however many.
    pub accepted: Vec<PathBuf>,
    /// The file systems of sources and of folders below them, as the last run reported them.
    pub known_mounts: Vec<KnownMount>,
    /// The paths of the sources that are looked at. What is elsewhere is neither read nor removed.
    pub scope: Scope,
    /// Files that are to be left alone while they are being written; `None`: all are read.
    pub resting: Option<Arc<watch::RestingFiles>>,
    /// Called with each folder before it is listed.
    pub on_folder: Option<FolderHook>,
    /// Embeddings that are taken rather than made, where they are known.
    pub known_embeddings: Option<KnownEmbeddings>,
    /// Set where the run yields to other work of the process.
    pub background: Option<Arc<Background>>,
}

/// Which files a run reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reading {
    /// New files, and those whose size, times or inode changed.
    #[default]
    Changed,
    /// All files.
    All,
}

impl Default for IndexerOptions {
    /// Batches of 32, all processors, a commit every 256 images, 768 MiB for decoding.
    fn default() -> Self {
        Self {
            batch: 32,
            threads: 0,
            commit_every: 256,
            limits: DecodeLimits::default(),
            decode_memory: 768 << 20,
            excluded: Vec::new(),
            other_sources: Vec::new(),
            reading: Reading::default(),
            contents: Contents::default(),
            links: Links::default(),
            removal_limit: Some(RemovalLimit::default()),
            accepted: Vec::new(),
            known_mounts: Vec::new(),
            scope: Scope::Everything,
            resting: None,
            on_folder: None,
            known_embeddings: None,
            background: None,
        }
    }
}

impl<V: VectorIndex + ?Sized> Indexer<'_, V> {
    /// Brings catalog, vectors and thumbnails up to date with `sources` (folders, or single images).
    ///
    /// A bad file, an unreadable folder or an unreachable source is an entry in the report. The records below an
    /// unreadable folder or in an unreachable source stay.
    ///
    /// Errors: the catalog, the vectors or the encoder failed. What was committed before is kept.
    pub fn run(
        &self,
        sources: &[PathBuf],
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<IndexingReport, IndexingError> {
        run::run(self, sources, options, context)
    }

    /// Embeds the images that `filter` accepts, of those that the catalog knows and that have no vector in
    /// this space. Each is read from the first of its files that still holds it.
    ///
    /// Runs beside a run into another space: an image that is removed meanwhile is dropped. An image that
    /// cannot be embedded is an entry in the report and stays without a vector. The observer counts images as
    /// files.
    ///
    /// Errors: the catalog, the vectors or the encoder failed. What was committed before is kept, and the
    /// next backfill continues from there.
    pub fn backfill(
        &self,
        filter: BackfillFilter<'_>,
        options: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<BackfillReport, IndexingError> {
        backfill::backfill(self, filter, options, context)
    }

    /// Whether the image has both a catalog record and a vector.
    fn is_indexed(&self, image: &ImageId) -> Result<bool, CatalogError> {
        let has_vector = || {
            let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
            vectors.vector(image).is_some()
        };
        Ok(self.catalog.contains(image)? && has_vector())
    }
}
