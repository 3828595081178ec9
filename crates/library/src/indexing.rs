use std::path::PathBuf;
use std::sync::PoisonError;

use eidetic_catalog::Catalog;
use eidetic_indexer::{Cancel, Indexer, Observer, Options, Report};

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
        let _run = self
            .indexing
            .try_lock()
            .map_err(|_| LibraryError::AlreadyIndexing)?;
        let encoder = self.encoder()?;
        self.forget_damaged()?;
        let sources = self.remember_sources(folders)?;
        let indexer = Indexer {
            catalog: &self.catalog,
            vectors: &self.vectors,
            encoder,
            thumbnails: Some(&self.thumbnails),
        };
        let options = Options {
            excluded: [&options.excluded[..], std::slice::from_ref(&self.directory)].concat(),
            other_sources: self.read_manifest().sources.clone(),
            ..options.clone()
        };
        let report = indexer.run(&sources, &options, observer, cancel);
        self.admissions.clear();
        Ok(report?)
    }

    /// Makes searching fast again after many changes: loads the graph from disk, or builds it where it is missing,
    /// damaged or stale. Searching goes on meanwhile. Does nothing for a library that exact search serves well.
    pub fn refresh_graph(&self) -> Result<(), LibraryError> {
        let _one_at_a_time = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        let files = self.read_vectors().graph_files();
        if self.read_vectors().needs_graph()
            && let Some(graph) = files.load()
        {
            self.write_vectors().install_graph(graph);
        }
        if self.read_vectors().needs_graph() {
            // A copy, so that neither searching nor indexing waits for the minutes that building takes.
            let source = self.read_vectors().graph_source();
            let graph = source.build();
            files.save(&graph)?;
            self.write_vectors().install_graph(graph);
        }
        Ok(())
    }

    fn write_vectors(&self) -> std::sync::RwLockWriteGuard<'_, eidetic_vectors::VectorStore> {
        self.vectors.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the files of images with damaged vectors look new to the indexer.
    fn forget_damaged(&self) -> Result<(), LibraryError> {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        self.catalog.remove(&damaged)?;
        damaged.clear();
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
        manifest.write(&self.directory)?;
        *self.manifest.write().unwrap_or_else(PoisonError::into_inner) = manifest;
        Ok(folders)
    }
}
