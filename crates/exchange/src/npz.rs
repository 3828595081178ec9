//! Arrays of `NumPy` in a ZIP archive: `embeddings` (float32, one row an image), `ids` and `paths` (bytes of a fixed length, UTF-8
//! but for paths that are not), `space` and `format_version`; with metadata also `taken`, `width`, `height`, and `tags`, one a line.
//!
//! No array has objects, so `numpy.load` reads them without pickle.

mod reader;
mod writer;

pub use reader::{Matrix, Reader};
pub use writer::Writer;

/// Names of members.
const EMBEDDINGS: &str = "embeddings.npy";
const IDS: &str = "ids.npy";
const PATHS: &str = "paths.npy";
const SPACE: &str = "space.npy";
