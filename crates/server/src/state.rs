use std::sync::Arc;

use eidetic_library::Library;
use tokio::sync::Semaphore;

use crate::concurrency::ConcurrencyLimiter;
use crate::jobs::JobRegistry;
use crate::metrics::Metrics;
use crate::options::ServeOptions;

/// What all requests share.
pub(crate) struct State {
    pub(crate) library: Arc<Library>,
    pub(crate) options: ServeOptions,
    /// For work that may run the model.
    pub(crate) models: ConcurrencyLimiter,
    /// For work that reads or converts whole pictures.
    pub(crate) pictures: ConcurrencyLimiter,
    /// One permit for each body that may be arriving.
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) jobs: JobRegistry,
    /// One permit: what answers teach is learnt once at a time.
    pub(crate) learning: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
}

impl State {
    pub(crate) fn new(library: Arc<Library>, options: ServeOptions) -> Self {
        let limits = &options.limits;
        Self {
            models: ConcurrencyLimiter::new(limits.model_runs, limits.waiting),
            pictures: ConcurrencyLimiter::new(limits.pictures, limits.waiting),
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            jobs: JobRegistry::default(),
            learning: Arc::new(Semaphore::new(1)),
            metrics: Metrics::default(),
            library,
            options,
        }
    }
}
