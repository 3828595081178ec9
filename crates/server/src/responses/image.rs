//! The metadata of one image.

use eidetic_catalog::ImageRecord;
use eidetic_domain::{GeoPosition, ImageFormat, ImageId};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{all_path_bytes, path_bytes, path_text, path_texts};

/// Metadata of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageResponse {
    /// Its id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// The first of its paths that exists.
    pub path: String,
    /// Its bytes in base64, only where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// Its paths that exist, sorted; all of them if none does.
    pub paths: Vec<String>,
    /// Their bytes in base64, only where one is not UTF-8; null for those that are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths_bytes: Option<Vec<Option<String>>>,
    /// Width in pixels after applying its orientation.
    pub width: u32,
    /// Height in pixels after applying its orientation.
    pub height: u32,
    /// The format of its content.
    #[schema(value_type = String, example = "jpeg")]
    pub format: ImageFormat,
    /// Size of its file.
    pub bytes: u64,
    /// Capture time in the camera's local time.
    #[schema(value_type = Option<String>, example = "2020-05-01T12:00:00")]
    pub taken: Option<DateTime>,
    /// The camera.
    #[schema(example = "NIKON D750")]
    pub camera: Option<String>,
    /// Where it was taken.
    pub position: Option<Position>,
}

/// A position on Earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

impl From<&ImageRecord> for ImageResponse {
    fn from(record: &ImageRecord) -> Self {
        let first = record.paths.first();
        let metadata = &record.metadata;
        Self {
            image: record.image,
            path: first.map(|path| path_text(path)).unwrap_or_default(),
            path_bytes: first.and_then(|path| path_bytes(path)),
            paths: path_texts(&record.paths),
            paths_bytes: all_path_bytes(&record.paths),
            width: metadata.width,
            height: metadata.height,
            format: metadata.format,
            bytes: record.bytes,
            taken: metadata.taken,
            camera: metadata.camera.as_ref().map(ToString::to_string),
            position: metadata.position.map(Position::from),
        }
    }
}

impl From<GeoPosition> for Position {
    fn from(position: GeoPosition) -> Self {
        Self {
            latitude: position.latitude,
            longitude: position.longitude,
        }
    }
}
