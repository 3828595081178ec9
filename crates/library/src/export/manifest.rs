//! The list of what was exported, for people's spreadsheets and for programs.

use std::path::{Path, PathBuf};

use eidetic_domain::ImageId;
use serde::Serialize;

use super::ExportItem;
use crate::DuplicateKind;

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
#[derive(Debug, PartialEq, Serialize)]
struct ManifestRow {
    /// Its name in the folder or archive.
    file: String,
    /// Where it came from.
    path: String,
    image: ImageId,
    taken: Option<String>,
    width: u32,
    height: u32,
    score: Option<f32>,
    confidence: Option<f32>,
    /// The number of its group; this and what follows only where duplicates are exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<DuplicateKind>,
    /// Whether it is the one of its group to keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<bool>,
}

impl ManifestRow {
    fn new(item: &ExportItem, name: &Path) -> Self {
        Self {
            file: name.to_string_lossy().into_owned(),
            path: item.path.to_string_lossy().into_owned(),
            image: item.image,
            taken: item.taken.map(|taken| taken.to_string()),
            width: item.width,
            height: item.height,
            score: item.score,
            confidence: item.confidence,
            group: item.group.map(|group| group.number),
            kind: item.group.map(|group| group.kind),
            best: item.group.map(|group| group.best),
        }
    }
}

impl ManifestFormat {
    /// The name of the manifest's file.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Csv => "manifest.csv",
            Self::Json => "manifest.json",
        }
    }

    /// The text of a manifest of the items that have a name; `names` are those of the first items, in order.
    ///
    /// Errors: a value cannot be written.
    pub(super) fn text(self, items: &[ExportItem], names: &[Option<PathBuf>]) -> std::io::Result<Vec<u8>> {
        let named = items.iter().zip(names);
        let rows = named.filter_map(|(item, name)| Some(ManifestRow::new(item, name.as_ref()?)));
        let rows: Vec<ManifestRow> = rows.collect();
        match self {
            Self::Json => Ok(serde_json::to_vec_pretty(&rows)?),
            Self::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                for row in &rows {
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
    use crate::ExportGroup;

    #[test]
    fn manifest_has_a_row_for_each_picture() {
        let item = ExportItem {
            image: ImageId::of(b"a"),
            path: "/p/\"a\", b.jpg".into(),
            taken: Some("2024-05-01T12:00:00".parse().unwrap()),
            width: 40,
            height: 30,
            score: Some(0.25),
            confidence: None,
            group: None,
        };
        let items = [item.clone(), item.clone()];
        let names = [None, Some(PathBuf::from("a, b.jpg"))];
        let text = |format: ManifestFormat| format.text(&items, &names).unwrap();
        let csv = String::from_utf8(text(ManifestFormat::Csv)).unwrap();
        let expected = format!(
            "file,path,image,taken,width,height,score,confidence\n\"a, b.jpg\",\"/p/\"\"a\"\", b.jpg\",{},2024-05-01T12:00:00,40,30,0.25,\n",
            item.image
        );
        assert_eq!(csv, expected);
        let json: serde_json::Value = serde_json::from_slice(&text(ManifestFormat::Json)).unwrap();
        assert_eq!(json[0]["width"], 40);
        assert_eq!(json[0].get("group"), None);
    }

    #[test]
    fn manifest_of_groups_marks_the_best() {
        let item = |best| ExportItem {
            image: ImageId::of(b"a"),
            path: "/p/a.jpg".into(),
            taken: None,
            width: 40,
            height: 30,
            score: None,
            confidence: None,
            group: Some(ExportGroup {
                number: 7,
                kind: DuplicateKind::Near,
                best,
            }),
        };
        let items = [item(true), item(false)];
        let names = items.each_ref().map(|item| item.names().next());
        let csv = String::from_utf8(ManifestFormat::Csv.text(&items, &names).unwrap()).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].ends_with(",confidence,group,kind,best"), "{csv}");
        assert!(
            lines[1].starts_with("group 0007/a.jpg,") && lines[1].ends_with(",7,near,true"),
            "{csv}"
        );
        assert!(lines[2].ends_with(",7,near,false"), "{csv}");
    }
}
