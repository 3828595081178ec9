//! From unit vectors to codes of one signed byte a component.
//!
//! Models put much of a vector's length into a few components, and a byte that must hold those has no room for the
//! others. So vectors are turned first, by random signs and a Hadamard transform: any vector's components then spread
//! as those of a random direction do (Ailon and Chazelle, 2006), and one scale fits all. Nothing is learned from the
//! vectors, so codes never go stale. Sums are exact integers and the turn is additions alone, so codes and the order
//! that they give are the same on every machine.

use eidetic_domain::SplitMix64;

/// The range of codes in standard deviations of a component: 1/√dimension. Beyond lie 7 of a million components.
const RANGE: f32 = 4.5;
/// The largest code.
const LARGEST: f32 = 127.0;

/// Makes codes of vectors of one dimension.
#[derive(Debug, Clone)]
pub(crate) struct Quantizer {
    dimension: usize,
    /// What one step of a code stands for.
    step: f32,
}

impl Quantizer {
    /// Components of the vectors.
    pub(crate) const fn dimension(&self) -> usize {
        self.dimension
    }

    /// For vectors of `dimension` ≥ 1 numbers.
    pub(crate) fn new(dimension: usize) -> Self {
        let range = (RANGE / (dimension as f32).sqrt()).min(1.0);
        Self {
            dimension,
            step: range / LARGEST,
        }
    }

    /// How much better, in products of codes, one vector must look than another to be the better one for sure.
    ///
    /// Rounding moves each component of vector and query by at most half a step, up or down without regard to the other,
    /// which moves their product by 0.41 steps (one standard deviation), and the difference of two products by 0.58. Three
    /// steps are 5.2 of those: one pair in five million lies farther off.
    pub(crate) fn slack(&self) -> i32 {
        (3.0 / self.step).ceil() as i32
    }

    /// Writes the code of `vector` to the start of `code`; what lies behind stays as it is.
    pub(crate) fn encode(&self, vector: &[f32], code: &mut [i8]) {
        let mut turned = vector.to_vec();
        let scale = self.turn(&mut turned) / self.step;
        for (code, number) in code.iter_mut().zip(turned) {
            *code = (number * scale).round_ties_even().clamp(-LARGEST, LARGEST) as i8;
        }
    }

    /// Turns `vector` in place, all but a factor, which is returned. Where the dimension is no power of two, the
    /// transform runs over the first and then over the last of the components, as many as a power of two allows.
    fn turn(&self, vector: &mut [f32]) -> f32 {
        let size = 1_usize << self.dimension.ilog2();
        flip_signs(vector, 1);
        hadamard(&mut vector[..size]);
        let factor = 1.0 / (size as f32).sqrt();
        if size < self.dimension {
            // What the first transform did not touch must be of the same length as what it did.
            vector[..size].iter_mut().for_each(|number| *number *= factor);
            flip_signs(vector, 2);
            hadamard(&mut vector[self.dimension - size..]);
            vector[..self.dimension - size]
                .iter_mut()
                .for_each(|number| *number /= factor);
        }
        factor
    }
}

/// Flips the signs of about half of the numbers, always the same.
fn flip_signs(numbers: &mut [f32], round: u64) {
    for (group, numbers) in (0_u64..).zip(numbers.chunks_mut(64)) {
        let mut bits = mix(group << 8 | round);
        for number in numbers {
            *number = f32::from_bits(number.to_bits() ^ ((bits & 1) as u32) << 31);
            bits >>= 1;
        }
    }
}

/// The Hadamard transform, without its factor; the length is a power of two.
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

/// Bits that look random and are the same everywhere (splitmix64).
pub(crate) const fn mix(seed: u64) -> u64 {
    SplitMix64::new(seed).next_u64()
}
