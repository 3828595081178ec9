//! Ids of embedding spaces.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

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

impl FromStr for SpaceId {
    type Err = ParseSpaceIdError;

    /// Parses the text form. The name of the model may contain `/` and `@`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = || {
            let (rest, dimension) = text.rsplit_once('/')?;
            let (rest, preprocessing) = rest.rsplit_once('/')?;
            let (model, revision) = rest.rsplit_once('@')?;
            Some(Self {
                model: model.to_owned(),
                revision: revision.to_owned(),
                preprocessing: preprocessing.to_owned(),
                dimension: dimension.parse().ok()?,
            })
        };
        parts().ok_or_else(|| ParseSpaceIdError(text.to_owned()))
    }
}

/// The text is not that of a space.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown space {0:?}; expected model@revision/preprocessing/dimension")]
pub struct ParseSpaceIdError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_parses_back() {
        let space = SpaceId {
            model: "organization/name@v1".into(),
            revision: "abc123".into(),
            preprocessing: "bicubic224-crop224".into(),
            dimension: 512,
        };
        assert_eq!(space.to_string().parse(), Ok(space));
        for text in ["", "model", "model@r/p", "model@r/p/x", "model/p/4"] {
            assert!(text.parse::<SpaceId>().is_err(), "{text}");
        }
    }
}
