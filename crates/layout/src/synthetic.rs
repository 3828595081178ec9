//! Clusters of unit vectors for tests.

use eidetic_domain::SplitMix64;
use eidetic_kernels::dot;

use crate::{NeighborLists, Point, principal_start};

/// Unit vectors around centers; the n-th is of cluster n modulo their number.
pub struct Clusters {
    dimension: usize,
    rows: Vec<f32>,
}

impl Clusters {
    pub fn new(number: usize, dimension: usize, clusters: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let centers: Vec<f32> = (0..clusters * dimension).map(|_| random.signed_unit()).collect();
        let mut rows = Vec::with_capacity(number * dimension);
        for at in 0..number {
            let center = &centers[at % clusters * dimension..][..dimension];
            let row: Vec<f32> = center.iter().map(|x| x + 0.4 * random.signed_unit()).collect();
            let length = dot(&row, &row).sqrt();
            rows.extend(row.iter().map(|x| x / length));
        }
        Self { dimension, rows }
    }

    pub fn len(&self) -> usize {
        self.rows.len() / self.dimension
    }

    pub fn row(&self, at: usize) -> &[f32] {
        &self.rows[at * self.dimension..][..self.dimension]
    }

    pub fn distance(&self, a: usize, b: usize) -> f32 {
        1.0 - dot(self.row(a), self.row(b))
    }

    pub fn distances(&self, point: usize) -> Vec<f32> {
        (0..self.len()).map(|other| self.distance(point, other)).collect()
    }

    /// The `k` nearest of the first `among` rows to each of the rows of `of`.
    pub fn neighbors(&self, of: std::ops::Range<usize>, among: usize, k: usize) -> NeighborLists {
        NeighborLists::new(of.map(|point| {
            let mut all: Vec<(u32, f32)> = (0..among)
                .filter(|other| *other != point)
                .map(|other| (other as u32, self.distance(point, other)))
                .collect();
            all.sort_by(|(_, a), (_, b)| a.total_cmp(b));
            all.truncate(k);
            all
        }))
    }

    /// Where the layout of the first `number` rows starts.
    pub fn start(&self, number: usize) -> Vec<Point> {
        principal_start(number, self.dimension, |at, numbers| {
            numbers.copy_from_slice(self.row(at));
        })
    }
}
