//! Matrices of f64 and systems of linear equations; large products run on candle.

use candle_core::{Device, Result as EngineResult, Tensor};

/// A matrix in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixF64 {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl MatrixF64 {
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            values: vec![0.0; rows * columns],
        }
    }

    /// A matrix of rows with `columns` values each.
    pub fn of_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, columns: usize) -> Self {
        let values: Vec<f64> = rows.flatten().map(|&value| f64::from(value)).collect();
        Self {
            rows: values.len().checked_div(columns).unwrap_or(0),
            columns,
            values,
        }
    }

    pub const fn rows(&self) -> usize {
        self.rows
    }

    pub const fn columns(&self) -> usize {
        self.columns
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..][..self.columns]
    }

    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.columns..][..self.columns]
    }

    #[cfg(test)]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    pub fn transposed(&self) -> Self {
        let mut result = Self::zeros(self.columns, self.rows);
        for row in 0..self.rows {
            for column in 0..self.columns {
                result.values[column * self.rows + row] = self.values[row * self.columns + column];
            }
        }
        result
    }

    /// `self · otherᵀ`
    pub fn times_transposed(&self, other: &Self) -> EngineResult<Self> {
        if self.columns == 0 || self.rows == 0 || other.rows == 0 {
            return Ok(Self::zeros(self.rows, other.rows));
        }
        let tensor =
            |matrix: &Self| Tensor::from_slice(&matrix.values, (matrix.rows, matrix.columns), &Device::Cpu);
        let product = tensor(self)?.matmul(&tensor(other)?.t()?)?;
        Ok(Self {
            rows: self.rows,
            columns: other.rows,
            values: product.flatten_all()?.to_vec1()?,
        })
    }

    /// The sum of the diagonal.
    pub fn trace(&self) -> f64 {
        (0..self.rows.min(self.columns))
            .map(|i| self.values[i * self.columns + i])
            .sum()
    }

    pub fn add_to_diagonal(&mut self, shift: f64) {
        for i in 0..self.rows.min(self.columns) {
            self.values[i * self.columns + i] += shift;
        }
    }

    /// The mean of all rows.
    pub fn mean_row(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.columns];
        for row in 0..self.rows {
            for (sum, value) in mean.iter_mut().zip(self.row(row)) {
                *sum += value;
            }
        }
        for sum in &mut mean {
            *sum /= self.rows.max(1) as f64;
        }
        mean
    }

    /// Subtracts `shift` from every row.
    pub fn shifted(&self, shift: &[f64]) -> Self {
        let mut result = self.clone();
        for row in 0..result.rows {
            for (value, shift) in result.row_mut(row).iter_mut().zip(shift) {
                *value -= shift;
            }
        }
        result
    }

    /// The submatrix of two ranges.
    fn block(&self, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> Self {
        let mut values = Vec::with_capacity(rows.len() * columns.len());
        for row in rows.clone() {
            values.extend_from_slice(&self.row(row)[columns.clone()]);
        }
        Self {
            rows: rows.len(),
            columns: columns.len(),
            values,
        }
    }

    fn put(&mut self, row: usize, column: usize, block: &Self) {
        for i in 0..block.rows {
            self.row_mut(row + i)[column..column + block.columns].copy_from_slice(block.row(i));
        }
    }

    fn subtract_at(&mut self, row: usize, column: usize, block: &Self) {
        for i in 0..block.rows {
            let target = &mut self.row_mut(row + i)[column..column + block.columns];
            for (value, less) in target.iter_mut().zip(block.row(i)) {
                *value -= less;
            }
        }
    }
}

/// Side of the blocks: single blocks are computed value by value, the rest with products of blocks.
const BLOCK: usize = 96;

/// The Cholesky factor `L` of a symmetric positive definite matrix `L · Lᵀ`.
pub struct Cholesky {
    lower: MatrixF64,
    /// The inverses of the blocks on the diagonal of `lower`.
    inverses: Vec<MatrixF64>,
}

impl Cholesky {
    /// Factorizes a matrix; `None` if it is not positive definite in f64.
    pub fn of(mut matrix: MatrixF64) -> EngineResult<Option<Self>> {
        let side = matrix.rows;
        let mut inverses = Vec::new();
        for start in (0..side).step_by(BLOCK) {
            let end = (start + BLOCK).min(side);
            let Some(corner) = small_factor(matrix.block(start..end, start..end)) else {
                return Ok(None);
            };
            let inverse = small_inverse(&corner);
            matrix.put(start, start, &corner);
            if end < side {
                let panel = matrix.block(end..side, start..end).times_transposed(&inverse)?;
                matrix.put(end, start, &panel);
                matrix.subtract_at(end, end, &panel.times_transposed(&panel)?);
            }
            inverses.push(inverse);
        }
        Ok(Some(Self {
            lower: matrix,
            inverses,
        }))
    }

    /// The `X` of `matrix · X = right`.
    pub fn solve(&self, right: &MatrixF64) -> EngineResult<MatrixF64> {
        self.backward(self.forward(right)?)
    }

    /// The `Z` of `L · Z = right`.
    fn forward(&self, right: &MatrixF64) -> EngineResult<MatrixF64> {
        let mut result = right.clone();
        for (number, inverse) in self.inverses.iter().enumerate() {
            let (start, end) = (number * BLOCK, number * BLOCK + inverse.rows);
            let before = self.lower.block(start..end, 0..start);
            let known = result.block(0..start, 0..result.columns).transposed();
            result.subtract_at(start, 0, &before.times_transposed(&known)?);
            let rest = result.block(start..end, 0..result.columns).transposed();
            result.put(start, 0, &inverse.times_transposed(&rest)?);
        }
        Ok(result)
    }

    /// The `X` of `Lᵀ · X = right`.
    fn backward(&self, mut result: MatrixF64) -> EngineResult<MatrixF64> {
        let side = self.lower.rows;
        for (number, inverse) in self.inverses.iter().enumerate().rev() {
            let (start, end) = (number * BLOCK, number * BLOCK + inverse.rows);
            let below = self.lower.block(end..side, start..end).transposed();
            let known = result.block(end..side, 0..result.columns).transposed();
            result.subtract_at(start, 0, &below.times_transposed(&known)?);
            let rest = result.block(start..end, 0..result.columns).transposed();
            result.put(start, 0, &inverse.transposed().times_transposed(&rest)?);
        }
        Ok(result)
    }
}

/// The Cholesky factor of one block, with zeros above the diagonal.
fn small_factor(mut block: MatrixF64) -> Option<MatrixF64> {
    for column in 0..block.rows {
        for row in 0..=column {
            // The recurrence of Cholesky and Banachiewicz, row by row.
            let dot: f64 = block.row(column)[..row]
                .iter()
                .zip(&block.row(row)[..row])
                .map(|(a, b)| a * b)
                .sum();
            let value = block.row(column)[row] - dot;
            if row == column {
                if value <= 0.0 || !value.is_finite() {
                    return None;
                }
                block.row_mut(column)[row] = value.sqrt();
            } else {
                let pivot = block.row(row)[row];
                block.row_mut(column)[row] = value / pivot;
            }
        }
        block.row_mut(column)[column + 1..].fill(0.0);
    }
    Some(block)
}

fn small_inverse(lower: &MatrixF64) -> MatrixF64 {
    let side = lower.rows;
    let mut inverse = MatrixF64::zeros(side, side);
    for column in 0..side {
        inverse.row_mut(column)[column] = 1.0 / lower.row(column)[column];
        for row in column + 1..side {
            let sum: f64 = (column..row)
                .map(|k| lower.row(row)[k] * inverse.row(k)[column])
                .sum();
            inverse.row_mut(row)[column] = -sum / lower.row(row)[row];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;

    fn noise(rows: usize, columns: usize, seed: u64) -> MatrixF64 {
        let mut random = SplitMix64::new(seed);
        let mut matrix = MatrixF64::zeros(rows, columns);
        let values = matrix.values.iter_mut();
        values.for_each(|value| *value = f64::from(random.signed_unit()) / 2.0);
        matrix
    }

    fn largest_difference(left: &MatrixF64, right: &MatrixF64) -> f64 {
        assert_eq!((left.rows, left.columns), (right.rows, right.columns));
        let pairs = left.values.iter().zip(&right.values);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn solve_is_exact_around_block_size() {
        for side in [1, 2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 30] {
            let factor = noise(side, side + 3, side as u64);
            let mut matrix = factor.times_transposed(&factor).unwrap();
            matrix.add_to_diagonal(0.1);
            let right = noise(side, 5, 9);
            let solution = Cholesky::of(matrix.clone())
                .unwrap()
                .unwrap()
                .solve(&right)
                .unwrap();
            let again = matrix.times_transposed(&solution.transposed()).unwrap();
            assert!(largest_difference(&again, &right) < 1e-8, "{side}");
        }
    }

    #[test]
    fn indefinite_matrix_has_no_factor() {
        let mut matrix = MatrixF64::zeros(3, 3);
        assert!(Cholesky::of(matrix.clone()).unwrap().is_none());
        matrix.add_to_diagonal(f64::NAN);
        assert!(Cholesky::of(matrix).unwrap().is_none());
    }

    #[test]
    fn products_transposes_and_means_are_exact() {
        let left = MatrixF64::of_rows([[1.0, 2.0].as_slice(), &[3.0, 4.0]].into_iter(), 2);
        let product = left.times_transposed(&left).unwrap();
        assert_eq!(product.values, [5.0, 11.0, 11.0, 25.0]);
        assert_eq!(left.transposed().values, [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(left.mean_row(), [2.0, 3.0]);
        assert_eq!(left.shifted(&[2.0, 3.0]).values, [-1.0, -1.0, 1.0, 1.0]);
        assert!((product.trace() - 30.0).abs() < 1e-12);
    }
}
