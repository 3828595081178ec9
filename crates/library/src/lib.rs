//! Opens a library and wires the concrete parts together.
//!
//! The only crate that names candle and sled types together. A library is one directory:
//!
//! ```text
//! library.json   format version, models, spaces, sources    truth, replaced atomically
//! lock           who has it open                            held while a process owns the library
//! catalog/       sled                                       truth
//! thumbnails/    one small JPEG an image                    derived
//! vectors/       vector file; index.bin: codes and graph    truth; derived
//! calibration.json what labelled pairs taught               truth, replaced atomically
//! tagging.json   words and rule that tags were made by last derived: as bundled where it cannot be read
//! background.bin the background texts' vectors              derived
//! vocabulary.bin the vectors of the tags tried last         derived
//! spaces/N/      the last five of every space but the first
//! ```

mod align;
mod answering;
mod background;
mod calibration;
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
mod shared_out;
mod space;
mod spaces;
mod status;
mod switch;
mod tag_options;
mod tagging;
mod verify;

pub use align::{
    AlignError, AlignProgress, Alignment, CaptionError, CaptionedPicture, FailedLine, align, read_captions,
};
pub use calibration::{
    CalibrationEvent, CalibrationHistory, Current, FailedPicture, Happened, Keep, Refitted, ScoredPairs,
};
pub use eidetic_hub::{ModelRef, ParseModelRefError};
pub use error::LibraryError;
pub use feedback::{ANSWERS_NEEDED, AnswerCount, Subject};
pub use location::default_directory;
pub use lock::Owner;
pub use media::ImageFile;
pub use model::{DEFAULT_MODEL, LoadedModel, Loading, ModelSource};
pub use open::{CreateOptions, Library};
pub use recall::{RecallEntry, RecallStatus};
pub use screening::{Flagged, Screened};
pub use space::Space;
pub use spaces::{SpaceStatus, SwitchStatus};
pub use status::{BytesOnDisk, IndexStatus, Status};
pub use switch::{OldSpace, SpaceReport, SwitchOptions};
pub use tagging::{TagCount, TagOptions, TagReport};
pub use verify::{Check, CheckPicture, Comparison, Verified, VerifiedValue, VerifyError};
