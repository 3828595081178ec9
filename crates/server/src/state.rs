//! The state that all requests share.

use std::sync::Arc;

use eidetic_library::Library;
use tokio::sync::Semaphore;

use crate::concurrency::ConcurrencyLimiter;
use crate::jobs::JobQueue;
use crate::metrics::Metrics;
use crate::options::ServeOptions;
use crate::uploads::UploadSlots;
use crate::yielding::Yielding;

/// The state that all requests share.
pub(crate) struct AppState {
    pub(crate) library: Arc<Library>,
    pub(crate) options: ServeOptions,
    /// For work that may run the model.
    pub(crate) model_runs: ConcurrencyLimiter,
    /// For work that reads the library, or reads and converts image files.
    pub(crate) image_reads: ConcurrencyLimiter,
    /// For bodies that are large.
    pub(crate) uploads: Arc<UploadSlots>,
    pub(crate) jobs: Arc<JobQueue>,
    /// Makes indexing yield to searches.
    pub(crate) yielding: Arc<Yielding>,
    /// One permit: feedback refits confidences once at a time.
    pub(crate) refits: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
}

impl AppState {
    pub(crate) fn new(library: Arc<Library>, options: ServeOptions) -> Self {
        let limits = &options.limits;
        let yielding = Arc::new(Yielding::default());
        Self {
            model_runs: ConcurrencyLimiter::new(limits.model_runs, limits.waiting)
                .before_background(Arc::clone(&yielding)),
            image_reads: ConcurrencyLimiter::new(limits.image_reads, limits.waiting),
            uploads: Arc::new(UploadSlots::new(limits)),
            jobs: Arc::new(JobQueue::new(Arc::clone(&library), Arc::clone(&yielding))),
            yielding,
            refits: Arc::new(Semaphore::new(1)),
            metrics: Metrics::default(),
            library,
            options,
        }
    }
}
