//! Layouts of all points.

use eidetic_domain::SplitMix64;

use crate::fuzzy_graph::FuzzyGraph;
use crate::optimizer::{OnEpoch, Schedule, optimize};
use crate::{NeighborLists, Point};

/// Up to this many points the layout takes [`EPOCHS_OF_FEW`].
const FEW: usize = 10_000;
const EPOCHS_OF_FEW: usize = 500;
const EPOCHS_OF_MANY: usize = 200;
/// Half the extent of the first positions.
const EXTENT: f32 = 10.0;
/// Keeps points with equal coordinates apart.
const JITTER: f32 = 1e-2;
const SEED: u64 = 0x696e_6974;

/// What a layout is made of.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The nearest neighbors of each point.
    pub neighbors: &'a NeighborLists,
    /// Coordinates of each point to start from, such as those along the first two principal components. Their scale does not matter.
    pub start: &'a [Point],
}

impl Layout<'_> {
    /// Number of epochs that [`layout`] takes.
    pub const fn epochs(&self) -> usize {
        if self.start.len() <= FEW {
            EPOCHS_OF_FEW
        } else {
            EPOCHS_OF_MANY
        }
    }
}

/// Places points in the plane so that neighbors are near each other (UMAP). `None` if `on_epoch` ended it.
///
/// # Panics
/// If there are not as many starting positions as lists of neighbors.
pub fn layout(input: Layout<'_>, on_epoch: OnEpoch<'_>) -> Option<Vec<Point>> {
    assert_eq!(
        input.neighbors.len(),
        input.start.len(),
        "each point has a list and a start"
    );
    let graph = FuzzyGraph::union(input.neighbors);
    let schedule = Schedule {
        epochs: input.epochs(),
        learning_rate: 1.0,
    };
    optimize(&graph, scaled(input.start), 0, schedule, on_epoch)
}

/// The starting positions, centered, with the same scale along both axes, and moved by a little.
fn scaled(start: &[Point]) -> Vec<Point> {
    let middle = |axis: usize| {
        let sum: f64 = start.iter().map(|point| f64::from(point[axis])).sum();
        (sum / start.len().max(1) as f64) as f32
    };
    let center = [middle(0), middle(1)];
    let centered = start
        .iter()
        .map(|point| [point[0] - center[0], point[1] - center[1]]);
    let centered: Vec<Point> = centered.collect();
    let greatest = centered
        .iter()
        .flatten()
        .fold(0.0_f32, |greatest, x| greatest.max(x.abs()));
    let scale = if greatest > 0.0 { EXTENT / greatest } else { 0.0 };
    let mut random = SplitMix64::new(SEED);
    let mut moved = |x: f32| x * scale + JITTER * random.signed_unit();
    centered.iter().map(|point| point.map(&mut moved)).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::synthetic::Clusters;
    use crate::trustworthiness;

    fn layout_of(clusters: &Clusters, k: usize) -> Vec<Point> {
        let n = clusters.len();
        let input = Layout {
            neighbors: &clusters.neighbors(0..n, n, k),
            start: &clusters.start(n),
        };
        layout(input, &|_| ControlFlow::Continue(())).unwrap()
    }

    #[test]
    fn clusters_stay_together_and_apart() {
        let clusters = Clusters::new(600, 32, 6, 5);
        let positions = layout_of(&clusters, 15);
        let all: Vec<usize> = (0..600).collect();
        let trust = trustworthiness(&positions, 15, &all, |point| clusters.distances(point));
        // umap-learn 0.5.12 reaches 0.959 on such points.
        assert!(trust > 0.95, "trustworthiness {trust}");
        let start = trustworthiness(&clusters.start(600), 15, &all, |point| clusters.distances(point));
        assert!(trust > start + 0.005, "{trust} after, {start} before");
        for (point, own) in positions.iter().enumerate() {
            let mut others: Vec<usize> = all.iter().copied().filter(|other| *other != point).collect();
            let distance = |other: usize| crate::curve::squared_distance(*own, positions[other]);
            others.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
            let same = others[..15]
                .iter()
                .filter(|other| *other % 6 == point % 6)
                .count();
            assert!(same >= 12, "{same} of 15 beside {point}");
        }
    }

    #[test]
    fn result_does_not_depend_on_threads() {
        let clusters = Clusters::new(300, 16, 4, 2);
        let on_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| layout_of(&clusters, 10))
        };
        assert_eq!(on_threads(1), on_threads(3));
    }

    #[test]
    fn few_points_have_finite_positions() {
        for number in 0..8 {
            let clusters = Clusters::new(number, 4, 2, 1);
            let positions = layout_of(&clusters, 15);
            assert_eq!(positions.len(), number);
            assert!(positions.iter().flatten().all(|x| x.is_finite()));
        }
    }

    #[test]
    fn equal_points_have_finite_positions() {
        let lists = (0..40).map(|point: u32| {
            (0..40)
                .filter(move |other| *other != point)
                .map(|other| (other, 0.0))
        });
        let input = Layout {
            neighbors: &NeighborLists::new(lists),
            start: &[[0.0, 0.0]; 40],
        };
        let positions = layout(input, &|_| ControlFlow::Continue(())).unwrap();
        assert!(positions.iter().flatten().all(|x| x.is_finite()));
    }

    #[test]
    fn work_ends_when_told() {
        let clusters = Clusters::new(50, 4, 2, 1);
        let input = Layout {
            neighbors: &clusters.neighbors(0..50, 50, 5),
            start: &clusters.start(50),
        };
        assert_eq!(layout(input, &|_| ControlFlow::Break(())), None);
    }
}
