//! Rows of images that are removed for now, but may come back.

use std::collections::{HashMap, HashSet};

use eidetic_domain::{ImageId, RowId};

use super::VectorStore;
use crate::IndexError;
use crate::vector_file::decode_row;

/// The rows of hidden images. They are reserved: no other image can take them.
#[derive(Debug, Default)]
pub(super) struct HiddenRows(HashMap<ImageId, HiddenRow>);

#[derive(Debug, Clone, Copy)]
struct HiddenRow {
    row: u32,
    /// Whether the graph's node of this row belongs to the image.
    in_graph: bool,
}

impl HiddenRows {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl VectorStore {
    /// Hides vectors that no live image has. For a store that was just opened: the rows that the catalog names for
    /// removed images. Rows that are in use, or not in the file, are ignored.
    pub fn hide_rows(&mut self, rows: &[(RowId, ImageId)]) -> Result<(), IndexError> {
        let file_rows = self.file.rows()?;
        let mut taken: HashSet<u32> = self.hidden.0.values().map(|hidden| hidden.row).collect();
        for &(row, image) in rows.iter().filter(|(row, _)| row.0 < file_rows) {
            let Ok(row) = u32::try_from(row.0) else { continue };
            let is_vacant = self.rows.image(row).is_none() && self.rows.row(&image).is_none();
            if is_vacant && !self.hidden.0.contains_key(&image) && taken.insert(row) {
                self.rows.reserve(row);
                let in_graph = false;
                self.hidden.0.insert(image, HiddenRow { row, in_graph });
            }
        }
        Ok(())
    }

    /// Reserves the rows of hidden images again, after all rows without an image were released for a new graph.
    pub(crate) fn reserve_hidden(&mut self) {
        for hidden in self.hidden.0.values_mut() {
            hidden.in_graph = false;
            self.rows.reserve(hidden.row);
        }
    }

    /// Hides the vector of a live image. A damaged one is removed.
    pub(super) fn hide_row(&mut self, image: &ImageId) {
        let Some(row) = self.rows.remove(image) else {
            return;
        };
        let in_graph = self.is_in_graph(row) && !self.unindexed.contains(row);
        self.unindexed.remove(row);
        let damaged = self
            .damaged
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if damaged.contains(row) {
            damaged.remove(row);
            self.release_row(row);
        } else {
            self.hidden.0.insert(*image, HiddenRow { row, in_graph });
        }
    }

    /// Makes a hidden vector live, if it is undamaged; else removes it.
    pub(super) fn restore_row(&mut self, image: &ImageId) -> Result<Option<RowId>, IndexError> {
        let Some(&HiddenRow { row, in_graph }) = self.hidden.0.get(image) else {
            return Ok(self.rows.row(image).map(|row| RowId(row.into())));
        };
        let mut bytes = vec![0; self.file.row_bytes()];
        let mut vector = vec![0.0; self.space.dimension];
        let is_valid = self.file.read_row(row.into(), &mut bytes)? && decode_row(&bytes, image, &mut vector);
        if !is_valid {
            self.release_hidden(image);
            return Ok(None);
        }
        self.hidden.0.remove(image);
        self.rows.assign(row, *image);
        if !in_graph {
            // A row in the graph has its code still.
            self.codes.set(row, &vector);
            self.unindexed.insert(row);
        }
        Ok(Some(RowId(row.into())))
    }

    /// Gives up a hidden vector, if there is one.
    pub(super) fn release_hidden(&mut self, image: &ImageId) {
        if let Some(HiddenRow { row, .. }) = self.hidden.0.remove(image) {
            self.release_row(row);
        }
    }

    /// Makes a reserved row free, unless it is in the graph: then it has to keep its code until the graph is rebuilt.
    pub(super) fn release_row(&mut self, row: u32) {
        if !self.is_in_graph(row) {
            self.rows.release(row);
        }
    }

    fn is_in_graph(&self, row: u32) -> bool {
        self.graph.as_ref().is_some_and(|graph| graph.contains(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VectorIndex;
    use crate::conformance::samples;

    #[test]
    fn hidden_rows_survive_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let space = eidetic_domain::SpaceId {
            model: "test".into(),
            revision: "1".into(),
            preprocessing: "none".into(),
            dimension: 16,
        };
        let (mut store, _) = VectorStore::open(directory.path(), &space, &[]).unwrap();
        let vectors = samples(6, 16);
        let rows = store.upsert(&vectors[..5]).unwrap();
        store.commit().unwrap();
        let named: Vec<_> = rows
            .into_iter()
            .zip(vectors.iter().map(|(image, _)| *image))
            .collect();
        let (mut store, _) = VectorStore::open(directory.path(), &space, &named[..3]).unwrap();
        let other = (named[0].0, ImageId::of(b"of a version that reused the row"));
        store.hide_rows(&[named[4], named[3], other]).unwrap();
        let stats = store.stats().unwrap();
        assert_eq!((stats.vectors, stats.hidden, stats.tombstones), (3, 2, 0));
        let added = store.upsert(&vectors[5..]).unwrap();
        assert_eq!(added, [RowId(5)]);
        assert_eq!(
            store.restore(&[named[4].1, other.1]).unwrap(),
            [Some(named[4].0), None]
        );
        assert_eq!(store.search(&vectors[4].1, 1, None).unwrap()[0].image, named[4].1);
        assert_eq!(store.len(), 5);
    }
}
