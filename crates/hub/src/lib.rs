//! Model references and the files of models: which files a model consists of, which are on disk, downloads, checksums.
//!
//! [`locate`] resolves a [`ModelRef`] to files on this disk. The crate depends on no inference engine: it returns paths and
//! bytes, and parses no tensors.

mod cache;
mod checksum;
mod choice;
mod download;
mod error;
mod known_models;
mod layout;
mod locate;
mod model_files;
mod model_kind;
mod model_ref;
mod pull;
mod safetensors_pr;
mod sentence_modules;
mod settings;
mod shards;

pub use cache::DownloadProgress;
pub use checksum::{Checksum, sha256};
pub use choice::{Chosen, MEASURE, Machine, chosen, chosen_as, default_model, reference, usable_on_disk};
pub use error::HubError;
pub use known_models::{KnownModel, Modality, Retrieval, known_model, known_models};
pub use layout::shards_of;
pub use locate::{LocatedModel, ModelLocation, directory_name, locate};
pub use model_files::{
    Layout, ModelFiles, PROCESSORS, TOKENIZER_CONFIG, TokenizerFiles, WeightFile, file_hasher, read_file,
    require_file,
};
pub use model_kind::{QWEN, is_sentence_encoder};
pub use model_ref::{ModelRef, ParseModelRefError};
pub use pull::{OnDisk, Pulled, PulledFile, on_disk, pull};
pub use sentence_modules::{MODULES, PROMPTS, SENTENCE_CONFIG, SentenceModule, sentence_modules};
pub use settings::{HubSettings, Network};
pub use shards::Shards;
