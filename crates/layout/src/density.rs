//! The density of points in the plane, on a grid.

use crate::Point;

/// Cells along each side of the grid.
pub const SIDE: usize = 256;
/// Cells at each border without points, so that hills end within the grid.
const BORDER: f32 = 4.0;
/// A bell is cut off after this many standard deviations.
const REACH: f32 = 3.0;

/// A square grid over all points.
#[derive(Debug, Clone)]
pub struct Grid {
    origin: Point,
    /// Length of a cell's side.
    cell: f32,
}

impl Grid {
    /// A grid over points, of which all coordinates are finite.
    pub fn over(points: &[Point]) -> Self {
        let range = |axis: usize| {
            let all = || points.iter().map(|point| point[axis]);
            (
                all().fold(f32::INFINITY, f32::min),
                all().fold(f32::NEG_INFINITY, f32::max),
            )
        };
        let ((left, right), (bottom, top)) = (range(0), range(1));
        let extent = (right - left).max(top - bottom);
        let cell = if extent > 0.0 {
            extent / (SIDE as f32 - 2.0 * BORDER)
        } else {
            1.0
        };
        let origin = |low: f32, high: f32| (low + high - SIDE as f32 * cell) / 2.0;
        Self {
            origin: [origin(left, right), origin(bottom, top)],
            cell,
        }
    }

    /// The cell of a point.
    pub fn cell_of(&self, point: Point) -> usize {
        let along = |axis: usize| (((point[axis] - self.origin[axis]) / self.cell) as usize).min(SIDE - 1);
        along(1) * SIDE + along(0)
    }

    /// The middle of a cell.
    pub fn middle(&self, cell: usize) -> Point {
        let along = |axis: usize, number: usize| self.origin[axis] + (number as f32 + 0.5) * self.cell;
        [along(0, cell % SIDE), along(1, cell / SIDE)]
    }

    /// Number of points in each cell.
    pub fn counts(&self, points: &[Point]) -> Vec<f32> {
        let mut counts = vec![0.0; SIDE * SIDE];
        for point in points {
            counts[self.cell_of(*point)] += 1.0;
        }
        counts
    }
}

/// The counts, each spread by a bell of `deviation` cells.
pub fn smoothed(counts: &[f32], deviation: f32) -> Vec<f32> {
    let reach = (REACH * deviation).ceil() as usize;
    let bell: Vec<f32> = (0..=reach)
        .map(|at| (-0.5 * (at as f32 / deviation).powi(2)).exp())
        .collect();
    let along_rows = spread_along_rows(counts, &bell);
    transposed(&spread_along_rows(&transposed(&along_rows), &bell))
}

fn spread_along_rows(values: &[f32], bell: &[f32]) -> Vec<f32> {
    let mut spread = vec![0.0; values.len()];
    for (row, out) in values.chunks_exact(SIDE).zip(spread.chunks_exact_mut(SIDE)) {
        for (at, value) in row.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            for (distance, weight) in bell.iter().enumerate() {
                if at + distance < SIDE {
                    out[at + distance] += value * weight;
                }
                if distance > 0 && distance <= at {
                    out[at - distance] += value * weight;
                }
            }
        }
    }
    spread
}

fn transposed(values: &[f32]) -> Vec<f32> {
    (0..SIDE * SIDE)
        .map(|at| values[at % SIDE * SIDE + at / SIDE])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_in_their_cells() {
        let points = [[-3.0, 2.0], [5.0, 2.5], [1.0, 1.0]];
        let grid = Grid::over(&points);
        for point in points {
            let middle = grid.middle(grid.cell_of(point));
            assert!((middle[0] - point[0]).abs() <= grid.cell && (middle[1] - point[1]).abs() <= grid.cell);
        }
        assert!((grid.counts(&points).iter().sum::<f32>() - 3.0).abs() < 1e-6);
        let one = Grid::over(&[[7.0, 7.0]]);
        assert_eq!(one.cell_of([7.0, 7.0]), SIDE / 2 * SIDE + SIDE / 2);
    }

    #[test]
    fn bell_is_round_and_highest_at_its_point() {
        let mut counts = vec![0.0; SIDE * SIDE];
        let at = |x: usize, y: usize| y * SIDE + x;
        counts[at(100, 80)] = 2.0;
        let spread = smoothed(&counts, 5.0);
        assert!((spread[at(100, 80)] - 2.0).abs() < 1e-6);
        assert!((spread[at(103, 84)] - spread[at(96, 77)]).abs() < 1e-6);
        assert!((spread[at(105, 80)] - 2.0 * (-0.5_f32).exp()).abs() < 1e-6);
        assert!(spread[at(130, 80)].abs() < 1e-12);
    }
}
