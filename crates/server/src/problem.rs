//! Problems: why a request is refused or failed, as RFC 9457 problem documents.
//!
//! The only place that maps errors of other crates to HTTP statuses.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use eidetic_imaging::ImagingError;
use eidetic_library::{LibraryError, ParseModelRefError};
use eidetic_search::{BreakdownError, SearchError};

use crate::responses::ProblemDocument;

/// The media type of problem documents.
const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request is refused or failed; sent as an RFC 9457 problem document.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: ProblemKind,
    detail: String,
}

/// The kinds of problem, which clients distinguish by the document's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    InvalidRequest,
    UnknownFilterValue,
    TokenRequired,
    ForeignHost,
    CrossOrigin,
    FolderNotAllowed,
    UnknownImage,
    UnknownJob,
    UnknownPage,
    MethodNotAllowed,
    TooSlow,
    HeadTooLarge,
    AlreadyIndexing,
    AlreadySwitching,
    VocabularyExists,
    /// There is no calibration to undo.
    NothingToUndo,
    ActiveSpace,
    UnknownSpace,
    UnknownTextSet,
    TextsBusy,
    ModelNotAllowed,
    ReadOnly,
    FileGone,
    TooLarge,
    UnsupportedBody,
    CompressedBody,
    UnreadableImage,
    ContradictoryQuery,
    Overloaded,
    ModelUnavailable,
    Internal,
}

impl ProblemKind {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest | Self::UnknownFilterValue => StatusCode::BAD_REQUEST,
            Self::TokenRequired => StatusCode::UNAUTHORIZED,
            Self::ForeignHost
            | Self::CrossOrigin
            | Self::FolderNotAllowed
            | Self::ModelNotAllowed
            | Self::ReadOnly => StatusCode::FORBIDDEN,
            Self::UnknownImage
            | Self::UnknownJob
            | Self::UnknownPage
            | Self::UnknownSpace
            | Self::UnknownTextSet => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::AlreadyIndexing
            | Self::AlreadySwitching
            | Self::VocabularyExists
            | Self::NothingToUndo
            | Self::ActiveSpace
            | Self::TextsBusy => StatusCode::CONFLICT,
            Self::FileGone => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedBody | Self::CompressedBody => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnreadableImage | Self::ContradictoryQuery => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Overloaded | Self::ModelUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The last part of the document's `type`, and its title.
    fn name_and_title(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidRequest => ("invalid-request", "The request is invalid"),
            Self::UnknownFilterValue => (
                "unknown-filter-value",
                "The filter names what the library does not have",
            ),
            Self::TokenRequired => ("token-required", "A token is required"),
            Self::ForeignHost => ("foreign-host", "The request is for another host"),
            Self::CrossOrigin => ("cross-origin", "The request comes from another site"),
            Self::FolderNotAllowed => ("folder-not-allowed", "The folder may not be indexed"),
            Self::UnknownImage => ("unknown-image", "Unknown image"),
            Self::UnknownJob => ("unknown-job", "Unknown job"),
            Self::UnknownPage => ("unknown-page", "Not found"),
            Self::MethodNotAllowed => ("method-not-allowed", "Method not allowed"),
            Self::TooSlow => ("too-slow", "The request took too long to arrive"),
            Self::HeadTooLarge => ("head-too-large", "The head of the request is too large"),
            Self::AlreadyIndexing => ("already-indexing", "An indexing job is running"),
            Self::AlreadySwitching => ("already-switching", "A space is being filled"),
            Self::NothingToUndo => ("nothing-to-undo", "There is no calibration to undo"),
            Self::VocabularyExists => ("vocabulary-exists", "The vocabulary exists with other words"),
            Self::ActiveSpace => ("active-space", "The space is active"),
            Self::UnknownSpace => ("unknown-space", "Unknown space"),
            Self::UnknownTextSet => ("unknown-text-set", "Unknown set of texts"),
            Self::TextsBusy => ("texts-busy", "Texts are being added"),
            Self::ModelNotAllowed => ("model-not-allowed", "Switching models is not allowed"),
            Self::ReadOnly => ("read-only", "The library can only be read"),
            Self::FileGone => ("file-gone", "The image's file is gone"),
            Self::TooLarge => ("too-large", "The request is too large"),
            Self::UnsupportedBody => ("unsupported-body", "The body's type is not supported"),
            Self::CompressedBody => ("compressed-body", "The body is compressed"),
            Self::UnreadableImage => ("unreadable-picture", "The image cannot be read"),
            Self::ContradictoryQuery => ("contradictory-query", "The query contradicts itself"),
            Self::Overloaded => ("overloaded", "Too many requests at once"),
            Self::ModelUnavailable => ("model-unavailable", "The model could not be loaded"),
            Self::Internal => ("internal", "Internal error"),
        }
    }
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// A request that the client must change.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::InvalidRequest, detail)
    }

    /// A failure that is not the client's.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Internal, detail)
    }

    /// A body, or a part of it, of more than `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> Self {
        let allowed = match limit {
            0..0x10_0000 => format!("{:.1} KiB", limit as f64 / 1024.0),
            _ => format!("{:.1} MiB", limit as f64 / 1024.0 / 1024.0),
        };
        Self::new(
            ProblemKind::TooLarge,
            format!("the body, or a part of it, is larger than the {allowed} allowed"),
        )
    }

    /// The problem as a whole response, for a connection that is closed after it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let body = self.json();
        format!(
            "HTTP/1.1 {}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}",
            self.kind.status(),
            body.len()
        )
        .into_bytes()
    }

    fn json(&self) -> String {
        serde_json::to_string(&self.document()).expect("strings and a number serialize")
    }

    fn document(&self) -> ProblemDocument {
        let (name, title) = self.kind.name_and_title();
        ProblemDocument {
            kind: format!("urn:eidetic:problem:{name}"),
            title: title.into(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        if self.kind.status().is_server_error() {
            tracing::warn!(problem = self.kind.name_and_title().0, "{}", self.detail);
        }
        let mut response = HttpResponse::build(self.kind.status());
        response.insert_header((CONTENT_TYPE, MEDIA_TYPE));
        response.insert_header((CACHE_CONTROL, "no-store"));
        match self.kind {
            ProblemKind::Overloaded => {
                response.insert_header((RETRY_AFTER, "1"));
            }
            ProblemKind::CompressedBody => {
                response.insert_header((ACCEPT_ENCODING, "identity"));
            }
            ProblemKind::TokenRequired => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"eidetic\""));
            }
            _ => {}
        }
        response.body(self.json())
    }
}

impl From<LibraryError> for Problem {
    fn from(error: LibraryError) -> Self {
        let kind = match &error {
            LibraryError::Search(search) => kind_of_search_error(search),
            LibraryError::Catalog(error) if error.is_read_only() => ProblemKind::ReadOnly,
            LibraryError::Filter(_) => ProblemKind::UnknownFilterValue,
            LibraryError::UnknownImage(_) | LibraryError::UnknownEvent(_) => ProblemKind::UnknownImage,
            LibraryError::FileGone(_) => ProblemKind::FileGone,
            LibraryError::AlreadyIndexing => ProblemKind::AlreadyIndexing,
            LibraryError::AlreadySwitching => ProblemKind::AlreadySwitching,
            LibraryError::ActiveSpace { .. } => ProblemKind::ActiveSpace,
            LibraryError::UnknownSpace { .. } => ProblemKind::UnknownSpace,
            LibraryError::UnknownTextSet { .. } | LibraryError::NoTexts => ProblemKind::UnknownTextSet,
            LibraryError::TextsBusy => ProblemKind::TextsBusy,
            LibraryError::NothingToUndo => ProblemKind::NothingToUndo,
            LibraryError::VocabularyExists { .. } => ProblemKind::VocabularyExists,
            LibraryError::AmbiguousSpace { .. }
            | LibraryError::NotIndexable { .. }
            | LibraryError::UnknownVocabulary { .. }
            | LibraryError::TooManyVocabularies
            | LibraryError::Breakdown(BreakdownError::NoInstruction { .. })
            | LibraryError::Texts(_) => ProblemKind::InvalidRequest,
            LibraryError::Model(_) | LibraryError::ModelName(_) => ProblemKind::ModelUnavailable,
            _ => ProblemKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ParseModelRefError> for Problem {
    fn from(error: ParseModelRefError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<ImagingError> for Problem {
    fn from(error: ImagingError) -> Self {
        Self::new(
            ProblemKind::UnreadableImage,
            format!("cannot read the image: {error}"),
        )
    }
}

fn kind_of_search_error(error: &SearchError) -> ProblemKind {
    match error {
        SearchError::EmptyQuery => ProblemKind::InvalidRequest,
        SearchError::NoDirection(_) => ProblemKind::ContradictoryQuery,
        SearchError::UnknownImage(_) => ProblemKind::UnknownImage,
        SearchError::Encode(_) | SearchError::Index(_) | SearchError::Catalog(_) => ProblemKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eidetic_domain::{EmbeddingError, ImageId};

    #[test]
    fn library_errors_map_to_statuses() {
        let image = ImageId::of(b"an image");
        let io = LibraryError::Io {
            path: "/x".into(),
            source: std::io::Error::other("disk"),
        };
        let cases = [
            (LibraryError::Search(SearchError::EmptyQuery), 400),
            (LibraryError::Search(SearchError::UnknownImage(image)), 404),
            (LibraryError::UnknownImage(image), 404),
            (LibraryError::UnknownEvent(image), 404),
            (LibraryError::AlreadyIndexing, 409),
            (LibraryError::FileGone(image), 410),
            (
                LibraryError::Search(SearchError::NoDirection(EmbeddingError::Zero)),
                422,
            ),
            (io, 500),
        ];
        for (error, status) in cases {
            let message = error.to_string();
            let problem = Problem::from(error);
            assert_eq!(problem.status_code(), status, "{message}");
            assert_eq!(problem.document().detail, message);
        }
    }
}
