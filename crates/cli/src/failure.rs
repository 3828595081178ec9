//! Errors of commands and their exit codes.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

use eidetic_library::LibraryError;
use eidetic_search::{BreakdownError, SearchError};

use crate::escape;

/// Why a command did not run.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments are contradictory or name something that does not exist: exit code 2.
    Arguments(String),
    /// The command could not run: exit code 3.
    CouldNotRun(anyhow::Error),
}

impl Failure {
    pub(crate) fn arguments(message: impl Into<String>) -> Self {
        Self::Arguments(message.into())
    }

    /// A file among the arguments that cannot be used.
    pub(crate) fn in_file(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Arguments(format!("{}: {reason}", escape::path(path)))
    }

    pub(crate) fn could_not_run(message: impl Into<String>) -> Self {
        Self::CouldNotRun(anyhow::Error::msg(message.into()))
    }

    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Arguments(_) => 2,
            Self::CouldNotRun(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(message) => f.write_str(message),
            // Messages of the library crates include their cause.
            Self::CouldNotRun(error) => {
                write!(f, "{error}")?;
                if is_full(error) {
                    f.write_str("; free some space and run the command again")?;
                }
                Ok(())
            }
        }
    }
}

/// Whether there was no space left, on the disk or of the user's share.
fn is_full(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::CouldNotRun(error)
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::UnknownSpace { .. }
            | LibraryError::AmbiguousSpace { .. }
            | LibraryError::ActiveSpace { .. }
            | LibraryError::NotIndexable { .. }
            | LibraryError::VocabularyExists { .. }
            | LibraryError::UnknownVocabulary { .. }
            | LibraryError::TooManyVocabularies
            | LibraryError::Filter(_)
            | LibraryError::UnknownImage(_)
            | LibraryError::UnknownTextSet { .. }
            | LibraryError::NoTexts
            | LibraryError::Texts(_)
            | LibraryError::Breakdown(BreakdownError::NoInstruction { .. })
            | LibraryError::Search(SearchError::UnknownImage(_)) => Self::Arguments(error.to_string()),
            LibraryError::VectorsFile(reason) if !reason.is_of_the_run() => {
                Self::Arguments(reason.to_string())
            }
            error => Self::CouldNotRun(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disk_has_way_out() {
        let full = LibraryError::Io {
            path: "library".into(),
            source: ErrorKind::StorageFull.into(),
        };
        assert!(Failure::from(full).to_string().contains("; free some space"));
        assert_eq!(Failure::could_not_run("no").to_string(), "no");
    }
}
