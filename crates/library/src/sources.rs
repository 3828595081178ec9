//! What a library remembers of its sources, and how it keeps itself up to date with them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use eidetic_containers::{Contents, Ffmpeg, Videos};
use eidetic_domain::ContainerKind;
use eidetic_imaging::{DecodeLimits, FileKind, HEAD_LENGTH, classify};
use eidetic_indexer::{IndexingReport, KnownMount, Links, RemovalLimit, UnreachableSource, normalize};
use serde::{Deserialize, Serialize};

use crate::image_file::decode_small;
use crate::{Library, LibraryError};

/// What the last run found of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceState {
    pub(crate) path: PathBuf,
    /// Files with an image.
    #[serde(default)]
    images: u64,
    /// The file systems of the source and of folders below it.
    #[serde(default)]
    mounts: Vec<KnownMount>,
    /// Parts that could not be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<UnreachablePart>,
}

/// A source, or the part of one, that could not be reached by the last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreachablePart {
    /// The source, or the folder in it in which another file system begins.
    pub path: PathBuf,
    /// Why it counts as unreachable.
    pub reason: String,
    /// Files with an image that are missing and kept.
    pub images: u64,
}

/// Whether a source can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceReach {
    /// It is there.
    Present,
    /// It is not there now, or the last run found that its disk is not.
    Unreachable,
}

/// The state of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// The folder.
    pub path: PathBuf,
    /// Whether it can be reached.
    pub state: SourceReach,
    /// Files with an image that the last run left in the library; 0 before the first.
    pub images: u64,
    /// What the last run could not reach.
    #[serde(default)]
    pub unreachable: Vec<UnreachablePart>,
}

/// How a library is kept up to date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct IndexingSettings {
    /// Whether links in sources are followed.
    pub follow_links: bool,
    /// The share of a source's images whose loss at once is taken for the absence of its disk, from 0 to 1.
    pub absent_share: f64,
    /// The number of images below which a loss never is.
    pub absent_count: u64,
    /// Days for which the vectors and tags of removed images are kept.
    pub keep_removed_days: u32,
    /// Whether archives are looked into.
    pub archives: bool,
    /// Whether pages of documents, and further pages of TIFF files, are images.
    pub pages: bool,
    /// Whether frames of videos are images, where `ffmpeg` is installed.
    pub videos: bool,
    /// Million pixels up to which pictures are decoded in full; larger ones are decoded at a reduced size.
    pub max_megapixels: u32,
}

impl Default for IndexingSettings {
    fn default() -> Self {
        let limit = RemovalLimit::default();
        Self {
            follow_links: true,
            absent_share: limit.share,
            absent_count: limit.at_least,
            keep_removed_days: 30,
            archives: false,
            pages: false,
            videos: true,
            max_megapixels: DecodeLimits::MEGAPIXELS,
        }
    }
}

impl IndexingSettings {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) const fn links(&self) -> Links {
        if self.follow_links {
            Links::Follow
        } else {
            Links::Skip
        }
    }

    /// Looks for `ffmpeg`.
    pub(crate) fn contents(&self) -> Contents {
        let decode = || Ffmpeg::find().map_or(Videos::NoFfmpeg, Videos::Decode);
        Contents {
            archives: self.archives,
            pages: self.pages,
            videos: if self.videos { decode() } else { Videos::Ignore },
        }
    }

    pub(crate) const fn removal_limit(&self) -> RemovalLimit {
        RemovalLimit {
            share: self.absent_share,
            at_least: self.absent_count,
        }
    }
}

/// A path that is to be indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexPath {
    /// It exists; without links.
    Present(PathBuf),
    /// It cannot be reached.
    Missing {
        /// Absolute.
        path: PathBuf,
        /// Why, for display.
        reason: String,
    },
}

impl IndexPath {
    /// Looks at a path. Errors: it is neither a folder nor an image of a supported format.
    pub fn check(path: &Path) -> Result<Self, LibraryError> {
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) => {
                return Ok(Self::Missing {
                    path: without_links_above(path),
                    reason: match error.kind() {
                        ErrorKind::NotFound => "no such file or folder".into(),
                        _ => error.to_string(),
                    },
                });
            }
        };
        let not_indexable = |reason: String| LibraryError::NotIndexable {
            path: path.to_owned(),
            reason,
        };
        if real.is_dir() {
            return Ok(Self::Present(real));
        }
        if !real.is_file() {
            return Err(not_indexable("it is neither a folder nor an image".into()));
        }
        let head = read_head(&real).map_err(|error| not_indexable(error.to_string()))?;
        let named = |name: &Path| classify(&head, name);
        match named(&real) {
            // Nothing but its name says that it is one.
            FileKind::Image(_) if named(Path::new("")) == FileKind::NotImage && !is_readable_image(&real) => {
                Err(not_indexable(
                    "its name is that of an image, its content is not".into(),
                ))
            }
            FileKind::Image(_) => Ok(Self::Present(real)),
            FileKind::UnsupportedImage(reason) => Err(not_indexable(reason.into())),
            FileKind::NotImage if ContainerKind::of(&real).is_some() => Err(not_indexable(
                "archives, documents and videos are indexed with the folder that they are in".into(),
            )),
            FileKind::NotImage => Err(not_indexable("it is neither a folder nor an image".into())),
        }
    }
}

/// Sources are known by their paths without links; the folders above a missing one may be there.
fn without_links_above(path: &Path) -> PathBuf {
    let path = normalize(path);
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    match (parent, path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path,
    }
}

fn is_readable_image(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| decode_small(&bytes, &DecodeLimits::default()).is_some())
}

fn read_head(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(path)?
        .take(HEAD_LENGTH as u64)
        .read_to_end(&mut head)?;
    Ok(head)
}

impl Library {
    /// How the library is kept up to date.
    pub fn indexing_settings(&self) -> IndexingSettings {
        self.read_manifest().indexing.clone()
    }

    /// Changes how the library is kept up to date, from the next run on.
    pub fn set_indexing_settings(&self, settings: IndexingSettings) -> Result<(), LibraryError> {
        let megapixels = settings.max_megapixels;
        self.change_manifest(|manifest| manifest.indexing = settings)?;
        self.limits.set(megapixels);
        Ok(())
    }

    /// Folders below sources that are left out.
    pub fn excluded(&self) -> Vec<PathBuf> {
        self.read_manifest().excluded.clone()
    }

    /// The state of every source.
    pub fn source_statuses(&self) -> Vec<SourceStatus> {
        let manifest = self.read_manifest().clone();
        let status = |path: &PathBuf| {
            let state = manifest.source_states.iter().find(|state| state.path == *path);
            let unreachable = state.map(|state| state.unreachable.clone()).unwrap_or_default();
            SourceStatus {
                path: path.clone(),
                state: if unreachable.is_empty() && path.exists() {
                    SourceReach::Present
                } else {
                    SourceReach::Unreachable
                },
                images: state.map_or(0, |state| state.images),
                unreachable,
            }
        };
        manifest.sources.iter().map(status).collect()
    }

    /// The file systems that the last runs found.
    pub(crate) fn known_mounts(&self) -> Vec<KnownMount> {
        let manifest = self.read_manifest();
        let states = manifest.source_states.iter();
        states.flat_map(|state| state.mounts.iter().cloned()).collect()
    }

    /// Remembers what a complete run found of the sources that it walked.
    pub(crate) fn remember_sources(
        &self,
        walked: &[PathBuf],
        report: &IndexingReport,
    ) -> Result<(), LibraryError> {
        let sources = self.sources();
        let has_changed = report.indexed + report.moved + report.removed > 0;
        let mut states = Vec::new();
        for path in walked.iter().filter(|path| sources.contains(path)) {
            let before = self.read_manifest().source_states.clone();
            let before = before.into_iter().find(|state| state.path == *path);
            let images = match before {
                Some(before) if !has_changed => before.images,
                _ => self.count_images(path)?,
            };
            states.push(SourceState::new(path, images, report));
        }
        self.change_manifest(|manifest| {
            let is_new = |path: &PathBuf| states.iter().any(|state| state.path == *path);
            let sources = &manifest.sources;
            manifest
                .source_states
                .retain(|state| !is_new(&state.path) && sources.contains(&state.path));
            manifest.source_states.extend(states);
        })
    }
}

impl Library {
    /// Remembers what a run found of a source of which it looked at parts: the number of images in them before and now, and
    /// what it could not reach. A run that walks through the source says what is reachable again.
    pub(crate) fn remember_part(
        &self,
        source: &Path,
        (before, now): (u64, u64),
        report: &IndexingReport,
    ) -> Result<(), LibraryError> {
        self.change_manifest(|manifest| {
            let mut states = manifest.source_states.iter_mut();
            let Some(state) = states.find(|state| state.path == source) else {
                return;
            };
            state.images = (state.images + now).saturating_sub(before);
            let parts = report
                .unreachable
                .iter()
                .filter(|part| part.path.starts_with(source));
            for part in parts.map(UnreachablePart::from) {
                state.unreachable.retain(|known| known.path != part.path);
                state.unreachable.push(part);
            }
        })
    }
}

impl SourceState {
    fn new(path: &Path, images: u64, report: &IndexingReport) -> Self {
        let within = |part: &Path| part.starts_with(path);
        let mounts = report.mounts.iter().filter(|known| within(&known.folder));
        let unreachable = report.unreachable.iter().filter(|part| within(&part.path));
        Self {
            path: path.to_owned(),
            images,
            mounts: mounts.cloned().collect(),
            unreachable: unreachable.map(UnreachablePart::from).collect(),
        }
    }
}

impl From<&UnreachableSource> for UnreachablePart {
    fn from(source: &UnreachableSource) -> Self {
        Self {
            path: source.path.clone(),
            reason: source.reason.clone(),
            images: source.images,
        }
    }
}
