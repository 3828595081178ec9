//! Opens a library of images and connects its parts: catalog, vectors, model, indexing, search and confidence.
//!
//! A [`Library`] is one directory, owned by one process at a time. It has one or more [`Space`]s: the vectors of all
//! images from one model. Searches use the active space; another one is filled beside it and then activated in one step
//! ([`Library::switch`]). What concerns the library as a whole is a method of [`Library`]: indexing, images, feedback,
//! status, spaces. What concerns one space is a method of [`Space`]: search, matching, tags, calibration, screening.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use eidetic_indexer::{IndexerOptions, RunContext};
//! use eidetic_inference::LoadOptions;
//! use eidetic_library::{CreateOptions, Library, ModelRef, ModelSource, Owner};
//! use eidetic_search::Query;
//!
//! # fn main() -> Result<(), eidetic_library::LibraryError> {
//! let options = CreateOptions {
//!     model: ModelSource::Named(ModelRef::Builtin),
//!     precision: None,
//!     load: LoadOptions::default(),
//! };
//! let owner = Owner::this_process("example");
//! let (library, _) = Library::open_or_create(Path::new("library"), &options, &owner, &())?;
//! library.index(&["photos".into()], &IndexerOptions::default(), &RunContext::default())?;
//! let answer = library.active().search(&Query::text("a red bicycle"))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Files
//!
//! ```text
//! library.json      format version, models, spaces, sources    primary, with a checksum, replaced atomically
//! library.json.copy the same, for the case that it is damaged  derived
//! lock              the process that has it open                held while a process owns the library
//! watch.json        how the library is watched                  derived, valid while the process in it owns the library
//! server.key        lets in commands of the server's user       written by a server that requires a token
//! catalog/          sled; snapshot/: a copy for readers         primary; derived
//! thumbnails/       one small JPEG for each image               derived
//! duplicates.bin    a fingerprint of each image                 derived: made again from the thumbnails
//! vectors/          vector file; index.bin: codes and graph     primary; derived
//! calibration.json  calibrations from labelled pairs            primary, with a checksum, replaced atomically
//! tagging.json      words and rule of the last tagging run      derived: the bundled ones if unreadable
//! background.bin    the background texts' vectors               derived
//! vocabulary.bin    the vectors of the last vocabulary          derived
//! map.bin           a place in the plane for each image         derived
//! text-vectors/     the vectors of stored texts                 derived: the model makes them again
//! spaces/N/         the last seven, for every space but the first
//! texts/            sets of stored texts                        primary, each replaced atomically
//! ```
//!
//! # Reading and damage
//!
//! Where nothing can be written, and where the catalog is damaged, the library opens for reading: searches answer from
//! what is whole, changes are refused, and [`Library::warnings`] says why. [`check`] and [`repair`] look at all files.
//!
//! A library that another process owns is read beside it: [`Library::open_to_read`] answers from the copy of the catalog
//! that the owner publishes with every commit.
//!
//! # Locks
//!
//! Long operations exclude others of their kind; the module `operations` defines the order of their locks. Everything else is a
//! short lock of data (manifest, active space, vectors, caches) that is not held during an operation.

mod album;
mod answer_quality;
mod backup;
mod better_model;
mod calibration;
mod check;
mod checked_json;
mod condition;
mod confidence;
mod decode_limits;
mod duplicates;
mod error;
mod events;
mod exchange;
mod export;
mod facets;
mod feedback;
mod filter_check;
mod image_file;
mod image_words;
mod indexing;
mod lazy_encoder;
mod lock;
mod manifest;
mod map;
mod model;
mod open;
mod operations;
mod par_chunks;
mod paths;
mod recall;
mod removed;
mod screening;
mod sources;
mod space;
mod spaces;
mod status;
mod switch;
mod synthetic;
mod tagging;
mod texts;
mod vector_cache;
mod warn_once;
mod watching;
mod zip_file;

pub use album::{AlbumImage, AlbumPage, AlbumSummary, ListOptions, ListOrder, Position, SortKey};
pub use answer_quality::AnswerQuality;
pub use backup::{BackupError, BackupReport, restore};
pub use calibration::{
    CalibrationEvent, CalibrationEventKind, CalibrationHistory, CalibrationMode, CurrentVersions,
    FailedImage, RefitOutcome, ScoredPairs,
};
pub use check::{CheckReport, RepairReport, check, repair};
pub use duplicates::{DuplicateCopy, DuplicateGroup, DuplicateKind, DuplicateOptions, Duplicates};
pub use eidetic_catalog::{FacetValues, Facets, Finding, FolderCount, SnapshotAge};
pub use eidetic_hub::{ModelRef, ParseModelRefError};
pub use eidetic_inference::resolve_model;
pub use error::LibraryError;
pub use events::{Event, EventImages, EventOptions, EventPage, EventPosition, ParseEventPositionError};
pub use exchange::{
    SampleComparison, UnknownSpace, VectorsError, VectorsExport, VectorsExported, VectorsImport,
    VectorsImported,
};
pub use export::{
    Export, ExportGroup, ExportItem, ExportMethod, ExportSource, Exported, ManifestFormat, escaped_html,
    saved_name,
};
pub use facets::FacetOptions;
pub use feedback::{AnswerCount, FEEDBACK_NEEDED, Subject};
pub use filter_check::UnknownFilterValue;
pub use image_file::ImageFile;
pub use image_words::words_of_path;
pub use indexing::NewSources;
pub use lock::Owner;
pub use map::{MAP_EXTENT, MapLayout, MapOptions, MapPage, MapPoint, MapRegion};
pub use model::{Fallback, LoadedModel, ModelSource};
pub use open::{CreateOptions, Library, Published, default_directory};
pub use recall::{RecallEntry, RecallStatus};
pub use screening::{
    LeftOutPattern, PatternCount, ScreenedImage, ScreeningOptions, ScreeningReport, ScreeningTarget,
    UnreadableFile,
};
pub use sources::{IndexPath, IndexingSettings, SourceReach, SourceStatus, UnreachablePart};
pub use space::Space;
pub use spaces::{SpaceStatus, SwitchStatus};
pub use status::{BytesOnDisk, FileFailureStatus, IndexStatus, Status, StatusDetails};
pub use switch::{PreviousSpace, SpaceReport, SwitchOptions};
pub use synthetic::{SYNTHETIC_FOLDER, SyntheticImages};
pub use tagging::{TagCount, TagOptions, TagReport, VocabularyChange, VocabularyReport};
pub use texts::{
    StoredText, TextFormat, TextHit, TextQuery, TextQueryBy, TextReader, TextResults, TextSetCount,
    TextSetStatus, TextsError, TextsReport,
};
pub use watching::{WatchObserver, WatchStatus, WatchedRound, WatchedSourceStatus};
