//! Errors of files of embeddings.

use std::io;

use parquet::errors::ParquetError;
use thiserror::Error;

/// Why a file of embeddings cannot be read or written. Messages are sentences without the file's name.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is damaged, or not what its name says.
    #[error("{0}")]
    Invalid(String),
}

impl ExchangeError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid(reason.into())
    }
}

impl From<ParquetError> for ExchangeError {
    /// A full disk is found by looking for the system's error inside.
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(source) => Self::Invalid(format!("it cannot be read as Parquet: {source}")),
            },
            error => Self::Invalid(format!("it cannot be read as Parquet: {error}")),
        }
    }
}

impl From<zip::result::ZipError> for ExchangeError {
    fn from(error: zip::result::ZipError) -> Self {
        match error {
            zip::result::ZipError::Io(error) => Self::Io(error),
            error => Self::Invalid(format!("it cannot be read as npz: {error}")),
        }
    }
}
