//! Why a model's files are not to be had.

use std::path::PathBuf;

use thiserror::Error;

/// Why a model's files could not be found or fetched.
#[derive(Debug, Error)]
pub enum HubError {
    /// A file that every model has is not there.
    #[error("the model at {place} has no {file}")]
    FileMissing {
        /// The file, or the files of which one is needed.
        file: &'static str,
        /// The directory or the hub's model where it was looked for.
        place: String,
    },
    /// A file of weights that the index names is not there, such as after a download that was cut off.
    #[error("the model at {place} has no {file}, which its index names; fetch it again")]
    ShardMissing {
        /// The file.
        file: String,
        /// The directory or the hub's model where it was looked for.
        place: String,
    },
    /// The model reads texts only, and nothing says how its vectors compare with pictures.
    #[error(
        "{model} ({family}) reads texts only, and its vectors do not lie in the space of any pictures; fit a projection from captioned pictures: eidetic align --text-model {model} --image-model openai/clip-vit-large-patch14 --pairs CAPTIONS.tsv"
    )]
    TextOnly {
        /// The model asked for.
        model: String,
        /// Its `model_type`.
        family: String,
    },
    /// A file is there but cannot be read.
    #[error("{path} could not be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No connection to the hub, or one that fell silent.
    #[error("the hub could not be reached for {model} ({cause}); use --model builtin or a directory")]
    HubUnreachable {
        /// The model asked for.
        model: String,
        /// What went wrong.
        cause: String,
    },
    /// A file is not on disk, and downloads are switched off.
    #[error(
        "{file} of {model} is not on disk, and downloads are switched off (HF_HUB_OFFLINE or --offline); fetch it once with: eidetic models pull {model}"
    )]
    Offline {
        /// The model asked for.
        model: String,
        /// The first file that is missing.
        file: String,
    },
    /// The hub answered, but did not give the file.
    #[error("the hub did not give {file} of {model}: {cause}")]
    HubRefused {
        /// The model asked for.
        model: String,
        /// The file asked for.
        file: String,
        /// The hub's answer.
        cause: String,
    },
    /// An index of shards is damaged.
    #[error("the model's weights are damaged ({0}); fetch the file again")]
    ShardIndex(String),
    /// Not a repository id of the Hub.
    #[error("invalid model name {id:?}: expected organization/name")]
    InvalidRepoId {
        /// The name as given, with its revision.
        id: String,
    },
    /// A directory has several GGUF files, so that none is meant.
    #[error("{place} has several GGUF files; name one of them")]
    SeveralGguf {
        /// The directory.
        place: String,
    },
    /// Only models that were trained for it (Matryoshka) give shorter embeddings, and no text-only model was.
    #[error("{model}: the embeddings of text-only models cannot be shortened")]
    CannotShorten {
        /// The model as given.
        model: String,
    },
}
