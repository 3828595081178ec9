use std::fmt;

use serde::{Deserialize, Serialize};

/// One embedding space: vectors are comparable exactly when all four parts are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpaceId {
    /// The model's name: a hub id such as `openai/clip-vit-base-patch32`, `builtin`, or a directory's name.
    pub model: String,
    /// Which weights: a short hash of the weight file's content, so that equal names cannot hide other weights.
    pub revision: String,
    /// How pictures are prepared, in short, such as `bicubic224-crop224`.
    pub preprocessing: String,
    /// Number of components of a vector.
    pub dimension: usize,
}

impl fmt::Display for SpaceId {
    /// `model@revision/preprocessing/dimension`, the form in JSON answers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{}/{}/{}",
            self.model, self.revision, self.preprocessing, self.dimension
        )
    }
}
