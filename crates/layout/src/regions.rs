//! Regions of a layout at three scales, each a part of one of the next coarser scale.

use crate::Point;
use crate::density::{Grid, smoothed};
use crate::watershed::Hills;

/// Number of scales, the coarsest first.
pub const LEVELS: usize = 3;
/// How far each point's density reaches at each scale, in cells of the grid (of 256).
const DEVIATIONS: [f32; LEVELS] = [12.0, 5.0, 2.0];
/// A region has at least one in this many points ...
const LEAST_ONE_IN: [usize; LEVELS] = [100, 400, 2000];
/// ... and at least this many.
const LEAST: [usize; LEVELS] = [8, 5, 3];

/// A region of a layout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Its scale, from 0, the coarsest.
    pub level: usize,
    /// The region of the next coarser scale that it is a part of; none at the coarsest.
    pub parent: Option<usize>,
    /// Number of points in it.
    pub count: usize,
    /// Where it is most dense.
    pub peak: Point,
    /// The point that is nearest to the peak.
    pub representative: usize,
}

/// The regions of a layout: those of the coarsest scale first, each scale by number of points.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Regions {
    regions: Vec<Region>,
    /// The region of the finest scale of each point.
    of_point: Vec<u32>,
}

impl Regions {
    /// Divides a layout, of which all coordinates are finite. Every point is in one region of each scale.
    pub fn of(positions: &[Point]) -> Self {
        if positions.is_empty() {
            return Self::default();
        }
        let grid = Grid::over(positions);
        let counts = grid.counts(positions);
        let hills: Vec<Hills> = (0..LEVELS)
            .map(|level| {
                let least = LEAST[level].max(positions.len() / LEAST_ONE_IN[level]);
                Hills::of(&smoothed(&counts, DEVIATIONS[level]), &counts, least as f32)
            })
            .collect();
        let cells: Vec<usize> = positions.iter().map(|point| grid.cell_of(*point)).collect();
        // From the finest scale up: each region is in that of the next scale in which its top is.
        let mut of_point: Vec<usize> = cells
            .iter()
            .map(|cell| hills[LEVELS - 1].of_cell[*cell] as usize)
            .collect();
        let mut levels = Vec::new();
        for level in (0..LEVELS).rev() {
            let tops = &hills[level].tops;
            let parents = level.checked_sub(1).map(|coarser| {
                let parent = |top: &usize| hills[coarser].of_cell[*top] as usize;
                tops.iter().map(parent).collect::<Vec<usize>>()
            });
            let found = regions_of(level, tops, parents.as_deref(), &of_point, (&grid, positions));
            if let Some(parents) = parents {
                of_point = of_point.iter().map(|hill| parents[*hill]).collect();
            }
            levels.push(found);
        }
        Self::numbered(levels, &cells, &hills[LEVELS - 1])
    }

    /// All regions: a region's number is its place here.
    pub fn all(&self) -> &[Region] {
        &self.regions
    }

    /// The region of the finest scale that a point is in.
    pub fn of_point(&self, point: usize) -> usize {
        self.of_point[point] as usize
    }

    /// The regions that a point is in, the finest first.
    pub fn around(&self, point: usize) -> impl Iterator<Item = usize> {
        let parent = |region: &usize| self.regions[*region].parent;
        std::iter::successors(Some(self.of_point(point)), parent)
    }

    /// Puts the scales, of which the finest is first, one after the other, without hills that have no points.
    fn numbered(levels: Vec<Vec<Region>>, cells: &[usize], finest: &Hills) -> Self {
        let mut regions: Vec<Region> = Vec::new();
        // By hill of the scale before: its number.
        let mut numbers: Vec<Option<usize>> = Vec::new();
        for level in levels.into_iter().rev() {
            let mut order: Vec<usize> = (0..level.len()).filter(|hill| level[*hill].count > 0).collect();
            order.sort_by_key(|hill| std::cmp::Reverse(level[*hill].count));
            let mut own = vec![None; level.len()];
            for hill in order {
                own[hill] = Some(regions.len());
                regions.push(Region {
                    parent: level[hill].parent.and_then(|parent| numbers[parent]),
                    ..level[hill]
                });
            }
            numbers = own;
        }
        let number = |cell: &usize| numbers[finest.of_cell[*cell] as usize].map_or(0, |number| number as u32);
        Self {
            of_point: cells.iter().map(number).collect(),
            regions,
        }
    }
}

/// The regions of one scale, by hill; parents are hills of the next one.
fn regions_of(
    level: usize,
    tops: &[usize],
    parents: Option<&[usize]>,
    of_point: &[usize],
    (grid, positions): (&Grid, &[Point]),
) -> Vec<Region> {
    let mut regions: Vec<Region> = tops
        .iter()
        .enumerate()
        .map(|(hill, top)| Region {
            level,
            parent: parents.map(|parents| parents[hill]),
            count: 0,
            peak: grid.middle(*top),
            representative: 0,
        })
        .collect();
    let mut nearest = vec![f32::INFINITY; regions.len()];
    for (point, (position, hill)) in positions.iter().zip(of_point).enumerate() {
        let region = &mut regions[*hill];
        region.count += 1;
        let distance = crate::curve::squared_distance(*position, region.peak);
        if distance < nearest[*hill] {
            nearest[*hill] = distance;
            region.representative = point;
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::SplitMix64;
    use proptest::prelude::*;

    /// Points around some centers.
    fn islands(centers: &[Point], each: usize, width: f32, seed: u64) -> Vec<Point> {
        let mut random = SplitMix64::new(seed);
        let mut around =
            |center: &Point| center.map(|x| x + width * (random.signed_unit() + random.signed_unit()));
        let all = centers.iter().flat_map(|center| vec![center; each]);
        all.map(&mut around).collect()
    }

    #[test]
    fn islands_are_regions_within_groups() {
        // Three groups of three islands each.
        let centers: Vec<Point> = (0..9)
            .map(|at| {
                let (group, island) = ((at / 3) as f32, (at % 3) as f32);
                [group * 20.0 + island * 2.0, group % 2.0 * 15.0]
            })
            .collect();
        let points = islands(&centers, 100, 0.3, 2);
        let regions = Regions::of(&points);
        let of_level = |level: usize| regions.all().iter().filter(move |region| region.level == level);
        assert_eq!((of_level(0).count(), of_level(2).count()), (3, 9));
        assert!(of_level(0).all(|region| region.count == 300 && region.parent.is_none()));
        for (point, position) in points.iter().enumerate() {
            let finest = &regions.all()[regions.of_point(point)];
            assert!(
                crate::curve::squared_distance(finest.peak, centers[point / 100]) < 1.0,
                "{position:?}"
            );
            let around: Vec<usize> = regions.around(point).collect();
            assert_eq!(around.len(), LEVELS);
            assert_eq!(
                around,
                regions
                    .around(point / 300 * 300 + point % 100 + point / 100 % 3 * 100)
                    .collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn no_points_have_no_regions() {
        assert!(Regions::of(&[]).all().is_empty());
        let one = Regions::of(&[[3.0, 3.0]]);
        assert_eq!(one.all().len(), LEVELS);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn every_point_is_in_one_region_of_each_level(
            points in prop::collection::vec(prop::array::uniform2(-50.0_f32..50.0), 1..200),
        ) {
            let regions = Regions::of(&points);
            let mut counts = vec![0; regions.all().len()];
            for point in 0..points.len() {
                let levels: Vec<usize> = regions.around(point).map(|region| {
                    counts[region] += 1;
                    regions.all()[region].level
                }).collect();
                prop_assert_eq!(levels, vec![2, 1, 0]);
            }
            let expected: Vec<usize> = regions.all().iter().map(|region| region.count).collect();
            prop_assert_eq!(counts, expected);
        }
    }
}
