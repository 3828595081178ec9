use std::sync::Arc;

use eidetic_library::Library;
use tokio::sync::Semaphore;

use crate::gate::Gate;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::options::ServeOptions;

/// What all requests share.
pub(crate) struct State {
    pub(crate) library: Arc<Library>,
    pub(crate) options: ServeOptions,
    /// For work that may run the model.
    pub(crate) models: Gate,
    /// For work that reads or converts whole pictures.
    pub(crate) pictures: Gate,
    /// One permit for each body that may be arriving.
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) jobs: Jobs,
    /// One permit: what answers teach is learnt once at a time.
    pub(crate) learning: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
}

impl State {
    pub(crate) fn new(library: Arc<Library>, options: ServeOptions) -> Self {
        let limits = &options.limits;
        Self {
            models: Gate::new(limits.model_runs, limits.waiting),
            pictures: Gate::new(limits.pictures, limits.waiting),
            uploads: Arc::new(Semaphore::new(limits.uploads)),
            jobs: Jobs::default(),
            learning: Arc::new(Semaphore::new(1)),
            metrics: Metrics::default(),
            library,
            options,
        }
    }
}
