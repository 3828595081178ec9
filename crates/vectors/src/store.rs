//! The vectors of a space: a file with the vectors, and their codes in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};
use rayon::slice::ParallelSliceMut;

use crate::codes::Codes;
use crate::graph::Graph;
use crate::open::{self, OpenReport, OpenedIndex};
use crate::plan::EF_SEARCH;
use crate::row_map::RowMap;
use crate::row_scan::{RowEntry, scan_rows};
use crate::row_set::RowSet;
use crate::snapshot::{self, Snapshot};
use crate::vector_file::{VectorFile, decode_row};
use crate::{IndexError, Neighbor, VectorIndex, ranks_before};

mod hidden;
mod search;
#[cfg(test)]
mod tests;
mod write;

use hidden::HiddenRows;
pub(crate) use search::SearchMode;
use write::Unsynced;

/// Comparing all vectors, in blocks, takes as long as reading one in this many of them by itself.
const MIN_ROWS_PER_COMPARED: usize = 64;

/// A vector file, codes of its live vectors in memory, and a graph over them if there are many.
///
/// A search compares codes, then reads the vectors of the best candidates from the file, verifies their checksums, and
/// compares them. So a score is always that of the vector as it was written, and a row damaged on disk is never returned,
/// no matter when it was damaged.
///
/// The methods in `graph_build.rs` build and grow the graph. Searches are complete in the meantime: live rows that are not
/// in the graph are compared one by one.
#[derive(Debug)]
pub struct VectorStore {
    pub(crate) space: SpaceId,
    pub(crate) directory: PathBuf,
    file: VectorFile,
    pub(crate) codes: Codes,
    pub(crate) rows: RowMap,
    pub(crate) graph: Option<Arc<Graph>>,
    /// Live rows that are not in the graph; all live rows if there is none.
    pub(crate) unindexed: RowSet,
    /// Rows of hidden images.
    hidden: HiddenRows,
    /// Number of rows in the graph that are not in the saved one.
    pub(crate) unsaved_rows: usize,
    /// Live rows that were read and found damaged.
    damaged: RwLock<RowSet>,
    /// Rows that came from the snapshot and have not been verified.
    unverified: Mutex<RowSet>,
    unsynced: Mutex<Unsynced>,
}

/// How searches run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// By comparing all codes.
    Exact,
    /// By a graph.
    Hnsw,
}

/// Size figures of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexStats {
    /// How searches run now.
    pub kind: IndexKind,
    /// Number of live vectors.
    pub vectors: usize,
    /// Number of rows in the file whose images were removed, without hidden ones.
    pub tombstones: usize,
    /// Number of hidden vectors.
    pub hidden: usize,
    /// Size of the vector file.
    pub bytes_on_disk: u64,
    /// Size of the saved graph and codes; 0 if there are none.
    pub graph_bytes: u64,
}

impl VectorStore {
    /// Opens the vectors in `directory`, which must exist, or creates an empty file.
    ///
    /// `live` lists all rows named by the catalog; other rows are free. Rows that a valid snapshot has for the same image
    /// are taken from there. The others are read; those that fail verification are listed in the report and treated as
    /// missing. Fails on another space, an unsupported version, a damaged header, or an I/O error.
    pub fn open(
        directory: &Path,
        space: &SpaceId,
        live: &[(RowId, ImageId)],
    ) -> Result<(Self, OpenReport), IndexError> {
        let file = VectorFile::open(directory, space)?;
        let snapshot = Snapshot::load(directory, space);
        let OpenedIndex {
            codes,
            rows,
            graph,
            from_snapshot,
            report,
        } = open::open(&file, space.dimension, live, snapshot)?;
        let mut store = Self {
            space: space.clone(),
            directory: directory.to_owned(),
            file,
            codes,
            rows,
            graph: None,
            unindexed: RowSet::default(),
            hidden: HiddenRows::default(),
            unsaved_rows: 0,
            damaged: RwLock::default(),
            unverified: Mutex::new(from_snapshot.iter().copied().collect()),
            unsynced: Mutex::default(),
        };
        match graph {
            Some(graph) => store.use_graph(graph, &from_snapshot),
            None => store.unindexed = store.rows.live_rows().clone(),
        }
        Ok((store, report))
    }

    /// Whether there is a vector file in `directory`.
    pub fn exists(directory: &Path) -> bool {
        VectorFile::exists(directory)
    }

    /// Writes the header of the vector file in `directory` again, where it is damaged: the rows after it, which have
    /// checksums of their own, can be read then. Returns whether it did.
    ///
    /// The caller must know that the vectors are of `space`.
    pub fn restore_header(directory: &Path, space: &SpaceId) -> Result<bool, IndexError> {
        VectorFile::restore_header(directory, space)
    }

    /// The space of the vectors in `directory`; `None` where their file is missing or its header is damaged.
    pub fn space_in(directory: &Path) -> Option<SpaceId> {
        VectorFile::space_in(directory)
    }

    /// Removes the snapshot of the graph in `directory`; the next run builds the graph again.
    pub fn remove_snapshot(directory: &Path) -> Result<(), IndexError> {
        snapshot::remove(directory)
    }

    /// Whether there is a snapshot of the graph in `directory` that cannot be used. It is derived.
    pub fn has_damaged_snapshot(directory: &Path, space: &SpaceId) -> bool {
        snapshot::bytes(directory) > 0 && Snapshot::load(directory, space).is_none()
    }

    /// Every live image with its row, in order of row.
    pub fn live(&self) -> impl Iterator<Item = (RowId, ImageId)> {
        self.rows.live().map(|(row, image)| (RowId(row.into()), *image))
    }

    /// Size figures and the kind of search.
    pub fn stats(&self) -> Result<IndexStats, IndexError> {
        Ok(IndexStats {
            kind: match self.graph {
                Some(_) => IndexKind::Hnsw,
                None => IndexKind::Exact,
            },
            vectors: self.rows.len(),
            tombstones: self.rows.dead() - self.hidden.len(),
            hidden: self.hidden.len(),
            bytes_on_disk: self.file.bytes()?,
            graph_bytes: snapshot::bytes(&self.directory),
        })
    }

    /// Images whose rows were found damaged since the store was opened, in order of row. Searches don't return them.
    /// Removing and adding them again repairs them.
    pub fn damaged(&self) -> Vec<ImageId> {
        let damaged = self.damaged.read().unwrap_or_else(PoisonError::into_inner);
        damaged
            .iter()
            .filter_map(|row| self.rows.image(row).copied())
            .collect()
    }

    /// Reads and verifies all live rows that came from the snapshot and have not been verified since, and returns all
    /// [`damaged`](Self::damaged) images.
    pub fn verify(&self) -> Result<Vec<ImageId>, IndexError> {
        let mut unverified = self.unverified.lock().unwrap_or_else(PoisonError::into_inner);
        self.scan_live(&unverified, || (), |(), _, _| ())?;
        *unverified = RowSet::default();
        drop(unverified);
        Ok(self.damaged())
    }

    /// How often a single row was read from the file since the store was opened. Scans of many rows don't count.
    #[cfg(any(test, feature = "testing"))]
    pub fn row_reads(&self) -> u64 {
        self.file.row_reads()
    }

    /// Reads the live ones among `rows`, in blocks, each with an accumulator of its own. Damaged rows are recorded and
    /// skipped.
    pub(crate) fn scan_live<R: Send>(
        &self,
        rows: &RowSet,
        init: impl Fn() -> R + Sync,
        visit: impl Fn(&mut R, RowEntry, &[f32]) + Sync,
    ) -> Result<Vec<R>, IndexError> {
        let file_rows = self.file.rows()?;
        let live = rows.iter().filter_map(|row| Some((row, *self.rows.image(row)?)));
        let live: Vec<RowEntry> = live.collect();
        let (present, truncated) =
            live.split_at(live.partition_point(|entry| u64::from(entry.0) < file_rows));
        for &(row, _) in truncated {
            self.record_damaged(row);
        }
        scan_rows(
            &self.file,
            self.space.dimension,
            present,
            init,
            |accumulator, entry, vector| match vector {
                Some(vector) => visit(accumulator, entry, vector),
                None => self.record_damaged(entry.0),
            },
        )
    }

    /// Size in memory of codes and graph.
    pub(crate) fn memory(&self) -> u64 {
        let graph = self.graph.as_ref().map_or(0, |graph| graph.links.bytes());
        (self.codes.bytes() + graph) as u64
    }

    /// Reads the vector of a live row and verifies it. Returns false and records the row if it is damaged.
    fn read_vector(
        &self,
        row: u32,
        image: &ImageId,
        bytes: &mut [u8],
        vector: &mut [f32],
    ) -> Result<bool, IndexError> {
        let is_valid = self.file.read_row(row.into(), bytes)? && decode_row(bytes, image, vector);
        if !is_valid {
            self.record_damaged(row);
        }
        Ok(is_valid)
    }

    fn record_damaged(&self, row: u32) {
        tracing::warn!(row, "damaged vector on disk; the next indexing run repairs it");
        self.damaged
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(row);
    }

    fn record_repaired(&mut self, row: u32) {
        self.damaged
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(row);
    }
}

impl VectorIndex for VectorStore {
    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn end(&self) -> u64 {
        self.rows.end() as u64
    }

    /// After an error nothing has been added, and the call may be repeated.
    fn upsert(&mut self, vectors: &[(ImageId, Embedding)]) -> Result<Vec<RowId>, IndexError> {
        self.add_rows(vectors)
    }

    fn remove(&mut self, images: &[ImageId]) -> Result<(), IndexError> {
        for image in images {
            self.release_hidden(image);
            let Some(row) = self.rows.remove(image) else {
                continue;
            };
            self.unindexed.remove(row);
            self.record_repaired(row);
            self.release_row(row);
        }
        Ok(())
    }

    fn hide(&mut self, images: &[ImageId]) -> Result<(), IndexError> {
        for image in images {
            self.hide_row(image);
        }
        Ok(())
    }

    fn restore(&mut self, images: &[ImageId]) -> Result<Vec<Option<RowId>>, IndexError> {
        images.iter().map(|image| self.restore_row(image)).collect()
    }

    /// After an error the call may be repeated; it then writes every unsynced row again.
    fn commit(&self) -> Result<(), IndexError> {
        self.sync_rows()
    }

    fn vector(&self, image: &ImageId) -> Option<Embedding> {
        let row = self.rows.row(image)?;
        let mut bytes = vec![0; self.file.row_bytes()];
        let mut vector = vec![0.0; self.space.dimension];
        let is_valid = self.read_vector(row, image, &mut bytes, &mut vector).ok()?;
        Embedding::normalize(vector).ok().filter(|_| is_valid)
    }

    fn row(&self, image: &ImageId) -> Option<RowId> {
        self.rows.row(image).map(|row| RowId(row.into()))
    }

    fn rank(&self, query: &Embedding, filter: Option<&RowSet>) -> Result<Vec<(ImageId, f32)>, IndexError> {
        check_dimension(self.space.dimension, query)?;
        let live = self.rows.live_rows();
        let wanted: Option<RowSet> =
            filter.map(|filter| live.iter().filter(|row| filter.contains(*row)).collect());
        let blocks = self.scan_live(
            wanted.as_ref().unwrap_or(live),
            Vec::new,
            |ranked, (_, image), vector| {
                // The same product as in `search`, so that a ranking goes on where a search ends.
                ranked.push((
                    image,
                    eidetic_kernels::dot(query.as_slice(), vector).clamp(-1.0, 1.0),
                ));
            },
        )?;
        let mut ranking = blocks.concat();
        ranking.par_sort_unstable_by(ranks_before);
        Ok(ranking)
    }

    fn rank_beginning(
        &self,
        query: &Embedding,
        filter: Option<&RowSet>,
        most: usize,
    ) -> Result<Option<Vec<(ImageId, f32)>>, IndexError> {
        check_dimension(self.space.dimension, query)?;
        self.rank_by_codes(query, filter, most)
    }

    fn search(
        &self,
        query: &Embedding,
        k: usize,
        filter: Option<&RowSet>,
    ) -> Result<Vec<Neighbor>, IndexError> {
        self.search_by(SearchMode::Auto { ef: EF_SEARCH }, query, k, filter)
    }
}

/// Checks that a vector or query has the dimension of the space.
pub(crate) fn check_dimension(expected: usize, vector: &Embedding) -> Result<(), IndexError> {
    let found = vector.dimension();
    if found == expected {
        Ok(())
    } else {
        Err(IndexError::DimensionMismatch { expected, found })
    }
}
