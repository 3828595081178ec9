//! The choice of a search method: the graph, or a scan of codes.

use crate::candidate_queue::Candidate;
use crate::code_query::CodeQuery;
use crate::code_scan::scan_codes;
use crate::codes::Codes;
use crate::graph::Graph;
use crate::hamming_scan::scan_by_signs;
use crate::row_map::RowMap;
use crate::row_set::RowSet;

/// Size of the candidate queue of a graph search (`ef` in the paper); measured in docs/decisions/0010.
pub(crate) const EF_SEARCH: usize = 128;
/// The same for a search that compares only the rows of a filter. Such a search sees fewer rows, so it needs more.
const EF_FILTERED: usize = 192;
/// Minimum size of the candidate queue per requested neighbor: the last candidates are the least accurate.
const EF_PER_NEIGHBOR: usize = 4;
/// Up to this many matching rows are scanned, since a graph search costs as much.
const MAX_CODE_SCAN: usize = 8_000;
/// Up to this many matching rows are scanned by sign distance if they are a small share of all rows. Such a scan misses
/// no region, and costs no more than an unfiltered graph search with as many results in the filter.
const MAX_SIGN_SCAN: usize = 150_000;
/// If at least this share of all rows matches, an unfiltered graph search with a larger queue is used.
const MIN_UNFILTERED_SHARE: f64 = 0.3;
/// A graph search compares about this many rows per entry of the candidate queue.
const ROWS_PER_CANDIDATE: usize = 64;
/// Share of the wanted candidates that an unfiltered search must find in the filter, as a fraction.
const MIN_FOUND: (usize, usize) = (3, 4);
/// An unfiltered search is repeated with at most this many times larger a queue.
const MAX_WIDENING: usize = 4;
/// Minimum number of results of a filtered graph search, per requested neighbor.
const MIN_FILTERED_PER_NEIGHBOR: usize = 2;

/// The parts of a store that a search reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchContext<'s> {
    pub(crate) codes: &'s Codes,
    pub(crate) rows: &'s RowMap,
    pub(crate) graph: Option<&'s Graph>,
    /// Live rows that are not in the graph.
    pub(crate) unindexed: &'s RowSet,
}

impl SearchContext<'_> {
    /// The rows whose vectors have to be compared, best code first: enough to find the `k` nearest among them.
    pub(crate) fn candidates(&self, query: &CodeQuery<'_>) -> Vec<Candidate> {
        self.search_graph(query).unwrap_or_else(|| {
            let by_signs =
                self.graph.is_some() && self.max_matching(query) > MAX_CODE_SCAN && self.codes.has_signs();
            let scan = if by_signs { scan_by_signs } else { scan_codes };
            scan(self.codes, query, self.rows.live_rows()).into_sorted()
        })
    }

    /// Upper bound of the number of rows that may be returned.
    fn max_matching(&self, query: &CodeQuery<'_>) -> usize {
        query.filter.map_or(self.rows.len(), RowSet::len)
    }

    /// Searches the graph; `None` if a scan is faster or more reliable.
    fn search_graph(&self, query: &CodeQuery<'_>) -> Option<Vec<Candidate>> {
        let graph = self.graph?;
        let matching = self.max_matching(query);
        let ef = query.k.saturating_mul(EF_PER_NEIGHBOR).max(query.ef);
        if matching <= MAX_CODE_SCAN || ef.saturating_mul(ROWS_PER_CANDIDATE) > matching {
            return None;
        }
        let share = matching as f64 / (graph.len() + self.unindexed.len()) as f64;
        let found = if share >= MIN_UNFILTERED_SHARE {
            self.search_unfiltered(graph, query, ef, share.min(1.0))?
        } else if matching <= MAX_SIGN_SCAN && self.codes.has_signs() {
            return None;
        } else {
            let found = graph.search_filtered(self.codes, query.code, ef.max(EF_FILTERED), query.filter?);
            let found = self.retain_matching(found, query);
            let enough = query.k.saturating_mul(MIN_FILTERED_PER_NEIGHBOR);
            (found.len() >= enough).then_some(found)?
        };
        Some(self.with_unindexed(found, query))
    }

    /// Searches all nodes with a queue so large that about `wanted` of its entries match. If too few do, since the filter
    /// selects rows far from the query, searches once more with a larger queue; `None` if that doesn't help.
    fn search_unfiltered(
        &self,
        graph: &Graph,
        query: &CodeQuery<'_>,
        wanted: usize,
        share: f64,
    ) -> Option<Vec<Candidate>> {
        let mut ef = (wanted as f64 / share).ceil() as usize;
        for _ in 0..2 {
            let found = self.retain_matching(graph.search(self.codes, query.code, ef), query);
            if found.len() * MIN_FOUND.1 >= wanted * MIN_FOUND.0 {
                return Some(found);
            }
            let wider = wanted.saturating_mul(ef) / found.len().max(1);
            if wider > ef.saturating_mul(MAX_WIDENING) {
                return None;
            }
            ef = wider;
        }
        None
    }

    /// Drops rows that are not live, belong to another image than their node, or don't match the filter.
    fn retain_matching(&self, mut found: Vec<Candidate>, query: &CodeQuery<'_>) -> Vec<Candidate> {
        found.retain(|&Candidate { row, .. }| {
            self.rows.live_rows().contains(row)
                && !self.unindexed.contains(row)
                && query.filter.is_none_or(|filter| filter.contains(row))
        });
        found
    }

    /// Adds the rows that are not in the graph.
    fn with_unindexed(&self, mut found: Vec<Candidate>, query: &CodeQuery<'_>) -> Vec<Candidate> {
        if !self.unindexed.is_empty() {
            found.extend(scan_codes(self.codes, query, self.unindexed).into_sorted());
            found.sort_unstable_by_key(|candidate| candidate.order());
        }
        found
    }
}
