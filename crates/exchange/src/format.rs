//! Formats of files of embeddings, and how they are recognized.

use std::path::Path;
use std::str::FromStr;

/// A format of files of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Arrays of `NumPy` in a ZIP archive.
    Npz,
    /// One JSON object a line.
    JsonLines,
    /// A folder as clip-retrieval writes it.
    ClipRetrieval,
}

impl FileFormat {
    /// All of them, with the names that people give.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("parquet", Self::Parquet),
        ("npz", Self::Npz),
        ("jsonl", Self::JsonLines),
        ("clip-retrieval", Self::ClipRetrieval),
    ];

    /// The format that the name of a file says; that of a folder for a folder that exists.
    pub fn of_path(path: &Path) -> Option<Self> {
        if path.is_dir() {
            return Some(Self::ClipRetrieval);
        }
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "parquet" | "pq" => Some(Self::Parquet),
            "npz" => Some(Self::Npz),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

impl FromStr for FileFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::NAMES.iter().find(|(name, _)| *name == text);
        named.map(|(_, format)| *format).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!("unknown format {text:?}; expected one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_follows_name_and_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            FileFormat::of_path(folder.path()),
            Some(FileFormat::ClipRetrieval)
        );
        for (name, format) in [
            ("a.parquet", Some(FileFormat::Parquet)),
            ("b.c.NPZ", Some(FileFormat::Npz)),
            ("a.jsonl", Some(FileFormat::JsonLines)),
            ("a.json", None),
            ("parquet", None),
        ] {
            assert_eq!(FileFormat::of_path(Path::new(name)), format, "{name}");
        }
        assert_eq!("clip-retrieval".parse(), Ok(FileFormat::ClipRetrieval));
        assert!("csv".parse::<FileFormat>().is_err());
    }
}
