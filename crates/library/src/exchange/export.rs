//! Writes the embeddings of a space to a file.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use eidetic_catalog::{Catalog, ImageRecord, TagStore};
use eidetic_domain::ImageId;
use eidetic_exchange::{
    ExchangeError, ExportInfo, FileFormat, FolderFiles, FolderWriter, RowColumns, RowDetails, VectorRow,
    VectorWriter, writer,
};
use eidetic_indexer::RunContext;
use eidetic_vectors::VectorIndex;

use super::{VectorsError, VectorsExport, VectorsExported};
use crate::{Library, LibraryError, Space};

/// Images that are read together.
const BATCH: usize = 1024;

impl Library {
    /// Writes the embeddings that a space has of the images that match a filter, in the order in which they lie in the library, which
    /// is roughly that of indexing. The file appears once it is complete and survives power loss. The observer counts images.
    ///
    /// Damaged embeddings are left out and counted.
    ///
    /// Errors: among others, the file exists, or the run was stopped; then there is none.
    pub fn export_vectors(
        &self,
        space: &Space,
        path: &Path,
        options: &VectorsExport,
        context: &RunContext<'_>,
    ) -> Result<VectorsExported, LibraryError> {
        require_free(path, options)?;
        let (images, missing) = self.images_to_export(space, options)?;
        context.observer.total(images.len() as u64);
        let info = ExportInfo {
            space: space.id().clone(),
            rows: images.len() as u64,
            columns: options.columns,
        };
        let export = RowExport {
            space,
            images: &images,
            columns: options.columns,
            context,
        };
        let bytes = if options.format == FileFormat::ClipRetrieval {
            export.to_folder(path, &info)?
        } else {
            export.to_file(path, options.format, &info)?
        };
        Ok(VectorsExported {
            exported: images.len() as u64,
            missing,
            bytes,
        })
    }

    /// The images with a readable embedding, in order of row, and the number of those without.
    fn images_to_export(
        &self,
        space: &Space,
        options: &VectorsExport,
    ) -> Result<(Vec<ImageId>, u64), LibraryError> {
        let filter = self.resolve_filter(&options.filter)?;
        let mut images = space.images_matching(&filter)?;
        let matching = images.len();
        let vectors = space.read_vectors();
        let damaged: HashSet<ImageId> = vectors.verify()?.into_iter().collect();
        images.retain(|image| vectors.row(image).is_some() && !damaged.contains(image));
        images.sort_by_key(|image| vectors.row(image));
        let missing = (matching - images.len()) as u64;
        Ok((images, missing))
    }
}

fn require_free(path: &Path, options: &VectorsExport) -> Result<(), LibraryError> {
    let exists = path.symlink_metadata().is_ok();
    let path = path.to_owned();
    if exists && (options.format == FileFormat::ClipRetrieval || path.is_dir()) {
        return Err(VectorsError::FolderExists { path }.into());
    }
    if exists && !options.overwrite {
        return Err(VectorsError::Exists { path }.into());
    }
    Ok(())
}

/// The rows of an export.
struct RowExport<'a> {
    space: &'a Space,
    images: &'a [ImageId],
    columns: RowColumns,
    context: &'a RunContext<'a>,
}

impl RowExport<'_> {
    /// Returns the size of the file.
    fn to_file(&self, path: &Path, format: FileFormat, info: &ExportInfo) -> Result<u64, LibraryError> {
        let written = eidetic_atomic_file::try_write_with(path, |out: &mut File| {
            let writer = writer(format, out, info).map_err(failed(path))?;
            self.write(path, writer)
        });
        written.map_err(LibraryError::io(path))??;
        Ok(fs::metadata(path).map_or(0, |metadata| metadata.len()))
    }

    /// Writes a folder beside its place and moves it there. Returns the size of its files.
    fn to_folder(&self, path: &Path, info: &ExportInfo) -> Result<u64, LibraryError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let unfinished = path.with_file_name(name);
        let written = remove_folder(&unfinished)
            .and_then(|()| fs::create_dir(&unfinished))
            .map_err(LibraryError::io(&unfinished))
            .and_then(|()| {
                let mut files = FolderFiles::create(&unfinished).map_err(failed(path))?;
                let writer = FolderWriter::new(&mut files, info).map_err(failed(path))?;
                self.write(path, Box::new(writer))?;
                files.sync().map_err(failed(path))?;
                fs::rename(&unfinished, path).map_err(LibraryError::io(path))
            });
        if let Err(error) = written {
            // The error that matters is the first one; the next attempt removes what is left.
            let _ = remove_folder(&unfinished);
            return Err(error);
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        eidetic_atomic_file::sync_directory(parent.unwrap_or(Path::new(".")))
            .map_err(LibraryError::io(path))?;
        Ok(crate::status::bytes_below(path))
    }

    fn write(&self, path: &Path, mut writer: Box<dyn VectorWriter + '_>) -> Result<(), LibraryError> {
        for (number, batch) in self.images.chunks(BATCH).enumerate() {
            if self.context.is_cancelled() {
                return Err(VectorsError::Stopped.into());
            }
            writer.write(&self.rows(batch)?).map_err(failed(path))?;
            let done = number * BATCH + batch.len();
            self.context.observer.done(done as u64);
        }
        writer.finish().map_err(failed(path))
    }

    fn rows(&self, images: &[ImageId]) -> Result<Vec<VectorRow>, LibraryError> {
        let records = self.space.catalog.get_many(images)?;
        let mut tags = match self.columns {
            RowColumns::Metadata => self.space.catalog.get_tags(images)?,
            RowColumns::Embeddings => Vec::new(),
        }
        .into_iter();
        let vectors = self.space.read_vectors();
        let rows = records.into_iter().map(|record| {
            let tags = tags
                .next()
                .flatten()
                .map(|stored| stored.tags)
                .unwrap_or_default();
            let record = record?;
            Some(VectorRow {
                embedding: vectors.vector(&record.image)?,
                image: record.image,
                details: details(&record, tags.into_iter().map(|tag| tag.name).collect()),
                paths: record.paths,
            })
        });
        let rows: Option<Vec<VectorRow>> = rows.collect();
        rows.ok_or_else(|| VectorsError::Changed.into())
    }
}

fn details(record: &ImageRecord, tags: Vec<String>) -> RowDetails {
    RowDetails {
        taken: record.metadata.taken,
        width: record.metadata.width,
        height: record.metadata.height,
        tags,
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Adds the path of the file to an error.
pub(super) fn failed(path: &Path) -> impl Fn(ExchangeError) -> LibraryError + '_ {
    move |error| match error {
        ExchangeError::Io(error) => LibraryError::io(path)(error),
        ExchangeError::Invalid(reason) => VectorsError::Unreadable {
            path: path.to_owned(),
            reason,
        }
        .into(),
    }
}
