//! Whole rows that no catalog record names: what remains of images whose records are lost.

use std::collections::HashSet;
use std::path::Path;

use eidetic_domain::{ImageId, RowId, SpaceId};

use crate::IndexError;
use crate::vector_file::{VectorFile, decode_row, image_of_row};

/// The rows of the vector file in `directory` that are valid and not in `live`, with their images. Rows of images that were
/// removed are among them.
pub fn orphaned_rows(
    directory: &Path,
    space: &SpaceId,
    live: &[(RowId, ImageId)],
) -> Result<Vec<(RowId, ImageId)>, IndexError> {
    let file = VectorFile::open(directory, space)?;
    let live: HashSet<u64> = live.iter().map(|(row, _)| row.0).collect();
    let mut bytes = vec![0; file.row_bytes()];
    let mut vector = vec![0.0; space.dimension];
    let mut orphans = Vec::new();
    for row in (0..file.rows()?).filter(|row| !live.contains(row)) {
        if !file.read_row(row, &mut bytes)? {
            break;
        }
        if let Some(image) = image_of_row(&bytes).filter(|image| decode_row(&bytes, image, &mut vector)) {
            orphans.push((RowId(row), image));
        }
    }
    Ok(orphans)
}
