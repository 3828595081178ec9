//! The vectors of a library: a file that holds the truth, and the same vectors in memory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};

use crate::cover::Cover;
use crate::file::{VectorFile, encode_row};
use crate::graph::{Graph, GraphSource};
use crate::graph_file::GraphFiles;
use crate::matrix::Matrix;
use crate::open::{self, OpenReport};
use crate::rows::Rows;
use crate::{Admit, IndexError, Neighbour, VectorIndex, scan};

/// Rows are written in pieces of about this many bytes.
const WRITE_BYTES: usize = 1 << 20;

/// Up to this many vectors an exact scan is quick enough, and never misses; measured in docs/decisions/0003.
pub const GRAPH_THRESHOLD: usize = 50_000;
/// A graph is due to be built anew when more than one in so many of the live images is missing from it, or has been
/// removed since.
const STALE_ONE_IN: usize = 5;

/// A vector file, its contents in memory, and a graph over them once one has been installed.
///
/// Above [`GRAPH_THRESHOLD`] vectors a graph pays. Building one takes long, so it is done beside the store:
/// [`needs_graph`](Self::needs_graph) says when, [`graph_source`](Self::graph_source) takes what is needed,
/// [`GraphSource::build`] and [`GraphFiles::save`] do the work while the store goes on being searched and changed, and
/// [`install_graph`](Self::install_graph) puts it to use. Searches are complete all the while: live vectors that the
/// graph does not lead to are compared one by one.
#[derive(Debug)]
pub struct VectorStore {
    space: SpaceId,
    file: VectorFile,
    matrix: Matrix,
    rows: Rows,
    cover: Option<Cover>,
    graph_files: GraphFiles,
    unsynced: Mutex<Unsynced>,
}

/// What has been written since the disk last said that all is safe.
#[derive(Debug, Default)]
struct Unsynced {
    rows: Vec<usize>,
    /// After a failed sync the system may have dropped what it could not write, and the next sync would not say so.
    failed: bool,
}

/// How a search runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// Every vector is compared.
    Exact,
    /// A graph leads to the nearest.
    Hnsw,
}

/// Sizes of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// How searches run now.
    pub kind: IndexKind,
    /// Live vectors.
    pub vectors: usize,
    /// Free rows in the file.
    pub tombstones: usize,
    /// Size of the vector file.
    pub bytes_on_disk: u64,
    /// Size of the saved graph; 0 where there is none.
    pub graph_bytes: u64,
}

impl VectorStore {
    /// Opens the vectors in `directory`, which must exist; makes an empty file where there is none.
    ///
    /// `live` is every row that the catalog names. Each is checked; rows that fail are listed in the report and treated
    /// as absent. Rows that `live` does not name are free. Errors: another space, an unknown version, a damaged
    /// header, or the disk.
    pub fn open(
        directory: &Path,
        space: &SpaceId,
        live: &[(RowId, ImageId)],
    ) -> Result<(Self, OpenReport), IndexError> {
        let file = VectorFile::open(directory, space)?;
        let (matrix, rows, report) = open::read(&file, space.dimension, live)?;
        let store = Self {
            space: space.clone(),
            file,
            matrix,
            rows,
            cover: None,
            graph_files: GraphFiles::new(directory, space),
            unsynced: Mutex::default(),
        };
        Ok((store, report))
    }

    /// Every live image with its row, in order of row.
    pub fn live(&self) -> impl Iterator<Item = (RowId, ImageId)> {
        self.rows.live().map(|(row, image)| (RowId(row as u64), *image))
    }

    /// Sizes, and how searches run.
    pub fn stats(&self) -> Result<Stats, IndexError> {
        Ok(Stats {
            kind: match self.cover {
                Some(_) => IndexKind::Hnsw,
                None => IndexKind::Exact,
            },
            vectors: self.rows.len(),
            tombstones: self.rows.free(),
            bytes_on_disk: self.file.bytes()?,
            graph_bytes: self.graph_files.bytes(),
        })
    }

    /// Whether a graph would make searches faster and there is none, or the one in use is too far from the truth.
    pub fn needs_graph(&self) -> bool {
        let live = self.rows.len();
        let stale = self.cover.as_ref().map_or(live, |cover| cover.stale(&self.rows));
        live > GRAPH_THRESHOLD && stale > live / STALE_ONE_IN
    }

    /// What a graph of the present vectors is built from. Cheap: the vectors are shared until they change.
    pub fn graph_source(&self) -> GraphSource {
        GraphSource {
            matrix: self.matrix.clone(),
            images: self.rows.live().map(|(row, image)| (row, *image)).collect(),
        }
    }

    /// Where this store's graph is saved and loaded.
    pub fn graph_files(&self) -> GraphFiles {
        self.graph_files.clone()
    }

    /// Searches by `graph` from now on, a graph of this store's vectors as they are or once were.
    pub fn install_graph(&mut self, graph: Graph) {
        self.cover = Some(Cover::new(graph, &self.rows));
    }

    /// The row that each vector has or will have, and those among them that must be written: row and position in
    /// `vectors`, in order of row.
    fn plan(&self, vectors: &[(ImageId, Embedding)]) -> (Vec<usize>, Vec<(usize, usize)>) {
        let (mut vacant, mut planned, mut new) = (self.rows.vacant(), HashMap::new(), Vec::new());
        let rows = vectors
            .iter()
            .enumerate()
            .filter_map(|(position, (image, _))| {
                self.rows
                    .row(image)
                    .or_else(|| planned.get(image).copied())
                    .or_else(|| {
                        let row = vacant.next()?;
                        planned.insert(*image, row);
                        new.push((row, position));
                        Some(row)
                    })
            })
            .collect();
        (rows, new)
    }

    /// Writes rows given in rising order, neighbours together.
    fn write<'v>(
        &self,
        rows: impl Iterator<Item = (usize, &'v ImageId, &'v [f32])>,
    ) -> Result<(), IndexError> {
        let (mut bytes, mut first, mut next) = (Vec::new(), 0, 0);
        for (row, image, vector) in rows {
            if row != next || bytes.len() >= WRITE_BYTES {
                self.file.write_rows(first as u64, &bytes)?;
                bytes.clear();
                first = row;
            }
            encode_row(image, vector, &mut bytes);
            next = row + 1;
        }
        self.file.write_rows(first as u64, &bytes)
    }

    /// Writes again what may have been lost by a failed sync.
    fn rewrite(&self, rows: &mut Vec<usize>) -> Result<(), IndexError> {
        rows.sort_unstable();
        rows.dedup();
        let live = rows
            .iter()
            .filter_map(|&row| Some((row, self.rows.image(row)?, self.matrix.row(row))));
        self.write(live)
    }
}

impl VectorIndex for VectorStore {
    fn space(&self) -> &SpaceId {
        &self.space
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    /// On an error nothing has been added, and the call may be made again.
    fn upsert(&mut self, vectors: &[(ImageId, Embedding)]) -> Result<Vec<RowId>, IndexError> {
        for (_, vector) in vectors {
            check_dimension(self.space.dimension, vector)?;
        }
        let (rows, new) = self.plan(vectors);
        let vector_at = |&(row, position): &(usize, usize)| {
            let (image, vector) = &vectors[position];
            (row, image, vector.as_slice())
        };
        self.write(new.iter().map(vector_at))?;
        for (row, image, vector) in new.iter().map(vector_at) {
            self.matrix.set(row, vector);
            self.rows.occupy(row, *image);
            if let Some(cover) = &mut self.cover {
                cover.occupied(row, image);
            }
        }
        let unsynced = self.unsynced.get_mut().unwrap_or_else(PoisonError::into_inner);
        unsynced.rows.extend(new.iter().map(|(row, _)| row));
        Ok(rows.into_iter().map(|row| RowId(row as u64)).collect())
    }

    fn remove(&mut self, images: &[ImageId]) -> Result<(), IndexError> {
        for image in images {
            let row = self.rows.vacate(image);
            if let (Some(row), Some(cover)) = (row, &mut self.cover) {
                cover.vacated(row);
            }
        }
        Ok(())
    }

    /// After an error the call may be made again; it then writes every row in doubt once more.
    fn commit(&self) -> Result<(), IndexError> {
        let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
        if unsynced.rows.is_empty() {
            return Ok(());
        }
        if unsynced.failed {
            self.rewrite(&mut unsynced.rows)?;
        }
        unsynced.failed = true;
        self.file.sync()?;
        *unsynced = Unsynced::default();
        Ok(())
    }

    fn vector(&self, image: &ImageId) -> Option<Embedding> {
        Embedding::normalize(self.matrix.row(self.rows.row(image)?).to_vec()).ok()
    }

    fn search(
        &self,
        query: &Embedding,
        k: usize,
        admit: Option<Admit<'_>>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        check_dimension(self.space.dimension, query)?;
        let query = query.as_slice();
        let by_graph = || {
            let cover = self.cover.as_ref()?;
            cover.nearest((&self.matrix, &self.rows), query, k, admit)
        };
        let exact = || scan::nearest(&self.matrix, query, k, |row| self.rows.image(row), admit);
        let found = scan::on_search_threads(|| by_graph().unwrap_or_else(exact));
        Ok(found.into_sorted())
    }
}

/// A vector or query must have the space's dimension.
pub(crate) fn check_dimension(expected: usize, vector: &Embedding) -> Result<(), IndexError> {
    let found = vector.dimension();
    if found == expected {
        Ok(())
    } else {
        Err(IndexError::Dimension { expected, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    fn space(dimension: usize) -> SpaceId {
        SpaceId {
            model: "test".into(),
            revision: "1".into(),
            preprocessing: "none".into(),
            dimension,
        }
    }

    #[test]
    fn store_does_what_an_index_must() {
        for dimension in [16, 64, 100] {
            let directory = tempfile::tempdir().unwrap();
            let (mut store, report) = VectorStore::open(directory.path(), &space(dimension), &[]).unwrap();
            assert_eq!(report, OpenReport::default());
            conformance::check(&mut store);
        }
    }

    /// `/dev/full` can be opened and read, and has no room for a single byte.
    #[cfg(target_os = "linux")]
    #[test]
    fn full_disk_adds_nothing_and_the_call_can_be_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, _) = VectorStore::open(directory.path(), &space(16), &[]).unwrap();
        let vectors = conformance::samples(20, 16);
        let first = store.upsert(&vectors[..10]).unwrap();
        store.remove(&[vectors[0].0]).unwrap();

        store.file.switch_to(Path::new("/dev/full"));
        let error = store.upsert(&vectors[10..]).unwrap_err();
        assert!(
            matches!(&error, IndexError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull)
        );
        assert_eq!((store.len(), store.rows.free()), (9, 1));
        assert_eq!(store.vector(&vectors[10].0), None);

        store.file.switch_to(&directory.path().join("vectors.bin"));
        let second = store.upsert(&vectors[10..]).unwrap();
        store.commit().unwrap();
        assert_eq!(second[0], first[0], "the freed row is used");
        let live: Vec<_> = store.live().collect();
        let (reopened, report) = VectorStore::open(directory.path(), &space(16), &live).unwrap();
        assert_eq!((reopened.len(), report.damaged), (19, vec![]));
    }

    /// A disk may lose what it could not write and say so once: here the sync fails, and all rows are gone after it.
    #[cfg(target_os = "linux")]
    #[test]
    fn commit_after_a_failed_one_writes_again_what_was_lost() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vectors.bin");
        let (mut store, _) = VectorStore::open(directory.path(), &space(16), &[]).unwrap();
        let empty = std::fs::read(&path).unwrap();
        let vectors = conformance::samples(20, 16);
        store.upsert(&vectors).unwrap();
        store.remove(&[vectors[4].0]).unwrap();

        store.file.switch_to(Path::new("/dev/full"));
        assert!(store.commit().is_err());
        std::fs::write(&path, &empty).unwrap();
        store.file.switch_to(&path);
        store.commit().unwrap();

        let live: Vec<_> = store.live().collect();
        let (reopened, report) = VectorStore::open(directory.path(), &space(16), &live).unwrap();
        assert_eq!((reopened.len(), report.damaged), (19, vec![]));
    }
}
