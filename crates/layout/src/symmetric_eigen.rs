//! Eigenvalues of small symmetric matrices.

/// Sweeps after which the matrix is diagonal to the precision of f64; ten suffice for any matrix (Golub and Van Loan, 8.5).
const SWEEPS: usize = 30;

/// The eigenvalues of a symmetric matrix of `size` rows, the greatest first, and its eigenvectors as rows in the same order, by
/// the cyclic Jacobi method.
pub fn symmetric_eigen(mut matrix: Vec<f64>, size: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors: Vec<f64> = (0..size * size)
        .map(|at| f64::from(u8::from(at / size == at % size)))
        .collect();
    for _ in 0..SWEEPS {
        let off_diagonal = |at: &usize| at / size != at % size;
        let rest: f64 = (0..size * size)
            .filter(off_diagonal)
            .map(|at| matrix[at] * matrix[at])
            .sum();
        if rest == 0.0 {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, &mut vectors, size, (p, q));
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    let value = |at: usize| matrix[at * size + at];
    order.sort_by(|a, b| value(*b).total_cmp(&value(*a)));
    let values = order.iter().map(|at| value(*at)).collect();
    let sorted = order.iter().flat_map(|at| &vectors[at * size..][..size]);
    (values, sorted.copied().collect())
}

/// Makes the component at (p, q) zero by a rotation in that plane.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], size: usize, (p, q): (usize, usize)) {
    let component = matrix[p * size + q];
    if component == 0.0 {
        return;
    }
    let theta = (matrix[q * size + q] - matrix[p * size + p]) / (2.0 * component);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    for at in 0..size {
        let (a, b) = (matrix[at * size + p], matrix[at * size + q]);
        matrix[at * size + p] = cosine * a - sine * b;
        matrix[at * size + q] = sine * a + cosine * b;
    }
    for at in 0..size {
        let (a, b) = (matrix[p * size + at], matrix[q * size + at]);
        matrix[p * size + at] = cosine * a - sine * b;
        matrix[q * size + at] = sine * a + cosine * b;
        let (a, b) = (vectors[p * size + at], vectors[q * size + at]);
        vectors[p * size + at] = cosine * a - sine * b;
        vectors[q * size + at] = sine * a + cosine * b;
    }
    matrix[p * size + q] = 0.0;
    matrix[q * size + p] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;

    #[test]
    fn eigenvectors_rebuild_matrix() {
        let mut random = SplitMix64::new(3);
        for size in 1..9 {
            let mut matrix = vec![0.0; size * size];
            for row in 0..size {
                for column in 0..=row {
                    let value = f64::from(random.signed_unit());
                    matrix[row * size + column] = value;
                    matrix[column * size + row] = value;
                }
            }
            let (values, vectors) = symmetric_eigen(matrix.clone(), size);
            assert!(values.is_sorted_by(|a, b| a >= b));
            for row in 0..size {
                for column in 0..size {
                    let rebuilt: f64 = (0..size)
                        .map(|at| values[at] * vectors[at * size + row] * vectors[at * size + column])
                        .sum();
                    assert!((rebuilt - matrix[row * size + column]).abs() < 1e-12);
                }
            }
        }
    }
}
