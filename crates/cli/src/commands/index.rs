//! `eidetic index`

use std::path::{Path, PathBuf};

use eidetic_indexer::{IndexerOptions, RunContext};
use eidetic_library::{CreateOptions, Library, ModelSource, Owner};
use eidetic_server::responses::IndexReport;

use super::{Access, directory, open_local, redirect_to_server, reject_model_options};
use crate::arguments::{Global, IndexArgs, StatusArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::load_model::warn_of_fallback;
use crate::progress::{DownloadBar, IndexBar};
use crate::{Completion, Outcome, output, remote};

/// `eidetic index`
pub(crate) fn run(global: &Global, arguments: &IndexArgs) -> Result<Outcome, Failure> {
    if let Some(folder) = &arguments.forget {
        return forget(global, folder);
    }
    let folders = canonical_folders(&arguments.folders)?;
    let (report, completion) = match open_or_create(global, arguments)? {
        Access::Local(library) => {
            if folders.is_empty() {
                require_same_model(library.active().model(), arguments)?;
            }
            note_unfinished_switch(&library)?;
            index(&library, &folders, arguments)?
        }
        Access::Remote(server) => {
            let status = remote::status(&server, &StatusArgs { recall: false })?;
            require_same_model(&status.model, arguments)?;
            reject_model_options(&arguments.options)?;
            remote::index(&server, &folders)?
        }
    };
    print_report(global, &report, completion)
}

/// Resolves all folders before anything starts. Their paths must exist and be UTF-8, as the catalog stores
/// them.
fn canonical_folders(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let resolve = |folder: &PathBuf| {
        let real = folder
            .canonicalize()
            .map_err(|error| Failure::in_file(folder, error))?;
        match real.to_str() {
            Some(_) => Ok(real),
            None => Err(Failure::in_file(
                folder,
                "the name is not UTF-8; index the parent folder, or rename it",
            )),
        }
    };
    folders.iter().map(resolve).collect()
}

fn open_or_create(global: &Global, arguments: &IndexArgs) -> Result<Access, Failure> {
    let directory = directory(global)?;
    let owner = Owner::this_process("eidetic index");
    let opened = if arguments.folders.is_empty() {
        // Without folders there is nothing to create a library for.
        Library::open(&directory, &owner).map(|library| {
            arguments.options.apply_to(&library);
            (library, None)
        })
    } else {
        let options = CreateOptions {
            model: arguments
                .model
                .clone()
                .map_or(ModelSource::BestAvailable, ModelSource::Named),
            precision: arguments.options.precision.map(Into::into),
            load: (&arguments.options).into(),
        };
        Library::open_or_create(&directory, &options, &owner, &DownloadBar::default())
    };
    match opened {
        Ok((library, fallback)) => {
            warn_of_fallback(fallback.as_ref());
            Ok(Access::Local(Box::new(library)))
        }
        Err(error) => redirect_to_server(error),
    }
}

fn require_same_model(model: &str, arguments: &IndexArgs) -> Result<(), Failure> {
    match &arguments.model {
        Some(other) if other.to_string() != model => Err(Failure::could_not_run(format!(
            "the library uses model {model}, not {other}; leave out --model, or run: eidetic space switch {other}"
        ))),
        _ => Ok(()),
    }
}

fn note_unfinished_switch(library: &Library) -> Result<(), Failure> {
    if let Some(switch) = library.planned_switch()? {
        eprintln!(
            "eidetic: the switch to {0} is at {1} of {2} images; run `eidetic space switch {0}` to resume it",
            switch.model, switch.done, switch.total
        );
    }
    Ok(())
}

/// `eidetic index --forget DIR`
fn forget(global: &Global, folder: &Path) -> Result<Outcome, Failure> {
    let folder = std::path::absolute(folder).map_err(anyhow::Error::from)?;
    let library = open_local(global, "eidetic index --forget")?;
    let paths = library.forget(&folder)?;
    if paths == 0 {
        return Err(Failure::arguments(format!(
            "nothing of {} is in the library",
            output::path(&folder)
        )));
    }
    if global.json {
        output::json(&serde_json::json!({ "forgotten": paths }))?;
    } else {
        output::line(&format!(
            "{paths} paths removed from the library; their files are untouched"
        ))?;
    }
    Ok(Outcome::Done)
}

fn index(
    library: &Library,
    folders: &[PathBuf],
    arguments: &IndexArgs,
) -> Result<(IndexReport, Completion), Failure> {
    if folders.is_empty() && library.sources().is_empty() {
        return Err(Failure::arguments(
            "the library has no folders yet; add one: eidetic index DIR",
        ));
    }
    let cancel = cancel_on_interrupt()?;
    library.active().load_encoder(&DownloadBar::default())?;
    let options = IndexerOptions::from(&arguments.indexing);
    let bar = IndexBar::new();
    let report = library.index(folders, &options, &RunContext::new(&bar, &cancel))?;
    bar.finish();
    if report.cancelled {
        return Ok((
            IndexReport::new(&report, library.active().id()),
            Completion::Interrupted,
        ));
    }
    if let Err(error) = library.active().refresh_graph() {
        // The graph is derived: everything is indexed, and exact search works without it.
        eprintln!("eidetic: failed to store the search graph, searches will be slower: {error}");
    }
    Ok((
        IndexReport::new(&report, library.active().id()),
        Completion::Completed,
    ))
}

fn print_report(global: &Global, report: &IndexReport, completion: Completion) -> Result<Outcome, Failure> {
    for failure in &report.failed {
        eprintln!(
            "eidetic: {}: {}",
            output::path(&failure.original_path()),
            output::text(&failure.reason)
        );
    }
    if completion == Completion::Interrupted {
        eprintln!("eidetic: interrupted; everything indexed so far is kept, run the same command to resume");
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
    let is_complete = report.failed.is_empty() && completion == Completion::Completed;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}
