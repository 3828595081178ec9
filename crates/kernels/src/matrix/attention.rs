//! Attention of one sequence: softmax(queries · keysᵀ) · values, head by head.

use super::{Epilogue, Kernel, PANEL, PackedF32, Rows, RowsMut, check_rows};

/// How rows are shared among heads: head `h` has the columns from `h · width` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Heads.
    pub count: usize,
    /// Columns of a head.
    pub width: usize,
}

/// Which keys a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// All of them.
    None,
    /// Its own and those before it: query `i` of `q` stands at key `k − q + i` of `k`.
    Causal,
}

/// Memory that attention uses again and again.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    keys: PackedF32,
    values: PackedF32,
    scores: Vec<f32>,
}

impl Kernel {
    /// For each query the mean of `values`, weighted by the softmax of its products with `keys` over √width, into `out`.
    /// All rows have `heads.count · heads.width` numbers.
    ///
    /// # Panics
    /// If a slice is too short, `out` has not one row a query, `values` not one a key, or a query would see no key.
    #[expect(clippy::too_many_arguments, reason = "a formula of that many parts")]
    pub fn attention(
        self,
        heads: Heads,
        mask: Mask,
        queries: Rows<'_>,
        keys: Rows<'_>,
        values: Rows<'_>,
        out: RowsMut<'_>,
        scratch: &mut AttentionScratch,
    ) {
        let width = heads.count * heads.width;
        for rows in [queries, keys, values] {
            rows.check(width);
        }
        let RowsMut {
            values: means,
            stride,
            count,
        } = out;
        check_rows(means.len(), stride, count, width);
        assert!(values.count == keys.count && count == queries.count);
        assert!(
            queries.count <= keys.count || mask == Mask::None,
            "a query before the first key"
        );
        if queries.count == 0 || keys.count == 0 {
            return;
        }
        for head in 0..heads.count {
            let first = head * heads.width;
            scratch.load(heads.width, first, keys, values);
            scratch.score(self, queries, first);
            scratch.weigh(self, queries.count, mask, heads.width);
            let result = RowsMut::new(&mut means[first..], stride, count);
            let weights = Rows::new(&scratch.scores, scratch.stride(), queries.count);
            self.product(weights, &scratch.values, Epilogue::none(), result);
        }
    }
}

impl AttentionScratch {
    /// Packs the columns of one head from `first` on.
    fn load(&mut self, width: usize, first: usize, keys: Rows<'_>, values: Rows<'_>) {
        self.keys
            .repack(&keys.values[first..], keys.stride, keys.count, width);
        self.values
            .repack_transposed(&values.values[first..], values.stride, width, values.count);
    }

    fn score(&mut self, kernel: Kernel, queries: Rows<'_>, first: usize) {
        let stride = self.stride();
        self.scores.resize(queries.count * stride, 0.0);
        let queries = Rows::new(&queries.values[first..], queries.stride, queries.count);
        let scores = RowsMut::new(&mut self.scores, stride, queries.count);
        kernel.product(queries, &self.keys, Epilogue::none(), scores);
    }

    /// Turns scores into weights.
    fn weigh(&mut self, kernel: Kernel, queries: usize, mask: Mask, width: usize) {
        let scale = (width as f32).sqrt().recip();
        let (stride, keys) = (self.stride(), self.keys.outputs());
        for (query, row) in self.scores.chunks_exact_mut(stride).enumerate() {
            let seen = match mask {
                Mask::None => keys,
                Mask::Causal => keys - queries + query + 1,
            };
            kernel.softmax(&mut row[..keys], seen, scale);
        }
    }

    const fn stride(&self) -> usize {
        self.keys.outputs().next_multiple_of(PANEL)
    }
}
