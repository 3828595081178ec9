//! Principal component analysis by randomized subspace iteration.
//!
//! N. Halko, P. G. Martinsson, J. A. Tropp: Finding structure with randomness: Probabilistic algorithms for constructing approximate
//! matrix decompositions, 2011, algorithm 4.4, with a Rayleigh–Ritz step at the end. The covariance matrix is never formed: each iteration reads
//! the rows once.

use eidetic_domain::SplitMix64;
use eidetic_kernels::dot;
use rayon::prelude::*;

use crate::Point;
use crate::symmetric_eigen::symmetric_eigen;

/// Directions that are followed beyond those wanted, which makes these converge sooner.
const OVERSAMPLING: usize = 8;
/// Passes over the rows. In each, what the followed directions have of others falls by the ratio of variances; the followed ones are separated
/// from each other by the last step.
const ITERATIONS: usize = 16;
/// Rows that one task reads; sums are added in the order of tasks, so that the result does not depend on threads.
const ROWS_PER_TASK: usize = 512;
const SEED: u64 = 0x7063_6100;

/// Rows from which the start of a layout is computed: the directions do not change visibly with more.
const SAMPLE: usize = 8192;

/// The mean and the principal components of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    dimension: usize,
    mean: Vec<f32>,
    /// Unit vectors, one after the other, that of the greatest variance first.
    components: Vec<f32>,
    variances: Vec<f32>,
}

/// Sums over rows: each direction's products with the rows, times the rows, and the products of all pairs of directions.
struct Sums {
    images: Vec<f64>,
    products: Vec<f64>,
}

impl Pca {
    /// Finds up to `count` components of `rows`, of which each has `dimension` ≥ 1 numbers. There are fewer where there are fewer dimensions
    /// or rows, or where the rows do not vary in more directions.
    pub fn fit(rows: &[f32], dimension: usize, count: usize) -> Self {
        let number = rows.len() / dimension;
        let mean = mean(rows, dimension);
        let wanted = count.min(dimension).min(number.saturating_sub(1));
        let followed = (wanted + OVERSAMPLING).min(dimension);
        let mut pca = Self {
            dimension,
            mean,
            components: Vec::new(),
            variances: Vec::new(),
        };
        if wanted == 0 {
            return pca;
        }
        let mut random = SplitMix64::new(SEED);
        let start: Vec<f64> = (0..followed * dimension)
            .map(|_| f64::from(random.signed_unit()))
            .collect();
        let mut directions = orthonormal(&start, dimension);
        for _ in 1..ITERATIONS {
            let sums = Sums::over(rows, &pca.mean, &directions);
            directions = orthonormal(&sums.images, dimension);
            // Rows that do not vary leave no direction.
            if directions.is_empty() {
                return pca;
            }
        }
        let followed = directions.len() / dimension;
        let sums = Sums::over(rows, &pca.mean, &directions);
        let (values, rotation) = symmetric_eigen(sums.products, followed);
        for (value, weights) in values.iter().zip(rotation.chunks_exact(followed)).take(wanted) {
            let variance = value / (number - 1) as f64;
            if variance <= f64::from(f32::EPSILON) * values[0] / number as f64 {
                break;
            }
            pca.variances.push(variance as f32);
            pca.components.extend(rotated(weights, &directions, dimension));
        }
        pca
    }

    /// The variances along the components, the greatest first.
    pub fn variances(&self) -> &[f32] {
        &self.variances
    }

    /// The components: unit vectors that are orthogonal to each other.
    pub fn components(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.components.chunks_exact(self.dimension)
    }

    /// The coordinates of a row along the components.
    pub fn project(&self, row: &[f32]) -> Vec<f32> {
        let centered: Vec<f32> = row.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        self.components()
            .map(|component| dot(component, &centered))
            .collect()
    }
}

/// The coordinates of `number` rows of `dimension` ≥ 1 numbers along their first two principal components, from which a layout starts. `row`
/// writes the row of a number. Components are those of at most 8,192 rows, spread over all.
pub fn principal_start(
    number: usize,
    dimension: usize,
    row: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<Point> {
    let mut sample = Vec::new();
    let mut numbers = vec![0.0; dimension];
    for at in (0..number).step_by(number.div_ceil(SAMPLE).max(1)) {
        row(at, &mut numbers);
        sample.extend_from_slice(&numbers);
    }
    let pca = Pca::fit(&sample, dimension, 2);
    let project = |at: usize| {
        let mut numbers = vec![0.0; dimension];
        row(at, &mut numbers);
        let along = pca.project(&numbers);
        [0, 1].map(|axis| along.get(axis).copied().unwrap_or_default())
    };
    (0..number).into_par_iter().map(project).collect()
}

impl Sums {
    fn over(rows: &[f32], mean: &[f32], directions: &[f32]) -> Self {
        let dimension = mean.len();
        let followed = directions.len() / dimension;
        let offsets: Vec<f32> = directions
            .chunks_exact(dimension)
            .map(|direction| dot(direction, mean))
            .collect();
        let of_task = |rows: &[f32]| {
            let mut images = vec![0.0_f32; directions.len()];
            let mut products = vec![0.0_f64; followed * followed];
            let mut along = vec![0.0_f32; followed];
            for row in rows.chunks_exact(dimension) {
                let all = directions.chunks_exact(dimension).zip(&offsets);
                for (along, (direction, offset)) in along.iter_mut().zip(all) {
                    *along = dot(direction, row) - offset;
                }
                for (image, along) in images.chunks_exact_mut(dimension).zip(&along) {
                    for ((sum, x), mean) in image.iter_mut().zip(row).zip(mean) {
                        *sum += along * (x - mean);
                    }
                }
                for (sums, a) in products.chunks_exact_mut(followed).zip(&along) {
                    for (sum, b) in sums.iter_mut().zip(&along) {
                        *sum += f64::from(*a) * f64::from(*b);
                    }
                }
            }
            (images, products)
        };
        let tasks: Vec<_> = rows.par_chunks(ROWS_PER_TASK * dimension).map(of_task).collect();
        let mut sums = Self {
            images: vec![0.0; directions.len()],
            products: vec![0.0; followed * followed],
        };
        for (images, products) in tasks {
            for (sum, image) in sums.images.iter_mut().zip(images) {
                *sum += f64::from(image);
            }
            for (sum, product) in sums.products.iter_mut().zip(products) {
                *sum += product;
            }
        }
        sums
    }
}

fn mean(rows: &[f32], dimension: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dimension];
    for row in rows.chunks_exact(dimension) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    let number = (rows.len() / dimension).max(1) as f64;
    sums.iter().map(|sum| (sum / number) as f32).collect()
}

/// Makes vectors orthonormal in their order (Gram and Schmidt, twice). Those that depend on earlier ones are left out.
fn orthonormal(vectors: &[f64], dimension: usize) -> Vec<f32> {
    let mut done: Vec<Vec<f64>> = Vec::new();
    for vector in vectors.chunks_exact(dimension) {
        let length = norm(vector);
        let mut vector: Vec<f64> = vector.iter().map(|x| x / length).collect();
        for _ in 0..2 {
            for before in &done {
                let along: f64 = vector.iter().zip(before).map(|(a, b)| a * b).sum();
                for (x, before) in vector.iter_mut().zip(before) {
                    *x -= along * before;
                }
            }
        }
        let rest = norm(&vector);
        if rest > 1e-6 {
            done.push(vector.iter().map(|x| x / rest).collect());
        }
    }
    done.iter().flatten().map(|x| *x as f32).collect()
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The sum of directions by weights, with the sign that makes its largest number positive.
fn rotated(weights: &[f64], directions: &[f32], dimension: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dimension];
    for (weight, direction) in weights.iter().zip(directions.chunks_exact(dimension)) {
        for (sum, x) in sum.iter_mut().zip(direction) {
            *sum += weight * f64::from(*x);
        }
    }
    let largest = sum.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    let scale = largest.unwrap_or(1.0).signum() / norm(&sum);
    sum.iter().map(|x| (x * scale) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows that vary by `spread[i]` along the i-th axis of a rotated system.
    fn sample(number: usize, dimension: usize, spread: &[f32], seed: u64) -> Vec<f32> {
        let mut random = SplitMix64::new(seed);
        let axes = (0..dimension * dimension).map(|_| f64::from(random.signed_unit()));
        let axes = orthonormal(&axes.collect::<Vec<f64>>(), dimension);
        let mut rows = Vec::with_capacity(number * dimension);
        for _ in 0..number {
            let mut row = vec![0.5_f32; dimension];
            for (axis, spread) in axes.chunks_exact(dimension).zip(spread) {
                let along = spread * (random.signed_unit() + random.signed_unit());
                row.iter_mut().zip(axis).for_each(|(x, axis)| *x += along * axis);
            }
            rows.extend(row);
        }
        rows
    }

    /// The naive twin: all eigenvectors of the covariance matrix.
    fn naive(rows: &[f32], dimension: usize) -> (Vec<f64>, Vec<f64>) {
        let mean = mean(rows, dimension);
        let number = rows.len() / dimension;
        let mut covariance = vec![0.0; dimension * dimension];
        for row in rows.chunks_exact(dimension) {
            for a in 0..dimension {
                for b in 0..dimension {
                    let product = f64::from(row[a] - mean[a]) * f64::from(row[b] - mean[b]);
                    covariance[a * dimension + b] += product / (number - 1) as f64;
                }
            }
        }
        symmetric_eigen(covariance, dimension)
    }

    #[test]
    fn components_equal_those_of_covariance() {
        let spread = [4.0, 2.5, 1.5, 0.9, 0.5, 0.3, 0.2, 0.1];
        let rows = sample(1500, 40, &spread, 7);
        let (values, vectors) = naive(&rows, 40);
        let pca = Pca::fit(&rows, 40, 3);
        assert_eq!(pca.components().len(), 3);
        for (at, component) in pca.components().enumerate() {
            let expected: Vec<f32> = vectors[at * 40..][..40].iter().map(|x| *x as f32).collect();
            let cosine = dot(component, &expected).abs();
            assert!(cosine > 0.999_99, "component {at}: {cosine}");
            let ratio = f64::from(pca.variances()[at]) / values[at];
            assert!((ratio - 1.0).abs() < 1e-4, "variance {at}: {ratio}");
        }
    }

    #[test]
    fn projections_have_variances_of_components() {
        let rows = sample(800, 24, &[3.0, 2.0, 1.0, 0.5], 3);
        let pca = Pca::fit(&rows, 24, 4);
        let projected: Vec<Vec<f32>> = rows.chunks_exact(24).map(|row| pca.project(row)).collect();
        for (at, variance) in pca.variances().iter().enumerate() {
            let mean: f32 = projected.iter().map(|row| row[at]).sum::<f32>() / 800.0;
            let spread: f32 = projected.iter().map(|row| (row[at] - mean).powi(2)).sum::<f32>() / 799.0;
            assert!(mean.abs() < 1e-3 && (spread / variance - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn equal_rows_have_no_components() {
        assert_eq!(Pca::fit(&[0.25; 60], 6, 2).components().len(), 0);
        assert_eq!(Pca::fit(&[1.0, 2.0], 2, 2).components().len(), 0);
        assert_eq!(Pca::fit(&[], 2, 2).project(&[1.0, 1.0]), [0.0; 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn components_are_orthonormal(
            number in 2_usize..40,
            dimension in 1_usize..20,
            count in 1_usize..6,
            seed: u64,
        ) {
            let rows = sample(number, dimension, &[2.0, 1.0, 0.5], seed);
            let pca = Pca::fit(&rows, dimension, count);
            prop_assert!(pca.components().len() <= count.min(dimension).min(number - 1));
            for (at, a) in pca.components().enumerate() {
                for (other, b) in pca.components().enumerate() {
                    let expected = f32::from(u8::from(at == other));
                    prop_assert!((dot(a, b) - expected).abs() < 1e-3);
                }
            }
            prop_assert!(pca.variances().is_sorted_by(|a, b| a >= b));
        }
    }
}
