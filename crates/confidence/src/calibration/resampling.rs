//! Drawing samples anew, the same on every machine for the same seed.

/// `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): small, and fixed for ever,
/// so that a report printed twice says the same twice.
#[derive(Debug, Clone)]
pub(super) struct SplitMix64(pub u64);

impl SplitMix64 {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        // The bias of the multiplication is below bound / 2⁶⁴.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// How often each of `classes.len()` items is drawn in a sample with replacement, each class keeping its size.
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

/// Which of `folds` folds each item belongs to; each class is spread evenly.
pub(super) fn stratified_folds(classes: &[bool], folds: usize, random: &mut SplitMix64) -> Vec<usize> {
    let mut fold = vec![0; classes.len()];
    for class in [true, false] {
        let mut members: Vec<usize> = (0..classes.len()).filter(|&i| classes[i] == class).collect();
        for i in (1..members.len()).rev() {
            members.swap(i, random.below(i + 1));
        }
        for (place, member) in members.into_iter().enumerate() {
            fold[member] = place % folds;
        }
    }
    fold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_keeps_the_size_of_each_class() {
        let classes: Vec<bool> = (0..100u32).map(|i| i.is_multiple_of(3)).collect();
        let mut random = SplitMix64(1);
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

    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
