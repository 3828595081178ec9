//! The vector file, exact search and the HNSW graph behind one trait.

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};

mod bench;
mod by_signs;
mod codes;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod error;
mod file;
mod filtered;
mod graph;
mod header;
mod insert;
mod links;
mod memory;
mod nearest;
mod open;
mod plan;
mod pool;
mod positioned;
mod quantizer;
mod recall;
mod row_set;
mod rows;
mod scan;
mod shortlist;
mod snapshot;
mod store;
mod sweep;
mod upkeep;

pub use bench::{Bench, BenchPoint, FilterPoint, Kept};
pub use error::IndexError;
pub use memory::MemoryIndex;
pub use open::OpenReport;
pub use recall::Recall;
pub use row_set::RowSet;
pub use store::{IndexKind, Stats, VectorStore};
pub use upkeep::{BuiltGraph, GRAPH_THRESHOLD, GraphSource, Unsaved};

/// One vector found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Whose vector it is.
    pub image: ImageId,
    /// Cosine similarity to the query, −1..=1.
    pub score: f32,
}

/// Vectors of one space, found by nearness.
///
/// An image's vector never changes within a space (the image is its content, the space is its model), so a second
/// `upsert` of an image is a no-op that returns the row it already has.
pub trait VectorIndex: Send + Sync {
    /// The space of every vector in it.
    fn space(&self) -> &SpaceId;

    /// Number of live vectors.
    fn len(&self) -> usize;

    /// Whether there is no live vector.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the highest row in use.
    fn end(&self) -> u64;

    /// Adds vectors and says which row each stands in. Searchable at once, durable after [`commit`](Self::commit).
    fn upsert(&mut self, vectors: &[(ImageId, Embedding)]) -> Result<Vec<RowId>, IndexError>;

    /// Forgets vectors; unknown images are passed over. Their rows may be used again.
    ///
    /// Call it after the catalog has durably forgotten the images, or a crash brings them back.
    fn remove(&mut self, images: &[ImageId]) -> Result<(), IndexError>;

    /// Returns when every row written so far would survive power loss.
    fn commit(&self) -> Result<(), IndexError>;

    /// The vector of a live image.
    fn vector(&self, image: &ImageId) -> Option<Embedding>;

    /// The `k` nearest live vectors, among those in the rows of `filter` where it is given, best first; fewer where there
    /// are fewer.
    fn search(
        &self,
        query: &Embedding,
        k: usize,
        filter: Option<&RowSet>,
    ) -> Result<Vec<Neighbour>, IndexError>;
}
