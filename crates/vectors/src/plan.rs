//! How one search runs: by the graph, or over the codes of all rows that may be returned.

use crate::codes::Codes;
use crate::graph::Graph;
use crate::pool::Scored;
use crate::row_set::RowSet;
use crate::rows::Rows;
use crate::scan::scan;
use crate::shortlist::Shortlist;

/// Candidates that a walk keeps (the paper's ef); measured in docs/decisions/0010.
pub(crate) const CANDIDATES: usize = 128;
/// Candidates that a walk keeps which looks through rows that may not be returned: it meets fewer of the others.
const LOOKING_THROUGH: usize = 192;
/// Candidates kept for each neighbour asked for: the last of them are the least sure.
const CANDIDATES_PER_NEIGHBOUR: usize = 4;
/// Of the candidates, at least this many for each neighbour asked for must be left when those that may not be returned
/// are gone.
const SURVIVORS_PER_NEIGHBOUR: usize = 2;
/// Up to this many rows are compared one by one: a walk costs as much.
const FEW: usize = 8_000;
/// Walks compare about as many rows as this for each candidate kept.
const ROWS_PER_CANDIDATE: usize = 64;
/// Where at least this part of the rows may be returned, a walk goes by all rows and keeps more candidates; where fewer
/// may, it looks through the others.
const LARGE_SHARE: f64 = 0.3;

/// What a search looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'s> {
    pub(crate) codes: &'s Codes,
    pub(crate) rows: &'s Rows,
    pub(crate) graph: Option<&'s Graph>,
    /// Live rows that the graph does not lead to.
    pub(crate) newcomers: &'s RowSet,
}

/// What a search is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'s> {
    /// The query's code.
    pub(crate) query: &'s [i8],
    /// Neighbours asked for.
    pub(crate) k: usize,
    /// Rows that may be returned, where not all may.
    pub(crate) filter: Option<&'s RowSet>,
    /// Candidates that a walk keeps where nothing else asks for more.
    pub(crate) candidates: usize,
}

impl Field<'_> {
    /// The rows to compare exactly, best code first: enough to find the `k` nearest among.
    pub(crate) fn candidates(&self, wish: &Wish<'_>) -> Vec<Scored> {
        self.by_graph(wish).unwrap_or_else(|| {
            let slack = self.codes.quantizer().slack();
            let live = self.rows.live_rows();
            scan(self.codes, wish.query, live, wish.filter, (wish.k, slack)).into_sorted()
        })
    }

    /// `None` where comparing every row is cheaper or surer.
    fn by_graph(&self, wish: &Wish<'_>) -> Option<Vec<Scored>> {
        let graph = self.graph?;
        let admitted = wish.filter.map_or(self.rows.len(), RowSet::len);
        if admitted <= FEW {
            return None;
        }
        let wanted = wish
            .k
            .saturating_mul(CANDIDATES_PER_NEIGHBOUR)
            .max(wish.candidates);
        let share = admitted as f64 / (graph.len() + self.newcomers.len()) as f64;
        if wanted.saturating_mul(ROWS_PER_CANDIDATE) > admitted {
            return None;
        }
        let survivors = wish.k.saturating_mul(SURVIVORS_PER_NEIGHBOUR);
        let enough = |mut found: Vec<Scored>| {
            found.retain(|scored| self.may_return(scored.node, wish.filter));
            (found.len() >= survivors).then_some(found)
        };
        let by_all = || {
            let widened = (wanted as f64 / share.min(1.0)).ceil() as usize;
            (share >= LARGE_SHARE).then(|| graph.nearest(self.codes, wish.query, widened))
        };
        let by_admitted = || {
            let filter = wish.filter?;
            let wanted = wanted.max(LOOKING_THROUGH);
            Some(graph.nearest_admitted(self.codes, wish.query, wanted, filter))
        };
        let found = by_all()
            .and_then(enough)
            .or_else(|| by_admitted().and_then(enough))?;
        Some(self.with_newcomers(found, wish))
    }

    fn may_return(&self, row: u32, filter: Option<&RowSet>) -> bool {
        self.rows.live_rows().contains(row)
            && !self.newcomers.contains(row)
            && filter.is_none_or(|filter| filter.contains(row))
    }

    fn with_newcomers(&self, mut found: Vec<Scored>, wish: &Wish<'_>) -> Vec<Scored> {
        if !self.newcomers.is_empty() {
            let few = (wish.k, self.codes.quantizer().slack());
            let newcomers: Shortlist = scan(self.codes, wish.query, self.newcomers, wish.filter, few);
            found.extend(newcomers.into_sorted());
            found.sort_unstable_by_key(|scored| scored.order());
        }
        found
    }
}
