//! Reading a vector file: rows that the catalog names, checked.

use std::collections::HashSet;
use std::sync::Arc;

use eidetic_domain::{ImageId, RowId};
use rayon::prelude::*;

use crate::IndexError;
use crate::file::{VectorFile, decode_row};
use crate::matrix::{BLOCK_ROWS, Matrix};
use crate::rows::Rows;

/// What was found wrong or superfluous when a vector file was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Images whose row is missing, damaged or another image's, sorted: absent until they are indexed again.
    pub damaged: Vec<ImageId>,
    /// Rows of the file that no record names, such as those of a run that ended before its catalog record was written.
    pub dropped: u64,
}

/// A row that the catalog says is an image's.
type Claim = (usize, ImageId);

/// The live rows of one block: its number, its vectors, and the claims on it that hold.
struct Block {
    number: usize,
    vectors: Vec<f32>,
    held: Vec<Claim>,
}

/// Reads every row that `live` names. Holds at most one block of file bytes a thread beside the result.
pub(crate) fn read(
    file: &VectorFile,
    dimension: usize,
    live: &[(RowId, ImageId)],
) -> Result<(Matrix, Rows, OpenReport), IndexError> {
    let file_rows = file.rows()?;
    let claims = claims(live, file_rows);
    let blocks = claims
        .chunk_by(|a, b| a.0 / BLOCK_ROWS == b.0 / BLOCK_ROWS)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|claims| read_block(file, dimension, claims))
        .collect::<Result<Vec<_>, _>>()?;

    let named = claims.chunk_by(|a, b| a.0 == b.0).count() as u64;
    let (matrix, rows) = assemble(dimension, blocks);
    let report = OpenReport {
        damaged: absent(live, &rows),
        dropped: file_rows - named,
    };
    Ok((matrix, rows, report))
}

/// The claims on rows that the file has, in order of row.
fn claims(live: &[(RowId, ImageId)], file_rows: u64) -> Vec<Claim> {
    let mut claims: Vec<Claim> = live
        .iter()
        .filter(|(row, _)| row.0 < file_rows)
        .filter_map(|&(row, image)| Some((usize::try_from(row.0).ok()?, image)))
        .collect();
    claims.sort_unstable();
    claims
}

/// Reads the rows of one block that have claims on them; `claims` is not empty.
fn read_block(file: &VectorFile, dimension: usize, claims: &[Claim]) -> Result<Block, IndexError> {
    let (first, last) = (claims[0].0, claims[claims.len() - 1].0);
    let mut bytes = vec![0; (last + 1 - first) * file.row_bytes()];
    file.read_rows(first as u64, &mut bytes)?;

    let mut vectors = vec![0.0; (last % BLOCK_ROWS + 1) * dimension];
    let held = claims
        .iter()
        .filter(|(row, image)| {
            let bytes = &bytes[(row - first) * file.row_bytes()..][..file.row_bytes()];
            let vector = &mut vectors[row % BLOCK_ROWS * dimension..][..dimension];
            decode_row(bytes, image, vector)
        })
        .copied()
        .collect();
    Ok(Block {
        number: first / BLOCK_ROWS,
        vectors,
        held,
    })
}

/// Puts the blocks, in order of number, together. Where an image has two rows, the first is its own.
fn assemble(dimension: usize, blocks: Vec<Block>) -> (Matrix, Rows) {
    let (mut numbers, mut rows) = (Vec::new(), Rows::default());
    for block in blocks.into_iter().filter(|block| !block.held.is_empty()) {
        numbers.resize_with(block.number, Arc::default);
        numbers.push(Arc::new(block.vectors));
        for (row, image) in block.held {
            if rows.row(&image).is_none() {
                rows.occupy(row, image);
            }
        }
    }
    (Matrix::from_blocks(dimension, numbers), rows)
}

/// The images of `live` that have no row, sorted.
fn absent(live: &[(RowId, ImageId)], rows: &Rows) -> Vec<ImageId> {
    let absent: HashSet<ImageId> = live
        .iter()
        .map(|&(_, image)| image)
        .filter(|image| rows.row(image).is_none())
        .collect();
    let mut absent: Vec<ImageId> = absent.into_iter().collect();
    absent.sort_unstable();
    absent
}
