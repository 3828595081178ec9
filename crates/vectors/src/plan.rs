//! How one search runs: by the graph, or over the codes of all rows that may be returned.

use crate::by_signs::scan_by_signs;
use crate::codes::Codes;
use crate::graph::Graph;
use crate::pool::Scored;
use crate::row_set::RowSet;
use crate::rows::Rows;
use crate::scan::scan;
use crate::shortlist::Shortlist;

/// Candidates that a walk keeps (the paper's ef); measured in docs/decisions/0010.
pub(crate) const CANDIDATES: usize = 128;
/// Up to this many admitted rows are looked at by their signs where a walk by all rows would meet few of them: it never
/// misses a region, and costs no more than such a walk.
const BY_SIGNS: usize = 150_000;
/// Candidates that a walk keeps which looks through rows that may not be returned: it meets fewer of the others.
const LOOKING_THROUGH: usize = 192;
/// Candidates kept for each neighbour asked for: the last of them are the least sure.
const CANDIDATES_PER_NEIGHBOUR: usize = 4;
/// Of the candidates of a walk that looks through others, at least this many for each neighbour asked for must be left
/// when those that may not be returned are gone.
const SURVIVORS_PER_NEIGHBOUR: usize = 2;
/// Up to this many rows are compared one by one: a walk costs as much.
const FEW: usize = 8_000;
/// Walks compare about as many rows as this for each candidate kept.
const ROWS_PER_CANDIDATE: usize = 64;
/// Of the candidates wanted, this part must be left when those that may not be returned are gone.
const ENOUGH_OF: (usize, usize) = (3, 4);
/// A second walk keeps at most so many times the candidates of the first.
const MOST_WIDER: usize = 4;
/// Where at least this part of the rows may be returned, a walk goes by all rows and keeps more candidates.
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
            let few = (wish.k, self.codes.quantizer().slack());
            let live = self.rows.live_rows();
            let look = if self.graph.is_some() && self.admitted(wish) > FEW && self.codes.signs_tell() {
                scan_by_signs
            } else {
                scan
            };
            look(self.codes, wish.query, live, wish.filter, few).into_sorted()
        })
    }

    fn admitted(&self, wish: &Wish<'_>) -> usize {
        wish.filter.map_or(self.rows.len(), RowSet::len)
    }

    /// `None` where comparing every row is cheaper or surer.
    fn by_graph(&self, wish: &Wish<'_>) -> Option<Vec<Scored>> {
        let graph = self.graph?;
        let admitted = self.admitted(wish);
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
        let found = if share >= LARGE_SHARE {
            self.by_all(graph, wish, wanted, share.min(1.0))?
        } else if admitted <= BY_SIGNS && self.codes.signs_tell() {
            return None;
        } else {
            let wanted = wanted.max(LOOKING_THROUGH);
            let found = graph.nearest_admitted(self.codes, wish.query, wanted, wish.filter?);
            let found = self.returnable(found, wish);
            let survivors = wish.k.saturating_mul(SURVIVORS_PER_NEIGHBOUR);
            (found.len() >= survivors).then_some(found)?
        };
        Some(self.with_newcomers(found, wish))
    }

    /// By a walk that keeps so many candidates that about `wanted` of them may be returned. Where fewer are, because the
    /// filter keeps what is far from the query, it walks once more, wider; `None` where that does not help.
    fn by_all(&self, graph: &Graph, wish: &Wish<'_>, wanted: usize, share: f64) -> Option<Vec<Scored>> {
        let mut kept = (wanted as f64 / share).ceil() as usize;
        for _ in 0..2 {
            let found = self.returnable(graph.nearest(self.codes, wish.query, kept), wish);
            if found.len() * ENOUGH_OF.1 >= wanted * ENOUGH_OF.0 {
                return Some(found);
            }
            let wider = wanted.saturating_mul(kept) / found.len().max(1);
            if wider > kept.saturating_mul(MOST_WIDER) {
                return None;
            }
            kept = wider;
        }
        None
    }

    fn returnable(&self, mut found: Vec<Scored>, wish: &Wish<'_>) -> Vec<Scored> {
        found.retain(|scored| self.may_return(scored.node, wish.filter));
        found
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
