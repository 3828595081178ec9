//! The words that a library has about an image.

use std::path::Path;

use eidetic_catalog::{Catalog, TagStore};
use eidetic_domain::ImageId;

use crate::{Library, LibraryError};

/// Folders above a file whose names count.
const FOLDERS: usize = 2;

impl Library {
    /// The stored tags of an image, and the names of its files and of the folders around them; nothing for an image that the
    /// library does not have.
    pub fn words_about(&self, image: &ImageId) -> Result<Vec<String>, LibraryError> {
        let mut words: Vec<String> = Vec::new();
        let space = self.active();
        for tags in space
            .catalog
            .get_tags(std::slice::from_ref(image))?
            .into_iter()
            .flatten()
        {
            words.extend(tags.tags.into_iter().filter(|tag| !tag.low).map(|tag| tag.name));
        }
        if let Some(record) = self.catalog.find_by_hash(image)? {
            words.extend(record.paths.iter().flat_map(|path| words_of_path(path)));
        }
        Ok(words)
    }
}

/// The name of a file without its extension, and those of the folders right above it.
pub fn words_of_path(path: &Path) -> Vec<String> {
    let stem = path.file_stem().into_iter();
    let folders = path.ancestors().skip(1).take(FOLDERS).filter_map(Path::file_name);
    stem.chain(folders)
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_file_and_folders_count() {
        let words = words_of_path(Path::new("/home/me/holiday/beach/red-kite.jpg"));
        assert_eq!(words, ["red-kite", "beach", "holiday"]);
        assert_eq!(words_of_path(Path::new("kite.jpg")), ["kite"]);
    }
}
