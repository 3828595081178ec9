use std::fmt::Display;

use thiserror::Error;

/// Why bytes are no picture that Eidetic can show. The text is the reason in an index report, so it speaks to the
/// owner of the file.
#[derive(Debug, Error)]
pub enum ImagingError {
    /// The content is of no format that Eidetic reads.
    #[error("{0}")]
    Unsupported(String),
    /// The picture is larger than the limits allow.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The content claims a format and breaks its rules.
    #[error("damaged {format} file: {reason}")]
    Damaged {
        /// The format's name.
        format: &'static str,
        /// What the decoder met.
        reason: String,
    },
}

impl ImagingError {
    pub(crate) fn damaged(format: &'static str, reason: impl Display) -> Self {
        Self::Damaged {
            format,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn unsupported_feature(format: &'static str, feature: impl Display) -> Self {
        Self::Unsupported(format!(
            "this kind of {format} file cannot be read ({feature}); convert to JPEG or PNG"
        ))
    }
}
