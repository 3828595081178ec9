//! Ids of embedding spaces.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identifies an embedding space. Vectors are comparable if and only if all four parts are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpaceId {
    /// Name of the model: a Hub id such as `google/siglip2-base-patch32-256`, `builtin`, or the name of a
    /// directory.
    pub model: String,
    /// Short hash of the weight file's content, which distinguishes models of the same name.
    pub revision: String,
    /// Short form of the image preprocessing, such as `bicubic224-crop224`.
    pub preprocessing: String,
    /// Dimension of the vectors.
    pub dimension: usize,
}

impl fmt::Display for SpaceId {
    /// `model@revision/preprocessing/dimension`, the form in JSON output.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{}/{}/{}",
            self.model, self.revision, self.preprocessing, self.dimension
        )
    }
}
