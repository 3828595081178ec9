//! What clients may make the server read, write and change: everything for programs on the same machine, only what is in the
//! library's sources for clients elsewhere.

use std::path::Path;

use eidetic_library::IndexPath;

use crate::options::IndexableFolders;
use crate::params::{CheckedIndex, shortened};
use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;

/// Errors: a folder may not be indexed, or all of them are missing.
pub(crate) fn require_indexable(state: &AppState, request: &CheckedIndex) -> Result<(), Problem> {
    let sources = state.library.sources();
    let mut missing = None;
    let mut any_found = request.folders.is_empty();
    for folder in &request.folders {
        require_source(state, folder)?;
        match IndexPath::check(folder)? {
            IndexPath::Missing { path, .. } if !sources.contains(&path) => missing = Some(folder),
            _ => any_found = true,
        }
    }
    match missing {
        Some(folder) if !any_found => Err(Problem::invalid(format!("no such folder: {}", folder.display()))),
        _ => Ok(()),
    }
}

/// Compares canonical paths, so that neither `..` nor a link leads out of a source. Checked before
/// existence: a server that may not index a folder does not reveal whether it exists.
fn require_source(state: &AppState, folder: &Path) -> Result<(), Problem> {
    if serves_this_machine(state) || is_in_source(state, folder) {
        return Ok(());
    }
    Err(folder_not_allowed(folder))
}

/// The folder may not be added or removed.
pub(crate) fn folder_not_allowed(folder: &Path) -> Problem {
    Problem::new(
        ProblemKind::FolderNotAllowed,
        format!(
            "{} may not be added or removed through this server; stop it and run: eidetic index FOLDER",
            folder.display()
        ),
    )
}

/// Errors: a path is not absolute, or may not be read.
pub(crate) fn require_readable<'a>(
    state: &AppState,
    paths: impl Iterator<Item = &'a Path>,
) -> Result<(), Problem> {
    for path in paths {
        let name = path.display().to_string();
        if !path.is_absolute() {
            return Err(Problem::invalid(format!(
                "{:?} is neither an absolute path nor the id of an image",
                shortened(&name)
            )));
        }
        if !serves_this_machine(state) && !is_in_source(state, path) {
            return Err(Problem::new(
                ProblemKind::FolderNotAllowed,
                format!("{:?} may not be read through this server", shortened(&name)),
            ));
        }
    }
    Ok(())
}

/// A switch reads a directory of the client's choice, and a drop deletes vectors: neither is for clients elsewhere.
pub(crate) fn require_model_access(state: &AppState) -> Result<(), Problem> {
    if serves_this_machine(state) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::ModelNotAllowed,
        "this server listens beyond loopback; to switch or drop a model, stop it and run: eidetic space",
    ))
}

/// A backup writes a file of the client's choice: not for clients elsewhere.
pub(crate) fn require_backup_access(state: &AppState) -> Result<(), Problem> {
    if serves_this_machine(state) {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::FolderNotAllowed,
        "this server listens beyond loopback and writes no files for its clients; on its machine, run: eidetic backup FILE",
    ))
}

fn serves_this_machine(state: &AppState) -> bool {
    state.options.indexable == IndexableFolders::Any
}

fn is_in_source(state: &AppState, path: &Path) -> bool {
    let sources = state.library.sources();
    let canonical = path.canonicalize().ok();
    canonical.is_some_and(|path| sources.iter().any(|source| path.starts_with(source)))
}
