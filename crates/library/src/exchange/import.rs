//! Takes embeddings from a file, for images that the library has without one and for files that are not indexed yet.
//!
//! The file is read once: what can be used goes to a [`Staging`]. Only then anything is changed, in commits of the indexer, so that a run
//! that is stopped or killed keeps what it reported, and continues when it is started again.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eidetic_catalog::{Catalog, FileState, ImageRecord};
use eidetic_containers::file_at;
use eidetic_domain::{Embedding, EmbeddingError, ImageId};
use eidetic_exchange::{FileInfo, ImportedRow, open};
use eidetic_indexer::{
    Indexer, IndexerOptions, IndexingReport, KnownEmbeddings, RunContext, RunStage, Scope,
};
use eidetic_vectors::VectorIndex;

use super::export::failed;
use super::staging::Staging;
use super::{UnknownSpace, VectorsError, VectorsImport, VectorsImported};
use crate::indexing::RunTarget;
use crate::operations::Operation;
use crate::{Library, LibraryError, Space};

/// Norms of embeddings that are read; others are a sign of something else than embeddings.
const NORMS: std::ops::RangeInclusive<f64> = 1e-3..=1e4;
/// Images of one commit: nothing is computed that could be lost.
const COMMIT_EVERY: usize = 4096;

impl Library {
    /// Takes the embeddings of a file into the space that the file names, or into the active one, where the file says nothing and a sample
    /// agrees.
    ///
    /// A row belongs to the image that its id names, else to the one at its path. An image that the library has without an embedding gets
    /// it; in the active space, a file in a folder of the library that is not indexed yet is indexed with it. Embeddings that are there
    /// stay. What else is in the folders is left to the next indexing run. The observer counts rows, then images.
    ///
    /// Errors: among others, the file is damaged or of another space; then nothing was changed.
    pub fn import_vectors(
        &self,
        path: &Path,
        options: &VectorsImport,
        indexing: &IndexerOptions,
        context: &RunContext<'_>,
    ) -> Result<VectorsImported, LibraryError> {
        self.require_writable()?;
        let mut reader = open(path, options.format).map_err(failed(path))?;
        let space = self.space_of_file(path, reader.info(), options.unknown_space)?;
        let _switch = self.lock_switching()?;
        let _backfill = space.operations.lock(Operation::Backfill);
        let mut report = VectorsImported {
            space: space.id().to_string(),
            ..VectorsImported::default()
        };
        let Some(_index) = self.wait_for_indexing(context)? else {
            report.cancelled = true;
            return Ok(report);
        };
        let folders = self.resolve_present(&options.folders)?;
        // Images whose embedding is damaged lack one.
        space.remove_damaged_vectors()?;
        let mut import =
            Import::new(self, &space, (options, &folders)).map_err(LibraryError::io(self.directory()))?;
        context.observer.total(reader.info().rows.unwrap_or(0));
        let mut rows = 0;
        loop {
            let block = reader.next_block().map_err(failed(path))?;
            if block.is_empty() || context.is_cancelled() {
                break;
            }
            rows += block.len() as u64;
            import.stage(block, &mut report)?;
            context.observer.done(rows);
        }
        if rows > 0 && import.unnamed == rows {
            return Err(VectorsError::NoNames {
                path: path.to_owned(),
            }
            .into());
        }
        let staging = import
            .staging
            .finish()
            .map_err(LibraryError::io(self.directory()))?;
        if reader.info().space.is_none() && !staging.images().is_empty() && !context.is_cancelled() {
            report.sample = Some(self.compare_sample(&space, &staging, path)?);
        }
        report.cancelled = context.is_cancelled();
        self.add_sources(folders)?;
        self.use_staged(&space, &Arc::new(staging), indexing, context, &mut report)?;
        Ok(report)
    }

    /// The space that a file's embeddings are of.
    fn space_of_file(
        &self,
        path: &Path,
        info: &FileInfo,
        unknown: UnknownSpace,
    ) -> Result<Arc<Space>, LibraryError> {
        let path = path.to_owned();
        let space = match (&info.space, unknown) {
            (None, UnknownSpace::Refuse) => {
                let model = self.active().model().to_owned();
                return Err(VectorsError::NoSpace { path, model }.into());
            }
            (None, UnknownSpace::Assume) => self.active(),
            (Some(found), _) => {
                let spaces: Vec<String> = self
                    .read_manifest()
                    .spaces()
                    .map(|entry| entry.space.to_string())
                    .collect();
                if !spaces.contains(found) {
                    return Err(VectorsError::OtherSpace {
                        path,
                        found: found.clone(),
                        known: spaces.join(", "),
                    }
                    .into());
                }
                self.space_named(found)?
            }
        };
        let expected = space.id().dimension;
        // A file without rows has no dimension.
        if info.dimension != expected && info.dimension != 0 {
            return Err(VectorsError::OtherDimension {
                path,
                found: info.dimension,
                model: space.model().to_owned(),
                expected,
            }
            .into());
        }
        Ok(space)
    }

    /// Gives staged embeddings to images that are known, then indexes the files of the others.
    fn use_staged(
        &self,
        space: &Space,
        staging: &Arc<Staging>,
        indexing: &IndexerOptions,
        context: &RunContext<'_>,
        report: &mut VectorsImported,
    ) -> Result<(), LibraryError> {
        let lookup = Arc::clone(staging);
        let options = IndexerOptions {
            commit_every: COMMIT_EVERY,
            known_embeddings: Some(KnownEmbeddings::new(move |image, path| lookup.take(image, path))),
            ..self.with_decoding(indexing)
        };
        if !context.is_cancelled() && staging.images().iter().any(|staged| staged.path.is_none()) {
            self.fill_known(space, staging, &options, context, report)?;
        }
        let paths = staging
            .images()
            .iter()
            .filter_map(|staged| staged.path.as_deref());
        let files: Vec<PathBuf> = paths.map(|path| file_at(path).into_owned()).collect();
        let mut indexed = IndexingReport::default();
        if !context.is_cancelled() && !files.is_empty() {
            context.observer.stage(RunStage::Indexing);
            let needs_sweep = self.begin_run()?;
            let target = self.target_of_paths(files, needs_sweep);
            indexed = self.index_target(&target, &options, context)?;
            report.cancelled |= indexed.cancelled;
            report.failures.extend(indexed.failed.iter().cloned());
        }
        self.count_staged(space, staging, &indexed, report)
    }

    /// A backfill of the images that have their embedding in the file.
    fn fill_known(
        &self,
        space: &Space,
        staging: &Staging,
        options: &IndexerOptions,
        context: &RunContext<'_>,
        report: &mut VectorsImported,
    ) -> Result<(), LibraryError> {
        context.observer.stage(RunStage::Backfilling);
        let indexer = Indexer {
            catalog: &space.catalog,
            vectors: &space.vectors,
            encoder: space.encoder()?,
            thumbnails: None,
            on_removed: &|_| (),
            on_returned: &|_| (),
            on_decoded: &|_, _| (),
        };
        let is_staged = |record: &ImageRecord| staging.has_known(&record.image);
        space.forget_damaged(is_staged)?;
        let filled = indexer.backfill(&is_staged, options, context);
        self.clear_filter_caches();
        let filled = filled?;
        report.cancelled |= filled.cancelled;
        report
            .failures
            .extend(filled.failed.into_iter().map(|(_, failure)| failure));
        Ok(())
    }

    /// The sources of some files in them, and these files.
    fn target_of_paths(&self, files: Vec<PathBuf>, needs_sweep: bool) -> RunTarget {
        let is_needed = |source: &PathBuf| files.iter().any(|file| file.starts_with(source));
        let sources = self.sources().into_iter().filter(is_needed).collect();
        RunTarget {
            sources,
            scope: Scope::of(files),
            needs_sweep,
        }
    }

    /// What became of each staged image, as the catalog says now.
    fn count_staged(
        &self,
        space: &Space,
        staging: &Staging,
        indexed: &IndexingReport,
        report: &mut VectorsImported,
    ) -> Result<(), LibraryError> {
        let failed: HashSet<&Path> = indexed
            .failed
            .iter()
            .map(|failure| failure.path.as_path())
            .collect();
        let vectors = space.read_vectors();
        for staged in staging.images() {
            let now = match &staged.path {
                Some(path) => self.image_at(path)?,
                None => staged.image,
            };
            let has_vector = |image: &ImageId| vectors.row(image).is_some();
            match (now, staged.image) {
                (Some(now), image) if image.is_none_or(|image| image == now) && has_vector(&now) => {
                    if staged.is_used() {
                        report.imported += 1;
                        report.added += u64::from(staged.path.is_some());
                    } else {
                        report.present += 1;
                    }
                }
                (Some(now), Some(image)) if now != image && has_vector(&now) => report.changed += 1,
                _ if staged.path.as_ref().is_some_and(|path| failed.contains(&**path)) => {
                    report.failed += 1;
                }
                _ => report.not_found += 1,
            }
        }
        Ok(())
    }
}

/// An import whose file is being read.
struct Import<'a> {
    library: &'a Library,
    space: &'a Space,
    options: &'a VectorsImport,
    staging: Staging,
    sources: Vec<PathBuf>,
    excluded: Vec<PathBuf>,
    /// Folders of the file's paths, without links.
    real_folders: HashMap<PathBuf, Option<PathBuf>>,
    /// Rows without id and path.
    unnamed: u64,
}

/// Where a row's image is.
enum Place {
    /// In the library, with or without an embedding.
    Known(ImageId),
    /// In a file that is not indexed, or was read as another image.
    File(PathBuf),
    /// In a file that the library knows as another image.
    Changed,
    Nowhere,
}

impl<'a> Import<'a> {
    /// `folders` will be sources too.
    fn new(
        library: &'a Library,
        space: &'a Space,
        (options, folders): (&'a VectorsImport, &[PathBuf]),
    ) -> std::io::Result<Self> {
        let library_folder = library.directory().to_owned();
        Ok(Self {
            staging: Staging::new(&library_folder, space.id().dimension)?,
            sources: [&library.sources(), folders].concat(),
            excluded: [vec![library_folder], library.excluded()].concat(),
            real_folders: HashMap::new(),
            unnamed: 0,
            library,
            space,
            options,
        })
    }

    fn stage(&mut self, rows: Vec<ImportedRow>, report: &mut VectorsImported) -> Result<(), LibraryError> {
        for row in rows {
            if row.image.is_none() && row.path.is_none() {
                self.unnamed += 1;
                report.not_found += 1;
                continue;
            }
            let embedding = match checked(row.components, self.space.id().dimension) {
                Ok(embedding) => embedding,
                Err(reason) => {
                    *report.refused.entry(reason).or_default() += 1;
                    continue;
                }
            };
            match self.place(row.image, row.path.as_deref())? {
                Place::Known(image) => {
                    let has_vector = self.space.read_vectors().row(&image).is_some();
                    let is_new = !has_vector && self.add(Some(image), None, &embedding)?;
                    report.present += u64::from(!is_new);
                }
                Place::File(path) => {
                    let is_new = self.add(row.image, Some(path), &embedding)?;
                    report.present += u64::from(!is_new);
                }
                Place::Changed => report.changed += 1,
                Place::Nowhere => report.not_found += 1,
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        image: Option<ImageId>,
        path: Option<PathBuf>,
        embedding: &Embedding,
    ) -> Result<bool, LibraryError> {
        let added = self.staging.add(image, path, embedding);
        added.map_err(LibraryError::io(self.library.directory()))
    }

    fn place(&mut self, image: Option<ImageId>, path: Option<&Path>) -> Result<Place, LibraryError> {
        if let Some(image) = image
            && self.library.catalog.contains(&image)?
        {
            return Ok(Place::Known(image));
        }
        let Some(path) = path.and_then(|path| self.in_sources(path)) else {
            return Ok(Place::Nowhere);
        };
        let state = self.library.catalog.file(&path)?.map(|file| file.state);
        Ok(match (state, image) {
            (Some(FileState::Indexed(found)), None) => Place::Known(found),
            (Some(FileState::Indexed(_)), Some(_)) => Place::Changed,
            // Beside the active space there is no indexing.
            _ if self.space.number != self.library.active().number => Place::Nowhere,
            _ if file_at(&path).is_file() => Place::File(path),
            _ => Place::Nowhere,
        })
    }

    /// The path as the catalog has it, if it is in a folder of the library.
    fn in_sources(&mut self, path: &Path) -> Option<PathBuf> {
        let path = eidetic_indexer::normalize(&self.options.base.join(path));
        let is_source = |path: &Path, sources: &[PathBuf], excluded: &[PathBuf]| {
            sources.iter().any(|source| path.starts_with(source))
                && !excluded.iter().any(|excluded| path.starts_with(excluded))
        };
        if is_source(&path, &self.sources, &self.excluded) {
            return Some(path);
        }
        let (folder, name) = (path.parent()?.to_owned(), path.file_name()?);
        let real = self
            .real_folders
            .entry(folder)
            .or_insert_with_key(|folder| folder.canonicalize().ok());
        let real = real.as_ref()?.join(name);
        is_source(&real, &self.sources, &self.excluded).then_some(real)
    }
}

/// The unit vector in the direction of some components; or why there is none.
fn checked(components: Vec<f32>, dimension: usize) -> Result<Embedding, String> {
    if components.len() != dimension {
        return Err("another number of components".to_owned());
    }
    let squares = components.iter().map(|&c| f64::from(c) * f64::from(c));
    let norm = squares.sum::<f64>().sqrt();
    if norm.is_finite() && norm > 0.0 && !NORMS.contains(&norm) {
        return Err("a length far from 1".to_owned());
    }
    Embedding::normalize(components).map_err(|error| match error {
        EmbeddingError::Zero => "all components are zero".to_owned(),
        _ => "components that are no finite numbers".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_embeddings_are_refused() {
        let reason = |components: &[f32]| checked(components.to_vec(), 2).unwrap_err();
        assert_eq!(reason(&[1.0]), "another number of components");
        assert_eq!(reason(&[0.0, 0.0]), "all components are zero");
        assert_eq!(reason(&[f32::NAN, 1.0]), "components that are no finite numbers");
        assert_eq!(
            reason(&[f32::INFINITY, 1.0]),
            "components that are no finite numbers"
        );
        assert_eq!(reason(&[1e6, 1.0]), "a length far from 1");
        assert_eq!(checked(vec![3.0, 4.0], 2).unwrap().as_slice(), [0.6, 0.8]);
    }
}
