//! `eidetic duplicates`

use std::collections::HashSet;
use std::path::PathBuf;

use eidetic_domain::counted;
use eidetic_indexer::RunContext;
use eidetic_library::{DuplicateKind, DuplicateOptions, Library};
use eidetic_server::params::DuplicatesJobParams;
use eidetic_server::responses::{DuplicateFile, DuplicateGroupResponse, DuplicatesResponse};

use super::{Access, access_or_read};
use crate::Outcome;
use crate::arguments::{DuplicatesArgs, Global, PathEnd};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::StageBar;
use crate::{output, remote};

/// `eidetic duplicates`
pub(crate) fn run(global: &Global, arguments: &DuplicatesArgs) -> Result<Outcome, Failure> {
    let Some(found) = find(global, arguments, "eidetic duplicates")? else {
        return Ok(Outcome::DoneWithFailures);
    };
    match arguments.output().paths_only() {
        _ if global.json => output::json(&found)?,
        Some(end) => print_spare(&found, arguments.kind(), end)?,
        None => print_groups(&found)?,
    }
    warn_of_not_compared(&found);
    Ok(Outcome::Done)
}

/// The groups that the arguments ask for; `None` where Ctrl-C came first, which is said.
pub(super) fn find(
    global: &Global,
    arguments: &DuplicatesArgs,
    command: &str,
) -> Result<Option<DuplicatesResponse>, Failure> {
    let options = DuplicateOptions {
        kinds: arguments
            .kind()
            .map_or(DuplicateKind::ALL.to_vec(), |kind| vec![kind]),
        threshold: arguments.threshold,
        filter: arguments.filter.filter()?,
    };
    // As its owner, it stores the fingerprints that it has to compute.
    let found = match access_or_read(global, command)? {
        Access::Local(library) => local(&library, &options)?,
        Access::Remote(server) => {
            let request = DuplicatesJobParams {
                kind: arguments.kind().map(|kind| kind.name().to_owned()),
                threshold: arguments.threshold,
                filter: Some(options.filter.into()),
            };
            remote::duplicates(&server, &request)?
        }
    };
    if found.is_none() {
        eprintln!("eidetic: interrupted; what was compared so far is kept");
    }
    Ok(found)
}

pub(super) fn warn_of_not_compared(found: &DuplicatesResponse) {
    if found.not_compared > 0 {
        let count = counted(found.not_compared, "picture");
        eprintln!("eidetic: {count} not compared, since the files cannot be read now");
    }
}

/// What is found in a library of this process; `None` if it is interrupted.
fn local(library: &Library, options: &DuplicateOptions) -> Result<Option<DuplicatesResponse>, Failure> {
    let cancel = cancel_on_interrupt()?;
    let bar = StageBar::new();
    let found = library.duplicates(options, &RunContext::new(&bar, &cancel));
    bar.finish();
    let found = DuplicatesResponse {
        as_of: library.as_of(),
        ..DuplicatesResponse::from(&found?)
    };
    Ok((!cancel.is_cancelled()).then_some(found))
}

/// All but the best of each group, each path once.
fn print_spare(found: &DuplicatesResponse, kind: Option<DuplicateKind>, end: PathEnd) -> Result<(), Failure> {
    let groups = || {
        found
            .groups
            .iter()
            .filter(|group| kind.is_some() || group.kind != DuplicateKind::Burst)
    };
    let spare = groups().flat_map(|group| group.images.iter().filter(|file| !file.best));
    let mut printed: HashSet<PathBuf> = HashSet::new();
    for path in spare.map(DuplicateFile::original_path) {
        if printed.insert(path.clone()) {
            output::path_alone(&path, end)?;
        }
    }
    Ok(())
}

fn print_groups(found: &DuplicatesResponse) -> Result<(), Failure> {
    for group in &found.groups {
        output::line(&heading(group))?;
        for file in &group.images {
            let mark = if file.best { "*" } else { " " };
            output::line(&format!("  {mark} {}", output::path(&file.original_path())))?;
        }
    }
    if found.groups.is_empty() {
        eprintln!("eidetic: no duplicates found");
    } else {
        let groups = counted(found.groups.len() as u64, "group");
        eprintln!("eidetic: {groups}; * marks the copy to keep, and --paths prints the others");
    }
    Ok(())
}

/// Such as `near, 3 files, >99%`.
fn heading(group: &DuplicateGroupResponse) -> String {
    let files = counted(group.images.len() as u64, "file");
    match group.kind {
        DuplicateKind::Exact => format!("exact, {files}"),
        DuplicateKind::Near => format!("near, {files}, {}", output::percent(Some(group.probability))),
        DuplicateKind::Burst => format!("burst, {files}, {}", output::percent(Some(group.probability))),
    }
}
