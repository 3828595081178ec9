use std::ops::Range;

use eidetic_kernels::matrix::{Rows, RowsMut};

/// Rows one after another in memory that is kept when they are replaced.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    values: Vec<f32>,
    width: usize,
    count: usize,
}

impl Matrix {
    /// Makes room for `count` rows of `width` numbers, which may hold anything.
    pub fn reshape(&mut self, count: usize, width: usize) {
        (self.count, self.width) = (count, width);
        self.values.resize(count * width, 0.0);
    }

    /// Replaces all rows by those of `other`.
    pub fn copy(&mut self, other: &Self) {
        self.reshape(other.count, other.width);
        self.values.copy_from_slice(&other.values);
    }

    /// Replaces all rows by those of `other` with these numbers.
    pub fn gather(&mut self, other: &Self, rows: &[usize]) {
        self.reshape(rows.len(), other.width);
        for (place, &row) in rows.iter().enumerate() {
            self.row_mut(place).copy_from_slice(other.row(row));
        }
    }

    /// Makes `row` the mean of some rows of `other`.
    pub fn set_mean(&mut self, row: usize, other: &Self, rows: Range<usize>) {
        let count = rows.len() as f32;
        let mean = self.row_mut(row);
        mean.fill(0.0);
        for source in rows {
            for (sum, value) in mean.iter_mut().zip(other.row(source)) {
                *sum += value;
            }
        }
        for sum in mean {
            *sum /= count;
        }
    }

    pub const fn count(&self) -> usize {
        self.count
    }

    pub const fn width(&self) -> usize {
        self.width
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// The numbers of `count` rows from `first` on, one row after the other.
    pub fn span(&self, first: usize, count: usize) -> &[f32] {
        &self.values[first * self.width..][..count * self.width]
    }

    /// As [`span`](Self::span), to be written.
    pub fn span_mut(&mut self, first: usize, count: usize) -> &mut [f32] {
        &mut self.values[first * self.width..][..count * self.width]
    }

    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.width..][..self.width]
    }

    /// The `count` rows from `first` on.
    pub fn rows(&self, first: usize, count: usize) -> Rows<'_> {
        Rows::new(
            &self.values[first * self.width..][..count * self.width],
            self.width,
            count,
        )
    }

    pub fn rows_mut(&mut self, first: usize, count: usize) -> RowsMut<'_> {
        RowsMut::new(
            &mut self.values[first * self.width..][..count * self.width],
            self.width,
            count,
        )
    }

    pub fn all(&self) -> Rows<'_> {
        self.rows(0, self.count)
    }

    pub fn all_mut(&mut self) -> RowsMut<'_> {
        self.rows_mut(0, self.count)
    }

    /// All numbers, one row after the other.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Makes one row of each `rows` rows.
    ///
    /// # Panics
    /// If some would be left over.
    pub fn join(&mut self, rows: usize) {
        assert!(self.count.is_multiple_of(rows), "rows are left over");
        (self.count, self.width) = (self.count / rows, self.width * rows);
    }

    /// Each row as a vector of its own.
    pub fn to_vectors(&self) -> Vec<Vec<f32>> {
        (0..self.count).map(|row| self.row(row).to_vec()).collect()
    }
}
