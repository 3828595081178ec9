//! MPNet's relative positions: distances in buckets, the near ones each its own, the far ones on a logarithmic scale.
//! `relative_position_bucket` of transformers' `modeling_mpnet.py`, which has them from T5.

/// Buckets, half of them for keys before the query.
pub const BUCKETS: usize = 32;
/// The distance from which on all are in the last bucket.
const FARTHEST: f32 = 128.0;

/// The bucket of a key at `distance`, its position minus the query's. In f32, as the reference computes it.
pub fn bucket(distance: i64) -> usize {
    let half = BUCKETS / 2;
    let near = half / 2;
    let first = if distance > 0 { half } else { 0 };
    let size = distance.unsigned_abs() as usize;
    if size < near {
        return first + size;
    }
    let logarithm = (size as f32 / near as f32).ln() / (FARTHEST / near as f32).ln();
    let far = near + (logarithm * (half - near) as f32) as usize;
    first + far.min(half - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_agree_with_reference() {
        // From transformers: the first distance of each bucket.
        let firsts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];
        for (number, first) in firsts.iter().enumerate() {
            let last = firsts.get(number + 1).map_or(2000, |next| next - 1);
            for size in [*first, last] {
                assert_eq!(bucket(-size), number, "{size} before");
                if size > 0 {
                    assert_eq!(bucket(size), 16 + number, "{size} after");
                }
            }
        }
    }
}
