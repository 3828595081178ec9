//! Errors of finding and downloading a model's files.

use std::path::PathBuf;

use thiserror::Error;

/// Why a model's files could not be found or downloaded.
#[derive(Debug, Error)]
pub enum HubError {
    /// A required file does not exist.
    #[error("the model at {place} has no {file}")]
    FileMissing {
        /// The file, or alternatives of which one is required.
        file: &'static str,
        /// The directory, or the Hub id with its revision.
        place: String,
    },
    /// A weight file that the index names does not exist, such as after an interrupted download.
    #[error("the model at {place} has no {file}, which its index names; download it again")]
    ShardMissing {
        /// The file.
        file: String,
        /// The directory, or the Hub id.
        place: String,
    },
    /// The model reads texts only, so its embeddings cannot be compared with those of images.
    #[error(
        "{model} ({family}) reads texts only, and its embeddings cannot be compared with those of pictures; fit a projection from captioned pictures: eidetic align --text-model {model} --image-model openai/clip-vit-large-patch14 --pairs CAPTIONS.tsv"
    )]
    TextOnly {
        /// The model, as given.
        model: String,
        /// Its `model_type`.
        family: String,
    },
    /// A file exists but cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No connection to the Hub, or no answer within the timeout.
    #[error("cannot reach the Hugging Face Hub for {model} ({cause}); use --model builtin or a directory")]
    Unreachable {
        /// The model's Hub id.
        model: String,
        /// What failed.
        cause: String,
    },
    /// A file is not on disk, and downloads are disabled.
    #[error(
        "{file} of {model} is not on disk, and downloads are disabled (HF_HUB_OFFLINE or --offline); download it with: eidetic models pull {model}"
    )]
    Offline {
        /// The model's Hub id.
        model: String,
        /// The first file that is missing.
        file: String,
    },
    /// The Hub responded, but the file is not available, or its content is wrong.
    #[error("cannot download {file} of {model}: {cause}")]
    DownloadFailed {
        /// The model's Hub id.
        model: String,
        /// The file.
        file: String,
        /// Why.
        cause: String,
    },
    /// An index of weight files is damaged.
    #[error("the model's weights are damaged ({0}); download the file again")]
    ShardIndex(String),
    /// A file of the model has invalid content.
    #[error("invalid {file} of the model: {reason}")]
    InvalidFile {
        /// The file, with its folder in that of the model.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Not a repository id of the Hub.
    #[error("invalid model name {id:?}: expected organization/name")]
    InvalidRepoId {
        /// The id as given, with its revision.
        id: String,
    },
    /// A directory has several GGUF files, so the model is ambiguous.
    #[error("{place} has several GGUF files; name one of them")]
    SeveralGguf {
        /// The directory.
        place: String,
    },
    /// Only models that were trained for it (Matryoshka) have shortened embeddings; no text-only model is.
    #[error("{model}: the embeddings of text-only models cannot be shortened")]
    CannotShorten {
        /// The model as given.
        model: String,
    },
}
