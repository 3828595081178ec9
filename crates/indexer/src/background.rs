//! Work in the background that yields to other work of the process, such as searches.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::CancelToken;

/// Time without other work after which work in the background continues.
const QUIET: Duration = Duration::from_millis(5);
/// Longest pause: under constant load, the background advances by one step in this time.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
const POLL: Duration = Duration::from_millis(1);

/// Work that goes first: how much of it runs or waits.
#[derive(Debug, Default)]
pub struct Foreground {
    active: AtomicUsize,
    last_end: Mutex<Option<Instant>>,
}

/// One piece of work that goes first, until dropped.
#[derive(Debug)]
pub struct ForegroundGuard(Arc<Foreground>);

impl Foreground {
    /// Begins a piece of work that goes first.
    pub fn enter(self: &Arc<Self>) -> ForegroundGuard {
        self.active.fetch_add(1, Ordering::AcqRel);
        ForegroundGuard(Arc::clone(self))
    }

    /// Whether nothing runs or waits, and nothing has for a moment.
    fn is_quiet(&self) -> bool {
        let last_end = self.last_end.lock().unwrap_or_else(PoisonError::into_inner);
        self.active.load(Ordering::Acquire) == 0 && last_end.is_none_or(|end| end.elapsed() >= QUIET)
    }
}

impl Drop for ForegroundGuard {
    fn drop(&mut self) {
        let now = Some(Instant::now());
        *self.0.last_end.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.0.active.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Lets the runs that hold it yield to the foreground: they pause while it is busy, and compute on threads of their own, on
/// Linux at a low priority, so that a text never queues behind images.
#[derive(Debug)]
pub struct Background {
    foreground: Arc<Foreground>,
    pool: ThreadPool,
}

impl Background {
    /// Starts one thread for each processor.
    pub fn new(foreground: Arc<Foreground>) -> Result<Self, ThreadPoolBuildError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("background-{number}"))
            .start_handler(|_| lower_priority())
            .build()?;
        Ok(Self { foreground, pool })
    }

    /// Waits until the foreground is quiet, at most a twentieth of a second, or until `cancel`.
    pub fn pause(&self, cancel: &CancelToken) {
        let start = Instant::now();
        while !self.foreground.is_quiet() && start.elapsed() < LONGEST_PAUSE && !cancel.is_cancelled() {
            thread::sleep(POLL);
        }
    }

    /// Runs `work`, with all that it divides among threads, in the background.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }
}

/// Gives the current thread a low priority, on Linux; elsewhere the priority belongs to the process. Beside a busy thread of
/// another priority it still gets a tenth of a processor, so that a machine at work does not stop it.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        if getpriority_process(None).is_ok_and(|niceness| niceness < NICENESS) {
            // Where the system forbids it, the thread competes as before.
            let _ = setpriority_process(None, NICENESS);
        }
    }
}

#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_lasts_while_foreground_is_busy() {
        let foreground = Arc::new(Foreground::default());
        let background = Background::new(Arc::clone(&foreground)).unwrap();
        let guard = foreground.enter();
        assert!(!foreground.is_quiet());
        let cancel = CancelToken::default();
        cancel.cancel();
        background.pause(&cancel);
        assert!(!foreground.is_quiet(), "a cancelled run does not wait");
        thread::scope(|scope| {
            let pausing = scope.spawn(|| background.pause(&CancelToken::default()));
            drop(guard);
            pausing.join().unwrap();
        });
        assert!(foreground.is_quiet());
        assert_eq!(background.run(|| 2), 2);
    }
}
