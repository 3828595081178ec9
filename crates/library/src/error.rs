use std::io;
use std::path::{Path, PathBuf};

use eidetic_catalog::CatalogError;
use eidetic_confidence::calibration::CalibrationError;
use eidetic_domain::{ImageId, SpaceId};
use eidetic_encoder::EncodeError;
use eidetic_hub::ParseModelRefError;
use eidetic_indexer::IndexingError;
use eidetic_inference::LoadError;
use eidetic_search::SearchError;
use eidetic_vectors::IndexError;
use thiserror::Error;

use crate::Owner;

/// Why a library could not be opened or used.
#[derive(Debug, Error)]
pub enum LibraryError {
    /// There is none.
    #[error("there is no library at {path}; make one with: eidetic index FOLDER")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A directory with something else in it.
    #[error("{path} is not empty and is no Eidetic library; give another directory with --library")]
    NotALibrary {
        /// The directory.
        path: PathBuf,
    },
    /// Another process owns it.
    #[error("the library at {path} is in use by {owner}; stop that, or use another with --library")]
    InUse {
        /// The library.
        path: PathBuf,
        /// Who has it.
        owner: Owner,
    },
    /// Written by another version of Eidetic.
    #[error(
        "the library at {path} has format version {found}, this program reads version {supported}; use the version of Eidetic that wrote it"
    )]
    UnknownVersion {
        /// The library.
        path: PathBuf,
        /// The version it states.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// The manifest cannot be read.
    #[error(
        "{path} is damaged ({reason}); move the library away and index again, the pictures are untouched"
    )]
    DamagedManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The library's vectors come from another model than the one asked for or found.
    #[error(
        "the library at {path} holds vectors of {library}, the model gives {model}; use the library's own model, switch it to that one with `eidetic space switch`, or index into another library with --library"
    )]
    OtherSpace {
        /// The library.
        path: PathBuf,
        /// The library's space.
        library: Box<SpaceId>,
        /// The model's space.
        model: Box<SpaceId>,
    },
    /// No space goes by this name.
    #[error("no space of the library goes by {name:?}; there are: {known}")]
    UnknownSpace {
        /// As it was given.
        name: String,
        /// Numbers and models of those there are.
        known: String,
    },
    /// More than one space goes by this name.
    #[error("more than one space of the library goes by {name:?}; name one by its number: {known}")]
    AmbiguousSpace {
        /// As it was given.
        name: String,
        /// Numbers and models of those there are.
        known: String,
    },
    /// The active space cannot be dropped.
    #[error("{model} is the model that answers; switch to another first: eidetic space switch NAME")]
    ActiveSpace {
        /// Its model.
        model: String,
    },
    /// A space beside the active one cannot be opened.
    #[error(
        "the vectors of {model} cannot be used ({reason}); the active space is not concerned; `eidetic space drop {number}` removes them, and a switch to that model makes them anew"
    )]
    UnreadableSpace {
        /// Its model.
        model: String,
        /// Its number.
        number: u32,
        /// What is wrong with it.
        #[source]
        reason: Box<LibraryError>,
    },
    /// A space beside the active one is being filled or dropped by this process.
    #[error("a switch to another model, or the catching up of a kept one, is under way; wait for its end")]
    AlreadySwitching,
    /// A switch would leave the library without any image.
    #[error(
        "not one of {images} images can be read, so the switch was not made; mount or put back their folders, and run it again"
    )]
    NothingReadable {
        /// How many were tried.
        images: u64,
    },
    /// The calibrations cannot be read.
    #[error(
        "{path} is damaged ({reason}); move it away to go on with the confidences that came with the model, and calibrate again"
    )]
    DamagedCalibration {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The calibrations were written by another version of Eidetic.
    #[error(
        "{path} has format version {found}, this program reads version {supported}; use the version of Eidetic that wrote it, or move the file away"
    )]
    UnknownCalibrationVersion {
        /// The file.
        path: PathBuf,
        /// The version it states.
        found: u32,
        /// The version this program reads.
        supported: u32,
    },
    /// There is no calibration to take back.
    #[error("the library has no calibration of that kind; nothing to undo")]
    NothingToUndo,
    /// The labelled pairs give no calibration.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// An indexing run of this process is already under way.
    #[error("an indexing run is already under way")]
    AlreadyIndexing,
    /// No such image.
    #[error("image {0} is not in the library")]
    UnknownImage(ImageId),
    /// The image is known, its file is not where it was, or holds something else now.
    #[error("the file of image {0} is gone or has changed; index its folder again")]
    FileGone(ImageId),
    /// The manifest names a model that this program cannot make sense of.
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
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The query failed.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The indexing run failed.
    #[error(transparent)]
    Indexing(#[from] IndexingError),
    /// The disk said no.
    #[error("{path}: {source}")]
    Io {
        /// The file concerned.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LibraryError {
    /// Names the path that an I/O error belongs to.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
