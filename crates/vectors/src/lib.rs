//! The vector file, exact search and the HNSW graph behind one trait.

use eidetic_domain::{Embedding, ImageId, RowId, SpaceId};

mod bench;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod cover;
mod error;
mod file;
mod graph;
mod graph_file;
mod header;
mod matrix;
mod memory;
mod nearest;
mod open;
mod positioned;
mod rows;
mod scan;
mod store;

pub use bench::{BenchPoint, BenchReport, bench_points};
pub use error::IndexError;
pub use graph::{Graph, GraphSource};
pub use graph_file::GraphFiles;
pub use memory::MemoryIndex;
pub use open::OpenReport;
pub use store::{GRAPH_THRESHOLD, IndexKind, Stats, VectorStore};

/// One vector found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Whose vector it is.
    pub image: ImageId,
    /// Cosine similarity to the query, −1..=1.
    pub score: f32,
}

/// Which images a search may return; `true` admits.
pub type Admit<'a> = &'a (dyn Fn(&ImageId) -> bool + Sync);

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

    /// The `k` nearest live vectors that `admit` lets pass, best first; fewer where there are fewer.
    fn search(
        &self,
        query: &Embedding,
        k: usize,
        admit: Option<Admit<'_>>,
    ) -> Result<Vec<Neighbour>, IndexError>;
}
