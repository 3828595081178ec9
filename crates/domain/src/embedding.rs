//! Unit vectors of images and texts.

use thiserror::Error;

/// A unit vector (Euclidean norm 1) of an embedding space.
///
/// The constructors guarantee the norm, so that the dot product of two embeddings is their cosine similarity.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Box<[f32]>);

/// Why a vector cannot become an [`Embedding`].
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EmbeddingError {
    /// The vector is empty or all zeros.
    #[error("cannot normalize a vector of length zero")]
    Zero,
    /// A component is NaN or infinite.
    #[error("component {index} of the vector is not finite")]
    NotFinite {
        /// Index of the first such component.
        index: usize,
    },
    /// Vectors of different dimensions were combined.
    #[error("cannot combine vectors of {left} and {right} dimensions")]
    DimensionMismatch {
        /// Dimension of the first vector.
        left: usize,
        /// Dimension of the vector that differs from it.
        right: usize,
    },
}

impl Embedding {
    /// Scales `components` to unit length.
    ///
    /// The norm is summed in f64, so that the norm of the result differs from 1 by rounding only.
    pub fn normalize(mut components: Vec<f32>) -> Result<Self, EmbeddingError> {
        if let Some(index) = components.iter().position(|c| !c.is_finite()) {
            return Err(EmbeddingError::NotFinite { index });
        }
        let norm = components
            .iter()
            .map(|&c| f64::from(c) * f64::from(c))
            .sum::<f64>()
            .sqrt();
        if norm == 0.0 {
            return Err(EmbeddingError::Zero);
        }
        for c in &mut components {
            *c = (f64::from(*c) / norm) as f32;
        }
        Ok(Self(components.into_boxed_slice()))
    }

    /// The direction of `Σ weight · embedding`, which combines texts and images to one query. Weights may be negative.
    pub fn weighted_sum(terms: &[(f32, &Embedding)]) -> Result<Self, EmbeddingError> {
        let dimension = terms.first().map_or(0, |(_, e)| e.dimension());
        let mut sum = vec![0.0_f32; dimension];
        for (weight, term) in terms {
            if term.dimension() != dimension {
                return Err(EmbeddingError::DimensionMismatch {
                    left: dimension,
                    right: term.dimension(),
                });
            }
            for (s, c) in sum.iter_mut().zip(term.as_slice()) {
                *s += weight * c;
            }
        }
        Self::normalize(sum)
    }

    /// Cosine similarity, summed in f64: for comparisons with reference values.
    ///
    /// Both are of one space. Searches, which compare many, take `eidetic_kernels::dot` of the slices.
    pub fn cosine(&self, other: &Self) -> f64 {
        debug_assert_eq!(self.dimension(), other.dimension());
        let pairs = self.0.iter().zip(&other.0);
        pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    }

    /// The components, in order.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Number of components.
    pub fn dimension(&self) -> usize {
        self.0.len()
    }
}

impl AsRef<[f32]> for Embedding {
    fn as_ref(&self) -> &[f32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn normalize_gives_unit_norm(components in prop::collection::vec(-1e15_f32..1e15, 1..200)) {
            prop_assume!(components.iter().any(|&c| c != 0.0));
            let embedding = Embedding::normalize(components).unwrap();
            let norm: f64 = embedding.as_slice().iter().map(|&c| f64::from(c) * f64::from(c)).sum();
            prop_assert!((norm.sqrt() - 1.0).abs() < 1e-5, "norm {norm}");
        }
    }

    #[test]
    fn zero_and_non_finite_vectors_are_refused() {
        assert_eq!(Embedding::normalize(vec![0.0; 4]), Err(EmbeddingError::Zero));
        assert_eq!(Embedding::normalize(Vec::new()), Err(EmbeddingError::Zero));
        assert_eq!(
            Embedding::normalize(vec![1.0, f32::NAN]),
            Err(EmbeddingError::NotFinite { index: 1 })
        );
    }

    #[test]
    fn weighted_sum_checks_dimensions_and_allows_negative_weights() {
        let x = Embedding::normalize(vec![1.0, 0.0]).unwrap();
        let y = Embedding::normalize(vec![0.0, 1.0]).unwrap();
        let mixed = Embedding::weighted_sum(&[(1.0, &x), (-1.0, &y)]).unwrap();
        assert!((mixed.as_slice()[0] - 0.5_f32.sqrt()).abs() < 1e-6);
        assert!((mixed.as_slice()[1] + 0.5_f32.sqrt()).abs() < 1e-6);
        let z = Embedding::normalize(vec![1.0]).unwrap();
        assert_eq!(
            Embedding::weighted_sum(&[(1.0, &x), (1.0, &z)]),
            Err(EmbeddingError::DimensionMismatch { left: 2, right: 1 })
        );
        assert_eq!(
            Embedding::weighted_sum(&[(1.0, &x), (-1.0, &x)]),
            Err(EmbeddingError::Zero)
        );
    }
}
