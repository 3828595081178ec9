//! Which of several copies to keep.

use std::cmp::{Ordering, Reverse};
use std::path::Path;

/// What is known of a copy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CopyFacts<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Width times height.
    pub pixels: u64,
    /// How its content is stored.
    pub encoding: Encoding,
    /// Whether the file names the camera.
    pub has_camera: bool,
    /// Whether the file itself says when it was taken.
    pub has_date: bool,
    /// Number of other details that are known, such as place, lens, caption and keywords.
    pub details: usize,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// How close an encoding is to what a camera recorded, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// Few colors.
    Palette,
    /// Lossy, and mostly made from another file.
    Converted,
    /// Lossy, as cameras write it.
    Photo,
    /// Every pixel as it was.
    Lossless,
    /// What the sensor recorded.
    Raw,
}

/// So many steps below a byte a pixel no file is.
const FIDELITY_OF_NOTHING: i32 = 64;
/// Names of folders that hold copies, in lower case.
const COPY_FOLDERS: &[&str] = &[
    "backup",
    "backups",
    "bak",
    "copies",
    "copy",
    "download",
    "downloads",
    "duplicate",
    "duplicates",
    "export",
    "exports",
    "old",
    "recycle",
    "recycled",
    "sent",
    "temp",
    "thumbnails",
    "thumbs",
    "tmp",
    "trash",
    "kopie",
    "kopien",
    "papierkorb",
    "$recycle.bin",
    "#recycle",
    ".trash",
    ".trashes",
    "@recycle",
];
/// Words in a file's name that say that it is a copy, in lower case.
const COPY_WORDS: &[&str] = &["copy", "copia", "copie", "kopie", "duplicate"];

/// Orders copies, the best first: by resolution, encoding, compression, metadata, names of folders and file, size, length of
/// the path.
///
/// A lossless file without camera and date comes after a photo that has one of them: saving a JPEG picture as PNG loses what
/// the camera wrote, and brings no pixel back.
pub fn best_first(a: &CopyFacts<'_>, b: &CopyFacts<'_>) -> Ordering {
    Rank::of(b).cmp(&Rank::of(a)).then_with(|| tie(a).cmp(&tie(b)))
}

/// Larger is better.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    pixels: u64,
    encoding: u8,
    fidelity: i32,
    has_camera: bool,
    has_date: bool,
    details: usize,
    signs_of_copy: Reverse<u32>,
    bytes: u64,
}

impl Rank {
    fn of(copy: &CopyFacts<'_>) -> Self {
        Self {
            pixels: copy.pixels,
            encoding: encoding_rank(copy),
            fidelity: fidelity(copy),
            has_camera: copy.has_camera,
            has_date: copy.has_date,
            details: copy.details,
            signs_of_copy: Reverse(signs_of_copy(copy.path)),
            bytes: copy.bytes,
        }
    }
}

/// A photo with what its camera wrote comes before a lossless file without: that was made from it.
fn encoding_rank(copy: &CopyFacts<'_>) -> u8 {
    match (copy.encoding, copy.has_camera || copy.has_date) {
        (Encoding::Raw, _) => 6,
        (Encoding::Lossless, true) => 5,
        (Encoding::Photo, true) => 4,
        (Encoding::Lossless, false) => 3,
        (Encoding::Photo, false) => 2,
        (Encoding::Converted, _) => 1,
        (Encoding::Palette, _) => 0,
    }
}

/// Steps of bytes for each pixel, of which two double them: a file that was compressed once more is smaller. What sensors and
/// lossless files need says nothing.
fn fidelity(copy: &CopyFacts<'_>) -> i32 {
    if copy.encoding >= Encoding::Lossless || copy.pixels == 0 || copy.bytes == 0 {
        return 0;
    }
    (2.0 * (copy.bytes as f64 / copy.pixels as f64).log2()).round() as i32 + FIDELITY_OF_NOTHING
}

/// Smaller is better.
fn tie<'a>(copy: &CopyFacts<'a>) -> (usize, usize, &'a Path) {
    let path = copy.path;
    (path.components().count(), path.as_os_str().len(), path)
}

/// How many parts of a path say that the file is a copy.
fn signs_of_copy(path: &Path) -> u32 {
    let folders = path.parent().map_or(0, |parent| {
        let names = parent.iter().map(|name| name.to_string_lossy().to_lowercase());
        names.filter(|name| is_copy_folder(name)).count() as u32
    });
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    folders + u32::from(stem.is_some_and(|stem| is_copy_name(&stem)))
}

fn is_copy_folder(name: &str) -> bool {
    COPY_FOLDERS.contains(&name) || name.starts_with(".trash") || words(name).any(|word| word == "backup")
}

/// Such as `img (1)`, `img copy 2`, `copy of img`, `img-kopie`.
fn is_copy_name(stem: &str) -> bool {
    let numbered = stem.strip_suffix(')').and_then(|stem| stem.rsplit_once('('));
    let is_number =
        |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    numbered.is_some_and(|(_, number)| is_number(number))
        || words(stem).any(|word| COPY_WORDS.contains(&word))
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(path: &str) -> CopyFacts<'_> {
        CopyFacts {
            path: Path::new(path),
            pixels: 100,
            encoding: Encoding::Photo,
            has_camera: true,
            has_date: true,
            details: 3,
            bytes: 1000,
        }
    }

    #[track_caller]
    fn assert_first(better: CopyFacts<'_>, worse: CopyFacts<'_>) {
        assert_eq!(
            best_first(&better, &worse),
            Ordering::Less,
            "{better:?} {worse:?}"
        );
        assert_eq!(best_first(&worse, &better), Ordering::Greater);
    }

    #[test]
    fn rules_apply_in_order() {
        let large = CopyFacts {
            pixels: 400,
            ..facts("/p/Downloads/a (1).jpg")
        };
        assert_first(large, facts("/p/a.jpg"));
        let converted = CopyFacts {
            encoding: Encoding::Converted,
            ..facts("/p/a.webp")
        };
        assert_first(facts("/p/copies/a.jpg"), converted);
        let bare = CopyFacts {
            has_camera: false,
            ..facts("/p/a.jpg")
        };
        assert_first(facts("/p/copies/a.jpg"), bare);
        let poor = CopyFacts {
            details: 0,
            ..facts("/p/a.jpg")
        };
        assert_first(facts("/p/b/a.jpg"), poor);
        let strong = CopyFacts {
            bytes: 2000,
            ..facts("/p/b/a.jpg")
        };
        assert_first(strong, facts("/p/a.jpg"));
        let strong = CopyFacts {
            bytes: 2000,
            has_camera: false,
            ..facts("/p/Downloads/a (1).jpg")
        };
        assert_first(strong, facts("/p/a.jpg"));
    }

    #[test]
    fn copies_by_name_come_later() {
        for copy in [
            "/p/a (1).jpg",
            "/p/a copy.jpg",
            "/p/a - Copy (2).jpg",
            "/p/Copy of a.jpg",
            "/p/a-Kopie.jpg",
            "/p/Backup/a.jpg",
            "/p/Backup 2020/a.jpg",
            "/p/Downloads/a.jpg",
            "/p/.Trash-1000/a.jpg",
            "/p/$RECYCLE.BIN/a.jpg",
        ] {
            assert_first(facts("/p/a/longer/path/to a.jpg"), facts(copy));
        }
        for ordinary in [
            "/p/copyright.jpg",
            "/p/a (2019).jpg",
            "/p/copenhagen/a.jpg",
            "/p/1 (a).jpg",
        ] {
            assert_eq!(signs_of_copy(Path::new(ordinary)), 0, "{ordinary}");
        }
        assert_first(facts("/p/a.jpg"), facts("/p/q/a.jpg"));
        assert_first(facts("/p/a.jpg"), facts("/p/abc.jpg"));
    }

    #[test]
    fn lossless_without_metadata_is_conversion() {
        let png = CopyFacts {
            encoding: Encoding::Lossless,
            has_camera: false,
            has_date: false,
            ..facts("/p/a.png")
        };
        assert_first(facts("/p/b.jpg"), png);
        let bare = CopyFacts {
            has_camera: false,
            has_date: false,
            ..facts("/p/a.jpg")
        };
        assert_first(png, bare);
        let tiff = CopyFacts {
            encoding: Encoding::Lossless,
            ..facts("/p/b/a.tiff")
        };
        assert_first(tiff, facts("/p/b.jpg"));
    }
}
