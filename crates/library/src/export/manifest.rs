//! The list of what was exported, for people's spreadsheets and for programs.

use std::path::Path;

use eidetic_domain::ImageId;
use serde::Serialize;

use crate::LibraryError;

/// The format of a manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ManifestFormat {
    /// Comma-separated values with a line of column names.
    #[default]
    Csv,
    /// An array of objects.
    Json,
}

/// One exported picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ManifestRow {
    /// Its name in the folder or archive.
    pub file: String,
    /// Where it came from.
    pub path: String,
    /// The image.
    pub image: ImageId,
    /// Date taken, in local time.
    pub taken: Option<String>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Cosine similarity to the query, where there was one.
    pub score: Option<f32>,
    /// Probability that it matches the query, where that is known.
    pub confidence: Option<f32>,
}

impl ManifestFormat {
    /// The name of the manifest's file.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Csv => "manifest.csv",
            Self::Json => "manifest.json",
        }
    }

    /// Writes a manifest into a folder, in the place of an earlier one.
    pub fn write(self, folder: &Path, rows: &[ManifestRow]) -> Result<(), LibraryError> {
        let path = folder.join(self.file_name());
        let written = self
            .text(rows)
            .and_then(|text| eidetic_atomic_file::write(&path, &text));
        written.map_err(LibraryError::io(&path))
    }

    /// The text of a manifest.
    ///
    /// Errors: none that the format has; a value cannot be written.
    pub fn text(self, rows: &[ManifestRow]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Json => Ok(serde_json::to_vec_pretty(rows)?),
            Self::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                for row in rows {
                    writer.serialize(row).map_err(std::io::Error::other)?;
                }
                writer
                    .into_inner()
                    .map_err(|error| std::io::Error::other(error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_has_a_row_for_each_picture() {
        let row = ManifestRow {
            file: "a, b.jpg".to_owned(),
            path: "/p/\"a\", b.jpg".to_owned(),
            image: ImageId::of(b"a"),
            taken: Some("2024-05-01T12:00:00".to_owned()),
            width: 40,
            height: 30,
            score: Some(0.25),
            confidence: None,
        };
        let csv = String::from_utf8(ManifestFormat::Csv.text(std::slice::from_ref(&row)).unwrap()).unwrap();
        let expected = format!(
            "file,path,image,taken,width,height,score,confidence\n\"a, b.jpg\",\"/p/\"\"a\"\", b.jpg\",{},2024-05-01T12:00:00,40,30,0.25,\n",
            row.image
        );
        assert_eq!(csv, expected);
        let json: serde_json::Value =
            serde_json::from_slice(&ManifestFormat::Json.text(&[row]).unwrap()).unwrap();
        assert_eq!(json[0]["width"], 40);
    }
}
