use std::fs;
use std::path::{Component, Path, PathBuf};

use eidetic_domain::{Precision, SpaceId};
use serde::{Deserialize, Serialize};

use crate::{LibraryError, durable};

/// Version of the library's layout that this program writes and reads.
const FORMAT: u32 = 1;
const FILE_NAME: &str = "library.json";

/// What a library is made of; the file that makes a directory a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// How to load the model again: the text form of a `ModelRef`.
    pub(crate) model: String,
    /// The space of all vectors.
    pub(crate) space: SpaceId,
    /// Folders that the library indexes, absolute.
    pub(crate) sources: Vec<PathBuf>,
    /// The precisions that indexing runs computed in, the latest last. Libraries older than this have none: f32.
    #[serde(default)]
    precisions: Vec<Precision>,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Manifest {
    pub(crate) fn new(model: String, space: SpaceId) -> Self {
        Self {
            format: FORMAT,
            model,
            space,
            sources: Vec::new(),
            precisions: Vec::new(),
        }
    }

    /// The precisions that indexing runs computed in, the latest last; at least one.
    pub(crate) fn precisions(&self) -> &[Precision] {
        match self.precisions.as_slice() {
            [] => &[Precision::F32],
            known => known,
        }
    }

    /// The precision of the latest run.
    pub(crate) fn precision(&self) -> Precision {
        self.precisions().last().copied().unwrap_or_default()
    }

    /// Remembers that a run computes in `precision`. Whether the library holds vectors already decides whether what was
    /// not written down counts.
    pub(crate) fn add_precision(&mut self, precision: Precision, vectors: usize) {
        if vectors > 0 {
            self.precisions = self.precisions().to_vec();
        } else {
            self.precisions.clear();
        }
        self.precisions.retain(|known| *known != precision);
        self.precisions.push(precision);
    }

    /// `None` when there is no manifest.
    pub(crate) fn read(library: &Path) -> Result<Option<Self>, LibraryError> {
        let path = library.join(FILE_NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LibraryError::io(&path)(error)),
        };
        let damaged = |error: serde_json::Error| LibraryError::DamagedManifest {
            path: path.clone(),
            reason: error.to_string(),
        };
        // The version first: a later version may have other fields.
        let FormatOnly { format } = serde_json::from_slice(&text).map_err(damaged)?;
        if format != FORMAT {
            let path = library.to_owned();
            return Err(LibraryError::UnknownVersion {
                path,
                found: format,
                supported: FORMAT,
            });
        }
        serde_json::from_slice(&text).map(Some).map_err(damaged)
    }

    /// Replaces the file in one step: a crash leaves the old or the new one.
    pub(crate) fn write(&self, library: &Path) -> Result<(), LibraryError> {
        let path = library.join(FILE_NAME);
        serde_json::to_vec_pretty(self)
            .map_err(std::io::Error::from)
            .and_then(|text| durable::replace(library, FILE_NAME, &text))
            .map_err(LibraryError::io(&path))
    }

    /// Adds a folder unless a walk of a folder known already reaches it.
    pub(crate) fn add_source(&mut self, folder: &Path) {
        if self.sources.iter().any(|known| reaches(known, folder)) {
            return;
        }
        self.sources.retain(|known| !reaches(folder, known));
        self.sources.push(folder.to_owned());
    }
}

/// Whether walking `outer` meets `inner`: hidden folders are passed over, unless they are a source themselves.
fn reaches(outer: &Path, inner: &Path) -> bool {
    let hidden = |part: Component| part.as_os_str().to_string_lossy().starts_with('.');
    inner
        .strip_prefix(outer)
        .is_ok_and(|rest| !rest.components().any(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> SpaceId {
        SpaceId {
            model: "m".into(),
            revision: "r".into(),
            preprocessing: "p".into(),
            dimension: 4,
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Manifest::read(dir.path()).unwrap().is_none());
        let mut manifest = Manifest::new("builtin".into(), space());
        manifest.add_source(Path::new("/photos"));
        manifest.write(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), Some(manifest));
    }

    #[test]
    fn precisions_are_remembered_while_there_are_vectors() {
        let mut manifest = Manifest::new("builtin".into(), space());
        assert_eq!(manifest.precisions(), [Precision::F32]);
        manifest.add_precision(Precision::Int8, 0);
        assert_eq!(manifest.precisions(), [Precision::Int8]);
        manifest.add_precision(Precision::F32, 5);
        manifest.add_precision(Precision::Int8, 5);
        assert_eq!(manifest.precisions(), [Precision::F32, Precision::Int8]);
        assert_eq!(manifest.precision(), Precision::Int8);
        let older = Manifest::new("builtin".into(), space());
        let mut mixed = older.clone();
        mixed.add_precision(Precision::Int8, 5);
        assert_eq!(mixed.precisions(), [Precision::F32, Precision::Int8]);
    }

    #[test]
    fn a_manifest_without_precisions_is_read_as_f32() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = Manifest::new("builtin".into(), space());
        let mut json = serde_json::to_value(&manifest).unwrap();
        json.as_object_mut().unwrap().remove("precisions");
        fs::write(dir.path().join(FILE_NAME), json.to_string()).unwrap();
        let read = Manifest::read(dir.path()).unwrap().unwrap();
        assert_eq!(read.precision(), Precision::F32);
    }

    #[test]
    fn a_folder_within_a_source_is_no_source_of_its_own() {
        let mut manifest = Manifest::new("builtin".into(), space());
        manifest.add_source(Path::new("/photos/2020"));
        manifest.add_source(Path::new("/photos/2021"));
        manifest.add_source(Path::new("/photos"));
        manifest.add_source(Path::new("/photos/2022"));
        assert_eq!(manifest.sources, [PathBuf::from("/photos")]);
    }

    #[test]
    fn a_hidden_folder_within_a_source_is_one_of_its_own() {
        let mut manifest = Manifest::new("builtin".into(), space());
        manifest.add_source(Path::new("/photos/.private"));
        manifest.add_source(Path::new("/photos"));
        manifest.add_source(Path::new("/photos/.private/2020"));
        manifest.add_source(Path::new("/photos/.other"));
        let sources = ["/photos/.private", "/photos", "/photos/.other"].map(PathBuf::from);
        assert_eq!(manifest.sources, sources);
    }

    #[test]
    fn a_later_format_and_damage_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), r#"{"format":2,"stars":[]}"#).unwrap();
        let error = Manifest::read(dir.path()).unwrap_err();
        assert!(matches!(
            error,
            LibraryError::UnknownVersion {
                found: 2,
                supported: 1,
                ..
            }
        ));
        fs::write(dir.path().join(FILE_NAME), "{\"form").unwrap();
        assert!(matches!(
            Manifest::read(dir.path()),
            Err(LibraryError::DamagedManifest { .. })
        ));
    }
}
