//! Metadata of image files.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Metadata of an image file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Width in pixels as shown, after orientation.
    pub width: u32,
    /// Height in pixels as shown, after orientation.
    pub height: u32,
    /// Format of the content, whatever the file's name.
    pub format: ImageFormat,
    /// When the image was taken, in the camera's local time (EXIF has no reliable time zone).
    pub taken: Option<DateTime>,
    /// The camera, if the file names it.
    pub camera: Option<Camera>,
    /// Where the image was taken, if the file has a position.
    pub position: Option<GeoPosition>,
}

/// Maker and model of a camera, as in EXIF.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Camera {
    /// Maker, such as `NIKON CORPORATION`.
    pub make: Option<String>,
    /// Model, such as `NIKON D750`.
    pub model: Option<String>,
}

impl fmt::Display for Camera {
    /// Maker and model; the model alone if it begins with the maker's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.make, &self.model) {
            (Some(make), Some(model)) => {
                let brand = make.split_whitespace().next().unwrap_or_default().to_lowercase();
                if model.to_lowercase().starts_with(&brand) {
                    f.write_str(model)
                } else {
                    write!(f, "{make} {model}")
                }
            }
            (Some(one), None) | (None, Some(one)) => f.write_str(one),
            (None, None) => Ok(()),
        }
    }
}

/// A position on Earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GeoPosition {
    /// Degrees north, −90..=90.
    pub latitude: f64,
    /// Degrees east, −180..=180.
    pub longitude: f64,
}

/// Supported image formats. Catalogs store their numbers: a new one is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the formats' own")]
pub enum ImageFormat {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Qoi,
    Ico,
    Pnm,
    Tga,
    Hdr,
    Heif,
    Avif,
    Jxl,
    Jp2,
    Raw,
    Psd,
    Svg,
    Pdf,
    Video,
}

/// Whether a picture is wider than high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// Wider than high.
    Landscape,
    /// Higher than wide.
    Portrait,
    /// As wide as high.
    Square,
}

/// A text names no orientation.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown orientation {0:?}; expected landscape, portrait or square")]
pub struct ParseOrientationError(String);

/// A text names no format.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown type {0:?}; expected one of {names}", names = ImageFormat::ALL.map(ImageFormat::name).join(", "))]
pub struct ParseFormatError(String);

impl Metadata {
    /// Its orientation as shown.
    pub fn orientation(&self) -> Orientation {
        Orientation::of(self.width, self.height)
    }
}

impl Orientation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Landscape, Self::Portrait, Self::Square];

    /// That of a picture of this size.
    pub fn of(width: u32, height: u32) -> Self {
        match width.cmp(&height) {
            Ordering::Greater => Self::Landscape,
            Ordering::Less => Self::Portrait,
            Ordering::Equal => Self::Square,
        }
    }

    /// The name in filters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Landscape => "landscape",
            Self::Portrait => "portrait",
            Self::Square => "square",
        }
    }
}

impl FromStr for Orientation {
    type Err = ParseOrientationError;

    fn from_str(text: &str) -> Result<Self, ParseOrientationError> {
        let mut all = Self::ALL.into_iter();
        all.find(|orientation| orientation.name().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| ParseOrientationError(text.to_owned()))
    }
}

impl FromStr for ImageFormat {
    type Err = ParseFormatError;

    /// Reads the name of a format, or the usual extension of its files.
    fn from_str(text: &str) -> Result<Self, ParseFormatError> {
        let lower = text.trim().to_ascii_lowercase();
        let name = match lower.trim_start_matches('.') {
            "jpg" | "jpe" => "jpeg",
            "tif" => "tiff",
            "heic" | "hif" => "heif",
            "j2k" | "jpx" | "jpeg2000" => "jp2",
            "psb" => "psd",
            "svgz" => "svg",
            "mp4" | "mov" | "mkv" | "webm" => "video",
            "cr2" | "cr3" | "nef" | "arw" | "dng" | "raf" | "orf" | "rw2" | "pef" => "raw",
            other => other,
        };
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.name() == name)
            .ok_or_else(|| ParseFormatError(text.to_owned()))
    }
}

impl ImageFormat {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Jpeg,
        Self::Png,
        Self::Gif,
        Self::WebP,
        Self::Bmp,
        Self::Tiff,
        Self::Qoi,
        Self::Ico,
        Self::Pnm,
        Self::Tga,
        Self::Hdr,
        Self::Heif,
        Self::Avif,
        Self::Jxl,
        Self::Jp2,
        Self::Raw,
        Self::Psd,
        Self::Svg,
        Self::Pdf,
        Self::Video,
    ];

    /// The name in filters and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Qoi => "qoi",
            Self::Ico => "ico",
            Self::Pnm => "pnm",
            Self::Tga => "tga",
            Self::Hdr => "hdr",
            Self::Heif => "heif",
            Self::Avif => "avif",
            Self::Jxl => "jxl",
            Self::Jp2 => "jp2",
            Self::Raw => "raw",
            Self::Psd => "psd",
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Video => "video",
        }
    }

    /// Media type for HTTP responses.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Qoi => "image/qoi",
            Self::Ico => "image/x-icon",
            Self::Pnm => "image/x-portable-anymap",
            Self::Tga => "image/x-tga",
            Self::Hdr => "image/vnd.radiance",
            Self::Heif => "image/heic",
            Self::Avif => "image/avif",
            Self::Jxl => "image/jxl",
            Self::Jp2 => "image/jp2",
            Self::Raw => "image/x-raw",
            Self::Psd => "image/vnd.adobe.photoshop",
            Self::Svg => "image/svg+xml",
            Self::Pdf => "application/pdf",
            Self::Video => "video/mp4",
        }
    }

    /// Whether common browsers display the format, and run nothing that is in it, as SVG may.
    pub const fn shown_by_browsers(self) -> bool {
        matches!(
            self,
            Self::Jpeg | Self::Png | Self::Gif | Self::WebP | Self::Avif | Self::Bmp | Self::Ico
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named_as_in_json() {
        for format in ImageFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
            assert_eq!(ImageFormat::ALL[format as usize], format);
        }
        assert_eq!(".JPG".parse(), Ok(ImageFormat::Jpeg));
        assert_eq!("heic".parse(), Ok(ImageFormat::Heif));
        assert!(
            "doc"
                .parse::<ImageFormat>()
                .unwrap_err()
                .to_string()
                .contains("jpeg, png")
        );
    }

    #[test]
    fn orientation_is_that_of_size() {
        for (width, height, name) in [(3, 2, "landscape"), (2, 3, "portrait"), (2, 2, "square")] {
            let orientation = Orientation::of(width, height);
            assert_eq!(orientation.name(), name);
            assert_eq!(name.to_uppercase().parse(), Ok(orientation));
        }
        assert!("wide".parse::<Orientation>().is_err());
    }

    #[test]
    fn camera_displays_maker_once() {
        let camera = |make: &str, model: &str| Camera {
            make: Some(make.into()),
            model: Some(model.into()),
        };
        assert_eq!(
            camera("NIKON CORPORATION", "NIKON D750").to_string(),
            "NIKON D750"
        );
        assert_eq!(camera("Apple", "iPhone 12").to_string(), "Apple iPhone 12");
        assert_eq!(
            Camera {
                make: None,
                model: Some("X100".into())
            }
            .to_string(),
            "X100"
        );
    }
}
