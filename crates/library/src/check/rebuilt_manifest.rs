//! The manifest where neither `library.json` nor its copy is whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use eidetic_catalog::{Catalog, RowStore, SledCatalog, SpaceNumber};
use eidetic_vectors::VectorStore;

use super::nothing_is_written;
use crate::LibraryError;
use crate::manifest::{Manifest, SpaceEntry, directory_of};

/// The manifest of one of two damaged files that can be read nevertheless, as where a letter of a path changed, or else
/// from the rest of the library; with what its owner must know.
pub(super) fn rebuild(library: &Path) -> Result<Option<(Manifest, &'static str)>, LibraryError> {
    let fits = |entry: &SpaceEntry| {
        let found = VectorStore::space_in(&entry.directory(library).join("vectors"));
        found.is_none_or(|space| space == entry.space)
    };
    let readable = Manifest::find_unverified(library).filter(|manifest| manifest.spaces().all(fits));
    if let Some(mut manifest) = readable {
        // A letter of a source may have changed.
        let folders = folders_of_images(&read_catalog(library)?)?;
        let is_known = |folder: &PathBuf| manifest.sources.iter().any(|source| folder.starts_with(source));
        let unknown: Vec<PathBuf> = folders.into_iter().filter(|folder| !is_known(folder)).collect();
        manifest.sources.extend(unknown);
        let what = "nor is its copy whole, but the text can be read: compare the sources that `eidetic status` lists";
        return Ok(Some((manifest, what)));
    }
    let what = "nor is its copy whole; vectors and catalog tell the models and the sources, but no settings and no folders that were left out";
    Ok(from_vectors(library)?.map(|manifest| (manifest, what)))
}

/// The manifest as the vector files and the catalog tell it; `None` where no vector file names its space.
///
/// Sources are the folders that hold images. What nothing else records is lost: folders that were left out, and the
/// settings of indexing.
fn from_vectors(library: &Path) -> Result<Option<Manifest>, LibraryError> {
    let numbers = numbers(library);
    let catalog = read_catalog(library)?;
    let mut filled = Vec::new();
    for &number in &numbers {
        let vectors = directory_of(number, library).join("vectors");
        if let Some(space) = VectorStore::space_in(&vectors) {
            let images = catalog.for_space(number).rows()?.len();
            filled.push((images, SpaceEntry::new(number, space.model.clone(), space)));
        }
    }
    // The space that has most images; the latest of equals.
    filled.sort_by_key(|(images, entry)| (*images, entry.number));
    let Some((_, active)) = filled.pop() else {
        return Ok(None);
    };
    let others = filled.into_iter().map(|(_, entry)| entry).collect();
    let mut manifest = Manifest::of_spaces(active, others, &numbers);
    manifest.sources = folders_of_images(&catalog)?;
    Ok(Some(manifest))
}

fn read_catalog(library: &Path) -> Result<SledCatalog, LibraryError> {
    Ok(SledCatalog::read(&library.join("catalog"), nothing_is_written())?)
}

/// The spaces that have a directory.
fn numbers(library: &Path) -> BTreeSet<SpaceNumber> {
    let entries = fs::read_dir(library.join("spaces"))
        .into_iter()
        .flatten()
        .flatten();
    let named = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let first = directory_of(SpaceNumber::FIRST, library).join("vectors").exists();
    let first = first.then_some(SpaceNumber::FIRST);
    named.map(SpaceNumber).chain(first).collect()
}

/// The folders that hold files of the catalog, without those within others: no folder that nobody chose is added.
fn folders_of_images(catalog: &SledCatalog) -> Result<Vec<PathBuf>, LibraryError> {
    let mut folders = BTreeSet::new();
    for file in catalog.all_files() {
        folders.extend(file?.path.parent().map(Path::to_owned));
    }
    let mut outer: Vec<PathBuf> = Vec::new();
    // A folder sorts before everything in it.
    for folder in folders {
        if !outer.last().is_some_and(|known| folder.starts_with(known)) {
            outer.push(folder);
        }
    }
    Ok(outer)
}
