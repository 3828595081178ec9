//! The vectors of a library: a file that holds the truth, and codes of the same vectors in memory.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};
use eidetic_kernels::CacheLine;

use crate::codes::Codes;
use crate::file::{VectorFile, decode_row, encode_row};
use crate::graph::Graph;
use crate::nearest::Nearest;
use crate::open::{self, OpenReport, Opened};
use crate::plan::{CANDIDATES, Field, Wish};
use crate::pool::Scored;
use crate::row_set::RowSet;
use crate::rows::Rows;
use crate::snapshot::{self, Snapshot};
use crate::sweep::{Claim, sweep};
use crate::{IndexError, Neighbour, VectorIndex};

/// Rows are written in pieces of about this many bytes.
const WRITE_BYTES: usize = 1 << 20;
/// How often a search begins anew because it met damaged rows, before it returns what is whole.
const ATTEMPTS: usize = 8;

/// A vector file, codes of its live vectors in memory, and a graph over them once there is one.
///
/// Searches compare codes, then read the vectors of the best from the file, check them and compare those. So a score is
/// always that of the vector as it was written, and a row damaged on disk is never returned, whenever it was damaged.
///
/// How a graph comes to be and grows stands in `upkeep.rs`. Searches are complete all the while: live rows that the
/// graph does not lead to are compared one by one.
#[derive(Debug)]
pub struct VectorStore {
    pub(crate) space: SpaceId,
    pub(crate) directory: PathBuf,
    file: VectorFile,
    pub(crate) codes: Codes,
    pub(crate) rows: Rows,
    pub(crate) graph: Option<Arc<Graph>>,
    /// Live rows that the graph does not lead to; all live rows where there is no graph.
    pub(crate) newcomers: RowSet,
    /// Rows that the graph leads to and the saved one does not.
    pub(crate) unsaved: usize,
    /// Live rows that were read and found damaged.
    damaged: RwLock<RowSet>,
    /// Rows taken from the snapshot and not read since.
    on_trust: Mutex<RowSet>,
    unsynced: Mutex<Unsynced>,
}

/// What has been written since the disk last said that all is safe.
#[derive(Debug, Default)]
struct Unsynced {
    vectors: BTreeMap<u32, (ImageId, Box<[f32]>)>,
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

/// How a search is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// By the graph where that pays, keeping at least so many candidates.
    Walk { candidates: usize },
    /// By comparing every row's code.
    Scan,
}

/// Sizes of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// How searches run now.
    pub kind: IndexKind,
    /// Live vectors.
    pub vectors: usize,
    /// Rows in the file that removed images left behind.
    pub tombstones: usize,
    /// Size of the vector file.
    pub bytes_on_disk: u64,
    /// Size of the saved graph and codes; 0 where there are none.
    pub graph_bytes: u64,
}

impl VectorStore {
    /// Opens the vectors in `directory`, which must exist; makes an empty file where there is none.
    ///
    /// `live` is every row that the catalog names; rows that it does not name are free. Rows that a whole snapshot has
    /// under the same image are taken from there; the others are read, and those that fail their check are listed in the
    /// report and treated as absent. Errors: another space, an unknown version, a damaged header, or the disk.
    pub fn open(
        directory: &Path,
        space: &SpaceId,
        live: &[(RowId, ImageId)],
    ) -> Result<(Self, OpenReport), IndexError> {
        let file = VectorFile::open(directory, space)?;
        let snapshot = Snapshot::load(directory, space);
        let Opened {
            codes,
            rows,
            graph,
            known,
            report,
        } = open::open(&file, space.dimension, live, snapshot)?;
        let mut store = Self {
            space: space.clone(),
            directory: directory.to_owned(),
            file,
            codes,
            rows,
            graph: None,
            newcomers: RowSet::default(),
            unsaved: 0,
            damaged: RwLock::default(),
            on_trust: Mutex::new(known.iter().copied().collect()),
            unsynced: Mutex::default(),
        };
        match graph {
            Some(graph) => store.use_graph(graph, known.into_iter()),
            None => store.newcomers = store.rows.live_rows().clone(),
        }
        Ok((store, report))
    }

    /// Every live image with its row, in order of row.
    pub fn live(&self) -> impl Iterator<Item = (RowId, ImageId)> {
        self.rows.live().map(|(row, image)| (RowId(row.into()), *image))
    }

    /// Sizes, and how searches run.
    pub fn stats(&self) -> Result<Stats, IndexError> {
        Ok(Stats {
            kind: match self.graph {
                Some(_) => IndexKind::Hnsw,
                None => IndexKind::Exact,
            },
            vectors: self.rows.len(),
            tombstones: self.rows.dead(),
            bytes_on_disk: self.file.bytes()?,
            graph_bytes: snapshot::bytes(&self.directory),
        })
    }

    /// Images whose rows were found damaged since the store was opened, in order of row. They are in no answer; removing
    /// and adding them again repairs them.
    pub fn damaged(&self) -> Vec<ImageId> {
        let damaged = self.damaged.read().unwrap_or_else(PoisonError::into_inner);
        damaged
            .iter()
            .filter_map(|row| self.rows.image(row).copied())
            .collect()
    }

    /// Reads every live row that was taken from the snapshot on trust and not checked since, and returns what
    /// [`damaged`](Self::damaged) does from then on.
    pub fn verify(&self) -> Result<Vec<ImageId>, IndexError> {
        let mut on_trust = self.on_trust.lock().unwrap_or_else(PoisonError::into_inner);
        self.visit(&on_trust, || (), |(), _, _| ())?;
        *on_trust = RowSet::default();
        drop(on_trust);
        Ok(self.damaged())
    }

    /// Reads those of the rows that are live, in pieces, each with a result of its own; damaged rows are noted and passed
    /// over.
    pub(crate) fn visit<R: Send>(
        &self,
        rows: &RowSet,
        start: impl Fn() -> R + Sync,
        work: impl Fn(&mut R, Claim, &[f32]) + Sync,
    ) -> Result<Vec<R>, IndexError> {
        let file_rows = self.file.rows()?;
        let live = rows.iter().filter_map(|row| Some((row, *self.rows.image(row)?)));
        let live: Vec<Claim> = live.collect();
        let (there, cut_off) = live.split_at(live.partition_point(|claim| u64::from(claim.0) < file_rows));
        for &(row, _) in cut_off {
            self.note_damaged(row);
        }
        sweep(
            &self.file,
            self.space.dimension,
            there,
            start,
            |result, claim, vector| match vector {
                Some(vector) => work(result, claim, vector),
                None => self.note_damaged(claim.0),
            },
        )
    }

    /// Bytes of memory that codes and graph take.
    pub(crate) fn memory(&self) -> u64 {
        let graph = self.graph.as_ref().map_or(0, |graph| graph.links.bytes());
        (self.codes.bytes() + graph) as u64
    }

    /// The `k` nearest, found as `how` says.
    pub(crate) fn search_by(
        &self,
        how: How,
        query: &Embedding,
        k: usize,
        filter: Option<&RowSet>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        check_dimension(self.space.dimension, query)?;
        let code = self.codes.encode(query.as_slice());
        let field = Field {
            codes: &self.codes,
            rows: &self.rows,
            graph: self.graph.as_deref().filter(|_| how != How::Scan),
            newcomers: &self.newcomers,
        };
        let candidates = match how {
            How::Walk { candidates } => candidates,
            How::Scan => 0,
        };
        let mut found = Nearest::new(k);
        for _ in 0..ATTEMPTS {
            let damaged = self
                .damaged
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let wish = Wish {
                query: CacheLine::codes(&code),
                k: k.saturating_add(damaged.len()),
                filter,
                candidates,
            };
            let mut candidates = field.candidates(&wish);
            candidates.retain(|scored| !damaged.contains(scored.node));
            let all_whole;
            (found, all_whole) = self.compare(query.as_slice(), k, &candidates)?;
            if all_whole {
                break;
            }
        }
        Ok(found.into_sorted())
    }

    /// The nearest of the candidates, best code first, by their vectors; and whether all that were read are whole.
    fn compare(&self, query: &[f32], k: usize, candidates: &[Scored]) -> Result<(Nearest, bool), IndexError> {
        let (mut found, mut compared, mut all_whole) = (Nearest::new(k), 0, true);
        let mut row = vec![0; self.file.row_bytes()];
        let mut vector = vec![0.0; self.space.dimension];
        let slack = self.codes.quantizer().slack();
        let mut bar = i32::MIN;
        for scored in candidates.iter().take_while(|_| k > 0) {
            if scored.score < bar {
                break;
            }
            let Some(image) = self.rows.image(scored.node) else {
                continue;
            };
            if !self.read(scored.node, image, &mut row, &mut vector)? {
                all_whole = false;
                continue;
            }
            found.offer(Neighbour {
                image: *image,
                // Rounding can carry the product of two unit vectors just past 1.
                score: eidetic_kernels::dot(query, &vector).clamp(-1.0, 1.0),
            });
            compared += 1;
            if compared == k {
                bar = scored.score.saturating_sub(slack);
            }
        }
        Ok((found, all_whole))
    }

    /// Reads the vector of a live row; false, and noted, where it is damaged.
    fn read(
        &self,
        row: u32,
        image: &ImageId,
        bytes: &mut [u8],
        vector: &mut [f32],
    ) -> Result<bool, IndexError> {
        let there = self.file.read_row(row.into(), bytes)?;
        let whole = there && decode_row(bytes, image, vector);
        if !whole {
            self.note_damaged(row);
        }
        Ok(whole)
    }

    fn note_damaged(&self, row: u32) {
        tracing::warn!(
            row,
            "a vector is damaged on disk; the next indexing run repairs it"
        );
        self.damaged
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(row);
    }

    fn note_whole(&mut self, row: u32) {
        self.damaged
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(row);
    }

    /// The row that each vector has or will have, and those among them that must be written: row and position in
    /// `vectors`, in order of row.
    fn plan(&self, vectors: &[(ImageId, Embedding)]) -> (Vec<u32>, Vec<(u32, usize)>) {
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
    fn write<'v>(&self, rows: impl Iterator<Item = (u32, &'v ImageId, &'v [f32])>) -> Result<(), IndexError> {
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

    /// Writes again what may have been lost by a failed sync.
    fn rewrite(&self, vectors: &BTreeMap<u32, (ImageId, Box<[f32]>)>) -> Result<(), IndexError> {
        let live = vectors
            .iter()
            .filter(|(row, (image, _))| self.rows.image(**row) == Some(image));
        self.write(live.map(|(row, (image, vector))| (*row, image, &**vector)))
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

    /// On an error nothing has been added, and the call may be made again.
    fn upsert(&mut self, vectors: &[(ImageId, Embedding)]) -> Result<Vec<RowId>, IndexError> {
        for (_, vector) in vectors {
            check_dimension(self.space.dimension, vector)?;
        }
        let (rows, new) = self.plan(vectors);
        let vector_at = |&(row, position): &(u32, usize)| {
            let (image, vector) = &vectors[position];
            (row, image, vector.as_slice())
        };
        self.write(new.iter().map(vector_at))?;
        for (row, image, vector) in new.iter().map(vector_at) {
            self.codes.set(row, vector);
            self.rows.occupy(row, *image);
            self.newcomers.insert(row);
            self.note_whole(row);
            let unsynced = self.unsynced.get_mut().unwrap_or_else(PoisonError::into_inner);
            unsynced.vectors.insert(row, (*image, vector.into()));
        }
        Ok(rows.into_iter().map(|row| RowId(row.into())).collect())
    }

    fn remove(&mut self, images: &[ImageId]) -> Result<(), IndexError> {
        for image in images {
            let Some(row) = self.rows.vacate(image) else {
                continue;
            };
            self.newcomers.remove(row);
            self.note_whole(row);
            // A row that the graph leads through keeps its code until the graph is built anew.
            if self.graph.as_ref().is_none_or(|graph| !graph.covers(row)) {
                self.rows.release(row);
            }
        }
        Ok(())
    }

    /// After an error the call may be made again; it then writes every row in doubt once more.
    fn commit(&self) -> Result<(), IndexError> {
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

    fn vector(&self, image: &ImageId) -> Option<Embedding> {
        let row = self.rows.row(image)?;
        let mut bytes = vec![0; self.file.row_bytes()];
        let mut vector = vec![0.0; self.space.dimension];
        let whole = self.read(row, image, &mut bytes, &mut vector).ok()?;
        Embedding::normalize(vector).ok().filter(|_| whole)
    }

    fn search(
        &self,
        query: &Embedding,
        k: usize,
        filter: Option<&RowSet>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.search_by(
            How::Walk {
                candidates: CANDIDATES,
            },
            query,
            k,
            filter,
        )
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
        assert_eq!((store.len(), store.rows.dead()), (9, 1));
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
