//! Rotary positions: each pair of a head's numbers is turned by an angle that grows with a coordinate of the row.

use eidetic_kernels::Kernel;

use crate::layers::matrix::Matrix;
use crate::layers::norm::each_row;

/// The cosines and sines of every row, one of each for a pair.
#[derive(Debug, Default)]
pub struct Angles {
    cosines: Matrix,
    sines: Matrix,
}

impl Angles {
    /// Angle `i` of a row is its coordinate number `axes[i]` times `frequencies[i]`, in f32 as the references compute it.
    pub fn new<const AXES: usize>(positions: &[[u32; AXES]], axes: &[u8], frequencies: &[f32]) -> Self {
        let mut angles = Self::default();
        angles.cosines.reshape(positions.len(), axes.len());
        angles.sines.reshape(positions.len(), axes.len());
        for (row, position) in positions.iter().enumerate() {
            let each = axes.iter().zip(frequencies).enumerate();
            for (place, (axis, frequency)) in each {
                let angle = position[usize::from(*axis)] as f32 * frequency;
                // In f64: f32's own functions differ from system to system.
                let (sine, cosine) = f64::from(angle).sin_cos();
                angles.cosines.row_mut(row)[place] = cosine as f32;
                angles.sines.row_mut(row)[place] = sine as f32;
            }
        }
        angles
    }

    /// Turns `heads` heads of each row, side by side from column `first` on.
    pub fn turn(&self, kernel: Kernel, rows: &mut Matrix, first: usize, heads: usize) {
        let width = 2 * self.cosines.width();
        each_row(rows, |number, row| {
            for head in row[first..first + heads * width].chunks_exact_mut(width) {
                kernel.apply_rotary(head, self.cosines.row(number), self.sines.row(number));
            }
        });
    }
}

/// `count` frequencies that fall from 1 towards 1/θ.
pub fn frequencies(theta: f32, count: usize) -> Vec<f32> {
    let frequency = |i: usize| 1.0 / theta.powf(i as f32 / count as f32);
    (0..count).map(frequency).collect()
}
