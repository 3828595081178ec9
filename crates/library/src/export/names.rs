//! Names of exported pictures.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use eidetic_domain::{PartPath, PartPosition};

/// Numbers that are tried before a name is given up.
const MOST_NUMBERS: u32 = 100_000;

/// The names that an export has given. Names that differ only in the case of letters are the same to some file systems.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Names for the picture at a path, the best first: `a.jpg`, `a (2).jpg`, …
    pub fn candidates(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
        let name = match PartPath::parse(path) {
            Some(_) => PathBuf::from(saved_name(path).unwrap_or_default()),
            None => PathBuf::from(path.file_name().unwrap_or_default()),
        };
        (1..MOST_NUMBERS).map(move |number| numbered(&name, number))
    }

    /// Whether a name was given.
    pub fn is_taken(&self, name: &Path) -> bool {
        self.taken.contains(&folded(name))
    }

    /// Notes that a name was given.
    pub fn take(&mut self, name: &Path) {
        self.taken.insert(folded(name));
    }
}

fn folded(name: &Path) -> String {
    name.to_string_lossy().to_lowercase()
}

fn numbered(name: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return name.to_owned();
    }
    let mut numbered = OsString::from(name.file_stem().unwrap_or_default());
    numbered.push(format!(" ({number})"));
    if let Some(extension) = name.extension() {
        numbered.push(".");
        numbered.push(extension);
    }
    numbered.into()
}

/// The name under which the picture at a path is saved: that of its file, or of the page, frame or member of a file that it is, such as
/// `scan page 3.png`.
pub fn saved_name(path: &Path) -> Option<String> {
    let rendered = PartPath::parse(path).filter(|part| part.position() != PartPosition::Member);
    let Some(part) = rendered else {
        return path.file_name().map(|name| name.to_string_lossy().into_owned());
    };
    let stem = part.file.file_stem()?.to_string_lossy().into_owned();
    // Windows allows no colons.
    Some(format!("{stem} {}.png", part.part.replace(':', ".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_saved_under_names_of_videos() {
        for (path, name) in [
            ("/p/a.heic", "a.heic"),
            ("/p/a.zip!/b/c.jpg", "c.jpg"),
            ("/p/scan.pdf!/page 3", "scan page 3.png"),
            ("/p/clip.mp4!/0:01:23.500", "clip 0.01.23.500.png"),
        ] {
            assert_eq!(saved_name(Path::new(path)).as_deref(), Some(name));
        }
    }

    #[test]
    fn taken_names_get_numbers() {
        let mut names = Names::default();
        let mut next = |path: &str| {
            let name = Names::candidates(Path::new(path))
                .find(|name| !names.is_taken(name))
                .unwrap();
            names.take(&name);
            name.to_str().unwrap().to_owned()
        };
        assert_eq!(next("/a/IMG.jpg"), "IMG.jpg");
        assert_eq!(next("/b/img.JPG"), "img (2).JPG");
        assert_eq!(next("/c/img.jpg"), "img (3).jpg");
        assert_eq!(next("/c/readme"), "readme");
        assert_eq!(next("/d/readme"), "readme (2)");
    }
}
