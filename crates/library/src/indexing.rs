use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError, TryLockError};

use eidetic_catalog::{Batch, Catalog, ImageRecord};
use eidetic_domain::ImageId;
use eidetic_indexer::{Cancel, Indexer, Observer, Options, Report};
use eidetic_vectors::VectorIndex;

use crate::manifest::Manifest;
use crate::{Library, LibraryError};

impl Library {
    /// Brings the library up to date with `folders`, which become its sources; without any, with the sources it has.
    ///
    /// Images whose vectors were found damaged are embedded anew on the way.
    pub fn index(
        &self,
        folders: &[PathBuf],
        options: &Options,
        observer: &dyn Observer,
        cancel: &Cancel,
    ) -> Result<Report, LibraryError> {
        let _run = self.claim_indexing()?;
        let encoder = self.encoder()?;
        let sources = self.remember_sources(folders)?;
        self.remember_precision()?;
        self.note_damaged()?;
        self.forget_damaged(&sources)?;
        let indexer = Indexer {
            catalog: &self.catalog,
            vectors: &self.vectors,
            encoder,
            thumbnails: Some(&self.thumbnails),
        };
        let options = Options {
            excluded: [&options.excluded[..], std::slice::from_ref(&self.directory)].concat(),
            other_sources: self.sources_besides(&sources),
            ..options.clone()
        };
        let report = indexer.run(&sources, &options, observer, cancel);
        self.admissions.clear();
        Ok(report?)
    }

    /// Takes a folder out of the library, with all that stands at no other path. Its files may be gone already; they are
    /// not touched. Returns how many paths were forgotten.
    pub fn forget(&self, folder: &Path) -> Result<u64, LibraryError> {
        let _run = self.claim_indexing()?;
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let files = self
            .catalog
            .files_under(&real)
            .map(|file| file.map(|file| file.path));
        let removed = files.collect::<Result<Vec<PathBuf>, _>>()?;
        let paths = removed.len() as u64;
        let batch = Batch {
            removed,
            ..Batch::default()
        };
        let forgotten = self.catalog.put_batch(&batch)?;
        self.write_vectors().remove(&forgotten)?;
        let thumbnails = self.directory.join("thumbnails");
        for image in &forgotten {
            self.thumbnails
                .remove(image)
                .map_err(LibraryError::io(&thumbnails))?;
        }
        self.admissions.clear();
        // Last: a crash before this leaves a source whose next run brings its pictures back, not pictures without a source.
        let mut manifest = self.read_manifest().clone();
        manifest
            .sources
            .retain(|source| !source.starts_with(&real) && !source.starts_with(folder));
        self.replace_manifest(manifest)?;
        Ok(paths)
    }

    /// One run at a time. A run that panicked left the catalog and the vectors as its last batch made them.
    fn claim_indexing(&self) -> Result<MutexGuard<'_, ()>, LibraryError> {
        match self.indexing.try_lock() {
            Ok(run) => Ok(run),
            Err(TryLockError::Poisoned(run)) => Ok(run.into_inner()),
            Err(TryLockError::WouldBlock) => Err(LibraryError::AlreadyIndexing),
        }
    }

    fn sources_besides(&self, these: &[PathBuf]) -> Vec<PathBuf> {
        let all = self.read_manifest().sources.clone();
        all.into_iter().filter(|source| !these.contains(source)).collect()
    }

    /// Makes searching fast again after many changes: builds the graph where it is missing, damaged or stale, adds to it
    /// what came since, and saves it. Searching goes on meanwhile. Does nothing for a library that exact search serves
    /// well.
    pub fn refresh_graph(&self) -> Result<(), LibraryError> {
        let _one_at_a_time = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        if self.read_vectors().needs_graph() {
            // Built beside the store, so that neither searching nor indexing waits for the minutes that it takes.
            let source = self.read_vectors().graph_source();
            let graph = source.build();
            self.write_vectors().install_graph(graph);
        }
        // A little at a time, so that searches come in between.
        while self.write_vectors().absorb() {}
        let unsaved = self.read_vectors().unsaved();
        if let Some(unsaved) = unsaved {
            unsaved.save()?;
            self.write_vectors().note_saved();
        }
        Ok(())
    }

    fn write_vectors(&self) -> std::sync::RwLockWriteGuard<'_, eidetic_vectors::VectorStore> {
        self.vectors.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads every vector, since opening took those of a saved graph on trust, and lets go of those that are damaged.
    fn note_damaged(&self) -> Result<(), LibraryError> {
        let found = self.read_vectors().verify()?;
        self.write_vectors().remove(&found)?;
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.extend(found);
        damaged.sort_unstable();
        damaged.dedup();
        Ok(())
    }

    /// Makes the files of images with damaged vectors look new to a run over `sources`. Images that it will not meet
    /// stay in the list, so that `status` goes on naming them.
    fn forget_damaged(&self, sources: &[PathBuf]) -> Result<(), LibraryError> {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        let records = self.catalog.get_many(&damaged)?;
        let will_be_met = |record: &ImageRecord| {
            let walked = |path: &PathBuf| sources.iter().any(|source| path.starts_with(source));
            record.paths.iter().any(|path| walked(path) && path.is_file())
        };
        let met: HashSet<ImageId> = records
            .iter()
            .flatten()
            .filter(|record| will_be_met(record))
            .map(|record| record.image)
            .collect();
        let forgotten: Vec<ImageId> = met.iter().copied().collect();
        self.catalog.remove(&forgotten)?;
        damaged.retain(|image| !met.contains(image));
        Ok(())
    }

    fn remember_sources(&self, folders: &[PathBuf]) -> Result<Vec<PathBuf>, LibraryError> {
        let mut manifest = self.read_manifest().clone();
        if folders.is_empty() {
            return Ok(manifest.sources);
        }
        let folders: Vec<PathBuf> = folders
            .iter()
            .map(|folder| folder.canonicalize().map_err(LibraryError::io(folder)))
            .collect::<Result<_, _>>()?;
        for folder in &folders {
            manifest.add_source(folder);
        }
        self.replace_manifest(manifest)?;
        Ok(folders)
    }

    /// Before the run, so that no crash leaves vectors whose precision is not written down.
    fn remember_precision(&self) -> Result<(), LibraryError> {
        let mut manifest = self.read_manifest().clone();
        manifest.add_precision(self.precision(), self.read_vectors().len());
        if *self.read_manifest() == manifest {
            return Ok(());
        }
        self.replace_manifest(manifest)
    }

    fn replace_manifest(&self, manifest: Manifest) -> Result<(), LibraryError> {
        manifest.write(&self.directory)?;
        *self.manifest.write().unwrap_or_else(PoisonError::into_inner) = manifest;
        Ok(())
    }
}
