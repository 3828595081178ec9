use std::sync::Arc;

use actix_web::web;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, ProblemKind};

/// Lets a bounded number of blocking jobs run at once and a bounded number wait; turns further ones away.
pub(crate) struct ConcurrencyLimiter {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl ConcurrencyLimiter {
    /// `at_once` jobs run, `waiting` more may wait.
    pub(crate) fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once + waiting)),
            running: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// Runs `work` on a thread for blocking work, once it is its turn.
    pub(crate) async fn run<T, W>(&self, work: W) -> Result<T, Problem>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T, Problem> + Send + 'static,
    {
        let place = try_acquire(&self.places)?;
        let turn = Arc::clone(&self.running).acquire_owned().await;
        // The work keeps its turn until it is done, even where nobody waits for the answer any more.
        let done = web::block(move || {
            let _held = (place, turn);
            work()
        });
        done.await
            .map_err(|_| Problem::internal("the request's work was cut short; see the server's log"))?
    }
}

/// A place among a bounded number, or the advice to come back.
pub(crate) fn try_acquire(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        Problem::new(
            ProblemKind::Overloaded,
            "too many requests are waiting already; try again in a second",
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
    async fn only_so_many_run_at_once_and_the_surplus_is_turned_away() {
        let gate = ConcurrencyLimiter::new(2, 3);
        let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..8).map(|_| {
            let (running, peak) = (Arc::clone(&running), Arc::clone(&peak));
            gate.run(move || {
                peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        });
        let results = join_all(jobs).await;
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
    async fn a_panic_in_the_work_is_an_error_and_frees_its_place() {
        let gate = ConcurrencyLimiter::new(1, 0);
        for _ in 0..3 {
            let result: Result<(), _> = gate.run(|| panic!("on purpose")).await;
            assert_eq!(result.unwrap_err().status_code(), 500);
        }
        assert!(gate.run(|| Ok(())).await.is_ok());
    }
}
