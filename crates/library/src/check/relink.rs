//! Images whose records are lost, and whose vectors are whole: the content of a file says which vector is its own, so that
//! nothing has to be embedded again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use eidetic_catalog::{
    Catalog, FileRecord, FileStamp, FileState, LostRecords, NewImage, RowStore, SledCatalog, SpaceNumber,
    WriteBatch, now_ms,
};
use eidetic_domain::{ImageId, RowId};
use eidetic_imaging::DecodeLimits;
use eidetic_indexer::files_of;
use eidetic_vectors::{VectorStore, orphaned_rows};

use crate::LibraryError;
use crate::image_file::decode_small;
use crate::manifest::Manifest;

/// The whole rows of images that the catalog does not know, in each space.
type OrphanedRows = BTreeMap<ImageId, Vec<(SpaceNumber, RowId)>>;

/// Gives images back their records where a file of a source holds one of which a vector is left. Returns their number.
pub(super) fn relink(
    library: &Path,
    manifest: &Manifest,
    catalog: &SledCatalog,
    lost: &LostRecords,
) -> Result<u64, LibraryError> {
    let orphans = find_orphans(library, manifest, catalog)?;
    if orphans.is_empty() {
        return Ok(0);
    }
    let mut relinked = 0;
    for path in unknown_files(library, manifest, catalog, lost)? {
        let Some((image, mut batch)) = read(&path, &orphans) else {
            continue;
        };
        let rows = orphans.get(&image).map_or(&[][..], Vec::as_slice);
        let Some((&(first, _), rest)) = rows.split_first() else {
            continue;
        };
        if catalog.contains(&image)? {
            // Another copy of an image that was found before.
            batch.images.clear();
            catalog.put_batch(&batch)?;
            continue;
        }
        catalog.for_space(first).put_batch(&batch)?;
        for &(space, row) in rest {
            catalog.for_space(space).put_rows(&[(image, row)])?;
        }
        relinked += 1;
    }
    Ok(relinked)
}

fn find_orphans(
    library: &Path,
    manifest: &Manifest,
    catalog: &SledCatalog,
) -> Result<OrphanedRows, LibraryError> {
    let mut orphans = OrphanedRows::new();
    for entry in manifest.spaces() {
        let vectors = entry.directory(library).join("vectors");
        if !VectorStore::exists(&vectors) {
            continue;
        }
        let live = catalog.for_space(entry.number).rows()?;
        for (row, image) in orphaned_rows(&vectors, &entry.space, &live)? {
            let rows = orphans.entry(image).or_default();
            if rows.iter().all(|(space, _)| *space != entry.number) {
                rows.push((entry.number, row));
            }
        }
    }
    Ok(orphans)
}

/// The files of the sources that the catalog does not know.
fn unknown_files(
    library: &Path,
    manifest: &Manifest,
    catalog: &SledCatalog,
    lost: &LostRecords,
) -> Result<BTreeSet<PathBuf>, LibraryError> {
    let mut unknown: BTreeSet<PathBuf> = lost.images.values().flatten().cloned().collect();
    for source in &manifest.sources {
        let excluded = [&manifest.excluded[..], &[library.to_owned()]].concat();
        for path in files_of(source, excluded, manifest.indexing.links()) {
            if catalog.file(&path)?.is_none() {
                unknown.insert(path);
            }
        }
    }
    Ok(unknown)
}

/// The image in a file, if it is one of `orphans`, with its record.
fn read(path: &Path, orphans: &OrphanedRows) -> Option<(ImageId, WriteBatch)> {
    let bytes = fs::read(path).ok()?;
    let image = ImageId::of(&bytes);
    let (_, row) = orphans.get(&image)?.first()?;
    let decoded = decode_small(&bytes, &DecodeLimits::default())?;
    let batch = WriteBatch {
        at_ms: Some(now_ms()),
        images: vec![NewImage {
            image,
            row: *row,
            bytes: bytes.len() as u64,
            metadata: decoded.metadata,
        }],
        files: vec![FileRecord {
            path: path.to_owned(),
            // The next indexing run reads it again, and finds it known.
            stamp: FileStamp::UNKNOWN,
            state: FileState::Indexed(image),
        }],
        ..WriteBatch::default()
    };
    Some((image, batch))
}
