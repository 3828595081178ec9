//! Opens a library and wires the concrete parts together.
//!
//! The only crate that names candle and sled types together. A library is one directory:
//!
//! ```text
//! library.json   format version, model, space, sources      truth, replaced atomically
//! lock           who has it open                            held while a process owns the library
//! catalog/       sled                                       truth
//! vectors/       vector file; index.bin: codes and graph    truth; derived
//! thumbnails/    one small JPEG an image                    derived
//! calibration.json what labelled pairs taught               truth, replaced atomically
//! background.bin the background texts' vectors              derived
//! vocabulary.bin the vectors of the tags tried last         derived
//! ```

mod align;
mod background;
mod calibration;
mod durable;
mod error;
mod feedback;
mod indexing;
mod judging;
mod kept_vectors;
mod location;
mod lock;
mod manifest;
mod matching;
mod media;
mod model;
mod open;
mod recall;
mod screening;
mod status;
mod tagging;
mod verify;

pub use align::{
    AlignError, AlignProgress, Alignment, CaptionError, CaptionedPicture, FailedLine, align, read_captions,
};
pub use calibration::{
    CalibrationEvent, CalibrationHistory, Current, FailedPicture, Happened, Keep, Refitted, ScoredPairs,
};
pub use error::LibraryError;
pub use feedback::{ANSWERS_NEEDED, AnswerCount, Subject};
pub use location::default_directory;
pub use lock::Owner;
pub use media::ImageFile;
pub use model::{DEFAULT_MODEL, LoadedModel, Loading, ModelSource};
pub use open::{CreateOptions, Library};
pub use recall::{RecallEntry, RecallStatus};
pub use screening::{Flagged, Screened};
pub use status::{BytesOnDisk, IndexStatus, Status};
pub use tagging::{TagCount, TagOptions, TagProgress, TagReport};
pub use verify::{Check, CheckPicture, Comparison, Verified, VerifiedValue, VerifyError};
