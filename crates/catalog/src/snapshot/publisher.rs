//! Writes a snapshot: the side of the catalog's owner.

use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::FOLDER;
use super::changes_file::{ChangesFile, Commit};
use super::files::{Files, changes_path, table_path};
use super::reader::{End, Snapshot};
use super::table::TableWriter;
use crate::removed::now_ms;
use crate::store::Changes;

/// Changes are joined with the table once they are half as large as it, within these bounds: readers hold them in memory.
const LEAST_CHANGES: u64 = if cfg!(test) { 1 << 10 } else { 4 << 20 };
const MOST_CHANGES: u64 = 64 << 20;
/// How long a snapshot that cannot be written is left as it is.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// Takes the key and the value of a record.
pub type EachRecord<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> io::Result<()>;

/// Passes all records of the store to a function, in order of their keys.
pub type Records<'a> = &'a dyn Fn(EachRecord<'_>) -> io::Result<()>;

/// Publishes commits for readers. What goes wrong here costs the readers freshness, and the catalog nothing.
pub struct Publisher {
    folder: PathBuf,
    state: Mutex<State>,
}

struct State {
    /// The sequence number of the last commit.
    sequence: u64,
    table: u64,
    table_bytes: u64,
    changes: Result<ChangesFile, Broken>,
    /// Writes a table; returns its number and size.
    joining: Option<JoinHandle<io::Result<(u64, u64)>>>,
}

/// A snapshot that ends before the last commit.
struct Broken {
    since: Instant,
}

impl Publisher {
    /// Goes on with the snapshot of the catalog in `dir`, whose last commit is `sequence`; writes a new one from `records`
    /// where there is none that ends there.
    pub fn open(dir: &Path, sequence: u64, records: Records<'_>) -> Self {
        let folder = dir.join(FOLDER);
        let mut state = State {
            sequence,
            table: sequence,
            table_bytes: 0,
            changes: Err(Broken {
                since: Instant::now(),
            }),
            joining: None,
        };
        let opened = match Snapshot::open(&folder, sequence) {
            Ok(Some(snapshot)) if snapshot.end().sequence == sequence => state.resume(&folder, &snapshot),
            _ => state.rewrite(&folder, records),
        };
        if let Err(error) = opened {
            state.give_up(&folder, &error);
        }
        Self {
            folder,
            state: Mutex::new(state),
        }
    }

    /// Publishes what the commit `sequence` is about to change; it counts once the commit sequence file has its number.
    pub fn append(&self, changes: &Changes, sequence: u64, records: Records<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let appended = state.append(&self.folder, changes, sequence, records);
        state.sequence = sequence;
        if let Err(error) = appended {
            state.give_up(&self.folder, &error);
        }
    }
}

impl Drop for Publisher {
    /// Waits for the table that is being written.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(joining) = state.joining.take() {
            // It has said what went wrong.
            let _ = joining.join();
        }
    }
}

impl State {
    fn resume(&mut self, folder: &Path, snapshot: &Snapshot) -> io::Result<()> {
        let End {
            table,
            last_file,
            sequence,
            ..
        } = snapshot.end();
        Files::list(folder)?.remove_unused(folder, table, sequence);
        self.table = table;
        self.table_bytes = snapshot.table_bytes();
        self.changes = Ok(match last_file {
            Some((number, end)) => ChangesFile::resume(&changes_path(folder, number), end)?,
            None => ChangesFile::create(&changes_path(folder, sequence), sequence)?,
        });
        Ok(())
    }

    /// Writes a new snapshot as of the last commit.
    fn rewrite(&mut self, folder: &Path, records: Records<'_>) -> io::Result<()> {
        self.wait_for_table();
        fs::create_dir_all(folder)?;
        let sequence = self.sequence;
        let before = Files::list(folder)?;
        // A stale file of this number would be taken for what follows the new table.
        for number in &before.changes {
            fs::remove_file(changes_path(folder, *number))?;
        }
        self.table_bytes = write_table(folder, sequence, now_ms(), |each| records(each))?;
        self.table = sequence;
        self.changes = Ok(ChangesFile::create(&changes_path(folder, sequence), sequence)?);
        before.remove_unused(folder, sequence, sequence);
        Ok(())
    }

    fn append(
        &mut self,
        folder: &Path,
        changes: &Changes,
        sequence: u64,
        records: Records<'_>,
    ) -> io::Result<()> {
        match &self.changes {
            Err(broken) if broken.since.elapsed() < RETRY_AFTER => return Ok(()),
            Err(_) => self.rewrite(folder, records)?,
            Ok(file) if file.bytes() > (self.table_bytes / 2).clamp(LEAST_CHANGES, MOST_CHANGES) => {
                self.join(folder)?;
            }
            Ok(_) => {}
        }
        let commit = Commit {
            previous: self.sequence,
            sequence,
            at_ms: now_ms(),
        };
        match &mut self.changes {
            Ok(file) => file.append(commit, changes),
            Err(_) => Ok(()),
        }
    }

    /// Begins a new changes file, and a thread that joins the present ones with the table.
    fn join(&mut self, folder: &Path) -> io::Result<()> {
        if self
            .joining
            .as_ref()
            .is_some_and(|joining| !joining.is_finished())
        {
            return Ok(());
        }
        self.wait_for_table();
        let (table, sequence) = (self.table, self.sequence);
        self.changes = Ok(ChangesFile::create(&changes_path(folder, sequence), sequence)?);
        let folder = folder.to_owned();
        let joining = std::thread::Builder::new()
            .name("snapshot".into())
            .spawn(move || {
                join_files(&folder, table, sequence)
                    .inspect_err(|error| tracing::warn!("{}: {error}", folder.display()))
            })?;
        self.joining = Some(joining);
        Ok(())
    }

    /// Waits for the thread that writes a table, and goes on with the table.
    fn wait_for_table(&mut self) {
        if let Some(Ok(Ok((number, bytes)))) = self.joining.take().map(JoinHandle::join) {
            self.table = number;
            self.table_bytes = bytes;
        }
    }

    fn give_up(&mut self, folder: &Path, error: &io::Error) {
        tracing::warn!(
            "{}: {error}; other processes see the library as it was before",
            folder.display()
        );
        self.changes = Err(Broken {
            since: Instant::now(),
        });
    }
}

/// Writes the table of commit `sequence` from that of commit `table` and the changes between them, and removes these.
/// Returns its number and size.
fn join_files(folder: &Path, table: u64, sequence: u64) -> io::Result<(u64, u64)> {
    let snapshot = Snapshot::open(folder, sequence)?
        .filter(|snapshot| snapshot.end().sequence == sequence)
        .ok_or_else(|| io::Error::other("the snapshot for readers is not whole"))?;
    let everything = (Bound::Unbounded, Bound::Unbounded);
    let bytes = write_table(folder, sequence, snapshot.end().at_ms, |each| {
        snapshot.for_each_in(&everything, |key, value| each(key, value).map(|()| true))
    })?;
    let between = Files::list(folder)?.changes.into_iter();
    let between = between.filter(|number| (table..sequence).contains(number));
    for path in between
        .map(|number| changes_path(folder, number))
        .chain([table_path(folder, table)])
    {
        fs::remove_file(path)?;
    }
    Ok((sequence, bytes))
}

/// Writes the table of commit `sequence` and returns its size.
fn write_table(
    folder: &Path,
    sequence: u64,
    at_ms: i64,
    records: impl FnOnce(EachRecord<'_>) -> io::Result<()>,
) -> io::Result<u64> {
    let path = table_path(folder, sequence);
    eidetic_atomic_file::write_with(&path, |file| {
        let mut writer = TableWriter::new(file, sequence, at_ms)?;
        records(&mut |key, value| writer.push(key, value))?;
        writer.finish()
    })?;
    Ok(fs::metadata(path)?.len())
}
