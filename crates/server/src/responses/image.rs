//! The metadata of one image.

use eidetic_catalog::ImageRecord;
use eidetic_domain::{GeoPosition, ImageFormat, ImageId};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::display_paths;

/// Metadata of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageResponse {
    /// Its id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image: ImageId,
    /// The first of its paths that exists.
    pub path: String,
    /// Its paths that exist, sorted; all of them if none does.
    pub paths: Vec<String>,
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
        let paths = display_paths(&record.paths);
        let metadata = &record.metadata;
        Self {
            image: record.image,
            path: paths.first().cloned().unwrap_or_default(),
            paths,
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
