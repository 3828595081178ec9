//! Vectors on disk and nearest-neighbor search over them.
//!
//! A [`VectorStore`] keeps unit vectors of one space in a checksummed file. In memory it holds 8-bit codes of the same
//! vectors and, above [`GRAPH_THRESHOLD`] vectors, an HNSW graph over those codes. A search collects candidates by their
//! codes, reads the vectors of the best candidates from the file, verifies them, and ranks by the exact cosine similarity.
//! Each [`Neighbor`] carries the vector that was compared, so callers don't need to read it again.
//!
//! - [`VectorIndex`] is the trait that the rest of the workspace uses; [`VectorStore`] implements it.
//! - [`RowSet`] restricts a search to some rows.
//! - [`VectorStore::graph_builder`], [`VectorStore::insert_pending`] and [`VectorStore::pending_snapshot`] build, grow and
//!   save the graph beside running searches.
//! - [`VectorStore::neighbor_finder`] finds the neighbors of all stored vectors.
//! - [`VectorStore::recall`] compares the index with an exact scan of the file.
//! - [`bench`] measures build time, recall and throughput of a store.
//! - Feature `testing`: `MemoryIndex` and the `conformance` checks that every `VectorIndex` has to pass.
//!
//! ```
//! use eidetic_domain::{Embedding, ImageId, SpaceId};
//! use eidetic_vectors::{VectorIndex, VectorStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let space = SpaceId {
//!     model: "example".into(),
//!     revision: "1".into(),
//!     preprocessing: "none".into(),
//!     dimension: 3,
//! };
//! let (red, green) = (ImageId::of(b"red.jpg"), ImageId::of(b"green.jpg"));
//!
//! let (mut store, _report) = VectorStore::open(directory.path(), &space, &[])?;
//! let rows = store.upsert(&[
//!     (red, Embedding::normalize(vec![1.0, 0.1, 0.0])?),
//!     (green, Embedding::normalize(vec![0.0, 1.0, 0.1])?),
//! ])?;
//! store.commit()?;
//!
//! let query = Embedding::normalize(vec![1.0, 0.0, 0.0])?;
//! let nearest = store.search(&query, 1, None)?;
//! assert_eq!(nearest[0].image, red);
//! assert!(nearest[0].score > 0.99);
//!
//! // The caller remembers which rows are live and passes them in when it opens the store again.
//! let live = [(rows[0], red), (rows[1], green)];
//! let (reopened, report) = VectorStore::open(directory.path(), &space, &live)?;
//! assert_eq!(reopened.len(), 2);
//! assert!(report.damaged.is_empty());
//! # Ok(())
//! # }
//! ```

use std::cmp::Ordering;
use std::sync::Arc;

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};

pub mod bench;
mod candidate_queue;
mod code_query;
mod code_scan;
mod codes;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod error;
mod filtered_search;
mod graph;
mod graph_build;
mod graph_insert;
mod hamming_scan;
mod header;
mod links;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod neighbor_finder;
mod open;
mod orphans;
mod plan;
mod positioned_file;
mod quantizer;
mod recall;
mod row_map;
mod row_scan;
mod row_set;
mod shortlist;
mod snapshot;
mod store;
mod top_k;
mod vector_file;

pub use error::IndexError;
pub use graph_build::{BuiltGraph, GRAPH_THRESHOLD, GraphBuilder, OnStep, PendingSnapshot};
#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryIndex;
pub use neighbor_finder::{NeighborFinder, Neighbors};
pub use open::OpenReport;
pub use orphans::orphaned_rows;
pub use recall::Recall;
pub use row_set::RowSet;
pub use store::{IndexKind, IndexStats, VectorStore};

/// An image whose vector is near the query's.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbor {
    /// The image.
    pub image: ImageId,
    /// Cosine similarity to the query, −1..=1.
    pub score: f32,
    /// The image's unit vector, as it was compared with the query.
    pub vector: Arc<[f32]>,
}

/// The order of images in a ranking: the greatest score first, of equal ones the lower id.
pub fn ranks_before((a, a_score): &(ImageId, f32), (b, b_score): &(ImageId, f32)) -> Ordering {
    b_score.total_cmp(a_score).then_with(|| a.cmp(b))
}

/// An index over the vectors of one space.
///
/// The vector of an image never changes within a space, because the image is named by its content and the space by its
/// model. So a second `upsert` of an image is a no-op that returns the row it already has.
pub trait VectorIndex: Send + Sync {
    /// The space of all vectors in the index.
    fn space(&self) -> &SpaceId;

    /// Number of live vectors.
    fn len(&self) -> usize;

    /// Whether there are no live vectors.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the highest row in use.
    fn end(&self) -> u64;

    /// Adds vectors and returns the row of each. They are searchable at once, and durable after [`commit`](Self::commit).
    fn upsert(&mut self, vectors: &[(ImageId, Embedding)]) -> Result<Vec<RowId>, IndexError>;

    /// Removes vectors; unknown images are ignored. The rows may be reused.
    ///
    /// Call it after the catalog has durably removed the images, or a crash brings them back.
    fn remove(&mut self, images: &[ImageId]) -> Result<(), IndexError>;

    /// Hides vectors: they count as removed, but their rows stay as they are until the images are
    /// [restored](Self::restore), added again, or removed. Unknown images are ignored.
    ///
    /// An index that cannot hide vectors removes them.
    fn hide(&mut self, images: &[ImageId]) -> Result<(), IndexError> {
        self.remove(images)
    }

    /// Makes hidden vectors live again. Returns the row of each, also of a live one; `None` where an image has no vector,
    /// or a damaged hidden one, which is then gone.
    fn restore(&mut self, images: &[ImageId]) -> Result<Vec<Option<RowId>>, IndexError> {
        Ok(vec![None; images.len()])
    }

    /// Returns once every row written so far would survive power loss.
    fn commit(&self) -> Result<(), IndexError>;

    /// The vector of a live image; `None` if the image is unknown or its vector is damaged.
    fn vector(&self, image: &ImageId) -> Option<Embedding>;

    /// The row of a live image; `None` where it has none.
    fn row(&self, image: &ImageId) -> Option<RowId>;

    /// All live vectors in the rows of `filter` (in all rows if it is `None`) with their cosine similarities to the query, in the order
    /// of [`ranks_before`]. Compares every vector, so that a list can go on to the last image.
    fn rank(&self, query: &Embedding, filter: Option<&RowSet>) -> Result<Vec<(ImageId, f32)>, IndexError>;

    /// The first `most` of [`rank`](Self::rank), where the index finds them with less work; `None` where it does not.
    fn rank_beginning(
        &self,
        _query: &Embedding,
        _filter: Option<&RowSet>,
        _most: usize,
    ) -> Result<Option<Vec<(ImageId, f32)>>, IndexError> {
        Ok(None)
    }

    /// The `k` nearest live vectors in the rows of `filter` (in all rows if it is `None`), best first. Fewer if fewer exist.
    fn search(
        &self,
        query: &Embedding,
        k: usize,
        filter: Option<&RowSet>,
    ) -> Result<Vec<Neighbor>, IndexError>;
}
