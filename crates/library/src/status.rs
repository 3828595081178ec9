use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, CatalogCounts, TagStore};
use eidetic_domain::Precision;
use eidetic_vectors::IndexKind;
use serde::{Deserialize, Serialize};

use crate::{Library, LibraryError, RecallStatus, SpaceStatus, SwitchStatus};

/// How a library stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Its directory.
    pub library: PathBuf,
    /// Different images.
    pub images: u64,
    /// Paths at which they stand.
    pub paths: u64,
    /// Files that could not be read as pictures.
    pub failed: u64,
    /// Images whose vectors are damaged; the next indexing run repairs them.
    pub damaged: u64,
    /// Images that carry tags.
    #[serde(default)]
    pub tagged: u64,
    /// How to load the active space's model.
    pub model: String,
    /// Its active space.
    pub space: String,
    /// The precisions that its vectors were computed in, the latest run's last.
    #[serde(default)]
    pub precisions: Vec<Precision>,
    /// Folders that it indexes.
    pub sources: Vec<PathBuf>,
    /// All its spaces, the active one first.
    #[serde(default)]
    pub spaces: Vec<SpaceStatus>,
    /// The switch to another space that has begun and has not ended.
    #[serde(default)]
    pub switch: Option<SwitchStatus>,
    /// The vector index.
    pub index: IndexStatus,
    /// Disk space.
    pub bytes: BytesOnDisk,
    /// How much of what exact search finds the index finds, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallStatus>,
}

/// How the vector index stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexStatus {
    /// `exact` or `hnsw`.
    pub kind: String,
    /// Live vectors.
    pub vectors: u64,
    /// Rows that removed images left behind, to be used again.
    pub tombstones: u64,
}

/// Disk space by part, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BytesOnDisk {
    /// The catalog.
    pub catalog: u64,
    /// The vector file.
    pub vectors: u64,
    /// The search graph.
    pub graph: u64,
    /// The thumbnails.
    pub thumbnails: u64,
}

impl Library {
    /// How much the library holds; costs no walk through its files, so it may be asked often.
    pub fn counts(&self) -> Result<CatalogCounts, LibraryError> {
        Ok(self.catalog.counts()?)
    }

    /// Folders that the library indexes.
    pub fn sources(&self) -> Vec<PathBuf> {
        self.read_manifest().sources.clone()
    }

    /// How the library stands now. Needs no model.
    pub fn status(&self) -> Result<Status, LibraryError> {
        let counts = self.catalog.counts()?;
        let active = self.active();
        let stats = active.read_vectors().stats()?;
        let spaces = self.spaces()?;
        let own = spaces.iter().find(|space| space.number == active.number.0);
        Ok(Status {
            library: self.directory.clone(),
            images: counts.images,
            paths: counts.paths,
            failed: counts.failed,
            damaged: active.damaged() as u64,
            tagged: active.catalog.tag_summary()?.images,
            model: active.model.clone(),
            space: active.space().to_string(),
            precisions: own.map(|space| space.precisions.clone()).unwrap_or_default(),
            sources: self.sources(),
            switch: self.planned_switch()?,
            spaces,
            index: IndexStatus {
                kind: kind_name(stats.kind).to_owned(),
                vectors: stats.vectors as u64,
                tombstones: stats.tombstones as u64,
            },
            bytes: BytesOnDisk {
                catalog: bytes_below(&self.directory.join("catalog")),
                vectors: stats.bytes_on_disk,
                graph: stats.graph_bytes,
                thumbnails: bytes_below(&self.directory.join("thumbnails")),
            },
            recall: None,
        })
    }
}

const fn kind_name(kind: IndexKind) -> &'static str {
    match kind {
        IndexKind::Exact => "exact",
        IndexKind::Hnsw => "hnsw",
    }
}

/// What the files below `folder` take; a folder that cannot be read counts nothing.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
