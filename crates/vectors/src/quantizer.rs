//! Scalar quantization of unit vectors to signed bytes, after a random rotation.
//!
//! Many models put much of a vector's length into a few components, and a byte whose range covers those has little
//! precision left for the others. So vectors are first rotated by random signs and a Hadamard transform, after which the
//! components of any vector are spread like those of a random direction (Ailon and Chazelle, 2006) and one scale fits all.
//! Nothing is learned from the vectors, so codes never become stale. Dot products of codes are exact integers and the
//! rotation consists of additions, so codes and their ranking are the same on every machine.

use eidetic_domain::SplitMix64;

/// Range of codes, in standard deviations of a component (1/√dimension). 7 of a million components lie outside.
const RANGE: f32 = 4.5;
/// The largest code.
const MAX_CODE: f32 = 127.0;

/// Encodes vectors of one dimension.
#[derive(Debug, Clone)]
pub(crate) struct Quantizer {
    dimension: usize,
    /// Width of a quantization step.
    step: f32,
}

impl Quantizer {
    /// Dimension of the vectors.
    pub(crate) const fn dimension(&self) -> usize {
        self.dimension
    }

    /// `dimension` must be at least 1.
    pub(crate) fn new(dimension: usize) -> Self {
        let range = (RANGE / (dimension as f32).sqrt()).min(1.0);
        Self {
            dimension,
            step: range / MAX_CODE,
        }
    }

    /// By how much the score of one vector must exceed that of another, in dot products of codes, so that its exact score
    /// is certainly higher.
    ///
    /// Rounding moves each component of vector and query by up to half a step, independently. That moves their product by
    /// 0.41 steps (one standard deviation), and the difference of two products by 0.58. Three steps are 5.2 standard
    /// deviations: one pair in five million is ranked wrongly by more.
    pub(crate) fn quantization_error(&self) -> i32 {
        (3.0 / self.step).ceil() as i32
    }

    /// Writes the code of `vector` to the start of `code`; the rest of `code` is unchanged.
    pub(crate) fn encode(&self, vector: &[f32], code: &mut [i8]) {
        let mut rotated = vector.to_vec();
        let scale = self.rotate(&mut rotated) / self.step;
        for (code, component) in code.iter_mut().zip(rotated) {
            *code = (component * scale).round_ties_even().clamp(-MAX_CODE, MAX_CODE) as i8;
        }
    }

    /// Rotates `vector` in place, up to a factor that is returned. If the dimension is not a power of two, the transform
    /// runs over the first and then over the last 2ⁿ components, with 2ⁿ as large as possible.
    fn rotate(&self, vector: &mut [f32]) -> f32 {
        let size = 1_usize << self.dimension.ilog2();
        flip_signs(vector, 1);
        hadamard(&mut vector[..size]);
        let factor = 1.0 / (size as f32).sqrt();
        if size < self.dimension {
            // The second transform mixes transformed components with others, so both need the same scale.
            vector[..size]
                .iter_mut()
                .for_each(|component| *component *= factor);
            flip_signs(vector, 2);
            hadamard(&mut vector[self.dimension - size..]);
            vector[..self.dimension - size]
                .iter_mut()
                .for_each(|component| *component /= factor);
        }
        factor
    }
}

/// Flips the signs of about half of the numbers, always the same ones.
fn flip_signs(numbers: &mut [f32], round: u64) {
    for (group, numbers) in (0_u64..).zip(numbers.chunks_mut(64)) {
        let mut bits = mix(group << 8 | round);
        for number in numbers {
            *number = f32::from_bits(number.to_bits() ^ ((bits & 1) as u32) << 31);
            bits >>= 1;
        }
    }
}

/// The fast Walsh–Hadamard transform, unscaled. The length must be a power of two.
fn hadamard(numbers: &mut [f32]) {
    let mut half = 1;
    while half < numbers.len() {
        for pair in numbers.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// A pseudorandom function that is the same on every machine (splitmix64).
pub(crate) const fn mix(seed: u64) -> u64 {
    SplitMix64::new(seed).next_u64()
}
