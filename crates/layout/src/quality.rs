//! How well a layout keeps neighborhoods.

use rayon::prelude::*;

use crate::Point;
use crate::curve::squared_distance;

/// The trustworthiness of a layout (J. Venna, S. Kaski: Neighborhood preservation in nonlinear projection methods, 2001): 1 if the `k` nearest
/// points of each point in the plane are among its `k` nearest before, less for each that is not, by its rank among all. Near 0.5 for
/// positions at random. 1 where there are too few points to tell.
///
/// `distances(point)` are the distances of a point to all points before they were placed; `sample` are the points that are looked at, so
/// that the time is that of `sample.len()` × `positions.len()` distances.
pub fn trustworthiness(
    positions: &[Point],
    k: usize,
    sample: &[usize],
    distances: impl Fn(usize) -> Vec<f32> + Sync,
) -> f64 {
    let n = positions.len();
    if sample.is_empty() || 2 * n <= 3 * k + 1 {
        return 1.0;
    }
    let penalty = |point: usize| {
        let before = distances(point);
        let mut others: Vec<usize> = (0..n).filter(|other| *other != point).collect();
        let in_plane = |other: &usize| squared_distance(positions[point], positions[*other]);
        others.select_nth_unstable_by(k - 1, |a, b| in_plane(a).total_cmp(&in_plane(b)));
        let rank = |other: usize| {
            let nearer = |at: &usize| before[*at] < before[other];
            1 + (0..n).filter(|at| *at != point).filter(nearer).count()
        };
        others[..k]
            .iter()
            .map(|other| rank(*other).saturating_sub(k))
            .sum::<usize>()
    };
    let total: usize = sample.par_iter().map(|point| penalty(*point)).sum();
    let most = sample.len() * k * (2 * n - 3 * k - 1);
    1.0 - 2.0 * total as f64 / most as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Clusters;
    use eidetic_domain::SplitMix64;

    #[test]
    fn plane_itself_is_trusted_chance_is_not() {
        let mut random = SplitMix64::new(4);
        let points: Vec<Point> = (0..400)
            .map(|_| [random.signed_unit(), random.signed_unit()])
            .collect();
        let other: Vec<Point> = (0..400)
            .map(|_| [random.signed_unit(), random.signed_unit()])
            .collect();
        let distances = |point: usize| -> Vec<f32> {
            let of = |at: &Point| squared_distance(points[point], *at);
            points.iter().map(of).collect()
        };
        let all: Vec<usize> = (0..400).collect();
        assert!((trustworthiness(&points, 10, &all, distances) - 1.0).abs() < 1e-12);
        let chance = trustworthiness(&other, 10, &all, distances);
        assert!((chance - 0.5).abs() < 0.05, "{chance}");
    }

    /// The definition, rank by rank.
    #[test]
    fn value_equals_definition() {
        let clusters = Clusters::new(120, 6, 3, 1);
        let mut random = SplitMix64::new(9);
        let layout: Vec<Point> = (0..120)
            .map(|at| [(at % 3) as f32 + random.signed_unit(), random.signed_unit()])
            .collect();
        let (n, k) = (120, 7);
        let mut total = 0;
        for point in 0..n {
            let ranked = |distance: &dyn Fn(usize) -> f32| {
                let mut others: Vec<usize> = (0..n).filter(|other| *other != point).collect();
                others.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)));
                others
            };
            let before = ranked(&|other| clusters.distance(point, other));
            let after = ranked(&|other| squared_distance(layout[point], layout[other]));
            for neighbor in &after[..k] {
                let rank = 1 + before.iter().position(|other| other == neighbor).unwrap();
                total += rank.saturating_sub(k);
            }
        }
        let expected = 1.0 - 2.0 * total as f64 / (n * k * (2 * n - 3 * k - 1)) as f64;
        let all: Vec<usize> = (0..n).collect();
        let value = trustworthiness(&layout, k, &all, |point| clusters.distances(point));
        assert!((value - expected).abs() < 1e-12, "{value} and {expected}");
    }
}
