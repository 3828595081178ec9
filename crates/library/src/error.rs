//! Errors of a library.

use std::io;
use std::path::{Path, PathBuf};

use eidetic_catalog::CatalogError;
use eidetic_confidence::calibration::CalibrationError;
use eidetic_domain::{ImageId, SpaceId, counted};
use eidetic_encoder::EncodeError;
use eidetic_hub::ParseModelRefError;
use eidetic_indexer::IndexingError;
use eidetic_inference::LoadError;
use eidetic_search::{BreakdownError, SearchError};
use eidetic_vectors::IndexError;
use thiserror::Error;

use crate::{BackupError, Owner, TextsError, UnknownFilterValue, VectorsError};

/// Why a library could not be opened or used.
#[derive(Debug, Error)]
pub enum LibraryError {
    /// No library at this path.
    #[error("no library at {path}; create one with: eidetic index FOLDER")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The directory has other files.
    #[error("{path} is neither empty nor an Eidetic library; choose another directory with --library")]
    NotALibrary {
        /// The directory.
        path: PathBuf,
    },
    /// Another process owns it.
    #[error(
        "the library at {path} is in use by {owner}; stop that process, or use another library with --library"
    )]
    InUse {
        /// The library.
        path: PathBuf,
        /// The process that owns it.
        owner: Owner,
    },
    /// Written by another version of Eidetic.
    #[error(
        "the library at {path} has format version {found}, but this program reads up to version {supported}; use the version of Eidetic that wrote it"
    )]
    UnknownVersion {
        /// The library.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// The manifest cannot be read.
    #[error(
        "{path} is damaged ({reason}) and has no whole copy beside it; everything else in the library is kept: `eidetic check --repair` rebuilds it from that, or restore the file from a backup"
    )]
    DamagedManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The model is of another space than the library's vectors.
    #[error(
        "the library at {path} has vectors of {library}, but the model gives {model}; use the library's own model, switch it to that one with `eidetic space switch`, or index into another library with --library"
    )]
    OtherSpace {
        /// The library.
        path: PathBuf,
        /// The library's space.
        library: Box<SpaceId>,
        /// The model's space.
        model: Box<SpaceId>,
    },
    /// No space has this name.
    #[error("unknown space {name:?}; expected one of: {known}")]
    UnknownSpace {
        /// As given.
        name: String,
        /// Numbers and models of all spaces.
        known: String,
    },
    /// Several spaces have this name.
    #[error("ambiguous space {name:?}; use a number: {known}")]
    AmbiguousSpace {
        /// As given.
        name: String,
        /// Numbers and models of all spaces.
        known: String,
    },
    /// The active space cannot be dropped.
    #[error("{model} is the active model; switch to another first: eidetic space switch NAME")]
    ActiveSpace {
        /// Its model.
        model: String,
    },
    /// A space beside the active one cannot be opened.
    #[error(
        "cannot read the vectors of {model} ({reason}); the active space is not affected; `eidetic space drop {number}` removes them, and a switch to that model computes them again"
    )]
    UnreadableSpace {
        /// Its model.
        model: String,
        /// Its number.
        number: u32,
        /// What is wrong.
        #[source]
        reason: Box<LibraryError>,
    },
    /// This process is filling or dropping a space beside the active one.
    #[error("a switch to another model, or a backfill of a kept one, is running; wait for its end")]
    AlreadySwitching,
    /// A switch would activate a space without any image.
    #[error(
        "cannot read any of {}, so the active model stays; mount or restore their folders, and run the switch again",
        counted(*images, "image")
    )]
    NothingReadable {
        /// Images that were tried.
        images: u64,
    },
    /// The calibrations cannot be read.
    #[error(
        "{path} is damaged ({reason}); `eidetic check --repair` keeps it aside, and the model's own confidences are used until you calibrate again"
    )]
    DamagedCalibration {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The calibrations are missing, or an older file is in their place.
    #[error(
        "{path} ends with calibration {found}, but the last one was {last}; the model's own confidences are used instead: restore the file from a backup, or accept the loss with `eidetic check --repair`"
    )]
    LostCalibration {
        /// The file.
        path: PathBuf,
        /// The number of the last calibration.
        last: u32,
        /// The number of the last one in the file.
        found: u32,
    },
    /// The calibrations were written by another version of Eidetic.
    #[error(
        "{path} has format version {found}, but this program reads version {supported}; use the version of Eidetic that wrote it, or move the file away"
    )]
    UnknownCalibrationVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// A vocabulary of this name has other words.
    #[error(
        "there is a vocabulary {name:?} with other words; replace it with --replace (\"replace\": true), or give another name: NAME=FILE"
    )]
    VocabularyExists {
        /// The name.
        name: String,
    },
    /// The library is tagged with no vocabulary of this name.
    #[error("no vocabulary {name:?}; there are: {}", known.join(", "))]
    UnknownVocabulary {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// More vocabularies than a library may have.
    #[error(
        "a library has at most {} vocabularies; remove one with --forget-vocabulary NAME",
        eidetic_confidence::tagging::MAX_VOCABULARIES
    )]
    TooManyVocabularies,
    /// There is no calibration to undo.
    #[error("nothing to undo: no calibration of that kind")]
    NothingToUndo,
    /// The labelled pairs cannot be fitted.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// This process runs an indexing run already.
    #[error("an indexing run is already running")]
    AlreadyIndexing,
    /// A path that is to be indexed does not exist, or is neither folder nor image.
    #[error("{path}: {reason}")]
    NotIndexable {
        /// As given.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No such image.
    #[error("image {0} is not in the library")]
    UnknownImage(ImageId),
    /// The image is in no event.
    #[error(
        "image {0} is in no event: it is not in the library, the filter leaves it out, or the day when it was taken is unknown"
    )]
    UnknownEvent(ImageId),
    /// No file of the image is readable and unchanged.
    #[error("the file of image {0} is missing or has changed; index its folder again")]
    FileGone(ImageId),
    /// The manifest names a model that this program does not know.
    #[error("the library's model cannot be found: {0}")]
    ModelName(#[from] ParseModelRefError),
    /// The model could not be loaded.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// The vectors failed.
    #[error(transparent)]
    Vectors(#[from] IndexError),
    /// The model failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The views of a match cannot be computed.
    #[error(transparent)]
    Breakdown(#[from] BreakdownError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A filter names what the library does not have.
    #[error(transparent)]
    Filter(#[from] UnknownFilterValue),
    /// A backup cannot be written, or not be restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// Embeddings cannot be written to a file, or not be taken from one.
    #[error(transparent)]
    VectorsFile(#[from] VectorsError),
    /// The library has no stored texts to search.
    #[error("the library has no texts; add a file of them with: eidetic texts add FILE")]
    NoTexts,
    /// No set of texts has this name.
    #[error("no set of texts is named {name:?}; {}", if known.is_empty() { "there are none yet".to_owned() } else { format!("there are: {known}") })]
    UnknownTextSet {
        /// As given.
        name: String,
        /// The names of all sets.
        known: String,
    },
    /// Texts are being added, or embedded for another model.
    #[error("texts are being added or embedded now; try again when that has ended")]
    TextsBusy,
    /// The input of a set, or its name, is invalid.
    #[error(transparent)]
    Texts(#[from] TextsError),
    /// A file of texts was written by another version of Eidetic.
    #[error(
        "{path} has format version {found}, but this program reads version {supported}; use the version of Eidetic that wrote it"
    )]
    UnknownTextsVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// The query failed.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The indexing run failed.
    #[error(transparent)]
    Indexing(#[from] IndexingError),
    /// Reading or writing a file failed.
    #[error("{path}: {source}")]
    Io {
        /// The file concerned.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl LibraryError {
    /// Adds the path of the file to an I/O error.
    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
