//! The side-cars of a folder's files: which files beside a picture say something about it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use eidetic_catalog::FileStamp;
use eidetic_domain::Details;
use eidetic_imaging::{MAX_SIDE_CAR, SideCarKind, read_side_car};

use crate::stamp::{Stamper, is_settled};

/// To be changed with the readers of details and the decoders: all details are read again, and all files that could not be
/// decoded.
const READER_VERSION: u64 = 2;

/// The part that Google Takeout adds to the names of its files, in whole or cut.
const TAKEOUT_SUFFIX: &str = ".supplemental-metadata";
/// Characters after which Google Takeout cuts a name, without `.json`.
const TAKEOUT_CUT: usize = 46;
/// What Google Takeout puts at the end of the name of an edited picture, whose file is that of the original.
const EDITED: &str = "-edited";
const PICASA: [&str; 2] = [".picasa.ini", "picasa.ini"];

/// One side-car of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideCar {
    pub kind: SideCarKind,
    pub path: PathBuf,
    /// When its folder was listed.
    pub stamp: FileStamp,
}

/// The side-cars in one folder by the names of what they belong to, so that a folder costs one listing however many
/// files it has.
#[derive(Debug, Default)]
pub struct FolderSideCars {
    /// By the name without the side-car's own extension, in lower case.
    by_name: HashMap<(SideCarKind, String), NamedSideCar>,
    /// The one of all pictures in the folder.
    picasa: Option<NamedSideCar>,
}

#[derive(Debug, Clone)]
struct NamedSideCar {
    name: PathBuf,
    stamp: FileStamp,
}

impl FolderSideCars {
    /// Those among the files of a folder.
    pub fn among<'a>(files: impl IntoIterator<Item = (&'a OsStr, FileStamp)>) -> Self {
        let mut folder = Self::default();
        for (name, stamp) in files {
            folder.add(name, stamp);
        }
        folder
    }

    /// Those in a folder; none where it cannot be listed.
    pub fn list(folder: &Path, stamper: &Stamper) -> Self {
        let mut side_cars = Self::default();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if is_side_car(&name)
                && let Ok(metadata) = fs::metadata(entry.path())
                && metadata.is_file()
            {
                side_cars.add(&name, stamper.stamp(&metadata));
            }
        }
        side_cars
    }

    fn add(&mut self, name: &OsStr, stamp: FileStamp) {
        if stamp.size > MAX_SIDE_CAR {
            return;
        }
        let named = NamedSideCar {
            name: name.into(),
            stamp,
        };
        match parts(name) {
            Some((SideCarKind::Picasa, _)) => self.picasa = Some(named),
            Some(key) => {
                self.by_name.insert(key, named);
            }
            None => {}
        }
    }

    /// The side-cars of the file `name` in `folder`, whose side-cars these are.
    pub fn of_file(&self, folder: &Path, name: &OsStr) -> Vec<SideCar> {
        if self.by_name.is_empty() && self.picasa.is_none() {
            return Vec::new();
        }
        let name = name.to_string_lossy().to_lowercase();
        let mut found = Vec::new();
        for kind in [SideCarKind::Xmp, SideCarKind::Caption] {
            let names = [Some(name.as_str()), stem(&name)];
            let named = names
                .into_iter()
                .flatten()
                .filter_map(|name| self.get(kind, name));
            found.extend(named.map(|side_car| (kind, side_car)));
        }
        let takeout = self
            .takeout(&name)
            .map(|side_car| (SideCarKind::Takeout, side_car));
        let picasa = self
            .picasa
            .as_ref()
            .map(|side_car| (SideCarKind::Picasa, side_car));
        found.extend(takeout.into_iter().chain(picasa));
        let side_car = |(kind, side_car): (SideCarKind, &NamedSideCar)| SideCar {
            kind,
            path: folder.join(&side_car.name),
            stamp: side_car.stamp,
        };
        found.into_iter().map(side_car).collect()
    }

    fn get(&self, kind: SideCarKind, name: &str) -> Option<&NamedSideCar> {
        self.by_name.get(&(kind, name.to_owned()))
    }

    /// `IMG.jpg.json`, `IMG.jpg.supplemental-metadata.json` with the end cut off anywhere, `IMG.jpg(1).json` for
    /// `IMG(1).jpg`, and the file of the original for an edited picture.
    fn takeout(&self, name: &str) -> Option<&NamedSideCar> {
        let (stem, extension) = name.rsplit_once('.')?;
        let numbered = split_number(stem).map(|(stem, number)| (format!("{stem}.{extension}"), number));
        let edited = stem
            .strip_suffix(EDITED)
            .map(|stem| (format!("{stem}.{extension}"), ""));
        let names = [Some((name.to_owned(), "")), numbered, edited];
        names.into_iter().flatten().find_map(|(name, number)| {
            takeout_names(&name, number).find_map(|name| self.by_name.get(&(SideCarKind::Takeout, name)))
        })
    }
}

/// The names, without `.json`, that Google Takeout may give to the file about `name`.
fn takeout_names(name: &str, number: &str) -> impl Iterator<Item = String> {
    let shortest = name.chars().count().min(TAKEOUT_CUT);
    let whole: Vec<char> = name.chars().chain(TAKEOUT_SUFFIX.chars()).collect();
    let number = number.to_owned();
    (shortest..=whole.len()).map(move |length| {
        let cut: String = whole[..length].iter().collect();
        cut + &number
    })
}

/// `IMG(1)` to `IMG` and `(1)`.
fn split_number(stem: &str) -> Option<(&str, &str)> {
    let at = stem.rfind('(')?;
    let digits = stem[at..].strip_prefix('(')?.strip_suffix(')')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| stem.split_at(at))
}

/// The name without its extension, if it has one.
fn stem(name: &str) -> Option<&str> {
    name.rsplit_once('.')
        .map(|(stem, _)| stem)
        .filter(|stem| !stem.is_empty())
}

/// Whether the file may be a side-car by its name.
pub fn is_side_car(name: &OsStr) -> bool {
    parts(name).is_some()
}

/// What a side-car of this name holds, and the name of what it belongs to in lower case.
fn parts(name: &OsStr) -> Option<(SideCarKind, String)> {
    let name = name.to_string_lossy().to_lowercase();
    if PICASA.contains(&name.as_str()) {
        return Some((SideCarKind::Picasa, String::new()));
    }
    let (stem, extension) = name.rsplit_once('.')?;
    let kind = match extension {
        "xmp" => SideCarKind::Xmp,
        "json" => SideCarKind::Takeout,
        "txt" => SideCarKind::Caption,
        _ => return None,
    };
    (!stem.is_empty()).then(|| (kind, stem.to_owned()))
}

/// A number that changes with the names, sizes and times of the side-cars, and with the reader.
pub fn fingerprint(side_cars: &[SideCar]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&READER_VERSION.to_le_bytes());
    for SideCar { path, stamp, .. } in side_cars {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
        hasher.update(&stamp.size.to_le_bytes());
        hasher.update(&stamp.modified_ns.to_le_bytes());
    }
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// The fingerprint to store of side-cars that are about to be read; none where one was changed so recently that it
/// may change again without a new time.
pub fn trusted_fingerprint(side_cars: &[SideCar]) -> Option<u64> {
    let now = SystemTime::now();
    let settled = side_cars.iter().all(|side_car| is_settled(side_car.stamp, now));
    settled.then(|| fingerprint(side_cars))
}

/// What the side-cars say about the picture at `picture`. One that is gone or cannot be read says nothing.
pub fn read_side_cars(side_cars: &[SideCar], picture: &Path) -> Vec<(SideCarKind, String, Details)> {
    let name = picture.file_name().unwrap_or_default().to_string_lossy();
    let said = |side_car: &SideCar| {
        let mut bytes = Vec::new();
        let file = File::open(&side_car.path).ok()?;
        file.take(MAX_SIDE_CAR).read_to_end(&mut bytes).ok()?;
        let details = read_side_car(side_car.kind, &bytes, &name)?;
        Some((side_car.kind, side_car.path.display().to_string(), details))
    };
    side_cars.iter().filter_map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> FolderSideCars {
        FolderSideCars::among(names.iter().map(|name| (OsStr::new(*name), FileStamp::default())))
    }

    /// The side-cars of `picture` among `names`.
    fn found(picture: &str, names: &[&str]) -> Vec<String> {
        let side_cars = folder(names).of_file(Path::new("/p"), OsStr::new(picture));
        let name = |side_car: SideCar| side_car.path.file_name().unwrap().to_str().unwrap().to_owned();
        side_cars.into_iter().map(name).collect()
    }

    #[test]
    fn side_cars_are_found_by_name() {
        let names = [
            "IMG.xmp",
            "img.JPG.XMP",
            "IMG.txt",
            "IMG2.xmp",
            "notes.md",
            "IMG.json",
        ];
        assert_eq!(found("IMG.jpg", &names), ["img.JPG.XMP", "IMG.xmp", "IMG.txt"]);
        assert_eq!(found("IMG2.CR2", &names), ["IMG2.xmp"]);
        assert_eq!(found("other.jpg", &names), [""; 0]);
        assert_eq!(found("a.jpg", &[".picasa.ini"]), [".picasa.ini"]);
    }

    #[test]
    fn takeout_names_are_understood() {
        for (picture, json) in [
            ("IMG.jpg", "IMG.jpg.json"),
            ("IMG.jpg", "IMG.jpg.supplemental-metadata.json"),
            (
                "PXL_20240704_101112345.NIGHT.jpg",
                "PXL_20240704_101112345.NIGHT.jpg.supplemental-.json",
            ),
            ("IMG(1).jpg", "IMG.jpg(1).json"),
            ("IMG(12).jpg", "IMG.jpg.supplemental-metadata(12).json"),
            ("IMG-edited.jpg", "IMG.jpg.json"),
            (
                "a_name_that_is_much_longer_than_forty-six_characters.jpg",
                "a_name_that_is_much_longer_than_forty-six_char.json",
            ),
        ] {
            assert_eq!(found(picture, &[json]), [json], "{picture}");
        }
        assert_eq!(found("IMG(1).jpg", &["IMG.jpg.json"]), [""; 0]);
        assert_eq!(found("IMG.jpg", &["IMG.jpg(1).json"]), [""; 0]);
        assert_eq!(found("IMG.jpg", &["IMG.jpg.other.json"]), [""; 0]);
    }

    #[test]
    fn fingerprint_changes_with_side_cars() {
        let side_car = |size, modified_ns| {
            let stamp = FileStamp {
                size,
                modified_ns,
                ..FileStamp::default()
            };
            FolderSideCars::among([(OsStr::new("a.xmp"), stamp)])
                .of_file(Path::new("/p"), OsStr::new("a.jpg"))
        };
        let print = |size, modified_ns| fingerprint(&side_car(size, modified_ns));
        assert_eq!(print(1, 2), print(1, 2));
        assert_ne!(print(1, 2), print(1, 3));
        assert_ne!(print(1, 2), print(2, 2));
        assert_ne!(print(1, 2), fingerprint(&[]));
    }
}
