//! Ridge regression in closed form: Hoerl and Kennard, "Ridge Regression", Technometrics 12 (1970).

use candle_core::Result as EngineResult;

use super::matrix::{Cholesky, MatrixF64};

/// The regression of `targets` on `inputs`, which have one row for each observation and may be centered.
///
/// With fewer observations than inputs the dual system (observations × observations) is solved, else the primal one
/// (inputs × inputs): both give the same weights, and the smaller system is cheaper.
pub struct Ridge {
    inputs: MatrixF64,
    formulation: Formulation,
    gram: MatrixF64,
    right: MatrixF64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Formulation {
    Dual,
    Primal,
}

impl Ridge {
    pub fn new(inputs: MatrixF64, targets: MatrixF64) -> EngineResult<Self> {
        if inputs.rows() <= inputs.columns() {
            return Ok(Self {
                gram: inputs.times_transposed(&inputs)?,
                right: targets,
                formulation: Formulation::Dual,
                inputs,
            });
        }
        let across = inputs.transposed();
        Ok(Self {
            gram: across.times_transposed(&across)?,
            right: across.times_transposed(&targets.transposed())?,
            formulation: Formulation::Primal,
            inputs,
        })
    }

    /// The coefficients with a penalty of `strength` times the sum of all squared inputs; `None` if the system cannot be
    /// solved.
    pub fn coefficients(&self, strength: f64) -> EngineResult<Option<MatrixF64>> {
        let mut gram = self.gram.clone();
        gram.add_to_diagonal(strength * self.gram.trace());
        match Cholesky::of(gram)? {
            Some(factors) => factors.solve(&self.right).map(Some),
            None => Ok(None),
        }
    }

    /// The factor that predicts the targets of `inputs` when multiplied by coefficients.
    pub fn features(&self, inputs: &MatrixF64) -> EngineResult<MatrixF64> {
        match self.formulation {
            Formulation::Dual => inputs.times_transposed(&self.inputs),
            Formulation::Primal => Ok(inputs.clone()),
        }
    }

    /// The weights, targets × inputs.
    pub fn weights(&self, coefficients: &MatrixF64) -> EngineResult<MatrixF64> {
        let across = coefficients.transposed();
        match self.formulation {
            Formulation::Dual => across.times_transposed(&self.inputs.transposed()),
            Formulation::Primal => Ok(across),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[[f32; 2]]) -> MatrixF64 {
        MatrixF64::of_rows(values.iter().map(<[f32; 2]>::as_slice), 2)
    }

    fn weights(inputs: &MatrixF64, targets: &MatrixF64, strength: f64) -> Vec<f64> {
        let ridge = Ridge::new(inputs.clone(), targets.clone()).unwrap();
        let coefficients = ridge.coefficients(strength).unwrap().unwrap();
        let weights = ridge.weights(&coefficients).unwrap();
        // Predictions by features and by weights are the same.
        let direct = inputs.times_transposed(&weights).unwrap();
        let features = ridge.features(inputs).unwrap();
        let by_features = features.times_transposed(&coefficients.transposed()).unwrap();
        for (a, b) in direct.values().iter().zip(by_features.values()) {
            assert!((a - b).abs() < 1e-9);
        }
        weights.values().to_vec()
    }

    #[test]
    fn noiseless_relation_is_recovered() {
        let inputs = rows(&[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, -1.0]]);
        let targets = rows(&[[3.0, 1.0], [-2.0, 0.5], [1.0, 1.5], [8.0, 1.5]]);
        let found = weights(&inputs, &targets, 1e-12);
        for (found, true_one) in found.iter().zip([3.0, -2.0, 1.0, 0.5]) {
            assert!((found - true_one).abs() < 1e-6, "{found} {true_one}");
        }
    }

    #[test]
    fn dual_and_primal_give_same_weights() {
        // Doubling every observation changes the formulation, but not the weights: the penalty doubles too.
        let once = rows(&[[1.0, 0.3], [0.2, 1.0]]);
        let twice = rows(&[[1.0, 0.3], [0.2, 1.0], [1.0, 0.3], [0.2, 1.0]]);
        let targets = rows(&[[1.0, -1.0], [0.5, 2.0]]);
        let both = rows(&[[1.0, -1.0], [0.5, 2.0], [1.0, -1.0], [0.5, 2.0]]);
        let (few, many) = (weights(&once, &targets, 0.1), weights(&twice, &both, 0.1));
        for (few, many) in few.iter().zip(&many) {
            assert!((few - many).abs() < 1e-9, "{few} {many}");
        }
    }

    #[test]
    fn greater_penalty_gives_smaller_weights() {
        let inputs = rows(&[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
        let size = |strength| {
            weights(&inputs, &inputs, strength)
                .iter()
                .map(|w| w * w)
                .sum::<f64>()
        };
        assert!(size(1e-6) > size(0.1) && size(0.1) > size(10.0));
    }
}
