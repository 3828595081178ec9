use std::path::{Path, PathBuf};

use eidetic_indexer::Options;
use eidetic_library::{CreateOptions, Library, ModelSource, Owner};
use eidetic_server::responses::IndexReport;

use super::{
    Access, compute_in, directory, servers_device, servers_precision, through_its_server, warn_of_fallback,
};
use crate::Outcome;
use crate::arguments::{Global, Index, Status};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{DownloadBar, IndexBar};
use crate::{Stopped, output, remote};

/// `eidetic index`
pub(crate) fn run(global: &Global, arguments: &Index) -> Result<Outcome, Failure> {
    if let Some(folder) = &arguments.forget {
        return forget(global, folder);
    }
    let folders = existing(&arguments.folders)?;
    let (report, stopped) = match open(global, arguments)? {
        Access::Own(library) => {
            if folders.is_empty() {
                same_model(&library.model(), arguments)?;
            }
            tell_of_unfinished_switch(&library)?;
            index(&library, &folders, arguments)?
        }
        Access::Through(address) => {
            same_model(
                &remote::status(&address, &Status { recall: false })?.model,
                arguments,
            )?;
            servers_precision(arguments.precision)?;
            servers_device(&arguments.loading)?;
            remote::index(&address, &folders)?
        }
    };
    print_report(global, &report, stopped)
}

/// Every folder must be there before anything starts, and have a name that can be written down.
fn existing(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let resolve = |folder: &PathBuf| {
        let refused = |reason: &str| Failure::arguments(format!("{}: {reason}", folder.display()));
        let real = folder
            .canonicalize()
            .map_err(|error| refused(&error.to_string()))?;
        match real.to_str() {
            Some(_) => Ok(real),
            None => Err(refused(
                "the folder's name is not UTF-8; index the folder around it, or rename it",
            )),
        }
    };
    folders.iter().map(resolve).collect()
}

/// The library: opened, made, or in a server's hands.
fn open(global: &Global, arguments: &Index) -> Result<Access, Failure> {
    let directory = directory(global)?;
    let owner = Owner::this_process("eidetic index");
    let opened = if arguments.folders.is_empty() {
        // Without folders only an existing library makes sense.
        Library::open(&directory, &owner).map(|library| {
            compute_in(&library, arguments.precision);
            library.load_by((&arguments.loading).into());
            (library, None)
        })
    } else {
        let model = arguments
            .model
            .clone()
            .map_or(ModelSource::BestAvailable, ModelSource::Named);
        Library::open_or_create(
            &directory,
            &CreateOptions {
                model,
                precision: arguments.precision.map(Into::into),
                loading: (&arguments.loading).into(),
            },
            &owner,
            &DownloadBar::default(),
        )
    };
    match opened {
        Ok((library, fallback)) => {
            warn_of_fallback(fallback);
            Ok(Access::Own(Box::new(library)))
        }
        Err(error) => through_its_server(error),
    }
}

/// A server's library has its model already.
fn same_model(model: &str, arguments: &Index) -> Result<(), Failure> {
    match &arguments.model {
        Some(asked) if asked.to_string() != model => Err(Failure::could_not_run(format!(
            "the library holds vectors of {model}, not of {asked}; leave out --model, or switch it: eidetic space switch {asked}"
        ))),
        _ => Ok(()),
    }
}

fn tell_of_unfinished_switch(library: &Library) -> Result<(), Failure> {
    if let Some(switch) = library.planned_switch()? {
        eprintln!(
            "eidetic: the switch to {0} has come to {1} of {2} pictures; `eidetic space switch {0}` goes on with it",
            switch.model, switch.done, switch.total
        );
    }
    Ok(())
}

/// `eidetic index --forget DIR`
fn forget(global: &Global, folder: &Path) -> Result<Outcome, Failure> {
    let folder = std::path::absolute(folder).map_err(anyhow::Error::from)?;
    let library = Library::open(
        &directory(global)?,
        &Owner::this_process("eidetic index --forget"),
    )?;
    let paths = library.forget(&folder)?;
    if paths == 0 {
        return Err(Failure::arguments(format!(
            "nothing of {} is in the library",
            folder.display()
        )));
    }
    if global.json {
        output::json(&serde_json::json!({ "forgotten": paths }))?;
    } else {
        output::line(&format!("{paths} paths forgotten; the files are untouched"))?;
    }
    Ok(Outcome::Done)
}

fn index(
    library: &Library,
    folders: &[PathBuf],
    arguments: &Index,
) -> Result<(IndexReport, Stopped), Failure> {
    if folders.is_empty() && library.sources().is_empty() {
        return Err(Failure::arguments(
            "the library has no folders yet; name one: eidetic index FOLDER",
        ));
    }
    let cancel = cancel_on_interrupt()?;
    library.load_encoder(&DownloadBar::default())?;
    let options = Options::from(&arguments.run);
    let bar = IndexBar::new();
    let report = library.index(folders, &options, &bar, &cancel)?;
    bar.finish();
    if report.cancelled {
        return Ok((IndexReport::new(&report, &library.space()), Stopped::Early));
    }
    if let Err(error) = library.refresh_graph() {
        // Derived: everything is indexed, and exact search answers without it.
        eprintln!("eidetic: the search graph could not be kept, searches will be slower: {error}");
    }
    Ok((IndexReport::new(&report, &library.space()), Stopped::No))
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
