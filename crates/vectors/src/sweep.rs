//! Reading many rows of a vector file, piece by piece on all threads, each row checked.

use eidetic_domain::ImageId;
use rayon::prelude::*;

use crate::IndexError;
use crate::file::{VectorFile, decode_row};

/// Rows read at a time, at most: at 512 dimensions 2 MiB.
const PIECE_ROWS: u32 = 1024;

/// A row and the image that is said to stand there.
pub(crate) type Claim = (u32, ImageId);

/// Reads the rows that `claims` name, which are in order of row and lie in the file. Each piece of the file goes through
/// `work` with a fresh result of `start`; the results come back in order. `work` gets no vector where the row is
/// damaged, is another image's, or holds no unit vector.
pub(crate) fn sweep<R: Send>(
    file: &VectorFile,
    dimension: usize,
    claims: &[Claim],
    start: impl Fn() -> R + Sync,
    work: impl Fn(&mut R, Claim, Option<&[f32]>) + Sync,
) -> Result<Vec<R>, IndexError> {
    claims
        .chunk_by(|a, b| a.0 / PIECE_ROWS == b.0 / PIECE_ROWS)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|claims| {
            let (first, last) = (claims[0].0, claims[claims.len() - 1].0);
            let mut bytes = vec![0; (last + 1 - first) as usize * file.row_bytes()];
            file.read_rows(first.into(), &mut bytes)?;
            let (mut result, mut vector) = (start(), vec![0.0; dimension]);
            for &(row, image) in claims {
                let bytes = &bytes[(row - first) as usize * file.row_bytes()..][..file.row_bytes()];
                let whole = decode_row(bytes, &image, &mut vector);
                work(&mut result, (row, image), whole.then_some(&vector));
            }
            Ok(result)
        })
        .collect()
}
