//! Which files are looked into.

use std::path::Path;

use eidetic_domain::ContainerKind;

use crate::Ffmpeg;

/// Which kinds of files are looked into for pictures.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Archives.
    pub archives: bool,
    /// Pages of documents, and further pages of paged images.
    pub pages: bool,
    /// Videos.
    pub videos: Videos,
}

/// What to do with videos.
#[derive(Debug, Clone, Default)]
pub enum Videos {
    /// They are no pictures.
    #[default]
    Ignore,
    /// Frames are wanted, but `ffmpeg` is not installed.
    NoFfmpeg,
    /// Frames are decoded by this program.
    Decode(Ffmpeg),
}

impl Contents {
    /// The number in the fingerprint of a video whose frames are known.
    pub const VIDEO_MARK: u64 = mark(ContainerKind::Video);

    /// The kind of a file that is looked into.
    pub fn kind(&self, path: &Path) -> Option<ContainerKind> {
        ContainerKind::of(path).filter(|kind| match kind {
            ContainerKind::Archive => self.archives,
            ContainerKind::Document | ContainerKind::PagedImage => self.pages,
            ContainerKind::Video => matches!(self.videos, Videos::Decode(_)),
        })
    }

    /// A number that is in the fingerprint of a file that was looked into: 0 for others. A file of which the number is
    /// another one is read again.
    pub fn mark(&self, path: &Path) -> u64 {
        self.kind(path).map_or(0, mark)
    }

    /// Whether the parts of a file with this number are still wanted, although they cannot be read now.
    pub fn keeps(&self, path: &Path, marked: u64) -> bool {
        matches!(self.videos, Videos::NoFfmpeg)
            && ContainerKind::of(path) == Some(ContainerKind::Video)
            && marked == Self::VIDEO_MARK
    }

    /// Whether the file is a video that is passed over, since `ffmpeg` is not installed.
    pub fn passes_over(&self, path: &Path) -> bool {
        matches!(self.videos, Videos::NoFfmpeg) && ContainerKind::of(path) == Some(ContainerKind::Video)
    }

    /// The program that decodes videos.
    pub fn ffmpeg(&self) -> Option<&Ffmpeg> {
        match &self.videos {
            Videos::Decode(ffmpeg) => Some(ffmpeg),
            Videos::Ignore | Videos::NoFfmpeg => None,
        }
    }
}

/// To be changed with the reader of a kind: all files of that kind are read again.
const fn mark(kind: ContainerKind) -> u64 {
    match kind {
        ContainerKind::Archive => 0x6172_6368_6976_6501,
        ContainerKind::Document => 0x646f_6375_6d65_6e01,
        ContainerKind::PagedImage => 0x7061_6765_735f_5f01,
        ContainerKind::Video => 0x7669_6465_6f5f_5f01,
    }
}
