//! Model names and the files behind them: which files make a model, what of them is on disk, downloads and checksums.
//!
//! This crate knows no engine: it hands out paths and bytes, and never looks at a tensor.

mod cache;
mod checksum;
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
mod settings;
mod shards;

pub use cache::DownloadProgress;
pub use checksum::sha256;
pub use error::HubError;
pub use known_models::{KnownModel, Modality, Retrieval, known_model, known_models};
pub use layout::shards_of;
pub use locate::{LocatedModel, ModelLocation, directory_name, locate};
pub use model_files::{Layout, ModelFiles, PROCESSORS, TokenizerFiles, hasher, need, read};
pub use model_kind::QWEN;
pub use model_ref::{ModelRef, ParseModelRefError};
pub use pull::{Checksum, OnDisk, Pulled, PulledFile, on_disk, pull};
pub use settings::{HubSettings, Network};
pub use shards::Shards;
