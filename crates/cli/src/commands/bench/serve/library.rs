//! The library that is measured: a synthetic one, or the user's own.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eidetic_domain::Embedding;
use eidetic_encoder::{Encoder, Pixels};
use eidetic_imaging::{DecodeLimits, DecodeSize, decode_at_least};
use eidetic_indexer::{CancelToken, RunContext};
use eidetic_library::{Library, Owner, SYNTHETIC_FOLDER, SyntheticImages};
use tempfile::TempDir;

use crate::arguments::{BenchServeArgs, Global};
use crate::commands::{create_options, directory, warn_of_damage};
use crate::failure::Failure;
use crate::progress::{DownloadBar, StageBar};
use crate::{gallery, output};

/// Images that the model encodes at once.
const BATCH: usize = 16;

/// An open library whose model is loaded.
pub(super) struct MeasuredLibrary {
    pub(super) library: Arc<Library>,
    /// The folder whose folders are counted.
    pub(super) root: Option<PathBuf>,
    /// Set for a synthetic one.
    pub(super) made: Option<Made>,
    /// Removed in the end.
    _temporary: Option<TempDir>,
}

/// How long making a synthetic library took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    pub(super) filling: Duration,
    /// Building the search graph, where there are enough images for one.
    pub(super) graph: Duration,
}

impl MeasuredLibrary {
    /// Makes a synthetic library where the arguments ask for one, else opens the user's.
    pub(super) fn open(
        global: &Global,
        arguments: &BenchServeArgs,
        cancel: &CancelToken,
    ) -> Result<Self, Failure> {
        match arguments.images {
            Some(images) => Self::synthetic(images, arguments, cancel),
            None => Self::existing(global, arguments),
        }
    }

    fn existing(global: &Global, arguments: &BenchServeArgs) -> Result<Self, Failure> {
        let path = directory(global)?;
        let library = Library::open_or_read(&path, &owner())?;
        warn_of_damage(&library);
        if library.planned_switch()?.is_some() {
            return Err(Failure::could_not_run(
                "a switch to another model is not finished; finish it with `eidetic space switch`, since a server would go on with it",
            ));
        }
        arguments.options.apply_to(&library);
        library.active().load_encoder(&DownloadBar::default())?;
        Ok(Self {
            root: library.sources().into_iter().next(),
            library: Arc::new(library),
            made: None,
            _temporary: None,
        })
    }

    fn synthetic(images: u64, arguments: &BenchServeArgs, cancel: &CancelToken) -> Result<Self, Failure> {
        let (path, temporary) = place(arguments.keep.as_deref())?;
        let start = Instant::now();
        fill(&path, images, arguments, cancel)?;
        let filling = start.elapsed();
        // Opened anew: filling leaves much in memory that a server would not have.
        let library = Library::open(&path, &owner())?;
        arguments.options.apply_to(&library);
        library.active().load_encoder(&DownloadBar::default())?;
        let start = Instant::now();
        let bar = StageBar::new();
        let built = library.active().refresh_graph(&RunContext::new(&bar, cancel));
        bar.finish();
        built?;
        Ok(Self {
            library: Arc::new(library),
            root: Some(SYNTHETIC_FOLDER.into()),
            made: Some(Made {
                filling,
                graph: start.elapsed(),
            }),
            _temporary: temporary,
        })
    }
}

fn owner() -> Owner {
    Owner::this_process("eidetic bench serve")
}

/// Where the synthetic library goes: to a folder of its own that is removed, or to the one that is kept.
fn place(keep: Option<&Path>) -> Result<(PathBuf, Option<TempDir>), Failure> {
    if let Some(path) = keep {
        return match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
            Ok(true) => Ok((path.to_owned(), None)),
            Ok(false) => Err(Failure::in_file(
                path,
                "not empty; name a new folder for the synthetic library",
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok((path.to_owned(), None)),
            Err(error) => Err(Failure::in_file(path, error)),
        };
    }
    let made = tempfile::Builder::new().prefix("eidetic-bench-").tempdir();
    let temporary = made.map_err(|error| {
        Failure::could_not_run(format!("failed to create a temporary directory: {error}"))
    })?;
    Ok((temporary.path().join("library"), Some(temporary)))
}

/// Makes a library of images around those of the bundled gallery.
fn fill(path: &Path, images: u64, arguments: &BenchServeArgs, cancel: &CancelToken) -> Result<(), Failure> {
    let options = create_options(Some(&arguments.model), &arguments.options);
    let (library, _) = Library::open_or_create(path, &options, &owner(), &DownloadBar::default())?;
    let subjects = gallery_vectors(library.active().encoder()?)?;
    let bar = StageBar::new();
    let images = SyntheticImages::around(subjects, images);
    let filled = library.add_synthetic(&images, &RunContext::new(&bar, cancel));
    bar.finish();
    Ok(filled?)
}

fn gallery_vectors(encoder: &dyn Encoder) -> Result<Vec<Embedding>, Failure> {
    let size = DecodeSize::for_model(encoder.shorter_side());
    let mut pixels: Vec<Pixels> = Vec::new();
    for image in gallery::images() {
        let decoded = decode_at_least(&image, &DecodeLimits::default(), size);
        let decoded = decoded.map_err(|error| {
            Failure::could_not_run(format!("the bundled gallery cannot be decoded: {error}"))
        })?;
        pixels.push(encoder.preprocess(&decoded.image));
    }
    let mut vectors = Vec::new();
    for batch in pixels.chunks(BATCH) {
        vectors.extend(encoder.encode_pixels(batch).map_err(anyhow::Error::from)?);
    }
    Ok(vectors)
}

/// Where the measured library is, and what it is.
impl MeasuredLibrary {
    /// Such as `10,000 synthetic images`, or `1,234 images in /home/me/library`.
    pub(super) fn describe(&self, images: u64) -> String {
        let count = eidetic_domain::counted(images, "image");
        match self.made {
            Some(_) => format!("{count}, synthetic"),
            None => format!("{count} in {}", output::path(self.library.directory())),
        }
    }
}
