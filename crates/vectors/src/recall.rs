//! How much of what exact search finds the store finds.

use eidetic_domain::{Embedding, RowId};

use crate::nearest::Nearest;
use crate::quantizer::mix;
use crate::row_set::RowSet;
use crate::{IndexError, Neighbour, VectorIndex, VectorStore};

/// What was found of what should have been, over many queries.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Recall {
    /// Neighbours found that are as near as they should be.
    pub found: u64,
    /// Neighbours that exact search finds.
    pub possible: u64,
}

impl Recall {
    /// The part that was found; 1 where there was nothing to find.
    pub fn share(&self) -> f64 {
        if self.possible == 0 {
            return 1.0;
        }
        self.found as f64 / self.possible as f64
    }

    /// Where the share over all queries lies with a probability of 95 %, lowest and highest (Wilson, 1927).
    pub fn interval(&self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        if self.possible == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (self.possible as f64, self.share());
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let reach = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((middle - reach).max(0.0), (middle + reach).min(1.0))
    }

    /// Counts one answer. Equally near neighbours stand for each other.
    pub(crate) fn count(&mut self, found: &[Neighbour], expected: &[Neighbour]) {
        let Some(worst) = expected.last() else { return };
        let near = found.iter().filter(|neighbour| neighbour.score >= worst.score);
        self.found += near.take(expected.len()).count() as u64;
        self.possible += expected.len() as u64;
    }
}

impl VectorStore {
    /// The recall of the `k` nearest over all queries, once for each filter, against a comparison with every row of the
    /// vector file. Reads the whole file, so damaged rows are found on the way.
    pub fn recall(
        &self,
        queries: &[Embedding],
        filters: &[Option<RowSet>],
        k: usize,
    ) -> Result<Vec<Recall>, IndexError> {
        let truth = self.exactly(queries, filters, k)?;
        let mut recalls = vec![Recall::default(); filters.len()];
        for (query, expected) in queries.iter().zip(&truth) {
            for ((filter, expected), recall) in filters.iter().zip(expected).zip(&mut recalls) {
                recall.count(&self.search(query, k, filter.as_ref())?, expected);
            }
        }
        Ok(recalls)
    }

    /// About `count` live vectors, spread over the rows; fewer where there are fewer, or where rows are damaged.
    pub fn sample(&self, count: usize) -> Vec<Embedding> {
        let live = self.rows.len();
        let step = (live / count.max(1)).max(1);
        let images = self.rows.live().step_by(step).take(count);
        images.filter_map(|(_, image)| self.vector(image)).collect()
    }

    /// About the given part of the live rows, at random, always the same.
    pub fn sample_rows(&self, share: f64) -> RowSet {
        let below = (share * u64::MAX as f64) as u64;
        let rows = self.rows.live_rows().iter().map(u64::from);
        RowSet::below(
            self.end(),
            rows.filter(|&row| mix(row << 8 | 0x66) < below).map(RowId),
        )
    }

    /// The truly nearest: for each query, for each filter, best first.
    pub(crate) fn exactly(
        &self,
        queries: &[Embedding],
        filters: &[Option<RowSet>],
        k: usize,
    ) -> Result<Vec<Vec<Vec<Neighbour>>>, IndexError> {
        let fresh = || vec![vec![Nearest::new(k); filters.len()]; queries.len()];
        let pieces = self.visit(self.rows.live_rows(), fresh, |nearest, (row, image), vector| {
            let admitted =
                |filter: &Option<RowSet>| filter.as_ref().is_none_or(|filter| filter.contains(row));
            let admitted: Vec<usize> = (0..filters.len()).filter(|&at| admitted(&filters[at])).collect();
            for (query, nearest) in queries.iter().zip(nearest) {
                let score = eidetic_kernels::dot(query.as_slice(), vector).clamp(-1.0, 1.0);
                for &at in &admitted {
                    nearest[at].offer(Neighbour { image, score });
                }
            }
        })?;
        let merged = pieces.into_iter().reduce(merge).unwrap_or_else(fresh);
        let sorted = |all: Vec<Nearest>| all.into_iter().map(Nearest::into_sorted).collect();
        Ok(merged.into_iter().map(sorted).collect())
    }
}

fn merge(mut left: Vec<Vec<Nearest>>, right: Vec<Vec<Nearest>>) -> Vec<Vec<Nearest>> {
    for (left, right) in left.iter_mut().flatten().zip(right.into_iter().flatten()) {
        right
            .into_sorted()
            .into_iter()
            .for_each(|neighbour| left.offer(neighbour));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_is_wilsons() {
        // Newcombe, 1998, table I: 81 of 263.
        let recall = Recall {
            found: 81,
            possible: 263,
        };
        let (low, high) = recall.interval();
        assert!(
            (low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5,
            "{low} to {high}"
        );
        let all = Recall {
            found: 1_000,
            possible: 1_000,
        };
        assert!(all.interval().0 > 0.995 && (all.interval().1 - 1.0).abs() < 1e-12);
        assert_eq!(Recall::default().interval(), (0.0, 1.0));
    }
}
