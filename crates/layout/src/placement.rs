//! New points in a layout that stays as it is.

use crate::curve::squared_distance;
use crate::fuzzy_graph::{Edge, FuzzyGraph};
use crate::optimizer::{OnEpoch, Schedule, optimize};
use crate::{NeighborLists, Point};

/// How new points move: those of umap-learn for new points of a large layout.
const SCHEDULE: Schedule = Schedule {
    epochs: 30,
    learning_rate: 0.25,
};

/// Places new points in a layout. A neighbor below the number of points in `placed` is one of them; another is a new
/// point, numbered from there on. `None` if `on_epoch` ended it.
///
/// A point starts at one of its neighbors, the one that is nearest to all of them (their weighted medoid): the mean would be between
/// two groups where the neighbors are in both. Then the new points move for some epochs. One that no placed point is reached from through
/// neighbors starts in the middle.
pub fn place(placed: &[Point], neighbors: &NeighborLists, on_epoch: OnEpoch<'_>) -> Option<Vec<Point>> {
    let graph = FuzzyGraph::one_way(neighbors);
    let mut positions: Vec<Option<Point>> = placed.iter().copied().map(Some).collect();
    positions.resize(placed.len() + graph.len(), None);
    loop {
        let started: Vec<(usize, Point)> = (0..graph.len())
            .filter(|point| positions[placed.len() + point].is_none())
            .filter_map(|point| Some((point, medoid(graph.of(point), &positions)?)))
            .collect();
        if started.is_empty() {
            break;
        }
        for (point, start) in started {
            positions[placed.len() + point] = Some(start);
        }
    }
    let middle = mean(placed);
    let start: Vec<Point> = positions
        .into_iter()
        .map(|start| start.unwrap_or(middle))
        .collect();
    let mut all = optimize(&graph, start, placed.len(), SCHEDULE, on_epoch)?;
    Some(all.split_off(placed.len()))
}

/// The position of the neighbor from which the others are nearest on the whole, by their strengths; of the neighbors that have a position.
fn medoid(edges: &[Edge], positions: &[Option<Point>]) -> Option<Point> {
    let known: Vec<(Point, f32)> = edges
        .iter()
        .filter_map(|edge| Some((positions[edge.to as usize]?, edge.strength)))
        .collect();
    let cost = |at: Point| {
        let costs = known
            .iter()
            .map(|(other, strength)| strength * squared_distance(at, *other).sqrt());
        costs.sum::<f32>()
    };
    let costs = known.iter().map(|(at, _)| (*at, cost(*at)));
    let best = costs.min_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map(|(at, _)| at)
}

fn mean(points: &[Point]) -> Point {
    let sum = |axis: usize| points.iter().map(|point| f64::from(point[axis])).sum::<f64>();
    let count = points.len().max(1) as f64;
    [(sum(0) / count) as f32, (sum(1) / count) as f32]
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::synthetic::Clusters;
    use crate::{Layout, layout};

    const GO_ON: OnEpoch<'static> = &|_| ControlFlow::Continue(());

    #[test]
    fn new_points_are_beside_their_clusters() {
        let clusters = Clusters::new(500, 24, 5, 8);
        let input = Layout {
            neighbors: &clusters.neighbors(0..400, 400, 15),
            start: &clusters.start(400),
        };
        let placed = layout(input, GO_ON).unwrap();
        let added = place(&placed, &clusters.neighbors(400..500, 500, 15), GO_ON).unwrap();
        assert_eq!(added.len(), 100);
        for (point, own) in added.iter().enumerate() {
            let mut all: Vec<usize> = (0..400).collect();
            all.sort_by(|a, b| {
                squared_distance(*own, placed[*a]).total_cmp(&squared_distance(*own, placed[*b]))
            });
            let same = all[..10]
                .iter()
                .filter(|other| *other % 5 == (400 + point) % 5)
                .count();
            assert!(same >= 8, "{same} of 10 beside new point {point}");
        }
        let again = place(&placed, &clusters.neighbors(400..500, 500, 15), GO_ON).unwrap();
        assert_eq!(added, again);
    }

    #[test]
    fn chain_of_new_points_starts_at_placed_one() {
        let placed = [[100.0, 100.0], [0.0, 0.0], [200.0, 0.0]];
        // The last point knows only the one before it.
        let lists = NeighborLists::new([vec![(0, 0.1)], vec![(3, 0.1)], vec![(4, 0.1)]]);
        let added = place(&placed, &lists, GO_ON).unwrap();
        for point in added {
            assert!(squared_distance(point, placed[0]) < 400.0, "{point:?}");
        }
    }

    #[test]
    fn points_without_neighbors_are_in_the_middle() {
        let added = place(&[[2.0, 4.0], [4.0, 8.0]], &NeighborLists::new([[]; 1]), GO_ON).unwrap();
        assert_eq!(added, [[3.0, 6.0]]);
        assert_eq!(
            place(&[], &NeighborLists::default(), GO_ON).unwrap(),
            [[0.0; 2]; 0]
        );
    }
}
