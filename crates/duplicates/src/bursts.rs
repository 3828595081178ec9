//! Bursts: photos that one camera took within seconds of each other, of the same scene.

use crate::fingerprint::{Fingerprint, SIDE};

/// Longest time between two photos of a burst, in seconds.
pub const BURST_SECONDS: i64 = 3;
/// Photos after one that are compared with it.
const WINDOW: usize = 4;
/// Side of the coarse picture in which a moving subject hardly counts.
const COARSE_SIDE: usize = 8;
/// Correlation of coarse pictures, and cosine of vectors, at which a burst is as probable as not, and how fast that changes.
/// A time of at most three seconds says much already, so both are low.
const CORRELATION: (f32, f32) = (0.5, 12.0);
const COSINE: (f32, f32) = (0.8, 25.0);

/// A photo with what a burst is recognized by.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot<C> {
    /// Its position in a list of the caller's.
    pub position: usize,
    /// The camera.
    pub camera: C,
    /// When it was taken, in seconds since any moment.
    pub seconds: i64,
}

/// Pairs of shots that may belong to one burst, by camera and time: of each, the next few within [`BURST_SECONDS`].
pub fn burst_candidates<C: Ord>(mut shots: Vec<Shot<C>>) -> Vec<(usize, usize)> {
    shots.sort_by(|a, b| (&a.camera, a.seconds, a.position).cmp(&(&b.camera, b.seconds, b.position)));
    let mut pairs = Vec::new();
    for (at, shot) in shots.iter().enumerate() {
        let after = shots[at + 1..].iter().take(WINDOW);
        let near = after
            .take_while(|other| other.camera == shot.camera && other.seconds - shot.seconds <= BURST_SECONDS);
        pairs.extend(near.map(|other| {
            (
                shot.position.min(other.position),
                shot.position.max(other.position),
            )
        }));
    }
    pairs
}

/// The probability that two photos of one camera within seconds show the same scene, by their pictures, and by the cosine of
/// their vectors where they have some.
pub fn burst_probability(first: &Fingerprint, second: &Fingerprint, cosine: Option<f32>) -> f32 {
    let logistic = |value: f32, (middle, slope): (f32, f32)| 1.0 / (1.0 + (-slope * (value - middle)).exp());
    let by_picture = logistic(coarse_correlation(first, second), CORRELATION);
    let by_vector = cosine.map_or(0.0, |cosine| logistic(cosine, COSINE));
    1.0 - (1.0 - by_picture) * (1.0 - by_vector)
}

fn coarse_correlation(first: &Fingerprint, second: &Fingerprint) -> f32 {
    let (first, second) = (coarse(first), coarse(second));
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let scale = (product(&first, &first) * product(&second, &second)).sqrt();
    if scale < 1e-3 {
        0.0
    } else {
        product(&first, &second) / scale
    }
}

/// Sums of areas, less their mean.
fn coarse(fingerprint: &Fingerprint) -> [f32; COARSE_SIDE * COARSE_SIDE] {
    const STEP: usize = SIDE / COARSE_SIDE;
    let mut sums = [0.0; COARSE_SIDE * COARSE_SIDE];
    for (at, value) in fingerprint.pixels.iter().enumerate() {
        sums[at / SIDE / STEP * COARSE_SIDE + at % SIDE / STEP] += f32::from(*value);
    }
    let mean = sums.iter().sum::<f32>() / sums.len() as f32;
    sums.map(|sum| sum - mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shots(taken: &[(&'static str, i64)]) -> Vec<Shot<&'static str>> {
        let numbered = taken.iter().enumerate();
        numbered
            .map(|(position, (camera, seconds))| Shot {
                position,
                camera: *camera,
                seconds: *seconds,
            })
            .collect()
    }

    #[test]
    fn only_close_shots_of_one_camera() {
        let found = burst_candidates(shots(&[
            ("a", 13),
            ("a", 10),
            ("b", 11),
            ("a", 17),
            ("a", 20),
            ("b", 99),
        ]));
        assert_eq!(found, [(0, 1), (3, 4)]);
    }

    #[test]
    fn long_bursts_stay_connected() {
        let taken: Vec<_> = (0..100).map(|at| ("a", at / 10)).collect();
        let found = burst_candidates(shots(&taken));
        assert!(found.len() <= 100 * WINDOW);
        assert!((0..99).all(|at| found.contains(&(at, at + 1))));
    }
}
