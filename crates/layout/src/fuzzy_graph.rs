//! The fuzzy simplicial set of UMAP: nearest neighbors with membership strengths.

use rayon::prelude::*;

use crate::NeighborLists;

/// Halvings of the interval in which the width of a neighborhood is sought.
const BISECTIONS: usize = 64;
/// The width is at least this share of the mean distance (`MIN_K_DIST_SCALE` of umap-learn).
const MIN_WIDTH: f32 = 1e-3;

/// An edge to a point, and its membership strength in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    pub to: u32,
    pub strength: f32,
}

/// Points with edges to others, in flat memory.
#[derive(Debug, Clone, PartialEq)]
pub struct FuzzyGraph {
    starts: Vec<usize>,
    edges: Vec<Edge>,
}

impl FuzzyGraph {
    /// The union of the neighborhoods of all points: a + b − ab for an edge of strength a in one direction and b in the other.
    /// Every neighbor must be a point that has a list.
    pub fn union(neighbors: &NeighborLists) -> Self {
        let one_way = Self::one_way(neighbors);
        let back = one_way.transposed(neighbors.len());
        let rows: Vec<Vec<Edge>> = (0..neighbors.len())
            .into_par_iter()
            .map(|point| union_of(one_way.of(point), back.of(point)))
            .collect();
        Self::from_rows(&rows)
    }

    /// The edges from each point that has a list to its neighbors, sorted by neighbor.
    pub(crate) fn one_way(neighbors: &NeighborLists) -> Self {
        let mean = mean_distance(neighbors);
        let rows: Vec<Vec<Edge>> = (0..neighbors.len())
            .into_par_iter()
            .map(|point| {
                let (points, distances) = neighbors.of(point);
                let strengths = strengths(distances, mean);
                let edges = points.iter().zip(strengths);
                let mut edges: Vec<Edge> = edges.map(|(to, strength)| Edge { to: *to, strength }).collect();
                edges.sort_unstable_by_key(|edge| edge.to);
                edges
            })
            .collect();
        Self::from_rows(&rows)
    }

    /// The edges of a point, sorted by their other end.
    pub(crate) fn of(&self, point: usize) -> &[Edge] {
        &self.edges[self.starts[point]..self.starts[point + 1]]
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The greatest strength; 0 without edges.
    pub(crate) fn greatest(&self) -> f32 {
        self.edges.iter().map(|edge| edge.strength).fold(0.0, f32::max)
    }

    fn from_rows(rows: &[Vec<Edge>]) -> Self {
        let mut starts = Vec::with_capacity(rows.len() + 1);
        starts.push(0);
        for row in rows {
            starts.push(starts[starts.len() - 1] + row.len());
        }
        Self {
            starts,
            edges: rows.concat(),
        }
    }

    /// The edges in the other direction, between `points` points.
    fn transposed(&self, points: usize) -> Self {
        let mut starts = vec![0; points + 1];
        for edge in &self.edges {
            starts[edge.to as usize + 1] += 1;
        }
        for point in 0..points {
            starts[point + 1] += starts[point];
        }
        let mut next = starts.clone();
        let none = Edge { to: 0, strength: 0.0 };
        let mut edges = vec![none; self.edges.len()];
        for from in 0..self.len() {
            for edge in self.of(from) {
                let at = &mut next[edge.to as usize];
                edges[*at] = Edge {
                    to: from as u32,
                    strength: edge.strength,
                };
                *at += 1;
            }
        }
        Self { starts, edges }
    }
}

/// The fuzzy union of two lists that are sorted by their ends.
fn union_of(out: &[Edge], back: &[Edge]) -> Vec<Edge> {
    let mut union = Vec::with_capacity(out.len() + back.len());
    let (mut out, mut back) = (out.iter().peekable(), back.iter().peekable());
    loop {
        let next = match (out.peek(), back.peek()) {
            (None, None) => return union,
            (Some(a), Some(b)) if a.to == b.to => Edge {
                to: a.to,
                strength: a.strength + b.strength - a.strength * b.strength,
            },
            (Some(a), Some(b)) if b.to < a.to => **b,
            (Some(a), _) => **a,
            (None, Some(b)) => **b,
        };
        out.next_if(|edge| edge.to == next.to);
        back.next_if(|edge| edge.to == next.to);
        union.push(next);
    }
}

fn mean_distance(neighbors: &NeighborLists) -> f32 {
    let (mut sum, mut count) = (0.0_f64, 0_usize);
    for point in 0..neighbors.len() {
        let (_, distances) = neighbors.of(point);
        sum += distances.iter().map(|distance| f64::from(*distance)).sum::<f64>();
        count += distances.len();
    }
    (sum / count.max(1) as f64) as f32
}

/// The membership strengths of neighbors at these distances, the nearest first: exp(−(d − ρ) / σ), where ρ is the distance of the nearest
/// neighbor that is not in the same place, and σ is such that they add up to the binary logarithm of the number of neighbors,
/// the point itself included (`smooth_knn_dist` of umap-learn).
fn strengths(distances: &[f32], mean_of_all: f32) -> Vec<f32> {
    let nearest = distances.iter().copied().find(|distance| *distance > 0.0);
    let beyond: Vec<f32> = distances
        .iter()
        .map(|distance| (distance - nearest.unwrap_or(0.0)).max(0.0))
        .collect();
    let target = ((distances.len() + 1) as f32).log2();
    let sum = |width: f32| beyond.iter().map(|beyond| (-beyond / width).exp()).sum::<f32>();
    let (mut low, mut high, mut width) = (0.0_f32, f32::INFINITY, 1.0_f32);
    for _ in 0..BISECTIONS {
        if sum(width) > target {
            high = width;
            width = f32::midpoint(low, high);
        } else {
            low = width;
            width = if high.is_finite() {
                f32::midpoint(low, high)
            } else {
                width * 2.0
            };
        }
    }
    let mean_here = distances.iter().sum::<f32>() / distances.len().max(1) as f32;
    let mean = if nearest.is_some() { mean_here } else { mean_of_all };
    let width = width.max(MIN_WIDTH * mean);
    let strength = |beyond: &f32| {
        if *beyond == 0.0 {
            1.0
        } else {
            (-beyond / width).exp()
        }
    };
    beyond.iter().map(strength).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strengths_add_up_to_target() {
        let distances: Vec<f32> = (1..=15).map(|at| 0.1 + (at as f32).sqrt() / 40.0).collect();
        let strengths = strengths(&distances, 0.2);
        assert!((strengths[0] - 1.0).abs() < 1e-6);
        assert!(strengths.is_sorted_by(|a, b| a >= b));
        assert!(
            (strengths.iter().sum::<f32>() - 4.0).abs() < 1e-3,
            "{strengths:?}"
        );
    }

    #[test]
    fn points_in_one_place_have_full_strength() {
        assert_eq!(strengths(&[0.0, 0.0, 0.0], 0.3), [1.0; 3]);
        assert_eq!(strengths(&[], 0.3), [0.0; 0]);
        assert_eq!(strengths(&[0.5], 0.3), [1.0]);
    }

    #[test]
    fn union_has_edges_of_both_directions() {
        // 0 and 1 are neighbors of each other; 2 has 0, which does not have it.
        let lists = NeighborLists::new([vec![(1, 0.1)], vec![(0, 0.1)], vec![(0, 0.4), (1, 0.9)]]);
        let graph = FuzzyGraph::union(&lists);
        let ends = |point| graph.of(point).iter().map(|edge| edge.to).collect::<Vec<_>>();
        assert_eq!((ends(0), ends(1), ends(2)), (vec![1, 2], vec![0, 2], vec![0, 1]));
        assert!((graph.of(0)[0].strength - 1.0).abs() < 1e-6);
        assert!((graph.greatest() - 1.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn union_is_symmetric(
            lists in prop::collection::vec(prop::collection::btree_map(0_u32..12, 0.0_f32..2.0, 0..8), 12..13),
        ) {
            let without_itself = lists.iter().enumerate().map(|(point, list)| {
                list.iter().map(|(to, d)| (*to, *d)).filter(move |(to, _)| *to as usize != point).collect::<Vec<_>>()
            });
            let graph = FuzzyGraph::union(&NeighborLists::new(without_itself));
            for point in 0..graph.len() {
                for edge in graph.of(point) {
                    prop_assert!((0.0..=1.000_001).contains(&edge.strength));
                    let back = graph.of(edge.to as usize).iter().find(|back| back.to as usize == point);
                    prop_assert_eq!(back.map(|back| back.strength), Some(edge.strength));
                }
            }
        }
    }
}
