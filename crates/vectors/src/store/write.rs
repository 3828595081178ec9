//! Writing rows to the vector file and making them durable.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use eidetic_domain::{Embedding, ImageId, RowId};

use super::{VectorStore, check_dimension};
use crate::IndexError;
use crate::vector_file::encode_row;

/// Rows are written in batches of about this many bytes.
const WRITE_BYTES: usize = 1 << 20;

/// Rows written since the last successful sync.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    vectors: BTreeMap<u32, (ImageId, Box<[f32]>)>,
    /// Whether a sync failed. The system may then have dropped unwritten data, and the next sync would not report it.
    failed: bool,
}

/// The rows of the vectors of one call.
struct Assignment {
    /// The row of each vector.
    rows: Vec<u32>,
    /// Rows that have to be written and the position of their vector, in ascending order of row.
    new: Vec<(u32, usize)>,
}

impl VectorStore {
    /// See [`VectorIndex::upsert`](crate::VectorIndex::upsert).
    pub(super) fn add_rows(&mut self, vectors: &[(ImageId, Embedding)]) -> Result<Vec<RowId>, IndexError> {
        for (_, vector) in vectors {
            check_dimension(self.space.dimension, vector)?;
        }
        let Assignment { rows, new } = self.assign_rows(vectors);
        let vector_at = |&(row, position): &(u32, usize)| {
            let (image, vector) = &vectors[position];
            (row, image, vector.as_slice())
        };
        self.write_rows(new.iter().map(vector_at))?;
        for (row, image, vector) in new.iter().map(vector_at) {
            self.release_hidden(image);
            self.codes.set(row, vector);
            self.rows.assign(row, *image);
            self.unindexed.insert(row);
            self.record_repaired(row);
            let unsynced = self.unsynced.get_mut().unwrap_or_else(PoisonError::into_inner);
            unsynced.vectors.insert(row, (*image, vector.into()));
        }
        Ok(rows.into_iter().map(|row| RowId(row.into())).collect())
    }

    /// See [`VectorIndex::commit`](crate::VectorIndex::commit).
    pub(super) fn sync_rows(&self) -> Result<(), IndexError> {
        let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
        if unsynced.vectors.is_empty() {
            return Ok(());
        }
        if unsynced.failed {
            self.rewrite(&unsynced.vectors)?;
        }
        unsynced.failed = true;
        self.file.sync()?;
        *unsynced = Unsynced::default();
        Ok(())
    }

    /// Chooses a row for each vector: the one that its image has, or a vacant one.
    fn assign_rows(&self, vectors: &[(ImageId, Embedding)]) -> Assignment {
        let (mut vacant, mut assigned, mut new) = (self.rows.vacant(), HashMap::new(), Vec::new());
        let rows = vectors
            .iter()
            .enumerate()
            .filter_map(|(position, (image, _))| {
                let known = self.rows.row(image).or_else(|| assigned.get(image).copied());
                known.or_else(|| {
                    let row = vacant.next()?;
                    assigned.insert(*image, row);
                    new.push((row, position));
                    Some(row)
                })
            })
            .collect();
        Assignment { rows, new }
    }

    /// Writes rows given in ascending order, adjacent ones together.
    fn write_rows<'v>(
        &self,
        rows: impl Iterator<Item = (u32, &'v ImageId, &'v [f32])>,
    ) -> Result<(), IndexError> {
        let (mut bytes, mut first, mut next) = (Vec::new(), 0, 0);
        for (row, image, vector) in rows {
            if row != next || bytes.len() >= WRITE_BYTES {
                self.file.write_rows(first, &bytes)?;
                bytes.clear();
                first = row.into();
            }
            encode_row(image, vector, &mut bytes);
            next = row + 1;
        }
        self.file.write_rows(first, &bytes)
    }

    /// Writes again the rows that a failed sync may have lost.
    fn rewrite(&self, vectors: &BTreeMap<u32, (ImageId, Box<[f32]>)>) -> Result<(), IndexError> {
        let live = vectors
            .iter()
            .filter(|(row, (image, _))| self.rows.image(**row) == Some(image));
        self.write_rows(live.map(|(row, (image, vector))| (*row, image, &**vector)))
    }
}
