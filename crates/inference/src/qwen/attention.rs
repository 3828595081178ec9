//! Grouped-query attention within sequences, on all threads of the current pool.

use std::ops::Range;

use eidetic_kernels::Kernel;
use eidetic_kernels::matrix::{Attention, AttentionScratch, Heads, Mask, Rows, RowsMut};
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

/// Some queries of one sequence, and the keys that the last of them sees.
struct Task {
    queries: Range<usize>,
    keys: Range<usize>,
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
    mask: Mask,
    sequences: &[Range<usize>],
    [queries, keys, values]: [Columns<'_>; 3],
    out: &mut Matrix,
) {
    let width = heads.heads * heads.width;
    out.reshape(queries.rows.count(), width);
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
