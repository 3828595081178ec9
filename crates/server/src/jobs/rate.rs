//! How fast a job advances.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(30);
/// Least time between two samples, and that a rate needs.
const INTERVAL: Duration = Duration::from_secs(1);

/// Items a second over the last half minute: a job that skips what is unchanged is fast at first, so the mean since its start
/// would promise too early an end.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    /// Times with the number of items done by then, the oldest first.
    samples: VecDeque<(Instant, u64)>,
}

impl RateMeter {
    /// Notes how many items are done; fewer than before begin a new count.
    pub(super) fn record(&mut self, now: Instant, done: u64) {
        if self.samples.back().is_some_and(|(_, before)| done < *before) {
            self.samples.clear();
        }
        if self.samples.back().is_some_and(|(at, _)| now - *at < INTERVAL) {
            return;
        }
        self.samples.push_back((now, done));
        // One sample beyond the window says what was done when it began.
        while self.samples.get(1).is_some_and(|(at, _)| now - *at >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Items a second, once it can be said; `done` items are done now.
    pub(super) fn rate(&self, now: Instant, done: u64) -> Option<f64> {
        let (at, before) = self.samples.front()?;
        let elapsed = now - *at;
        (elapsed >= INTERVAL && done >= *before).then(|| (done - before) as f64 / elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `items` a second for so many seconds, on from where a meter is.
    fn run(meter: &mut RateMeter, start: Instant, seconds: std::ops::Range<u64>, items: u64) -> u64 {
        let mut done = 0;
        for second in seconds {
            done = second * items;
            meter.record(start + Duration::from_secs(second), done);
        }
        done
    }

    #[test]
    fn rate_is_that_of_last_half_minute() {
        let (mut meter, start) = (RateMeter::default(), Instant::now());
        let done = run(&mut meter, start, 0..61, 1000);
        let now = start + Duration::from_secs(60);
        assert_eq!(meter.rate(now, done), Some(1000.0));
        for second in 61..=120 {
            meter.record(start + Duration::from_secs(second), done + (second - 60) * 10);
        }
        let now = start + Duration::from_secs(120);
        assert_eq!(meter.rate(now, done + 600), Some(10.0));
        assert!(meter.samples.len() <= 32, "{} samples", meter.samples.len());
    }

    #[test]
    fn new_stage_begins_new_rate() {
        let (mut meter, start) = (RateMeter::default(), Instant::now());
        assert_eq!(meter.rate(start, 0), None);
        run(&mut meter, start, 0..10, 100);
        meter.record(start + Duration::from_secs(10), 0);
        assert_eq!(meter.rate(start + Duration::from_millis(10_500), 5), None);
        assert_eq!(meter.rate(start + Duration::from_secs(12), 14), Some(7.0));
    }
}
