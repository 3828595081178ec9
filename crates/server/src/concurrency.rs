//! Bounds how much work runs and waits at once.

use std::sync::Arc;

use actix_web::web;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, ProblemKind};
use crate::yielding::Yielding;

/// Runs a bounded number of blocking tasks at once, lets a bounded number wait and rejects the others.
pub(crate) struct ConcurrencyLimiter {
    /// One permit for each task that runs or waits.
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// Set where tasks go before indexing.
    yielding: Option<Arc<Yielding>>,
}

impl ConcurrencyLimiter {
    /// Lets `at_once` tasks run and `waiting` more wait.
    pub(crate) fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(at_once + waiting)),
            running: Arc::new(Semaphore::new(at_once)),
            yielding: None,
        }
    }

    /// Makes indexing in the background yield to the tasks, from when they wait.
    pub(crate) fn before_background(self, yielding: Arc<Yielding>) -> Self {
        Self {
            yielding: Some(yielding),
            ..self
        }
    }

    /// Runs `task` on the thread pool for blocking work, after the tasks that wait already.
    pub(crate) async fn run<T, F>(&self, task: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        let admitted = try_acquire(&self.admitted)?;
        let first = self.yielding.as_ref().map(|yielding| yielding.enter());
        let running = Arc::clone(&self.running).acquire_owned().await;
        // The permits live as long as the task, even where the client has gone and no response is awaited.
        let done = web::block(move || {
            let _permits = (admitted, running, first);
            task()
        });
        done.await
            .map_err(|_| Problem::internal("the request was interrupted; see the server's log"))?
    }
}

/// A permit, or the problem `Overloaded` where none is free.
pub(crate) fn try_acquire(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(permits).try_acquire_owned().map_err(|_| {
        Problem::new(
            ProblemKind::Overloaded,
            "too many requests are waiting; try again in a second",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use actix_web::ResponseError;
    use futures_util::future::join_all;

    use super::*;

    #[actix_web::test]
    async fn excess_tasks_are_rejected_others_wait() {
        let limiter = ConcurrencyLimiter::new(2, 3);
        let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..8).map(|_| {
            let (running, peak) = (Arc::clone(&running), Arc::clone(&peak));
            limiter.run(move || {
                peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        });
        let results = join_all(tasks).await;
        let refused: Vec<_> = results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .collect();
        assert_eq!(refused.len(), 3);
        assert_eq!(refused[0].status_code(), 503);
        assert_eq!(
            refused[0].error_response().headers().get("retry-after").unwrap(),
            "1"
        );
        assert_eq!(peak.load(Ordering::SeqCst), 2);
    }

    #[actix_web::test]
    async fn panicking_task_returns_error_and_permits() {
        let limiter = ConcurrencyLimiter::new(1, 0);
        for _ in 0..3 {
            let result: Result<(), _> = limiter.run(|| panic!("on purpose")).await;
            assert_eq!(result.unwrap_err().status_code(), 500);
        }
        assert!(limiter.run(|| Ok(())).await.is_ok());
    }
}
