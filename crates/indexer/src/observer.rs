use crate::Failure;

/// What a run does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Walking, reading, encoding, committing, all at once.
    Indexing,
    /// Forgetting files that are no longer there.
    Removing,
    /// Embedding images that the space lacks although they are known.
    Refilling,
}

/// Hears how a run goes, from several threads: implementations must be quick. All methods do nothing by default.
///
/// "Files" are all files that the walk meets, pictures or not. Numbers only grow.
pub trait Observer: Sync {
    /// So many files were met so far; there may be more.
    fn discovered(&self, files: u64) {
        let _ = files;
    }

    /// There are so many files in all: the time left can be estimated. Called soon after a long run began.
    fn walked(&self, files: u64) {
        let _ = files;
    }

    /// So many files are dealt with.
    fn done(&self, files: u64) {
        let _ = files;
    }

    /// A file, just now, could not be indexed.
    fn failed(&self, failure: &Failure) {
        let _ = failure;
    }

    /// The run enters a stage.
    fn stage(&self, stage: Stage) {
        let _ = stage;
    }
}

/// Hears nothing.
impl Observer for () {}
