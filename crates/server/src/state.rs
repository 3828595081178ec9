//! The state that all requests share.

use std::sync::Arc;

use eidetic_library::Library;
use tokio::sync::Semaphore;

use crate::concurrency::ConcurrencyLimiter;
use crate::jobs::JobRegistry;
use crate::metrics::Metrics;
use crate::options::ServeOptions;
use crate::uploads::UploadSlots;

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
    pub(crate) jobs: JobRegistry,
    /// One permit: feedback refits confidences once at a time.
    pub(crate) refits: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
}

impl AppState {
    pub(crate) fn new(library: Arc<Library>, options: ServeOptions) -> Self {
        let limits = &options.limits;
        Self {
            model_runs: ConcurrencyLimiter::new(limits.model_runs, limits.waiting),
            image_reads: ConcurrencyLimiter::new(limits.image_reads, limits.waiting),
            uploads: Arc::new(UploadSlots::new(limits)),
            jobs: JobRegistry::default(),
            refits: Arc::new(Semaphore::new(1)),
            metrics: Metrics::default(),
            library,
            options,
        }
    }
}
