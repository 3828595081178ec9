//! Groups of duplicates in JSON.

use std::path::PathBuf;

use eidetic_domain::ImageId;
use eidetic_library::{DuplicateGroup, DuplicateKind, Duplicates};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{original_path, path_bytes, path_text};

/// Groups of images that are copies of each other, and bursts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DuplicatesResponse {
    /// The groups: exact ones first, then near ones, then bursts.
    pub groups: Vec<DuplicateGroupResponse>,
    /// Images that could not be compared, since their files cannot be read now.
    #[serde(default)]
    pub not_compared: u64,
    /// When the last change was made that the groups know of, where the command line looks while another process changes the
    /// library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
}

/// Copies of one picture, or a burst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DuplicateGroupResponse {
    /// `exact`: files with the same content. `near`: the same picture in another encoding, size, orientation, frame or crop.
    /// `burst`: photos that one camera took of one scene within seconds.
    #[schema(value_type = String, pattern = "^(exact|near|burst)$")]
    pub kind: DuplicateKind,
    /// Probability of the weakest link of the group, 0 to 1; 1 for equal content.
    #[serde(default)]
    pub probability: f32,
    /// At least two files, the best first. In an `exact` group, all of one image.
    pub images: Vec<DuplicateFile>,
}

/// A file in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DuplicateFile {
    /// The id of the image that it holds.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// Where it is.
    pub path: String,
    /// Its bytes in base64, only where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// Whether it is the one to keep: by resolution, format, metadata, names of folders and file, and length of the path.
    pub best: bool,
}

impl DuplicateFile {
    /// Its path as it is.
    pub fn original_path(&self) -> PathBuf {
        original_path(&self.path, self.path_bytes.as_deref())
    }
}

impl From<&Duplicates> for DuplicatesResponse {
    fn from(found: &Duplicates) -> Self {
        Self {
            groups: found.groups.iter().map(Into::into).collect(),
            not_compared: found.not_compared,
            as_of: None,
        }
    }
}

impl From<&DuplicateGroup> for DuplicateGroupResponse {
    fn from(group: &DuplicateGroup) -> Self {
        let files = group.copies.iter().enumerate().map(|(rank, copy)| DuplicateFile {
            image: copy.image,
            path: path_text(&copy.path),
            path_bytes: path_bytes(&copy.path),
            best: rank == 0,
        });
        Self {
            kind: group.kind,
            probability: group.probability,
            images: files.collect(),
        }
    }
}
