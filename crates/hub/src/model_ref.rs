//! Model references: how a model is named on the command line, in requests and in a library.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// A reference to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelRef {
    /// The small model embedded in the program; needs no file and no network.
    Builtin,
    /// A directory with the files of a model.
    Directory(PathBuf),
    /// A model of the Hugging Face Hub, or of its cache.
    Hub {
        /// `organization/name`.
        id: String,
        /// Branch, tag or commit; `None` for `main`.
        revision: Option<String>,
    },
    /// Another model with shortened embeddings. Only models that were trained for it (Matryoshka) allow that.
    Shortened {
        /// The model to shorten.
        model: Box<ModelRef>,
        /// Components of an embedding.
        dimension: usize,
    },
}

/// A text that is not a model reference.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "unknown model {0:?}: expected `small`, `default`, `best`, `builtin`, an existing directory, or a Hub id such as \
     google/siglip2-base-patch32-256"
)]
pub struct ParseModelRefError(pub String);

impl ModelRef {
    /// The same model with an absolute path, so that the reference is valid in every working directory.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match self {
            Self::Directory(path) => Self::Directory(path.canonicalize().unwrap_or_else(|_| path.clone())),
            Self::Shortened { model, dimension } => Self::Shortened {
                model: Box::new(model.canonical()),
                dimension: *dimension,
            },
            other => other.clone(),
        }
    }
}

impl FromStr for ModelRef {
    type Err = ParseModelRefError;

    /// Parses `builtin`; a directory (any that exists, or a path that begins with `.`, `/` or `~`); or
    /// `organization/name[@revision]`. Each may be followed by `#` and a number of components.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((model, dimension)) = shortened(text) {
            return Ok(Self::Shortened {
                model: Box::new(model.parse()?),
                dimension,
            });
        }
        if text == "builtin" {
            return Ok(Self::Builtin);
        }
        let path = expand_home(text);
        if text.starts_with(['.', '/', '~']) || path.is_absolute() || path.is_dir() {
            return Ok(Self::Directory(path));
        }
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (text, None),
        };
        if is_repo_id(id, revision) {
            return Ok(Self::Hub {
                id: id.to_owned(),
                revision: revision.map(str::to_owned),
            });
        }
        Err(ParseModelRefError(text.to_owned()))
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            Self::Directory(path) => path.display().fmt(f),
            Self::Hub { id, revision: None } => f.write_str(id),
            Self::Hub {
                id,
                revision: Some(revision),
            } => write!(f, "{id}@{revision}"),
            Self::Shortened { model, dimension } => write!(f, "{model}#{dimension}"),
        }
    }
}

/// The model and the dimension of `MODEL#DIMENSION`; `None` where a file of that whole name exists.
fn shortened(text: &str) -> Option<(&str, usize)> {
    let (model, dimension) = text.rsplit_once('#')?;
    let dimension = dimension.parse().ok().filter(|dimension| *dimension > 0)?;
    let is_plain = !model.contains('#') && !expand_home(text).exists();
    is_plain.then_some((model, dimension))
}

/// Whether the text is a valid repository id with a valid revision. Rejects `..`, which would lead out of the cache.
pub fn is_repo_id(id: &str, revision: Option<&str>) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.contains("..")
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let mut parts = id.split('/');
    let two_parts =
        parts.next().is_some_and(part) && parts.next().is_some_and(part) && parts.next().is_none();
    two_parts && revision.is_none_or(|revision| revision.split('/').all(part))
}

fn expand_home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_parse_back_as_displayed() {
        for text in [
            "builtin",
            "/models/clip",
            "./clip",
            "openai/clip-vit-base-patch32",
            "a/b@refs/pr/1",
            "Qwen/Qwen3-VL-Embedding-2B#512",
            "./clip#64",
        ] {
            assert_eq!(text.parse::<ModelRef>().unwrap().to_string(), text);
        }
        assert!(matches!(
            "openai/clip@abc".parse(),
            Ok(ModelRef::Hub {
                revision: Some(_),
                ..
            })
        ));
        assert!(matches!("src".parse(), Ok(ModelRef::Directory(_))));
    }

    #[test]
    fn invalid_references_are_refused() {
        for text in [
            "a/b#",
            "a/b#0",
            "a/b#x",
            "a/b#1#2",
            "",
            "clip",
            "a/b/c",
            "a/b@../../x",
            "a/..",
            "a b/c",
            "https://x/y",
        ] {
            assert!(text.parse::<ModelRef>().is_err(), "{text}");
        }
    }
}
