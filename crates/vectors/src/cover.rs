//! A graph in use: which live rows it leads to, and how far to trust it for one query.

use eidetic_domain::ImageId;

use crate::graph::Graph;
use crate::matrix::Matrix;
use crate::nearest::Nearest;
use crate::rows::Rows;
use crate::{Admit, scan};

/// Fewest candidates that a search of the graph keeps (the paper's ef); see docs/decisions/0003.
const MIN_CANDIDATES: usize = 96;
/// Candidates kept for each neighbour asked for.
const CANDIDATES_PER_NEIGHBOUR: usize = 4;
/// Of the candidates kept, at least this many for each neighbour asked for must be live and admitted. The last of the
/// candidates are the least sure, so answers are taken from the better half only.
const SURVIVORS_PER_NEIGHBOUR: usize = 2;
/// A candidate costs about as much as this many rows of an exact scan; measured in docs/decisions/0003.
const ROWS_PER_CANDIDATE: usize = 64;
/// Images asked to estimate how many a filter admits.
const SAMPLE: u32 = 64;

/// A graph beside the rows that it was built from.
#[derive(Debug)]
pub(crate) struct Cover {
    graph: Graph,
    /// Whether the graph leads to the image in each row; rows beyond the end are not covered.
    covered: Vec<bool>,
    /// Nodes whose image is live.
    live: usize,
}

impl Cover {
    pub(crate) fn new(graph: Graph, rows: &Rows) -> Self {
        let mut cover = Self {
            graph,
            covered: Vec::new(),
            live: 0,
        };
        for (row, image) in rows.live() {
            cover.occupied(row, image);
        }
        cover
    }

    /// Takes note of an image put into a row.
    pub(crate) fn occupied(&mut self, row: usize, image: &ImageId) {
        if self.graph.covers(image) {
            self.covered.resize(self.covered.len().max(row + 1), false);
            self.covered[row] = true;
            self.live += 1;
        }
    }

    /// Takes note of a row freed.
    pub(crate) fn vacated(&mut self, row: usize) {
        if self.covers(row) {
            self.covered[row] = false;
            self.live -= 1;
        }
    }

    /// Nodes that lead to nothing live, and live images that no node leads to.
    pub(crate) fn stale(&self, rows: &Rows) -> usize {
        self.graph.len() - self.live + rows.len() - self.live
    }

    /// The `k` nearest; `None` where comparing every vector is cheaper or surer.
    pub(crate) fn nearest(
        &self,
        (matrix, rows): (&Matrix, &Rows),
        query: &[f32],
        k: usize,
        admit: Option<Admit<'_>>,
    ) -> Option<Nearest> {
        let candidates = self.candidates_needed(rows, k, admit)?;
        let (mut found, mut survivors) = (Nearest::new(k), 0);
        for image in self.graph.candidates(query, candidates) {
            let Some(row) = rows.row(image) else { continue };
            if admit.is_none_or(|admit| admit(image)) {
                survivors += 1;
                scan::consider(
                    &mut found,
                    *image,
                    eidetic_kernels::dot(query, matrix.row(row)),
                    None,
                );
            }
        }
        if survivors < k.saturating_mul(SURVIVORS_PER_NEIGHBOUR) {
            return None;
        }
        let uncovered = |row| rows.image(row).filter(|_| !self.covers(row));
        if self.live == rows.len() {
            return Some(found);
        }
        Some(found.merge(scan::nearest(matrix, query, k, uncovered, admit)))
    }

    fn covers(&self, row: usize) -> bool {
        self.covered.get(row).copied().unwrap_or(false)
    }

    /// How many candidates to keep so that enough of them are live and admitted; `None` where so many would cost more
    /// than an exact scan.
    fn candidates_needed(&self, rows: &Rows, k: usize, admit: Option<Admit<'_>>) -> Option<usize> {
        let wanted = k.saturating_mul(CANDIDATES_PER_NEIGHBOUR).max(MIN_CANDIDATES);
        let live_share = self.live as f64 / self.graph.len() as f64;
        let share = live_share * admit.map_or(1.0, |admit| admitted_share(rows, admit));
        let needed = (wanted as f64 / share).ceil();
        let affordable = rows.len() / ROWS_PER_CANDIDATE;
        (needed <= affordable as f64).then_some(needed as usize)
    }
}

/// Which part of the live images a filter admits, from a sample.
///
/// Sampled rows are the multiples of the golden ratio, modulo 1, of the number of rows: spread evenly, yet in step with
/// no pattern such as every second picture.
fn admitted_share(rows: &Rows, admit: Admit<'_>) -> f64 {
    const GOLDEN: u32 = 0x9e37_79b9;
    let (mut asked, mut admitted) = (0_u32, 0_u32);
    for step in 0..SAMPLE {
        let row = (u128::from(step.wrapping_mul(GOLDEN)) * rows.end() as u128) >> u32::BITS;
        if let Some(image) = rows.image(row as usize) {
            asked += 1;
            admitted += u32::from(admit(image));
        }
    }
    f64::from(admitted) / f64::from(asked.max(1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::GraphSource;

    const ROWS: usize = 100;

    fn image(row: usize) -> ImageId {
        ImageId::of(&row.to_le_bytes())
    }

    fn covered() -> (Cover, Rows) {
        let numbers = (0..2 * ROWS).map(|n| ((n / 2) as f32 + (n % 2) as f32 * 1.57).sin());
        let mut rows = Rows::default();
        (0..ROWS).for_each(|row| rows.occupy(row, image(row)));
        let source = GraphSource {
            matrix: Matrix::from_blocks(2, vec![Arc::new(numbers.collect())]),
            images: (0..ROWS).map(|row| (row, image(row))).collect(),
        };
        (Cover::new(source.build(), &rows), rows)
    }

    fn add(cover: &mut Cover, rows: &mut Rows, row: usize, image: ImageId) {
        rows.occupy(row, image);
        cover.occupied(row, &image);
    }

    #[test]
    fn what_came_and_what_went_makes_a_graph_stale() {
        let (mut cover, mut rows) = covered();
        assert_eq!(cover.stale(&rows), 0);
        let row = rows.vacate(&image(7)).unwrap();
        cover.vacated(row);
        assert_eq!(cover.stale(&rows), 1, "one node leads nowhere");
        add(&mut cover, &mut rows, row, image(1_000));
        assert_eq!(cover.stale(&rows), 2, "and one image is not led to");
        add(&mut cover, &mut rows, ROWS, image(7));
        assert_eq!(
            cover.stale(&rows),
            1,
            "an image that comes back in another row is led to again"
        );
        assert!(cover.covers(ROWS) && !cover.covers(7));
    }

    #[test]
    fn more_candidates_are_kept_for_a_filter_until_a_scan_is_cheaper() {
        let mut rows = Rows::default();
        (0..20_000).for_each(|row| rows.occupy(row, image(row)));
        let (mut cover, _) = covered();
        cover.live = ROWS;
        let needed = |one_in: usize| {
            let admitted: std::collections::HashSet<_> = (0..20_000).step_by(one_in).map(image).collect();
            cover.candidates_needed(&rows, 10, Some(&|image| admitted.contains(image)))
        };
        assert_eq!(cover.candidates_needed(&rows, 10, None), Some(MIN_CANDIDATES));
        assert_eq!(
            cover.candidates_needed(&rows, 50, None),
            Some(50 * CANDIDATES_PER_NEIGHBOUR)
        );
        let every_second = needed(2).unwrap();
        assert!(
            (3 * MIN_CANDIDATES / 2..=3 * MIN_CANDIDATES).contains(&every_second),
            "{every_second}"
        );
        assert_eq!(needed(20_000), None);
        assert_eq!(cover.candidates_needed(&rows, usize::MAX, None), None);
    }
}
