//! Pseudorandom numbers that are the same on every machine.

/// `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
///
/// Small and fixed forever: equal seeds give equal numbers in every version, which stored codes and printed reports rely
/// on. Not for secrets.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix64 {
    /// A generator whose numbers `seed` decides.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 uniform bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(INCREMENT);
        Self::mix(self.0)
    }

    /// A uniform number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // The bias of the multiplication is below bound / 2⁶⁴.
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A uniform number in −1..1.
    pub fn signed_unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }

    /// The output function: a bijection in which every input bit changes about half of the output bits.
    pub const fn mix(mut z: u64) -> u64 {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_is_the_published_one() {
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_stay_within_their_ranges() {
        let mut random = SplitMix64::new(1);
        for bound in 1..100 {
            assert!(random.below(bound) < bound);
            assert!((-1.0..1.0).contains(&random.signed_unit()));
        }
    }
}
