//! Whether two pictures show the same, pixel by pixel, given about where one lies in the other.

use std::ops::Range;

use crate::fingerprint::{Fingerprint, SIDE};
use crate::placement::Placement;

/// Steps that improve a placement.
const STEPS: usize = 12;
/// The first steps look at a quarter of the pixels.
const COARSE_STEPS: usize = 5;
/// Steps at which a placement is given up, if half of the gray values differ by more than a share of the contrast.
const HOPELESS: [(usize, f32); 2] = [(2, 0.42), (4, 0.27)];
/// Values that are estimated: scale and offset in each direction, gain and level of the gray values.
const UNKNOWNS: usize = 6;
/// Details that agree so well need no other attempt.
const CLEAR: f32 = 0.95;
/// Details that agree so little are not those of a copy with a caption.
const UNLIKE: f32 = 0.3;
/// Rows at the top or at the bottom that may hold a caption.
const CAPTION_ROWS: usize = 7;
/// Pixels that must be compared.
const MIN_COMPARED: usize = SIDE * SIDE / 3;
/// Largest and smallest scale of a picture in another one.
const MAX_SCALE: f32 = 2.0;

/// How two pictures compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    /// Correlation of the gray values.
    pub(crate) correlation: f32,
    /// Correlation of the details: gray values less the mean of their neighbors.
    pub(crate) detail_correlation: f32,
    /// Standard deviation of the details of the plainer picture, in levels of gray.
    pub(crate) detail: f32,
    /// Standard deviation of the gray values of the plainer picture.
    pub(crate) contrast: f32,
    /// Share of the smaller picture that is seen in the other one.
    pub(crate) overlap: f32,
}

/// A square of gray values.
pub(crate) type Square = [[f32; SIDE]; SIDE];

/// The gray values of a fingerprint.
pub(crate) fn square(fingerprint: &Fingerprint) -> Square {
    let mut values = [[0.0; SIDE]; SIDE];
    let pixels = values.as_flattened_mut().iter_mut();
    pixels
        .zip(fingerprint.pixels.iter())
        .for_each(|(value, pixel)| *value = f32::from(*pixel));
    values
}

/// Compares two pictures, the second one turned as the placement says, after improving the placement; none where too
/// little of either is seen in the other.
pub(crate) fn compare(first: &Square, second: &Square, start: Placement) -> Option<Comparison> {
    // The grid is that of the picture which shows more, so that the other one is never enlarged.
    let [x, y] = start.scale;
    let is_second_wider = x * y < 1.0;
    let (grid, other, start) = if is_second_wider {
        (second, first, inverse(&start))
    } else {
        (first, second, start)
    };
    let whole = compare_rows(grid, other, start, 0..SIDE);
    if whole.is_some_and(|whole| whole.detail_correlation >= CLEAR) {
        return whole;
    }
    if whole.is_some_and(|whole| whole.detail_correlation < UNLIKE) {
        return whole;
    }
    // A caption would pull the placement to itself, so it is left out from the start.
    let below = compare_rows(grid, other, start, 0..SIDE - CAPTION_ROWS);
    let above = compare_rows(grid, other, start, CAPTION_ROWS..SIDE);
    let all = [whole, below, above].into_iter().flatten();
    all.max_by(|a, b| a.detail_correlation.total_cmp(&b.detail_correlation))
}

fn compare_rows(grid: &Square, other: &Square, start: Placement, rows: Range<usize>) -> Option<Comparison> {
    let placement = refine(grid, other, start, rows.clone())?;
    let overlaps = placement.overlaps();
    let (values, details) = Pairs::sample(grid, other, &placement)?.moments(rows);
    Some(Comparison {
        correlation: values.correlation(),
        detail_correlation: details.correlation(),
        detail: details.smaller_deviation(),
        contrast: values.smaller_deviation(),
        overlap: overlaps[0].max(overlaps[1]),
    })
}

fn inverse(placement: &Placement) -> Placement {
    let mut inverse = *placement;
    for axis in 0..2 {
        inverse.scale[axis] = 1.0 / placement.scale[axis];
        inverse.offset[axis] = -placement.offset[axis] / placement.scale[axis];
    }
    inverse
}

/// Gauss-Newton on the differences of gray values in some rows of the grid, in which large differences count less.
fn refine(grid: &Square, other: &Square, mut placement: Placement, rows: Range<usize>) -> Option<Placement> {
    let mut tolerance = f32::INFINITY;
    let (mut gain, mut level) = (1.0, 0.0);
    let contrast = Moments::of(grid.as_flattened().iter().map(|value| [*value; 2])).smaller_deviation();
    for step in 0..STEPS {
        let stride = if step < COARSE_STEPS { 2 } else { 1 };
        let mut sums = Sums::default();
        let mut residuals = Vec::with_capacity(SIDE * SIDE);
        let pixels = rows.clone().step_by(stride);
        for (x, y) in pixels.flat_map(|y| (0..SIDE).step_by(stride).map(move |x| (x, y))) {
            let place = [x, y].map(|at| (at as f32 + 0.5) / SIDE as f32);
            let Some(sample) = sample(other, &placement, place) else {
                continue;
            };
            let residual = grid[y][x] - gain * sample.value - level;
            residuals.push(residual.abs());
            let weight = if step < 2 {
                1.0
            } else {
                1.0 / (1.0 + (residual / tolerance).powi(2))
            };
            let [dx, dy] = sample.gradient.map(|slope| gain * slope);
            let row = [dx * place[0], dx, dy * place[1], dy, sample.value, 1.0];
            sums.add(row, residual, weight);
        }
        if residuals.len() * stride * stride < MIN_COMPARED {
            return None;
        }
        let middle = residuals.len() / 2;
        let (_, median, _) = residuals.select_nth_unstable_by(middle, f32::total_cmp);
        if HOPELESS
            .iter()
            .any(|(after, share)| step == *after && *median > share * contrast)
        {
            return None;
        }
        tolerance = (2.0 * *median).max(1.0);
        let change = sums.solve()?;
        for axis in 0..2 {
            placement.scale[axis] += change[2 * axis].clamp(-0.1, 0.1);
            placement.offset[axis] += change[2 * axis + 1].clamp(-0.1, 0.1);
        }
        gain += change[4];
        level += change[5];
        let is_plausible = |scale: &f32| (1.0 / MAX_SCALE..=MAX_SCALE).contains(scale);
        if !placement.scale.iter().all(is_plausible) {
            return None;
        }
        if step > 2 && change[..4].iter().all(|change| change.abs() < 2e-4) {
            break;
        }
    }
    Some(placement)
}

struct Sample {
    value: f32,
    /// By place, in units of the picture.
    gradient: [f32; 2],
}

/// The value of `other` where `place` of the grid lies, if it lies within.
fn sample(other: &Square, placement: &Placement, place: [f32; 2]) -> Option<Sample> {
    const LAST: f32 = (SIDE - 1) as f32;
    let mut at = [0.0; 2];
    for axis in 0..2 {
        let mapped = placement.scale[axis] * place[axis] + placement.offset[axis];
        if !(0.0..=1.0).contains(&mapped) {
            return None;
        }
        at[axis] = (mapped * SIDE as f32 - 0.5).clamp(0.0, LAST - 1e-3);
    }
    let (left, top) = (at[0] as usize, at[1] as usize);
    let (x, y) = (at[0] - left as f32, at[1] - top as f32);
    let corner = |dx: usize, dy: usize| other[top + dy][left + dx];
    let (upper, lower) = (corner(1, 0) - corner(0, 0), corner(1, 1) - corner(0, 1));
    let (above, below) = (corner(0, 0) + x * upper, corner(0, 1) + x * lower);
    Some(Sample {
        value: above + y * (below - above),
        gradient: [
            (upper + y * (lower - upper)) * SIDE as f32,
            (below - above) * SIDE as f32,
        ],
    })
}

/// Normal equations.
#[derive(Default)]
struct Sums {
    matrix: [[f32; UNKNOWNS]; UNKNOWNS],
    right: [f32; UNKNOWNS],
}

impl Sums {
    fn add(&mut self, row: [f32; UNKNOWNS], residual: f32, weight: f32) {
        for (at, value) in row.iter().enumerate() {
            let weighted = weight * value;
            self.right[at] += weighted * residual;
            let sums = self.matrix[at].iter_mut();
            sums.zip(&row).for_each(|(sum, other)| *sum += weighted * other);
        }
    }

    /// Gaussian elimination with pivots; none for a matrix without inverse.
    fn solve(&self) -> Option<[f32; UNKNOWNS]> {
        let mut matrix = self.matrix.map(|row| row.map(f64::from));
        let mut right = self.right.map(f64::from);
        for (at, row) in matrix.iter_mut().enumerate() {
            row[at] = row[at] * (1.0 + 1e-6) + 1e-9;
        }
        for column in 0..UNKNOWNS {
            let magnitude = |row: &usize| matrix[*row][column].abs();
            let pivot = (column..UNKNOWNS).max_by(|a, b| magnitude(a).total_cmp(&magnitude(b)))?;
            matrix.swap(column, pivot);
            right.swap(column, pivot);
            let pivot = matrix[column];
            if pivot[column].abs() < 1e-12 {
                return None;
            }
            for row in (0..UNKNOWNS).filter(|row| *row != column) {
                let factor = matrix[row][column] / pivot[column];
                for at in column..UNKNOWNS {
                    matrix[row][at] -= factor * pivot[at];
                }
                right[row] -= factor * right[column];
            }
        }
        let mut solution = [0.0; UNKNOWNS];
        for (at, value) in solution.iter_mut().enumerate() {
            *value = (right[at] / matrix[at][at]) as f32;
        }
        Some(solution)
    }
}

/// Gray values of two pictures at the same places; none where only one has a value.
struct Pairs {
    values: Vec<Option<[f32; 2]>>,
}

impl Pairs {
    fn sample(grid: &Square, other: &Square, placement: &Placement) -> Option<Self> {
        let values: Vec<Option<[f32; 2]>> = (0..SIDE * SIDE)
            .map(|at| {
                let place = [at % SIDE, at / SIDE].map(|at| (at as f32 + 0.5) / SIDE as f32);
                let value = smooth_sample(other, placement, place)?;
                Some([grid[at / SIDE][at % SIDE], value])
            })
            .collect();
        (values.iter().flatten().count() >= MIN_COMPARED).then_some(Self { values })
    }

    /// Of gray values and of details, in some rows of the grid. Pixels at the edge of what both show are left out: they may
    /// be mixed with a frame.
    fn moments(&self, rows: Range<usize>) -> (Moments, Moments) {
        let inner =
            (rows.start.max(1)..rows.end.min(SIDE - 1)).flat_map(|y| (1..SIDE - 1).map(move |x| (x, y)));
        let both: Vec<[[f32; 2]; 2]> = inner.filter_map(|(x, y)| self.value_and_detail(x, y)).collect();
        (
            Moments::of(both.iter().map(|both| both[0])),
            Moments::of(both.iter().map(|both| both[1])),
        )
    }

    fn value_and_detail(&self, x: usize, y: usize) -> Option<[[f32; 2]; 2]> {
        let mut sum = [0.0; 2];
        for row in y - 1..=y + 1 {
            for column in x - 1..=x + 1 {
                let [first, second] = self.values[row * SIDE + column]?;
                sum = [sum[0] + first, sum[1] + second];
            }
        }
        let value = self.values[y * SIDE + x]?;
        Some([value, [value[0] - sum[0] / 9.0, value[1] - sum[1] / 9.0]])
    }
}

/// Means over the area that a pixel of the grid covers in the other picture.
fn smooth_sample(other: &Square, placement: &Placement, place: [f32; 2]) -> Option<f32> {
    sample(other, placement, place)?;
    let shift = |axis: usize| 0.25 / SIDE as f32 * if placement.scale[axis] > 1.05 { 1.0 } else { 0.0 };
    let (dx, dy) = (shift(0), shift(1));
    let (mut sum, mut count) = (0.0, 0.0);
    for (x, y) in [(-dx, -dy), (dx, -dy), (-dx, dy), (dx, dy)] {
        if let Some(sample) = sample(other, placement, [place[0] + x, place[1] + y]) {
            sum += sample.value;
            count += 1.0;
        }
    }
    Some(sum / count)
}

/// Sums over pairs of values.
struct Moments {
    count: f64,
    squares: [f64; 2],
    products: f64,
}

impl Moments {
    fn of(pairs: impl Iterator<Item = [f32; 2]>) -> Self {
        let (mut count, mut sums, mut squares, mut products) = (0.0, [0.0; 2], [0.0; 2], 0.0);
        for [first, second] in pairs.map(|pair| pair.map(f64::from)) {
            count += 1.0;
            sums = [sums[0] + first, sums[1] + second];
            squares = [squares[0] + first * first, squares[1] + second * second];
            products += first * second;
        }
        let count = f64::max(count, 1.0);
        let means = sums.map(|sum| sum / count);
        Self {
            count,
            squares: [0, 1].map(|at| (squares[at] / count - means[at] * means[at]).max(0.0)),
            products: products / count - means[0] * means[1],
        }
    }

    fn correlation(&self) -> f32 {
        let scale = (self.squares[0] * self.squares[1]).sqrt();
        if scale < 1e-6 || self.count < 2.0 {
            return 0.0;
        }
        (self.products / scale) as f32
    }

    fn smaller_deviation(&self) -> f32 {
        self.squares[0].min(self.squares[1]).sqrt() as f32
    }
}
