//! Bootstrap weights and cross-validation folds, the same on every machine for the same seed.

use eidetic_domain::SplitMix64;

/// Fixed, so that the same pairs give the same report.
pub(super) const SEED: u64 = 0x0e1d_e71c;
/// Folds of a cross-validation. Not more than the minimum number of pairs of a class, so that every fold
/// has both classes.
pub(super) const FOLDS: usize = 5;

/// How often each item is drawn in a sample with replacement that keeps the size of each class.
pub(super) fn stratified_weights(classes: &[bool], random: &mut SplitMix64) -> Vec<u32> {
    let mut weights = vec![0; classes.len()];
    for class in [true, false] {
        let members: Vec<usize> = (0..classes.len()).filter(|&i| classes[i] == class).collect();
        for _ in 0..members.len() {
            weights[members[random.below(members.len())]] += 1;
        }
    }
    weights
}

/// The fold of each item, out of `folds`; each class is spread evenly.
pub(super) fn stratified_folds(classes: &[bool], folds: usize, random: &mut SplitMix64) -> Vec<usize> {
    let mut fold = vec![0; classes.len()];
    for class in [true, false] {
        let mut members: Vec<usize> = (0..classes.len()).filter(|&i| classes[i] == class).collect();
        for i in (1..members.len()).rev() {
            members.swap(i, random.below(i + 1));
        }
        for (position, member) in members.into_iter().enumerate() {
            fold[member] = position % folds;
        }
    }
    fold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_keeps_class_sizes() {
        let classes: Vec<bool> = (0..100u32).map(|i| i.is_multiple_of(3)).collect();
        let mut random = SplitMix64::new(1);
        let weights = stratified_weights(&classes, &mut random);
        let of = |class| {
            classes
                .iter()
                .zip(&weights)
                .filter(|(c, _)| **c == class)
                .map(|(_, w)| w)
                .sum::<u32>()
        };
        assert_eq!((of(true), of(false)), (34, 66));
        let folds = stratified_folds(&classes, 5, &mut random);
        for fold in 0..5 {
            let matching = (0..100).filter(|&i| folds[i] == fold && classes[i]).count();
            assert!((6..=7).contains(&matching));
        }
    }
}
