//! Position embeddings of a vision transformer, resized to an image as torch's `interpolate` does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::LoadError;
use crate::layers::weights::Weights;
use crate::two_tower::config::{Resampling, TableSide, VitConfig};

/// Grids whose positions are cached; an image of another shape costs one more interpolation.
const MOST_KEPT: usize = 32;

/// A square table of positions.
#[derive(Debug)]
pub struct Positions {
    /// Rows × columns × width.
    table: Vec<f32>,
    side: usize,
    width: usize,
    resampling: Resampling,
    found: Mutex<HashMap<Grid, Arc<[f32]>>>,
}

/// Rows and columns of patches.
pub type Grid = (usize, usize);

impl Positions {
    /// Takes a table of `side` × `side` positions of `width` numbers.
    pub fn new(table: Vec<f32>, side: usize, width: usize, resampling: Resampling) -> Self {
        Self {
            table,
            side,
            width,
            resampling,
            found: Mutex::default(),
        }
    }

    /// Rows × columns × width for images of that many patches.
    pub fn of(&self, grid: Grid) -> Arc<[f32]> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(positions) = found.get(&grid) {
            return Arc::clone(positions);
        }
        if found.len() >= MOST_KEPT {
            found.clear();
        }
        let positions: Arc<[f32]> = self.resampled(grid).into();
        found.insert(grid, Arc::clone(&positions));
        positions
    }

    /// torch does not interpolate where the size is the same.
    fn resampled(&self, (rows, columns): Grid) -> Vec<f32> {
        if (rows, columns) == (self.side, self.side) {
            return self.table.clone();
        }
        let across = taps(self.side, columns, self.resampling);
        let down = taps(self.side, rows, self.resampling);
        let mut wide = Vec::with_capacity(self.side * columns * self.width);
        for row in self.table.chunks_exact(self.side * self.width) {
            for taps in &across {
                wide.extend(weighed(taps, row, self.width, 1, 0));
            }
        }
        let mut result = Vec::with_capacity(rows * columns * self.width);
        for taps in &down {
            for column in 0..columns {
                result.extend(weighed(taps, &wide, self.width, columns, column));
            }
        }
        result
    }
}

/// Positions along a side of the file's table: by the config, or by the tensor's shape where OpenCLIP allows any.
pub fn table_side<T>(weights: &Weights<T>, config: &VitConfig) -> Result<usize, LoadError> {
    match config.table {
        TableSide::Of(side) => Ok(side),
        TableSide::Usually(usual) => {
            let shape = weights.shape("vision_model.embeddings.position_embedding.weight")?;
            let patches = shape
                .first()
                .map_or(0, |rows| rows.saturating_sub(config.class_rows()));
            let side = patches.isqrt();
            let square = side > 0 && side * side == patches;
            Ok(if square { side } else { usual })
        }
    }
}

/// Sources along an axis and their weights.
type Taps = Vec<(usize, f64)>;

/// The weighted sum of vectors of `width` numbers; vector `i` is at `i · stride + offset`.
fn weighed(taps: &Taps, values: &[f32], width: usize, stride: usize, offset: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; width];
    for &(source, weight) in taps {
        let vector = &values[(source * stride + offset) * width..][..width];
        for (sum, value) in sums.iter_mut().zip(vector) {
            *sum += weight * f64::from(*value);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// What each of `outputs` points takes from an axis of `inputs`, corners not aligned.
fn taps(inputs: usize, outputs: usize, resampling: Resampling) -> Vec<Taps> {
    let scale = inputs as f64 / outputs as f64;
    let centre = |output: usize| (output as f64 + 0.5) * scale;
    (0..outputs)
        .map(|output| match resampling {
            Resampling::Cubic => interpolated(centre(output) - 0.5, inputs),
            Resampling::CubicAntialiased => averaged(centre(output), scale, inputs, 2.0, &|x| cubic(x, -0.5)),
            Resampling::LinearAntialiased => averaged(centre(output), scale, inputs, 1.0, &|x| 1.0 - x),
        })
        .collect()
}

/// The four nearest points by a cubic with a = −0.75; beyond the ends, the end counts again.
fn interpolated(place: f64, inputs: usize) -> Taps {
    let first = place.floor();
    (-1..=2)
        .map(|step| {
            let source = (first + f64::from(step)).clamp(0.0, (inputs - 1) as f64);
            let distance = (place - first - f64::from(step)).abs();
            (source as usize, cubic(distance, -0.75))
        })
        .collect()
}

/// All points that a filter of `radius` reaches, widened where the axis shrinks; weights add up to 1.
fn averaged(centre: f64, scale: f64, inputs: usize, radius: f64, filter: &dyn Fn(f64) -> f64) -> Taps {
    let wide = scale.max(1.0);
    let (first, last) = (centre - radius * wide + 0.5, centre + radius * wide + 0.5);
    let sources = first.max(0.0) as usize..(last.max(0.0) as usize).min(inputs);
    let weight = |source: usize| {
        let distance = ((source as f64 - centre + 0.5) / wide).abs();
        if distance < radius { filter(distance) } else { 0.0 }
    };
    let total: f64 = sources.clone().map(weight).sum();
    sources.map(|source| (source, weight(source) / total)).collect()
}

/// Keys' cubic at a distance of at most 2.
fn cubic(x: f64, a: f64) -> f64 {
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else {
        ((x - 5.0) * x + 8.0) * x * a - 4.0 * a
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Resampling; 3] = [
        Resampling::Cubic,
        Resampling::CubicAntialiased,
        Resampling::LinearAntialiased,
    ];

    #[test]
    fn weights_sum_to_one_inside_table() {
        for resampling in ALL {
            for (inputs, outputs) in [(1, 1), (1, 7), (7, 1), (7, 16), (16, 7), (5, 5)] {
                for taps in taps(inputs, outputs, resampling) {
                    let total: f64 = taps.iter().map(|(_, weight)| weight).sum();
                    assert!((total - 1.0).abs() < 1e-12, "{resampling:?} {inputs} {outputs}");
                    assert!(taps.iter().all(|(source, _)| *source < inputs));
                }
            }
        }
    }

    #[test]
    fn table_size_grid_is_unchanged() {
        let table: Vec<f32> = (0..3 * 3 * 2).map(|i| i as f32).collect();
        for resampling in ALL {
            let positions = Positions::new(table.clone(), 3, 2, resampling);
            assert_eq!(*positions.of((3, 3)), table[..]);
            assert_eq!(positions.of((2, 5)).len(), 2 * 5 * 2);
        }
    }

    #[test]
    fn cache_of_grids_is_bounded() {
        let positions = Positions::new(vec![1.0; 4], 2, 1, Resampling::LinearAntialiased);
        for columns in 1..200 {
            let found = positions.of((1, columns));
            assert!(found.iter().all(|value| (value - 1.0).abs() < 1e-6));
        }
        assert!(positions.found.lock().unwrap().len() <= MOST_KEPT);
    }
}
