//! `eidetic index`

use std::path::{Path, PathBuf};

use eidetic_domain::counted;
use eidetic_hub::ModelRef;
use eidetic_indexer::{IndexerOptions, Reading, RunContext};
use eidetic_library::{IndexPath, Library, LibraryError, Owner};
use eidetic_server::params::IndexParams;
use eidetic_server::responses::{IndexReport, UnreachableFolder};

use super::{
    Access, access, create_options, directory, note_better_model, redirect_to_server, reject_model_options,
};
use crate::arguments::{Global, IndexArgs, StatusArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::load_model::warn_of_fallback;
use crate::progress::{DownloadBar, IndexBar, StageBar};
use crate::{Completion, Outcome, output, remote};

/// `eidetic index`
pub(crate) fn run(global: &Global, arguments: &IndexArgs) -> Result<Outcome, Failure> {
    if let Some(folder) = &arguments.forget {
        return forget(global, folder);
    }
    let folders = check_folders(&arguments.folders)?;
    let accepted = arguments.accept_removals.iter().map(|path| checked_path(path));
    let accepted = accepted.collect::<Result<Vec<PathBuf>, Failure>>()?;
    let (report, completion) = match open_or_create(global, arguments, &folders)? {
        Access::Local(library) => {
            if folders.is_empty() {
                require_same_model(library.active().model(), arguments.model.as_ref())?;
            }
            note_unfinished_switch(&library)?;
            note_better_model(&library);
            let settings = arguments.settings.apply_to(&library.indexing_settings());
            library.set_indexing_settings(settings)?;
            require_sources(&library.sources(), &accepted)?;
            index(&library, &folders.all, accepted, arguments)?
        }
        Access::Remote(server) => {
            let status = remote::status(&server, &StatusArgs::default())?;
            require_same_model(&status.model, arguments.model.as_ref())?;
            reject_model_options(&arguments.options)?;
            reject_settings(arguments)?;
            let sources: Vec<PathBuf> = status.sources.into_iter().map(|source| source.path).collect();
            require_sources(&sources, &accepted)?;
            let text = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect();
            let request = IndexParams {
                folders: text(&folders.all),
                accept_removals: text(&accepted),
                rescan: arguments.rescan,
            };
            remote::index(&server, &request)?
        }
    };
    print_report(global, &report, completion)
}

/// The folders that are to be indexed.
struct IndexFolders {
    /// All of them, absolute.
    all: Vec<PathBuf>,
    /// The first one that does not exist, and why, if none does.
    missing: Option<(PathBuf, String)>,
}

impl IndexFolders {
    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Looks at all folders before anything starts: a file that is no image is an error. Paths must be UTF-8, as the
/// catalog stores them.
fn check_folders(folders: &[PathBuf]) -> Result<IndexFolders, Failure> {
    let (mut all, mut missing, mut any_found) = (Vec::new(), None, false);
    for folder in folders {
        let path = match IndexPath::check(folder)? {
            IndexPath::Present(path) => {
                any_found = true;
                path
            }
            IndexPath::Missing { path, reason } => {
                missing.get_or_insert((folder.clone(), reason));
                path
            }
        };
        all.push(require_text(folder, path)?);
    }
    let missing = missing.filter(|_| !any_found);
    Ok(IndexFolders { all, missing })
}

/// A path without links where it exists, absolute in any case.
fn checked_path(path: &Path) -> Result<PathBuf, Failure> {
    let (IndexPath::Present(real) | IndexPath::Missing { path: real, .. }) = IndexPath::check(path)?;
    require_text(path, real)
}

fn require_text(given: &Path, path: PathBuf) -> Result<PathBuf, Failure> {
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err(Failure::in_file(
            given,
            "the name is not UTF-8; index the parent folder, or rename it",
        )),
    }
}

/// Removals can be accepted in a source, or below one.
fn require_sources(sources: &[PathBuf], accepted: &[PathBuf]) -> Result<(), Failure> {
    let is_known = |path: &PathBuf| sources.iter().any(|source| path.starts_with(source));
    match accepted.iter().find(|path| !is_known(path)) {
        Some(other) => Err(Failure::in_file(
            other,
            "not a folder of the library; `eidetic status` lists them",
        )),
        None => Ok(()),
    }
}

fn reject_settings(arguments: &IndexArgs) -> Result<(), Failure> {
    if arguments.settings.is_empty() {
        return Ok(());
    }
    Err(Failure::could_not_run(
        "a server owns the library; stop it to change what the library remembers, such as --no-follow",
    ))
}

fn open_or_create(global: &Global, arguments: &IndexArgs, folders: &IndexFolders) -> Result<Access, Failure> {
    let directory = directory(global)?;
    let owner = Owner::this_process("eidetic index");
    let opened = if folders.is_empty() || folders.missing.is_some() {
        // Without folders there is nothing to create a library for.
        Library::open(&directory, &owner).map(|library| {
            arguments.options.apply_to(&library);
            (library, None)
        })
    } else {
        let options = create_options(arguments.model.as_ref(), &arguments.options);
        Library::open_or_create(&directory, &options, &owner, &DownloadBar::default())
    };
    match opened {
        Ok((library, fallback)) => {
            warn_of_fallback(fallback.as_ref());
            Ok(Access::Local(Box::new(library)))
        }
        Err(error) => match (error, &folders.missing) {
            (LibraryError::Missing { .. }, Some((path, reason))) => Err(Failure::in_file(path, reason)),
            (error, _) => redirect_to_server(error),
        },
    }
}

pub(crate) fn require_same_model(model: &str, named: Option<&ModelRef>) -> Result<(), Failure> {
    match named {
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
    let folder = require_text(&folder.clone(), folder)?;
    let paths = match access(global, "eidetic index --forget")? {
        Access::Local(library) => library.forget(&folder)?,
        Access::Remote(address) => Some(remote::forget(&address, &folder)?),
    };
    let Some(paths) = paths else {
        return Err(Failure::arguments(format!(
            "nothing of {} is in the library",
            output::path(&folder)
        )));
    };
    if global.json {
        output::json(&serde_json::json!({ "forgotten": paths }))?;
    } else {
        output::line(&format!(
            "{} removed from the library; the files are untouched",
            counted(paths, "path")
        ))?;
    }
    Ok(Outcome::Done)
}

fn index(
    library: &Library,
    folders: &[PathBuf],
    accepted: Vec<PathBuf>,
    arguments: &IndexArgs,
) -> Result<(IndexReport, Completion), Failure> {
    if folders.is_empty() && library.sources().is_empty() {
        return Err(Failure::arguments(
            "the library has no folders yet; add one: eidetic index DIR",
        ));
    }
    let cancel = cancel_on_interrupt()?;
    library.active().load_encoder(&DownloadBar::default())?;
    let options = IndexerOptions {
        reading: if arguments.rescan {
            Reading::All
        } else {
            Reading::Changed
        },
        accepted,
        ..IndexerOptions::from(&arguments.indexing)
    };
    let bar = IndexBar::new();
    let report = library.index(folders, &options, &RunContext::new(&bar, &cancel))?;
    bar.finish();
    if report.cancelled {
        return Ok((
            IndexReport::new(&report, library.active().id()),
            Completion::Interrupted,
        ));
    }
    let bar = StageBar::new();
    let refreshed = library.active().refresh_graph(&RunContext::new(&bar, &cancel));
    bar.finish();
    // The graph is derived: everything is indexed, and exact search works without it.
    if let Err(error) = refreshed {
        eprintln!("eidetic: failed to store the search graph, searches will be slower: {error}");
    } else if cancel.is_cancelled() {
        note_unfinished_graph();
    }
    Ok((
        IndexReport::new(&report, library.active().id()),
        Completion::Completed,
    ))
}

/// After Ctrl-C while the search graph was built.
pub(super) fn note_unfinished_graph() {
    eprintln!(
        "eidetic: everything is stored; searches are slower until the search graph is built: by the next `eidetic index` or `eidetic serve`"
    );
}

/// What was read again, and what is damaged.
fn print_noteworthy(report: &IndexReport) {
    if report.details_read > 0 {
        eprintln!(
            "eidetic: read captions, keywords and dates of {} again",
            counted(report.details_read, "unchanged picture")
        );
    }
    if report.embedded_again > 0 {
        eprintln!(
            "eidetic: embedded {} again: color profiles and orientation that earlier versions ignored are applied now",
            counted(report.embedded_again, "picture")
        );
    }
    if report.damaged > 0 {
        eprintln!(
            "eidetic: indexed {} as far as the files go; `eidetic status --failed` names them",
            counted(report.damaged, "damaged picture")
        );
    }
}

/// What could not be indexed, and what was left out.
fn print_notes(report: &IndexReport) {
    for failure in &report.failed {
        eprintln!(
            "eidetic: {}: {}",
            output::path(&failure.original_path()),
            output::text(&failure.reason)
        );
    }
    for source in &report.unreachable {
        let UnreachableFolder { path, reason, images } = source;
        let (path, reason) = (output::text(path), output::text(reason));
        if *images == 0 {
            eprintln!("eidetic: {path}: {reason}");
        } else {
            eprintln!(
                "eidetic: {path} is unreachable: {reason}; {} kept until it is back; if deleted: eidetic index --accept-removals {path}",
                counted(*images, "image")
            );
        }
    }
    print_noteworthy(report);
    if let Some(videos) = report.skipped.get(IndexReport::VIDEOS) {
        eprintln!(
            "eidetic: passed over {}: ffmpeg is not installed; install it to search in videos",
            counted(*videos, "video")
        );
    }
    let others = [
        IndexReport::OTHER_FILES,
        IndexReport::JUNK_FOLDERS,
        IndexReport::VIDEOS,
    ];
    let is_format = |kind: &str| !others.contains(&kind);
    let formats = report.skipped.iter().filter(|(kind, _)| is_format(kind));
    let formats: Vec<String> = formats.map(|(kind, count)| format!("{count} {kind}")).collect();
    if !formats.is_empty() {
        eprintln!(
            "eidetic: left out, since these formats are not supported: {}; convert them to JPEG or PNG",
            formats.join(", ")
        );
    }
    if let Some(folders) = report.skipped.get(IndexReport::JUNK_FOLDERS) {
        eprintln!(
            "eidetic: left out {} of trash, thumbnails or previews",
            counted(*folders, "folder")
        );
    }
}

fn print_report(global: &Global, report: &IndexReport, completion: Completion) -> Result<Outcome, Failure> {
    print_notes(report);
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
    let is_complete =
        report.failed.is_empty() && report.unreachable.is_empty() && completion == Completion::Completed;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}
