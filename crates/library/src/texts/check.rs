//! What is damaged of stored texts, and what a repair saves.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use eidetic_catalog::Finding;
use eidetic_domain::{ImageId, RowId, SpaceId, counted};
use eidetic_vectors::{IndexError, VectorStore};

use super::SetMap;
use super::index::{TextIndex, directory_in};
use super::rows::RowLog;
use super::set_file::{ENDING, SetWriter, TextSet};
use super::sets::{set_files, texts_directory};
use crate::LibraryError;

/// The state of the files of texts, for `check`.
#[derive(Debug, Default)]
pub(crate) struct TextsCheck {
    /// Texts whose records are whole.
    pub(crate) texts: u64,
    pub(crate) findings: Vec<Finding>,
}

/// Reads every record of every set.
pub(crate) fn check_sets(library: &Path) -> Result<TextsCheck, LibraryError> {
    let mut check = TextsCheck::default();
    for path in set_files(&texts_directory(library))? {
        let what = match TextSet::open(&path) {
            Ok(Some(set)) => {
                check.texts += set.texts()?.count() as u64;
                set.examine()?.map(|damage| {
                    format!(
                        "{damage}; these are texts of the set {:?}: add its file again with `eidetic texts add`",
                        set.name
                    )
                })
            }
            Ok(None) => Some(
                "it cannot be read; it held a set of texts: add its file again with `eidetic texts add`"
                    .into(),
            ),
            Err(error @ LibraryError::Io { .. }) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        check.findings.extend(what.map(|what| Finding { path, what }));
    }
    Ok(check)
}

/// Reads every vector of texts in the directory of a space.
pub(crate) fn check_vectors(directory: &Path, space: &SpaceId) -> Result<Vec<Finding>, LibraryError> {
    let directory = directory_in(directory);
    let log = RowLog::new(&directory);
    let read = log.read()?;
    let mut findings = Vec::new();
    let mut add = |path: &Path, what: String| {
        findings.push(Finding {
            path: path.to_owned(),
            what,
        });
    };
    if let Some(damage) = read.damage {
        add(
            log.path(),
            format!("{damage}; it is made again from the vectors, and nothing is lost"),
        );
    }
    let rows: HashMap<ImageId, Option<RowId>> = read.entries.into_iter().collect();
    let live: Vec<(RowId, ImageId)> = rows
        .iter()
        .filter_map(|(key, row)| Some(((*row)?, *key)))
        .collect();
    let lost = |count: usize| {
        format!(
            "the vectors of {} are damaged; `eidetic check --repair` and then `eidetic index` compute them again",
            counted(count, "text")
        )
    };
    if !VectorStore::exists(&directory) {
        if !live.is_empty() {
            add(&directory, lost(live.len()));
        }
        return Ok(findings);
    }
    match VectorStore::open(&directory, space, &live) {
        Ok((store, opened)) => {
            let damaged: HashSet<ImageId> = opened.damaged.into_iter().chain(store.verify()?).collect();
            if !damaged.is_empty() {
                add(&directory, lost(damaged.len()));
            }
        }
        Err(IndexError::Damaged { path, reason }) => {
            add(
                &path,
                format!("{reason}; it is written again, and nothing is lost"),
            );
        }
        Err(IndexError::Io { path, source }) => add(&path, format!("it cannot be checked: {source}")),
        Err(error) => return Err(error.into()),
    }
    if VectorStore::has_damaged_snapshot(&directory, space) {
        add(
            &directory,
            "the saved graph is damaged; it is derived, and nothing is lost".into(),
        );
    }
    Ok(findings)
}

/// Saves the texts that are whole of damaged sets. Returns the damaged files, which are kept.
pub(crate) fn repair_sets(library: &Path) -> Result<Vec<PathBuf>, LibraryError> {
    let directory = texts_directory(library);
    let mut kept = Vec::new();
    for path in set_files(&directory)? {
        let set = TextSet::open(&path)?;
        if let Some(set) = &set
            && set.examine()?.is_none()
        {
            continue;
        }
        let aside = free_name(&path);
        fs::rename(&path, &aside).map_err(LibraryError::io(&path))?;
        if let Some(set) = set {
            let mut whole = set;
            whole.path.clone_from(&aside);
            let failed = || LibraryError::io(&path);
            let mut writer = SetWriter::create(&directory, &whole.name).map_err(failed())?;
            for text in whole.texts()? {
                writer.push(&text).map_err(failed())?;
            }
            let finished = writer.finish().map_err(failed())?;
            writer.install(finished).map_err(failed())?;
        }
        kept.push(aside);
    }
    Ok(kept)
}

/// Forgets the damaged vectors of texts in the directory of a space, so that they are computed again.
pub(crate) fn repair_vectors(directory: &Path, space: &SpaceId) -> Result<(), LibraryError> {
    let sets = SetMap::new();
    let text_vectors = directory_in(directory);
    if check_vectors(directory, space)?.is_empty() {
        return Ok(());
    }
    if VectorStore::has_damaged_snapshot(&text_vectors, space) {
        VectorStore::remove_snapshot(&text_vectors)?;
    }
    // Opening makes header and log whole.
    drop(TextIndex::open(directory, space, &sets)?);
    let log = RowLog::new(&text_vectors);
    let known: HashMap<ImageId, Option<RowId>> = log.read()?.entries.into_iter().collect();
    let live: Vec<(RowId, ImageId)> = known
        .iter()
        .filter_map(|(key, row)| Some(((*row)?, *key)))
        .collect();
    let (store, opened) = VectorStore::open(&text_vectors, space, &live)?;
    let damaged: HashSet<ImageId> = opened.damaged.into_iter().chain(store.verify()?).collect();
    let whole: Vec<_> = known
        .into_iter()
        .filter(|(key, _)| !damaged.contains(key))
        .collect();
    log.replace(&whole).map_err(LibraryError::io(log.path()))
}

/// A name beside `path` that no file has.
fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| path.with_extension(format!("{ENDING}.damaged-{number}"));
    let free = (1..=u32::MAX).map(name).find(|name| !name.exists());
    free.unwrap_or_else(|| name(0))
}
