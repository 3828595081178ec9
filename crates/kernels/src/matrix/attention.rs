//! Scaled dot-product attention of one sequence, head by head.

use super::packed_weights::F32Panels;
use super::{PANEL, Rows, RowsMut};
use crate::Kernel;

/// How the columns of a row are divided among attention heads: head `h` has columns `h · width..(h + 1) ·
/// width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Number of heads.
    pub count: usize,
    /// Columns of a head.
    pub width: usize,
}

/// Which keys a query attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// All keys.
    None,
    /// The key at its own position and those before it. The last query has the position of the last key.
    Causal,
}

/// What is added to each scaled score by the distance of key and query.
#[derive(Debug, Clone, Copy)]
pub struct DistanceBias<'a> {
    /// For each head, numbers for the key's position minus the query's, from `1 - longest` to `longest - 1`.
    pub values: &'a [f32],
    /// Most keys that there may be.
    pub longest: usize,
    /// The position of the first query among the keys.
    pub first_query: usize,
}

/// The operands of [`Kernel::attention`]. All rows have `heads.count · heads.width` numbers.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// How columns are divided among heads.
    pub heads: Heads,
    /// Which keys a query attends to.
    pub mask: Mask,
    /// What is added to scores.
    pub bias: Option<DistanceBias<'a>>,
    /// One row per query.
    pub queries: Rows<'a>,
    /// One row per key.
    pub keys: Rows<'a>,
    /// One row per key.
    pub values: Rows<'a>,
}

/// Memory of [`Kernel::attention`], which is reused from call to call.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    keys: F32Panels,
    values: F32Panels,
    scores: Vec<f32>,
}

impl Kernel {
    /// `softmax(queries · keysᵀ / √width + bias) · values` for each head, into `out`, which has one row per query.
    ///
    /// # Panics
    /// If a slice is too short for its rows, if there are not as many rows in `out` as queries and as many
    /// values as keys, if a query would attend to no key, or if a distance has no bias.
    pub fn attention(self, attention: Attention<'_>, out: RowsMut<'_>, scratch: &mut AttentionScratch) {
        let Attention {
            heads,
            mask,
            bias,
            queries,
            keys,
            values,
        } = attention;
        let width = heads.count * heads.width;
        for rows in [queries, keys, values] {
            rows.check(width);
        }
        out.check(queries.count, width);
        let RowsMut {
            values: result,
            stride,
            count,
        } = out;
        assert_eq!(values.count, keys.count, "as many values as keys");
        assert!(
            queries.count <= keys.count || mask == Mask::None,
            "a causal query before the first key"
        );
        if queries.count == 0 || keys.count == 0 {
            return;
        }
        for head in 0..heads.count {
            let first = head * heads.width;
            scratch.pack(heads.width, first, keys, values);
            scratch.compute_scores(self, queries, first);
            if let Some(bias) = bias {
                scratch.add_bias(bias, head, heads.width);
            }
            scratch.normalize_scores(self, queries.count, mask, heads.width);
            let result = RowsMut::new(&mut result[first..], stride, count);
            let weights = Rows::new(&scratch.scores, scratch.stride(), queries.count);
            self.f32_product(weights, &scratch.values, result);
        }
    }
}

impl AttentionScratch {
    /// Packs the columns of one head, from `first` on.
    fn pack(&mut self, width: usize, first: usize, keys: Rows<'_>, values: Rows<'_>) {
        self.keys
            .repack(&keys.values[first..], keys.stride, keys.count, width);
        self.values
            .repack_transposed(&values.values[first..], values.stride, width, values.count);
    }

    fn compute_scores(&mut self, kernel: Kernel, queries: Rows<'_>, first: usize) {
        let stride = self.stride();
        self.scores.resize(queries.count * stride, 0.0);
        let queries = Rows::new(&queries.values[first..], queries.stride, queries.count);
        let scores = RowsMut::new(&mut self.scores, stride, queries.count);
        kernel.f32_product(queries, &self.keys, scores);
    }

    /// Adds the bias times √width, since [`normalize_scores`](Self::normalize_scores) scales all.
    fn add_bias(&mut self, bias: DistanceBias<'_>, head: usize, width: usize) {
        let (stride, keys) = (self.stride(), self.keys.outputs());
        let scale = (width as f32).sqrt();
        let distances = &bias.values[head * (2 * bias.longest - 1)..][..2 * bias.longest - 1];
        for (query, row) in self.scores.chunks_exact_mut(stride).enumerate() {
            let first = (bias.longest - 1)
                .checked_sub(bias.first_query + query)
                .expect("a query beyond the longest sequence");
            let bias = &distances[first..][..keys];
            row.iter_mut()
                .zip(bias)
                .for_each(|(score, bias)| *score += scale * bias);
        }
    }

    fn normalize_scores(&mut self, kernel: Kernel, queries: usize, mask: Mask, width: usize) {
        let scale = (width as f32).sqrt().recip();
        let (stride, keys) = (self.stride(), self.keys.outputs());
        for (query, row) in self.scores.chunks_exact_mut(stride).enumerate() {
            let attended = match mask {
                Mask::None => keys,
                Mask::Causal => keys - queries + query + 1,
            };
            kernel.softmax(&mut row[..keys], attended, scale);
        }
    }

    const fn stride(&self) -> usize {
        self.keys.outputs().next_multiple_of(PANEL)
    }
}
