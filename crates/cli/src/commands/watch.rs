//! `eidetic watch`

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use eidetic_domain::counted;
use eidetic_indexer::watch::{WatchNotice, WatchOptions};
use eidetic_indexer::{Background, Foreground, IndexerOptions, lower_priority};
use eidetic_library::{Library, LibraryError, WatchObserver, WatchedRound};
use eidetic_server::responses::{IndexReport, UnreachableFolder};
use serde::Serialize;

use super::{Access, access, note_better_model};
use crate::Outcome;
use crate::arguments::{Global, StatusArgs, WatchArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::output;
use crate::progress::DownloadBar;
use crate::remote::{self, RemoteServer};

/// `eidetic watch`
pub(crate) fn run(global: &Global, arguments: &WatchArgs) -> Result<Outcome, Failure> {
    match access(global, "eidetic watch")? {
        Access::Local(library) => {
            arguments.options.apply_to(&library);
            note_better_model(&library);
            watch(global, &library, arguments)
        }
        Access::Remote(server) => name_server(global, &server),
    }
}

/// A server that owns the library watches it, unless it was told not to.
fn name_server(global: &Global, server: &RemoteServer) -> Result<Outcome, Failure> {
    let status = remote::status(server, &StatusArgs::default())?;
    if status.watch.is_none() {
        return Err(Failure::could_not_run(format!(
            "the server at {server} owns the library and does not watch its folders; start it without --no-watch"
        )));
    }
    if global.json {
        output::json(&serde_json::json!({ "watched_by": server.to_string() }))?;
    } else {
        output::line(&format!(
            "the server at {server} watches the folders of this library already"
        ))?;
    }
    Ok(Outcome::Done)
}

fn watch(global: &Global, library: &Library, arguments: &WatchArgs) -> Result<Outcome, Failure> {
    let folders = library.sources().len() as u64;
    if folders == 0 {
        return Err(Failure::arguments(
            "the library has no folders yet; add one: eidetic index DIR",
        ));
    }
    let cancel = cancel_on_interrupt()?;
    library.active().load_encoder(&DownloadBar::default())?;
    eprintln!(
        "eidetic: watching {} of {}   (Ctrl-C stops)",
        counted(folders, "folder"),
        output::path(library.directory())
    );
    lower_priority();
    let background = Background::new(Arc::new(Foreground::default())).map_err(anyhow::Error::from)?;
    let indexing = IndexerOptions {
        background: Some(Arc::new(background)),
        ..IndexerOptions::from(&arguments.indexing)
    };
    let printer = Printer {
        global,
        library,
        said: Mutex::default(),
        failure: Mutex::default(),
    };
    library.watch(
        &WatchOptions::from(&arguments.watching),
        &indexing,
        &printer,
        &cancel,
    )?;
    let failure = printer.failure.into_inner();
    match failure.unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => Ok(Outcome::Done),
    }
}

/// Marks what was said of folders that could not be reached, among what was said of files.
const UNREACHABLE: &str = "unreachable: ";

/// Prints a line for each round that found something, and for the first one.
struct Printer<'a> {
    global: &'a Global,
    library: &'a Library,
    /// What was said of files and folders already: a rescan finds the same again.
    said: Mutex<HashSet<(String, String)>>,
    /// Why nothing could be printed, if so.
    failure: Mutex<Option<Failure>>,
}

/// One round as JSON.
#[derive(Serialize)]
struct RoundLine {
    /// The folders that were looked through; in the others, only changes were looked at.
    whole: Vec<String>,
    #[serde(flatten)]
    report: IndexReport,
}

impl WatchObserver for Printer<'_> {
    fn round(&self, round: &WatchedRound) {
        let mut report = IndexReport::new(&round.report, self.library.active().id());
        let is_first = lock(&self.said).insert((String::new(), String::new()));
        self.keep_news(round, &mut report);
        let has_changed = report.indexed + report.moved + report.removed + report.details_read > 0;
        let has_news = !report.failed.is_empty() || !report.unreachable.is_empty();
        if !(is_first || has_changed || has_news) {
            return;
        }
        if let Err(failure) = self.print(round, report) {
            *lock(&self.failure) = Some(failure);
        }
    }

    fn failed(&self, error: &LibraryError) {
        eprintln!(
            "eidetic: a round failed and is tried again: {}",
            output::message(&error.to_string())
        );
    }

    fn notice(&self, notice: &WatchNotice) {
        eprintln!("eidetic: {}", output::message(&notice.to_string()));
    }
}

impl Printer<'_> {
    /// Leaves what is said for the first time, and forgets what is over: that a folder could not be reached, if it was
    /// walked through.
    fn keep_news(&self, round: &WatchedRound, report: &mut IndexReport) {
        let mut said = lock(&self.said);
        let is_whole = |path: &str| {
            round
                .whole
                .iter()
                .any(|source| Path::new(path).starts_with(source))
        };
        let is_lost = |path: &str| report.unreachable.iter().any(|source| source.path == path);
        said.retain(|(path, reason)| !reason.starts_with(UNREACHABLE) || !is_whole(path) || is_lost(path));
        report
            .failed
            .retain(|failed| said.insert((failed.path.clone(), failed.reason.clone())));
        report.unreachable.retain(|source| {
            // A look at a part of it says the same with other numbers.
            let is_known = said
                .iter()
                .any(|(path, reason)| *path == source.path && reason.starts_with(UNREACHABLE));
            let is_new = said.insert((source.path.clone(), format!("{UNREACHABLE}{}", source.reason)));
            is_new && (is_whole(&source.path) || !is_known)
        });
    }

    fn print(&self, round: &WatchedRound, report: IndexReport) -> Result<(), Failure> {
        for failed in &report.failed {
            eprintln!(
                "eidetic: {}: {}",
                output::path(&failed.original_path()),
                output::text(&failed.reason)
            );
        }
        for UnreachableFolder { path, reason, images } in &report.unreachable {
            eprintln!(
                "eidetic: {} is unreachable: {}; {} kept until it is back",
                output::text(path),
                output::text(reason),
                counted(*images, "image")
            );
        }
        if self.global.json {
            let whole = round.whole.iter().map(|path| path.to_string_lossy().into_owned());
            return output::json(&RoundLine {
                whole: whole.collect(),
                report,
            });
        }
        output::line(&format!(
            "{} added, {} moved, {} removed, {} failed in {:.1} s",
            report.indexed,
            report.moved,
            report.removed,
            report.failed.len(),
            report.seconds
        ))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
