//! Progress of a run, as those see it who show it.

use crate::FileFailure;

/// What a run does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStage {
    /// Walking, decoding, embedding and committing files, all at once.
    Indexing,
    /// Removing files that no longer exist.
    Removing,
    /// Embedding images that the catalog knows and that have no vector in the space.
    Backfilling,
    /// Embedding the tags of a vocabulary.
    EmbeddingTags,
    /// Embedding the stored texts of the library.
    EmbeddingTexts,
    /// Building the search graph of images or texts.
    BuildingGraph,
    /// Finding the nearest neighbors of images.
    FindingNeighbors,
    /// Moving images in the plane until neighbors are near each other.
    LayingOut,
    /// Choosing the tags of images.
    Tagging,
    /// Comparing images with the patterns of a profile.
    Screening,
    /// Scoring labeled pairs.
    Scoring,
    /// Computing the fingerprints by which duplicates are found.
    Fingerprinting,
}

/// Receives the progress of a run, from several threads: implementations must be quick. All methods do
/// nothing by default.
///
/// Items are files in [`RunStage::Indexing`], whether images or not; tags in [`RunStage::EmbeddingTags`];
/// texts in [`RunStage::EmbeddingTexts`]; vectors in [`RunStage::BuildingGraph`]; steps in [`RunStage::LayingOut`]; images otherwise. Counts only grow until the next stage or the next call of [`total`](Self::total).
pub trait Observer: Sync {
    /// Number of items found so far; there may be more.
    fn discovered(&self, items: u64) {
        let _ = items;
    }

    /// Number of all items, from which the remaining time can be estimated. Called soon after a long run
    /// began, and again by each pass of a run in several passes.
    fn total(&self, items: u64) {
        let _ = items;
    }

    /// Number of items done.
    fn done(&self, items: u64) {
        let _ = items;
    }

    /// A file could not be indexed.
    fn failed(&self, failure: &FileFailure) {
        let _ = failure;
    }

    /// The run enters a stage.
    fn stage(&self, stage: RunStage) {
        let _ = stage;
    }
}

/// Ignores everything.
impl Observer for () {}
