//! Hills of a density: each cell belongs to the top that the steepest way up leads to.

use std::collections::BTreeMap;

use crate::density::SIDE;

/// Cells by hill.
#[derive(Debug, Clone, PartialEq)]
pub struct Hills {
    /// The hill of each cell; `u32::MAX` where nothing is.
    pub of_cell: Vec<u32>,
    /// The highest cell of each hill.
    pub tops: Vec<usize>,
}

/// No hill.
pub const NO_HILL: u32 = u32::MAX;

impl Hills {
    /// The hills of `density`. One of which the cells have less than `least` in `counts` joins the hill that is behind its
    /// highest pass, else the one with the nearest top.
    pub fn of(density: &[f32], counts: &[f32], least: f32) -> Self {
        let mut hills = Self::by_steepest_ascent(density);
        hills.join_small(density, counts, least);
        hills
    }

    fn by_steepest_ascent(density: &[f32]) -> Self {
        // Of equally high cells, the first counts as higher.
        let higher = |a: usize, b: usize| density[a].total_cmp(&density[b]).then(b.cmp(&a)).is_gt();
        let up = |cell: usize| {
            let best = around(cell).fold(cell, |best, other| if higher(other, best) { other } else { best });
            (best != cell).then_some(best)
        };
        let mut hills = Self {
            of_cell: vec![NO_HILL; SIDE * SIDE],
            tops: Vec::new(),
        };
        let mut way = Vec::new();
        for start in (0..SIDE * SIDE).filter(|cell| density[*cell] > 0.0) {
            let mut cell = start;
            let hill = loop {
                if hills.of_cell[cell] != NO_HILL {
                    break hills.of_cell[cell];
                }
                way.push(cell);
                let Some(next) = up(cell) else {
                    hills.tops.push(cell);
                    break hills.tops.len() as u32 - 1;
                };
                cell = next;
            };
            for cell in way.drain(..) {
                hills.of_cell[cell] = hill;
            }
        }
        hills
    }

    fn join_small(&mut self, density: &[f32], counts: &[f32], least: f32) {
        let passes = self.passes(density);
        let mut sizes = vec![0.0; self.tops.len()];
        for (hill, count) in self
            .of_cell
            .iter()
            .zip(counts)
            .filter(|(hill, _)| **hill != NO_HILL)
        {
            sizes[*hill as usize] += count;
        }
        let mut joined: Vec<usize> = (0..self.tops.len()).collect();
        loop {
            let is_own = |hill: &usize| joined[*hill] == *hill;
            let own: Vec<usize> = (0..joined.len()).filter(is_own).collect();
            let smallest = own.iter().copied().min_by(|a, b| sizes[*a].total_cmp(&sizes[*b]));
            let Some(small) = smallest.filter(|small| sizes[*small] < least && own.len() > 1) else {
                break;
            };
            let behind = behind_highest_pass(&passes, &joined, small);
            let into = behind.unwrap_or_else(|| self.nearest(&own, small));
            sizes[into] += sizes[small];
            if density[self.tops[small]] > density[self.tops[into]] {
                self.tops[into] = self.tops[small];
            }
            for hill in &mut joined {
                if *hill == small {
                    *hill = into;
                }
            }
        }
        self.renumber(&joined);
    }

    /// The highest pass between each two hills that touch.
    fn passes(&self, density: &[f32]) -> BTreeMap<(usize, usize), f32> {
        let mut passes = BTreeMap::new();
        for cell in 0..SIDE * SIDE {
            for other in around(cell) {
                let (a, b) = (self.of_cell[cell], self.of_cell[other]);
                if a < b && b != NO_HILL {
                    let pass = passes.entry((a as usize, b as usize)).or_insert(0.0_f32);
                    *pass = pass.max(density[cell].min(density[other]));
                }
            }
        }
        passes
    }

    fn nearest(&self, own: &[usize], hill: usize) -> usize {
        let place = |hill: usize| {
            let top = self.tops[hill];
            ((top % SIDE) as f32, (top / SIDE) as f32)
        };
        let distance = |other: usize| {
            let ((x, y), (other_x, other_y)) = (place(hill), place(other));
            (x - other_x).hypot(y - other_y)
        };
        let others = own.iter().copied().filter(|other| *other != hill);
        others
            .min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
            .unwrap_or(hill)
    }

    /// Numbers the hills that are left, in the order of before.
    fn renumber(&mut self, joined: &[usize]) {
        let mut numbers = vec![NO_HILL; joined.len()];
        let mut tops = Vec::new();
        for (hill, into) in joined.iter().enumerate() {
            if hill == *into {
                numbers[hill] = tops.len() as u32;
                tops.push(self.tops[hill]);
            }
        }
        self.tops = tops;
        for hill in self.of_cell.iter_mut().filter(|hill| **hill != NO_HILL) {
            *hill = numbers[joined[*hill as usize]];
        }
    }
}

fn behind_highest_pass(
    passes: &BTreeMap<(usize, usize), f32>,
    joined: &[usize],
    hill: usize,
) -> Option<usize> {
    let behind = passes.iter().filter_map(|((a, b), pass)| {
        let (a, b) = (joined[*a], joined[*b]);
        match (a == hill, b == hill) {
            (true, false) => Some((b, *pass)),
            (false, true) => Some((a, *pass)),
            _ => None,
        }
    });
    let highest = behind.max_by(|(a, a_pass), (b, b_pass)| a_pass.total_cmp(b_pass).then(b.cmp(a)));
    highest.map(|(behind, _)| behind)
}

/// The up to eight cells around a cell.
fn around(cell: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (cell % SIDE, cell / SIDE);
    let near = |at: usize| at.saturating_sub(1)..(at + 2).min(SIDE);
    near(y)
        .flat_map(move |y| near(x).map(move |x| y * SIDE + x))
        .filter(move |other| *other != cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::smoothed;

    fn at(x: usize, y: usize) -> usize {
        y * SIDE + x
    }

    fn with(counts: &[(usize, f32)]) -> Vec<f32> {
        let mut all = vec![0.0; SIDE * SIDE];
        for (cell, count) in counts {
            all[*cell] = *count;
        }
        all
    }

    #[test]
    fn each_bell_is_a_hill() {
        let counts = with(&[(at(60, 60), 5.0), (at(120, 60), 4.0), (at(60, 200), 3.0)]);
        let hills = Hills::of(&smoothed(&counts, 6.0), &counts, 1.0);
        assert_eq!(hills.tops, [at(60, 60), at(120, 60), at(60, 200)]);
        assert_eq!(hills.of_cell[at(65, 58)], 0);
        assert_eq!(hills.of_cell[at(115, 62)], 1);
        assert_eq!(hills.of_cell[at(250, 250)], NO_HILL);
    }

    #[test]
    fn small_hills_join_neighbors_or_nearest() {
        // The small hill touches the second one; the island is nearest to the third.
        let counts = with(&[
            (at(60, 60), 50.0),
            (at(120, 60), 50.0),
            (at(132, 60), 2.0),
            (at(60, 200), 50.0),
            (at(100, 220), 2.0),
        ]);
        let hills = Hills::of(&smoothed(&counts, 3.0), &counts, 5.0);
        assert_eq!(hills.tops.len(), 3);
        assert_eq!(hills.of_cell[at(132, 60)], hills.of_cell[at(120, 60)]);
        assert_eq!(hills.of_cell[at(100, 220)], hills.of_cell[at(60, 200)]);
    }

    #[test]
    fn single_small_hill_stays() {
        let counts = with(&[(at(60, 60), 1.0)]);
        let hills = Hills::of(&smoothed(&counts, 3.0), &counts, 5.0);
        assert_eq!(hills.tops, [at(60, 60)]);
    }
}
