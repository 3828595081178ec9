use std::fmt;

use eidetic_library::LibraryError;

/// Why a command could not do its work, and with which exit code it says so.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense together or name something that is not there: exit code 2.
    Arguments(String),
    /// The command could not run: exit code 3.
    CouldNotRun(anyhow::Error),
}

impl Failure {
    pub(crate) fn arguments(message: impl Into<String>) -> Self {
        Self::Arguments(message.into())
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
            // The libraries' messages are whole sentences with their cause in them.
            Self::CouldNotRun(error) => write!(f, "{error}"),
        }
    }
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
            | LibraryError::ActiveSpace { .. } => Self::Arguments(error.to_string()),
            error => Self::CouldNotRun(error.into()),
        }
    }
}
