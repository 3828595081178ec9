//! Reading and verifying many rows of a vector file, in blocks, on all threads.

use eidetic_domain::ImageId;
use rayon::prelude::*;

use crate::IndexError;
use crate::vector_file::{VectorFile, decode_row};

/// Maximum number of rows read at a time: 2 MiB at 512 dimensions.
const BLOCK_ROWS: u32 = 1024;

/// A row and the image whose vector it should hold.
pub(crate) type RowEntry = (u32, ImageId);

/// Reads the rows of `entries`, which must be in ascending order and within the file.
///
/// Each block has its own accumulator, made by `init`; `visit` gets it with an entry and the entry's vector, or `None` if
/// the row is damaged, belongs to another image, or holds no unit vector. Returns the accumulators in order.
pub(crate) fn scan_rows<R: Send>(
    file: &VectorFile,
    dimension: usize,
    entries: &[RowEntry],
    init: impl Fn() -> R + Sync,
    visit: impl Fn(&mut R, RowEntry, Option<&[f32]>) + Sync,
) -> Result<Vec<R>, IndexError> {
    entries
        .chunk_by(|a, b| a.0 / BLOCK_ROWS == b.0 / BLOCK_ROWS)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|entries| {
            let (first, last) = (entries[0].0, entries[entries.len() - 1].0);
            let mut bytes = vec![0; (last + 1 - first) as usize * file.row_bytes()];
            file.read_rows(first.into(), &mut bytes)?;
            let (mut accumulator, mut vector) = (init(), vec![0.0; dimension]);
            for &(row, image) in entries {
                let bytes = &bytes[(row - first) as usize * file.row_bytes()..][..file.row_bytes()];
                let is_valid = decode_row(bytes, &image, &mut vector);
                visit(&mut accumulator, (row, image), is_valid.then_some(&vector));
            }
            Ok(accumulator)
        })
        .collect()
}
