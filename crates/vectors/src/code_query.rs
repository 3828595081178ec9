//! A query in terms of quantized codes.

use crate::codes::Codes;
use crate::row_set::RowSet;
use crate::shortlist::Shortlist;

/// A query in terms of codes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeQuery<'s> {
    /// Code of the query vector.
    pub(crate) code: &'s [i8],
    /// Number of neighbors requested.
    pub(crate) k: usize,
    /// The rows that may be returned; `None` for all.
    pub(crate) filter: Option<&'s RowSet>,
    /// Minimum size of the candidate queue of a graph search.
    pub(crate) ef: usize,
}

impl CodeQuery<'_> {
    /// An empty shortlist for this query.
    pub(crate) fn shortlist(&self, codes: &Codes) -> Shortlist {
        Shortlist::new(self.k, codes.quantizer().quantization_error())
    }
}
