//! Attention within sequences, with heads of keys that several heads of queries may share, on all threads of the current pool.

use std::ops::Range;

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Attention, AttentionScratch, DistanceBias, Heads, Mask, Rows, RowsMut};
use rayon::prelude::*;

use crate::layers::matrix::Matrix;

/// Queries of a task: few enough that their scores with all keys of a long sequence stay small.
const QUERIES: usize = 256;

/// How many heads there are, and how wide each is.
#[derive(Debug, Clone, Copy)]
pub struct GqaHeads {
    pub heads: usize,
    /// Heads of keys and values, each shared by several of queries.
    pub shared: usize,
    pub width: usize,
}

/// Heads side by side in some columns of a matrix.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    pub rows: &'a Matrix,
    /// The column where the first head begins.
    pub first: usize,
}

/// Which keys a query attends to, and what is added to its scores.
#[derive(Clone, Copy)]
pub struct Scoring<'a> {
    mask: Mask,
    bias: Option<&'a RelativeBias>,
}

/// Numbers that are added to scores by the distance of key and query, for each head.
pub struct RelativeBias {
    /// Heads × distances, from `1 - longest` to `longest - 1`.
    values: Vec<f32>,
    longest: usize,
}

/// Some queries of one sequence, and the keys that the last of them sees.
struct Task {
    queries: Range<usize>,
    keys: Range<usize>,
}

impl<'a> Scoring<'a> {
    /// Scores of queries and keys as they are.
    pub const fn masked(mask: Mask) -> Self {
        Self { mask, bias: None }
    }

    /// All keys are seen; `bias` is added where there is one.
    pub const fn biased(bias: Option<&'a RelativeBias>) -> Self {
        let mask = Mask::None;
        Self { mask, bias }
    }
}

impl RelativeBias {
    /// `value(head, distance)` for sequences of at most `longest` rows; the distance is the key's position minus the
    /// query's.
    pub fn new(heads: usize, longest: usize, value: impl Fn(usize, i64) -> f32) -> Self {
        let last = longest as i64 - 1;
        let rows = (0..heads).flat_map(|head| (-last..=last).map(move |distance| (head, distance)));
        Self {
            values: rows.map(|(head, distance)| value(head, distance)).collect(),
            longest,
        }
    }

    /// For queries from position `first_query` of their sequence on.
    fn head(&self, head: usize, first_query: usize) -> DistanceBias<'_> {
        let distances = 2 * self.longest - 1;
        DistanceBias {
            values: &self.values[head * distances..][..distances],
            longest: self.longest,
            first_query,
        }
    }
}

impl Columns<'_> {
    fn head(&self, number: usize, width: usize, rows: &Range<usize>) -> Rows<'_> {
        let values = self.rows.span(rows.start, rows.len());
        Rows::new(
            &values[self.first + number * width..],
            self.rows.width(),
            rows.len(),
        )
    }
}

/// For each query of each sequence the weighted mean of the values of its own sequence, into `out`. The sequences follow
/// each other and are all rows.
pub fn attention(
    kernel: Kernel,
    heads: GqaHeads,
    scoring: Scoring<'_>,
    sequences: &[Range<usize>],
    [queries, keys, values]: [Columns<'_>; 3],
    out: &mut Matrix,
) {
    let width = heads.heads * heads.width;
    out.reshape(queries.rows.count(), width);
    let mask = scoring.mask;
    let mut rest = out.values_mut();
    let mut tasks = Vec::new();
    for task in sequences.iter().flat_map(|sequence| tasks_of(sequence, mask)) {
        let (rows, after) = rest.split_at_mut(task.queries.len() * width);
        tasks.push((task, rows));
        rest = after;
    }
    let tasks = tasks.into_par_iter();
    tasks.for_each_init(AttentionScratch::default, |scratch, (task, out)| {
        for head in 0..heads.heads {
            let shared = head / (heads.heads / heads.shared);
            let attention = Attention {
                heads: Heads {
                    count: 1,
                    width: heads.width,
                },
                mask,
                bias: scoring
                    .bias
                    .map(|bias| bias.head(head, task.queries.start - task.keys.start)),
                queries: queries.head(head, heads.width, &task.queries),
                keys: keys.head(shared, heads.width, &task.keys),
                values: values.head(shared, heads.width, &task.keys),
            };
            kernel.attention(
                attention,
                RowsMut::new(&mut out[head * heads.width..], width, task.queries.len()),
                scratch,
            );
        }
    });
}

/// Under a causal mask the keys of a task end with its queries; later keys are left out.
fn tasks_of(sequence: &Range<usize>, mask: Mask) -> impl Iterator<Item = Task> + use<> {
    let sequence = sequence.clone();
    sequence.clone().step_by(QUERIES).map(move |first| {
        let queries = first..sequence.end.min(first + QUERIES);
        let end = match mask {
            Mask::None => sequence.end,
            Mask::Causal => queries.end,
        };
        Task {
            queries,
            keys: sequence.start..end,
        }
    })
}
