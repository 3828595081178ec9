//! Parquet: a table with one row an image.
//!
//! The columns are `id`, `path`, `paths`, `path_bytes` (only of a path that is not UTF-8), those of metadata, and `embedding`, a
//! list of as many 32-bit floats as the space has dimensions. What the file is of stands in its key-value metadata, under names
//! that begin with `eidetic.`.

mod reader;
mod writer;

pub use reader::{PathReader, Reader};
pub use writer::{PathWriter, Writer};

/// Names in the file's key-value metadata.
const SPACE: &str = "eidetic.space";
const MODEL: &str = "eidetic.model";
const DIMENSION: &str = "eidetic.dimension";
const NORMALIZED: &str = "eidetic.normalized";
const FORMAT: &str = "eidetic.format";
