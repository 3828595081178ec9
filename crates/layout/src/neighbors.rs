//! The nearest neighbors of points, in flat memory.

/// Lists of neighbors: of each point other points with their distances, the nearest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NeighborLists {
    /// Where the list of each point begins, and where the last one ends.
    starts: Vec<usize>,
    points: Vec<u32>,
    distances: Vec<f32>,
}

impl NeighborLists {
    /// Lists that `lists` gives, of one point after the other: neighbors and their distances from 0 up, in any order. A point is no
    /// neighbor of its own; the caller leaves it out.
    pub fn new<L: IntoIterator<Item = (u32, f32)>>(lists: impl IntoIterator<Item = L>) -> Self {
        let mut all = Self {
            starts: vec![0],
            ..Self::default()
        };
        for list in lists {
            let mut list: Vec<(u32, f32)> = list.into_iter().collect();
            list.sort_unstable_by(|(a, a_distance), (b, b_distance)| {
                a_distance.total_cmp(b_distance).then(a.cmp(b))
            });
            for (point, distance) in list {
                all.points.push(point);
                all.distances.push(distance.max(0.0));
            }
            all.starts.push(all.points.len());
        }
        all
    }

    /// Number of points that have a list.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there are no lists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The neighbors of a point and their distances, the nearest first.
    pub fn of(&self, point: usize) -> (&[u32], &[f32]) {
        let range = self.starts[point]..self.starts[point + 1];
        (&self.points[range.clone()], &self.distances[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_by_distance() {
        let lists = NeighborLists::new([vec![(2, 0.5), (1, 0.25)], vec![], vec![(0, 0.5), (3, 0.5)]]);
        assert_eq!(lists.len(), 3);
        assert_eq!(lists.of(0), (&[1, 2][..], &[0.25, 0.5][..]));
        assert!(lists.of(1).0.is_empty());
        assert_eq!(lists.of(2).0, [0, 3]);
        assert!(NeighborLists::default().is_empty());
    }
}
