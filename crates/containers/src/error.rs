//! The error type of reading pictures inside files.

use std::io;

use thiserror::Error;

/// Why a file cannot be looked into.
#[derive(Debug, Error)]
pub enum ContainerError {
    /// The file could not be read, which may be different the next time.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The content is damaged, encrypted or too large, with the reason for the owner of the file.
    #[error("{0}")]
    Unreadable(String),
    /// The file has no such part.
    #[error("the file no longer has this picture; run `eidetic index`")]
    NoSuchPart,
    /// Videos need `ffmpeg`, and none is installed.
    #[error("ffmpeg is not installed; install it to read videos")]
    NoFfmpeg,
}
