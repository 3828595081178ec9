//! Names of regions, from the tags of what is in them.

use std::collections::HashSet;

use crate::Regions;

/// A tag names a region only if at least one in this many of its points have it ...
const LEAST_ONE_IN: usize = 10;
/// ... and at least this many.
const LEAST: usize = 2;
/// Least z-score of the log odds ratio: 95 % one-sided.
const LEAST_SCORE: f64 = 1.645;
/// Strength of the prior, in points.
const PRIOR: f64 = 10.0;
/// Tags that are kept of each region.
const MOST_TAGS: usize = 5;

/// What a region is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegionName {
    /// The tag that names it, which no other region of its level is named by; none where no tag sets it apart, or others took them.
    pub name: Option<u32>,
    /// The tags that set it apart from the rest, the clearest first.
    pub tags: Vec<u32>,
}

/// Names for `regions` by the tags of each point: numbers below `number_of_tags`, each at most once a point.
///
/// Tags are ranked by the log odds ratio of a point in the region and one elsewhere to have the tag, with an informative Dirichlet prior,
/// divided by its standard deviation (B. Monroe, M. Colaresi, K. Quinn: Fightin' Words, 2008): frequent in the region, and rare
/// elsewhere. In the order of these scores each region takes its best tag that is free.
pub fn region_names<'a>(
    regions: &Regions,
    number_of_tags: usize,
    tags: impl Iterator<Item = &'a [u32]>,
) -> Vec<RegionName> {
    let counts = TagCounts::of(regions, number_of_tags, tags);
    let mut names = vec![RegionName::default(); regions.all().len()];
    let mut claims: Vec<(f64, usize, u32)> = Vec::new();
    for (region, name) in names.iter_mut().enumerate() {
        let scored = counts.scored(region, regions.all()[region].count);
        name.tags = scored.iter().take(MOST_TAGS).map(|(_, tag)| *tag).collect();
        claims.extend(scored.into_iter().map(|(score, tag)| (score, region, tag)));
    }
    claims.sort_by(|(a, a_region, a_tag), (b, b_region, b_tag)| {
        b.total_cmp(a).then((a_region, a_tag).cmp(&(b_region, b_tag)))
    });
    let mut taken: HashSet<(usize, u32)> = HashSet::new();
    for (_, region, tag) in claims {
        if names[region].name.is_none() && taken.insert((regions.all()[region].level, tag)) {
            names[region].name = Some(tag);
        }
    }
    names
}

/// How many points have each tag, in each region and in all.
struct TagCounts {
    in_region: Vec<Vec<u32>>,
    in_all: Vec<u32>,
    points: usize,
}

impl TagCounts {
    fn of<'a>(regions: &Regions, number_of_tags: usize, tags: impl Iterator<Item = &'a [u32]>) -> Self {
        let mut counts = Self {
            in_region: vec![vec![0; number_of_tags]; regions.all().len()],
            in_all: vec![0; number_of_tags],
            points: 0,
        };
        for (point, tags) in tags.enumerate() {
            counts.points += 1;
            for tag in tags {
                counts.in_all[*tag as usize] += 1;
                for region in regions.around(point) {
                    counts.in_region[region][*tag as usize] += 1;
                }
            }
        }
        counts
    }

    /// The tags that set a region of `size` points apart, with their scores, the clearest first.
    fn scored(&self, region: usize, size: usize) -> Vec<(f64, u32)> {
        let least = LEAST.max(size.div_ceil(LEAST_ONE_IN)) as u32;
        let counts = self.in_region[region].iter().zip(&self.in_all).zip(0_u32..);
        let mut scored: Vec<(f64, u32)> = counts
            .filter(|((here, _), _)| **here >= least)
            .map(|((here, all), tag)| (self.score(f64::from(*here), size as f64, f64::from(*all)), tag))
            .filter(|(score, _)| *score >= LEAST_SCORE)
            .collect();
        scored.sort_by(|(a, a_tag), (b, b_tag)| b.total_cmp(a).then(a_tag.cmp(b_tag)));
        scored
    }

    fn score(&self, here: f64, size: f64, all: f64) -> f64 {
        let total = self.points as f64;
        let prior = PRIOR * all / total;
        let log_odds = |with: f64, of: f64| ((with + prior) / (of - with + PRIOR - prior)).ln();
        let (elsewhere, others) = (all - here, total - size);
        let deviation = (1.0 / (here + prior) + 1.0 / (elsewhere + prior)).sqrt();
        (log_odds(here, size) - log_odds(elsewhere, others)) / deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Point;
    use eidetic_domain::SplitMix64;
    use proptest::prelude::*;

    /// Four islands of fifty points; the tags of each point.
    fn islands(tag: impl Fn(usize, usize) -> Vec<u32>) -> (Regions, Vec<Vec<u32>>) {
        let mut random = SplitMix64::new(6);
        let points: Vec<Point> = (0..200)
            .map(|at| {
                [
                    (at / 50) as f32 * 9.0 + random.signed_unit(),
                    random.signed_unit(),
                ]
            })
            .collect();
        let tags = (0..200).map(|at| tag(at / 50, at % 50)).collect();
        (Regions::of(&points), tags)
    }

    fn names(regions: &Regions, tags: &[Vec<u32>]) -> Vec<RegionName> {
        region_names(regions, 10, tags.iter().map(Vec::as_slice))
    }

    #[test]
    fn names_are_frequent_here_and_rare_elsewhere() {
        // Tag 9 is everywhere; tags 0 to 3 are of one island each; 8 is rare.
        let (regions, tags) = islands(|island, at| {
            let mut tags = vec![9];
            tags.extend((at % 5 < 4).then_some(island as u32));
            tags.extend((at == 7).then_some(8));
            tags
        });
        let names = names(&regions, &tags);
        for point in [0, 50, 100, 150] {
            for region in regions
                .around(point)
                .filter(|region| regions.all()[*region].count == 50)
            {
                assert_eq!(names[region].tags, [point as u32 / 50]);
                assert_eq!(names[region].name, Some(point as u32 / 50));
            }
        }
    }

    #[test]
    fn shared_tag_names_only_one_region() {
        // Islands 0 and 1 share a tag; island 1 has another one besides.
        let (regions, tags) = islands(|island, _| match island {
            0 => vec![0],
            1 => vec![0, 1],
            _ => vec![],
        });
        let names = names(&regions, &tags);
        let of = |point: usize| regions.around(point).last().and_then(|region| names[region].name);
        assert_eq!((of(0), of(50), of(100)), (Some(0), Some(1), None));
    }

    #[test]
    fn without_tags_no_region_has_a_name() {
        let (regions, tags) = islands(|_, _| vec![]);
        assert!(
            names(&regions, &tags)
                .iter()
                .all(|name| *name == RegionName::default())
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn names_never_repeat_within_level(seed: u64) {
            let mut random = SplitMix64::new(seed);
            let numbers: Vec<u64> = (0..200).map(|_| random.next_u64()).collect();
            let (regions, tags) = islands(|island, at| {
                (0..10).filter(|tag| (numbers[island * 50 + at] >> tag).trailing_zeros() >= 2).collect()
            });
            let mut seen = HashSet::new();
            for (region, name) in regions.all().iter().zip(names(&regions, &tags)) {
                if let Some(tag) = name.name {
                    prop_assert!(seen.insert((region.level, tag)));
                    prop_assert!(name.tags.len() <= MOST_TAGS);
                }
            }
        }
    }
}
