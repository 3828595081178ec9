use std::path::PathBuf;

use eidetic_indexer::Options;
use eidetic_library::{CreateOptions, Library, LibraryError, ModelSource, Owner};
use eidetic_server::json::IndexReport;

use super::{directory, warn_of_fallback};
use crate::Outcome;
use crate::arguments::{Global, Index};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{DownloadBar, IndexBar};
use crate::{Stopped, output, remote};

/// `eidetic index`
pub(crate) fn run(global: &Global, arguments: &Index) -> Result<Outcome, Failure> {
    let folders = existing(&arguments.folders)?;
    let (report, stopped) = match open(global, arguments) {
        Ok(library) => index(&library, &folders, arguments)?,
        Err(LibraryError::InUse {
            owner: Owner {
                address: Some(address),
                ..
            },
            ..
        }) => remote::index(&address, &folders)?,
        Err(error) => return Err(error.into()),
    };
    print_report(global, &report, stopped)
}

/// Every folder must be there before anything starts.
fn existing(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let resolve = |folder: &PathBuf| {
        let refused = |reason: String| Failure::arguments(format!("{}: {reason}", folder.display()));
        folder.canonicalize().map_err(|error| refused(error.to_string()))
    };
    folders.iter().map(resolve).collect()
}

fn open(global: &Global, arguments: &Index) -> Result<Library, LibraryError> {
    let directory = directory(global).map_err(|_| LibraryError::Missing { path: PathBuf::new() })?;
    let owner = Owner::this_process("eidetic index");
    // Without folders only an existing library makes sense.
    if arguments.folders.is_empty() && arguments.model.is_none() {
        return Library::open(&directory, &owner);
    }
    let model = arguments
        .model
        .clone()
        .map_or(ModelSource::BestAvailable, ModelSource::Named);
    let options = CreateOptions { model };
    let (library, fallback) = Library::open_or_create(&directory, &options, &owner, &DownloadBar::default())?;
    warn_of_fallback(fallback);
    Ok(library)
}

fn index(
    library: &Library,
    folders: &[PathBuf],
    arguments: &Index,
) -> Result<(IndexReport, Stopped), Failure> {
    if folders.is_empty() && library.status()?.sources.is_empty() {
        return Err(Failure::arguments(
            "the library has no folders yet; name one: eidetic index FOLDER",
        ));
    }
    let cancel = cancel_on_interrupt()?;
    library.load_encoder(&DownloadBar::default())?;
    let options = Options {
        batch: arguments.batch.into(),
        commit_every: arguments.commit_every as usize,
        ..Options::default()
    };
    let bar = IndexBar::new();
    let report = library.index(folders, &options, &bar, &cancel)?;
    bar.finish();
    if report.cancelled {
        return Ok((IndexReport::new(&report, library.space()), Stopped::Early));
    }
    library.refresh_graph()?;
    Ok((IndexReport::new(&report, library.space()), Stopped::No))
}

fn print_report(global: &Global, report: &IndexReport, stopped: Stopped) -> Result<Outcome, Failure> {
    for failure in &report.failed {
        eprintln!("eidetic: {}: {}", failure.path, failure.reason);
    }
    if stopped == Stopped::Early {
        eprintln!("eidetic: stopped; everything indexed so far is kept, run the same command to go on");
    }
    if global.json {
        output::json(report)?;
    } else {
        output::line(&format!(
            "{} indexed, {} unchanged, {} moved, {} removed, {} failed in {:.1} s ({:.1} images/s)",
            report.indexed,
            report.unchanged,
            report.moved,
            report.removed,
            report.failed.len(),
            report.seconds,
            report.images_per_second
        ))?;
    }
    let complete = report.failed.is_empty() && stopped == Stopped::No;
    Ok(if complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}
