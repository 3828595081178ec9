//! Recall of the index against an exact scan of the vector file.

use eidetic_domain::{Embedding, RowId};

use crate::quantizer::mix;
use crate::row_set::RowSet;
use crate::top_k::TopK;
use crate::{IndexError, Neighbor, VectorIndex, VectorStore};

/// How many of the true nearest neighbors were found, over many queries.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Recall {
    /// Neighbors found that are at least as near as the last true neighbor.
    pub found: u64,
    /// True neighbors.
    pub expected: u64,
}

impl Recall {
    /// The recall, 0..=1; 1 if there was nothing to find.
    pub fn ratio(&self) -> f64 {
        if self.expected == 0 {
            return 1.0;
        }
        self.found as f64 / self.expected as f64
    }

    /// The 95 % confidence interval of the recall over all queries, lower and upper end (Wilson, 1927).
    pub fn interval(&self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        if self.expected == 0 {
            return (0.0, 1.0);
        }
        let (n, p) = (self.expected as f64, self.ratio());
        let center = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half_width = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((center - half_width).max(0.0), (center + half_width).min(1.0))
    }

    /// Counts the result of one query, given the scores of the true neighbors, best first. Only scores count, so that
    /// equally near neighbors are interchangeable.
    pub(crate) fn count(&mut self, found: &[Neighbor], true_scores: &[f32]) {
        let Some(worst) = true_scores.last() else { return };
        let near = found.iter().filter(|neighbor| neighbor.score >= *worst);
        self.found += near.take(true_scores.len()).count() as u64;
        self.expected += true_scores.len() as u64;
    }
}

impl VectorStore {
    /// The recall@k over all queries, once per filter, against an exact scan of the vector file. Reads the whole file, so
    /// damaged rows are found too.
    pub fn recall(
        &self,
        queries: &[Embedding],
        filters: &[Option<RowSet>],
        k: usize,
    ) -> Result<Vec<Recall>, IndexError> {
        let truth = self.exact_scores(queries, filters, k)?;
        let mut recalls = vec![Recall::default(); filters.len()];
        for (query, true_scores) in queries.iter().zip(&truth) {
            for ((filter, true_scores), recall) in filters.iter().zip(true_scores).zip(&mut recalls) {
                recall.count(&self.search(query, k, filter.as_ref())?, true_scores);
            }
        }
        Ok(recalls)
    }

    /// About `count` live vectors, spread evenly over the rows; damaged ones are left out.
    pub fn sample(&self, count: usize) -> Vec<Embedding> {
        let live = self.rows.len();
        let step = (live / count.max(1)).max(1);
        let images = self.rows.live().step_by(step).take(count);
        images.filter_map(|(_, image)| self.vector(image)).collect()
    }

    /// About the given share (0..=1) of the live rows, pseudorandom but always the same.
    pub fn sample_rows(&self, share: f64) -> RowSet {
        let threshold = (share * u64::MAX as f64) as u64;
        let rows = self.rows.live_rows().iter().map(u64::from);
        let sampled = rows.filter(|&row| mix(row << 8 | 0x66) < threshold);
        RowSet::below(self.end(), sampled.map(RowId))
    }

    /// The scores of the true nearest neighbors: by query, by filter, best first.
    pub(crate) fn exact_scores(
        &self,
        queries: &[Embedding],
        filters: &[Option<RowSet>],
        k: usize,
    ) -> Result<Vec<Vec<Vec<f32>>>, IndexError> {
        let init = || vec![vec![TopK::new(k); filters.len()]; queries.len()];
        let blocks = self.scan_live(self.rows.live_rows(), init, |nearest, (row, image), vector| {
            let matches = |filter: &Option<RowSet>| filter.as_ref().is_none_or(|rows| rows.contains(row));
            let matching: Vec<usize> = (0..filters.len()).filter(|&at| matches(&filters[at])).collect();
            for (query, nearest) in queries.iter().zip(nearest) {
                let score = eidetic_kernels::dot(query.as_slice(), vector).clamp(-1.0, 1.0);
                for &at in &matching {
                    nearest[at].push_with(image, score, || ());
                }
            }
        })?;
        let merged = blocks.into_iter().reduce(merge).unwrap_or_else(init);
        let scores = |top: TopK<()>| top.into_sorted().iter().map(|ranked| ranked.score).collect();
        let by_filter = |all: Vec<TopK<()>>| all.into_iter().map(scores).collect();
        Ok(merged.into_iter().map(by_filter).collect())
    }
}

fn merge(mut left: Vec<Vec<TopK<()>>>, right: Vec<Vec<TopK<()>>>) -> Vec<Vec<TopK<()>>> {
    for (left, right) in left.iter_mut().flatten().zip(right.into_iter().flatten()) {
        left.merge(right);
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
            expected: 263,
        };
        let (low, high) = recall.interval();
        assert!(
            (low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5,
            "{low} to {high}"
        );
        let all = Recall {
            found: 1_000,
            expected: 1_000,
        };
        assert!(all.interval().0 > 0.995 && (all.interval().1 - 1.0).abs() < 1e-12);
        assert_eq!(Recall::default().interval(), (0.0, 1.0));
    }
}
