//! Walk, plan, decode, encode, commit, report.
//!
//! ```text
//! planner ──jobs──▶ readers (several) ──outcomes──▶ committer (the calling thread)
//! ```
//!
//! The planner merges the sorted walk of each source with the catalog's sorted records, so that an unchanged file costs
//! one `stat` and nothing is collected. Readers read, hash, decode and shrink. The committer encodes in batches and
//! makes results durable: vectors first, then the catalog record that names them. What vanished is removed last, and
//! only where the walk succeeded and was not cancelled.
//!
//! A refill goes by the catalog instead of a walk: it embeds what is known already and has no vector in a space yet.
//!
//! This crate opens nothing of a library and prints nothing; it writes only through the parts it is given.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use eidetic_catalog::Catalog;
use eidetic_domain::ImageId;
use eidetic_encoder::Encoder;
use eidetic_imaging::{DecodeLimits, ThumbnailStore};
use eidetic_vectors::VectorIndex;

mod budget;
mod claims;
mod commit;
mod count;
mod embed;
mod observer;
mod plan;
mod prepare;
mod read;
mod refill;
mod removal;
mod report;
mod run;
mod sources;
mod stamp;
mod tally;
mod vanished;
mod walk;

pub use observer::{Observer, Stage};
pub use refill::{Refilled, Wanted};
pub use report::{Failure, IndexingError, Report};

/// What indexing works with.
pub struct Indexer<'a, V: VectorIndex + ?Sized> {
    /// What is known of every file.
    pub catalog: &'a dyn Catalog,
    /// Where embeddings go. Locked for writing only while vectors are added or removed, for reading during an fsync.
    pub vectors: &'a RwLock<V>,
    /// What makes embeddings; of the same space as `vectors`.
    pub encoder: &'a dyn Encoder,
    /// Where small pictures for the page go, if anywhere.
    pub thumbnails: Option<&'a ThumbnailStore>,
    /// Told which images the catalog has just forgotten, so that other spaces let go of their vectors too.
    pub forgotten: &'a (dyn Fn(&[ImageId]) + Sync),
}

/// How to index.
#[derive(Debug, Clone)]
pub struct Options {
    /// Pictures that the encoder gets at once.
    pub batch: usize,
    /// Threads that read and decode; 0 for one a processor.
    pub threads: usize,
    /// Pictures after which results are made durable, if two seconds do not pass before.
    pub commit_every: usize,
    /// What one picture may cost.
    pub limits: DecodeLimits,
    /// Bytes that all pictures being decoded at once may take, as estimated from their headers. One picture that alone
    /// is estimated at more is decoded while no other is.
    pub decode_memory: u64,
    /// Folders never walked: the library's own.
    pub excluded: Vec<PathBuf>,
    /// Sources that the library has besides those of this run. Where one lies within a source of this run, its files
    /// are not taken for removed just because the outer walk passes them over (being hidden or ignored there).
    pub other_sources: Vec<PathBuf>,
}

impl Default for Options {
    /// Batches of 32, all processors, a commit every 256 pictures, 768 MiB for decoding.
    fn default() -> Self {
        Self {
            batch: 32,
            threads: 0,
            commit_every: 256,
            limits: DecodeLimits::default(),
            decode_memory: 768 << 20,
            excluded: Vec::new(),
            other_sources: Vec::new(),
        }
    }
}

/// Asks a run to stop. Clones share the wish.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Stops the run within about one batch. What is committed is kept; nothing more is removed.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether stopping was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl<V: VectorIndex + ?Sized> Indexer<'_, V> {
    /// Brings catalog, vectors and thumbnails up to date with `sources` (folders, or single pictures).
    ///
    /// A bad file, an unreadable folder or a missing source is an entry in the report; what is known of the files
    /// below the latter two stays. An error means that the run could not go on; what was committed before it is kept.
    pub fn run(
        &self,
        sources: &[PathBuf],
        options: &Options,
        observer: &dyn Observer,
        cancel: &Cancel,
    ) -> Result<Report, IndexingError> {
        run::run(self, sources, options, observer, cancel)
    }

    /// Embeds the images that the catalog knows and that have no row in its space, as far as they are `wanted`, from the
    /// first of their files that still holds them.
    ///
    /// Runs beside a run into another space: an image that is removed meanwhile is let go of. An image that cannot be
    /// embedded is an entry in the report, and stays without a row. An error means that the refill could not go on; what was
    /// committed before it is kept, and the next refill goes on from there. The observer counts images as files.
    pub fn refill(
        &self,
        wanted: Wanted<'_>,
        options: &Options,
        observer: &dyn Observer,
        cancel: &Cancel,
    ) -> Result<Refilled, IndexingError> {
        refill::refill(self, wanted, options, observer, cancel)
    }
}
