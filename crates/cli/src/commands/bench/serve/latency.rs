//! Percentiles of latencies.

use std::time::Duration;

/// Latencies of requests, sorted.
#[derive(Debug, Default)]
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    /// The `percent`-th percentile by the nearest rank: the least latency that at least so many percent of the requests did
    /// not exceed. It is always a measured one. `None` without requests.
    pub(super) fn percentile(&self, percent: u32) -> Option<Duration> {
        let rank = (self.0.len() * percent as usize).div_ceil(100);
        self.0.get(rank.max(1) - 1).copied()
    }

    /// The longest.
    pub(super) fn max(&self) -> Option<Duration> {
        self.0.last().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(latencies: I) -> Self {
        let mut sorted: Vec<Duration> = latencies.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }
}

/// In milliseconds.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    1e3 * duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Latencies {
        milliseconds.into_iter().map(Duration::from_millis).collect()
    }

    fn percentiles(latencies: &Latencies) -> Vec<u128> {
        let of = |percent| latencies.percentile(percent).map(|one| one.as_millis());
        [0, 50, 95, 99, 100].into_iter().filter_map(of).collect()
    }

    #[test]
    fn percentiles_are_of_nearest_rank() {
        assert_eq!(percentiles(&of((1..=100).rev())), [1, 50, 95, 99, 100]);
        assert_eq!(percentiles(&of(1..=1000)), [1, 500, 950, 990, 1000]);
        // Wikipedia's example of the method.
        let five = of([50, 15, 40, 20, 35]);
        assert_eq!(five.percentile(30), Some(Duration::from_millis(20)));
        assert_eq!(percentiles(&five), [15, 35, 50, 50, 50]);
    }

    #[test]
    fn few_latencies_have_percentiles() {
        assert_eq!(percentiles(&of([7])), [7, 7, 7, 7, 7]);
        assert_eq!(percentiles(&of([9, 2])), [2, 2, 9, 9, 9]);
        assert_eq!(of([]).percentile(50), None);
        assert_eq!(of([]).max(), None);
    }
}
