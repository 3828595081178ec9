//! The metadata of one image.

use std::path::PathBuf;

use eidetic_catalog::ImageRecord;
use eidetic_domain::{Details, GeoPosition, ImageFormat, ImageId, Place, TakenSource, TimePrecision};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::path::{FilePart, all_path_bytes, original_path, path_bytes, path_text, path_texts};

/// Metadata of an image: from its file, from side-car files beside it, and from its name and time.
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
    /// Where in another file it is, for a member of an archive, a page, or a frame of a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<FilePart>,
    /// Width in pixels after applying its orientation.
    pub width: u32,
    /// Height in pixels after applying its orientation.
    pub height: u32,
    /// The format of its content.
    #[schema(value_type = String, example = "jpeg")]
    pub format: ImageFormat,
    /// Size of its file.
    pub bytes: u64,
    /// Capture time in the camera's local time; where the date is incomplete, its first moment.
    #[schema(value_type = Option<String>, example = "2020-05-01T12:00:00")]
    pub taken: Option<DateTime>,
    /// Where the capture time was found; `file_time`, which copying a file may change, says little.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(exif|exif_digitized|xmp|iptc|gps|png_text|file_name|side_car|exif_modified|file_time|video)$")]
    pub taken_source: Option<TakenSource>,
    /// How much of the capture time is known.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(year|month|day|minute|second|fraction)$")]
    pub taken_precision: Option<TimePrecision>,
    /// Offset of the capture time from UTC.
    #[serde(default)]
    #[schema(pattern = "^[+-][0-9]{2}:[0-9]{2}$", example = "+02:00")]
    pub utc_offset: Option<String>,
    /// The camera.
    #[schema(example = "NIKON D750")]
    pub camera: Option<String>,
    /// Where it was taken.
    pub position: Option<Position>,
    /// Meters above the sea.
    #[serde(default)]
    pub altitude: Option<f64>,
    /// A short name.
    #[serde(default)]
    pub title: Option<String>,
    /// A caption.
    #[serde(default)]
    pub description: Option<String>,
    /// Keywords.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Paths of nested keywords, from the most general one, separated by `|`.
    #[serde(default)]
    pub hierarchical_keywords: Vec<String>,
    /// Names of the people who are seen.
    #[serde(default)]
    pub people: Vec<String>,
    /// Stars; −1 for a rejected picture.
    #[serde(default)]
    #[schema(minimum = -1, maximum = 5)]
    pub rating: Option<i8>,
    /// A color label or the name of a state.
    #[serde(default)]
    pub label: Option<String>,
    /// Photographers and other authors.
    #[serde(default)]
    pub creators: Vec<String>,
    /// The notice of copyright.
    #[serde(default)]
    pub copyright: Option<String>,
    /// The program or the firmware that wrote the file.
    #[serde(default)]
    pub software: Option<String>,
    /// Where it was taken, in words.
    #[serde(default)]
    pub place: Option<PlaceNames>,
    /// Name of the lens.
    #[serde(default)]
    pub lens: Option<String>,
    /// Exposure time in seconds.
    #[serde(default)]
    pub exposure_seconds: Option<f64>,
    /// Aperture: 2.8 for f/2.8.
    #[serde(default)]
    pub f_number: Option<f64>,
    /// Sensitivity.
    #[serde(default)]
    pub iso: Option<u32>,
    /// Focal length in millimeters.
    #[serde(default)]
    pub focal_length: Option<f64>,
    /// Focal length in millimeters that gives the same field of view on 35 mm film.
    #[serde(default)]
    pub focal_length_35mm: Option<f64>,
    /// What is wrong with its file, in one sentence, if it is damaged and shown as far as it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Paths of the files beside the picture that some of this comes from.
    #[serde(default)]
    pub side_cars: Vec<String>,
}

/// A position on Earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// Names of a place, from the narrowest to the widest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceNames {
    /// A part of a city, or a sight.
    pub sublocation: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Country.
    pub country: Option<String>,
}

impl ImageResponse {
    /// What is known of an image.
    pub fn new(record: &ImageRecord, details: Details) -> Self {
        let first = record.paths.first();
        let metadata = &record.metadata;
        let exposure = details.exposure;
        Self {
            image: record.image,
            path: first.map(|path| path_text(path)).unwrap_or_default(),
            path_bytes: first.and_then(|path| path_bytes(path)),
            part: first.and_then(|path| FilePart::at(path)),
            paths: path_texts(&record.paths),
            paths_bytes: all_path_bytes(&record.paths),
            width: metadata.width,
            height: metadata.height,
            format: metadata.format,
            bytes: record.bytes,
            taken: metadata.taken,
            taken_source: record.taken_source,
            taken_precision: details.taken.map(|taken| taken.precision),
            utc_offset: details
                .taken
                .and_then(|taken| taken.offset_minutes)
                .map(offset_text),
            camera: metadata.camera.as_ref().map(ToString::to_string),
            position: metadata.position.map(Position::from),
            altitude: details.altitude,
            title: details.title,
            description: details.description,
            keywords: details.keywords,
            hierarchical_keywords: details.hierarchical_keywords,
            people: details.people,
            rating: details.rating,
            label: details.label,
            creators: details.creators,
            copyright: details.copyright,
            software: details.software,
            place: (details.place != Place::default()).then(|| details.place.into()),
            lens: exposure.lens,
            exposure_seconds: exposure.seconds,
            f_number: exposure.f_number,
            iso: exposure.iso,
            focal_length: exposure.focal_length,
            focal_length_35mm: exposure.focal_length_35mm,
            damage: details.damage,
            side_cars: details.side_cars,
        }
    }

    /// The first of its paths as it is.
    pub fn original_path(&self) -> PathBuf {
        original_path(&self.path, self.path_bytes.as_deref())
    }
}

/// `+02:00` for 120 minutes.
fn offset_text(minutes: i16) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

impl From<GeoPosition> for Position {
    fn from(position: GeoPosition) -> Self {
        Self {
            latitude: position.latitude,
            longitude: position.longitude,
        }
    }
}

impl From<Place> for PlaceNames {
    fn from(place: Place) -> Self {
        Self {
            sublocation: place.sublocation,
            city: place.city,
            state: place.state,
            country: place.country,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_sign_and_two_digits() {
        assert_eq!(offset_text(330), "+05:30");
        assert_eq!(offset_text(-90), "-01:30");
        assert_eq!(offset_text(0), "+00:00");
    }
}
