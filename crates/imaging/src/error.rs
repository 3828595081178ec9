//! The error type of decoding.

use std::fmt::Display;

use thiserror::Error;

use crate::DecodeLimits;

/// Why a file could not be decoded. The message is the reason in an index report, so it addresses the owner
/// of the file.
#[derive(Debug, Error)]
pub enum ImagingError {
    /// The content is not an image, or of a format or feature that is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// The image exceeds the limits.
    #[error("too large: {reason}")]
    TooLarge {
        /// Which limit is exceeded, and by how much.
        reason: String,
        /// Bytes that decoding would take at its peak, where the header tells.
        memory: Option<u64>,
    },
    /// The content has a supported format and violates its rules.
    #[error("damaged {format} file: {reason}")]
    Damaged {
        /// The format's name.
        format: &'static str,
        /// The violation that the decoder found.
        reason: String,
    },
}

impl ImagingError {
    /// The error for a file of `bytes` bytes, more than `limits` allow.
    pub fn file_too_large(bytes: u64, limits: &DecodeLimits) -> Self {
        Self::TooLarge {
            reason: format!(
                "the file has {} MiB; the limit is {} MiB",
                bytes >> 20,
                limits.file_bytes >> 20
            ),
            memory: None,
        }
    }

    /// The error for an image whose decoder refuses to allocate more memory.
    pub(crate) fn out_of_memory_limit() -> Self {
        Self::TooLarge {
            reason: "decoding takes more memory than the limit allows".to_owned(),
            memory: None,
        }
    }

    pub(crate) fn damaged(format: &'static str, reason: impl Display) -> Self {
        Self::Damaged {
            format,
            reason: reason.to_string(),
        }
    }

    /// The error for a file that ends too early.
    pub(crate) fn truncated(format: &'static str) -> Self {
        Self::damaged(format, "unexpected end of file")
    }

    pub(crate) fn unsupported_feature(format: &'static str, feature: impl Display) -> Self {
        Self::Unsupported(format!(
            "unsupported {format} feature: {feature}; convert the file to JPEG or PNG"
        ))
    }
}
