//! Paths of pictures inside files: `holiday.zip!/beach/01.jpg`, `scan.pdf!/page 3`, `clip.mp4!/0:01:23.500`.

use std::fmt;
use std::path::{Path, PathBuf};

/// What separates the name of a file from its parts, at the end of the name.
const MARK: char = '!';

/// A picture inside a file that can be looked into, by a path below that of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartPath {
    /// The file.
    pub file: PathBuf,
    /// Which part of it; names of members of an archive have `/` between folders.
    pub part: String,
}

/// Where in its file a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartPosition {
    /// A member of an archive.
    Member,
    /// A page, counted from 1.
    Page(u32),
    /// A frame of a video.
    Moment(Moment),
}

/// Time since the start of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Milliseconds.
    pub milliseconds: u64,
}

/// Kinds of files in which pictures are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainerKind {
    /// ZIP, also as comic book, or tar.
    Archive,
    /// PDF.
    Document,
    /// TIFF, whose pages after the first are parts.
    PagedImage,
    /// A video.
    Video,
}

impl ContainerKind {
    /// The kind of a file by the extension of its name.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.as_bytes();
        // Without allocating, since every file of a walk is looked at.
        let mut lower = [0; 5];
        let lower = lower.get_mut(..extension.len())?;
        lower.copy_from_slice(extension);
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"zip" | b"cbz" | b"tar" | b"cbt" => Self::Archive,
            b"pdf" => Self::Document,
            b"tif" | b"tiff" => Self::PagedImage,
            b"3g2" | b"3gp" | b"asf" | b"avi" | b"divx" | b"flv" | b"m2t" | b"m2ts" | b"m4v" | b"mkv"
            | b"mov" | b"mp4" | b"mpeg" | b"mpg" | b"mts" | b"mxf" | b"ogm" | b"ogv" | b"vob" | b"webm"
            | b"wmv" => Self::Video,
            _ => return None,
        })
    }
}

impl PartPath {
    /// A part of a file.
    pub fn new(file: &Path, part: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            part: part.into(),
        }
    }

    /// The part that a path names; none where no folder in it is named like a container with the mark. Files in a
    /// folder of such a name look the same.
    pub fn parse(path: &Path) -> Option<Self> {
        let mut ancestors: Vec<&Path> = path.ancestors().skip(1).collect();
        ancestors.reverse();
        ancestors.into_iter().find_map(|folder| {
            let name = folder.file_name()?.to_str()?.strip_suffix(MARK)?;
            let file = folder.with_file_name(name);
            ContainerKind::of(&file)?;
            let part = path.strip_prefix(folder).ok()?.to_str()?;
            Some(Self {
                file,
                part: part.to_owned(),
            })
        })
    }

    /// As the catalog stores it, below the file's folder.
    pub fn path(&self) -> PathBuf {
        Self::folder_of(&self.file).join(&self.part)
    }

    /// The path below which the paths of a file's parts are.
    pub fn folder_of(file: &Path) -> PathBuf {
        let mut folder = file.to_owned().into_os_string();
        folder.push(MARK.to_string());
        folder.into()
    }

    /// Where in the file it is.
    pub fn position(&self) -> PartPosition {
        match ContainerKind::of(&self.file) {
            Some(ContainerKind::Document | ContainerKind::PagedImage) => {
                page_number(&self.part).map_or(PartPosition::Member, PartPosition::Page)
            }
            Some(ContainerKind::Video) => {
                Moment::parse(&self.part).map_or(PartPosition::Member, PartPosition::Moment)
            }
            Some(ContainerKind::Archive) | None => PartPosition::Member,
        }
    }
}

/// The name of a page, counted from 1.
pub fn page_name(page: u32) -> String {
    format!("page {page}")
}

fn page_number(name: &str) -> Option<u32> {
    name.strip_prefix("page ")?.parse().ok()
}

impl Moment {
    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.milliseconds as f64 / 1000.0
    }

    /// The moment that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (clock, fraction) = text.split_once('.')?;
        let mut fields = clock.split(':').map(str::parse::<u64>);
        let (hours, minutes, seconds) = (fields.next()?.ok()?, fields.next()?.ok()?, fields.next()?.ok()?);
        let milliseconds: u64 = fraction.parse().ok()?;
        let is_whole = fields.next().is_none() && fraction.len() == 3;
        is_whole.then_some(Self {
            milliseconds: ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds,
        })
    }
}

impl fmt::Display for Moment {
    /// Hours, minutes, seconds and milliseconds: `0:01:23.500`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.milliseconds / 1000;
        write!(
            f,
            "{}:{:02}:{:02}.{:03}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            self.milliseconds % 1000
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> Option<(String, String)> {
        PartPath::parse(Path::new(path)).map(|part| (part.file.to_str().unwrap().into(), part.part))
    }

    #[test]
    fn part_paths_round_trip() {
        for (file, part) in [
            ("/p/a.zip", "beach/01.jpg"),
            ("/p/A.CBZ", "1.png"),
            ("/p/scan.tif", "page 2"),
            ("/p/clip.mp4", "0:01:23.500"),
        ] {
            let whole = PartPath::new(Path::new(file), part);
            assert_eq!(PartPath::parse(&whole.path()), Some(whole));
        }
        assert_eq!(
            parsed("/p/a.zip!/b.zip!/c.jpg"),
            Some(("/p/a.zip".into(), "b.zip!/c.jpg".into()))
        );
    }

    #[test]
    fn ordinary_paths_have_no_part() {
        for path in ["/p/a.zip", "/p/wow!/a.jpg", "/p/a.zip!", "a.jpg", "/p/a.jpg!/b"] {
            assert_eq!(parsed(path), None, "{path}");
        }
    }

    #[test]
    fn positions_are_read_from_names() {
        let position = |path: &str| PartPath::parse(Path::new(path)).unwrap().position();
        assert_eq!(position("/a.pdf!/page 12"), PartPosition::Page(12));
        assert_eq!(position("/a.zip!/page 12"), PartPosition::Member);
        let moment = Moment { milliseconds: 83_500 };
        assert_eq!(position("/a.mov!/0:01:23.500"), PartPosition::Moment(moment));
        assert_eq!(
            (moment.to_string().as_str(), moment.seconds()),
            ("0:01:23.500", 83.5)
        );
        for text in [
            "",
            "1",
            "1:2",
            "0:01:23.5",
            "0:01:23.5000",
            "0:01:23",
            "0:0:0:0.000",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
