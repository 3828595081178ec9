//! Metadata of image files.

use std::fmt;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

impl ImageFormat {
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
