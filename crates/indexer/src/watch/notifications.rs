//! What the system tells of changes, through the crate `notify`.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode, MetadataKind, ModifyKind};
use notify::{
    Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, WatcherKind,
};

use super::EventInbox;
use crate::Links;

/// Something that the system told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// Something was made, moved here, or changed.
    Changed(PathBuf),
    /// A file or folder was deleted, or moved away.
    Vanished(PathBuf),
    /// The system dropped events: anything may have changed.
    Missed,
    /// The system tells of no more folders; this one is not watched.
    LimitReached(PathBuf),
}

/// Why a folder is not watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchError {
    /// The system's limit is reached.
    Limit,
    /// Something else, for display. A folder that cannot be read is no such case: nothing in it is indexed.
    Unavailable(String),
}

/// Asks the system to tell of changes.
pub trait Notifications {
    /// Begins with a source. Its folders are told by the walks that enter them.
    fn add_source(&self, source: &Path) -> Result<(), WatchError>;

    /// Ends with all folders at or below `folder`, which is gone, or another one than before.
    fn forget(&self, folder: &Path);
}

/// The notifications of this system.
pub struct SystemNotifications {
    watcher: Mutex<Result<RecommendedWatcher, String>>,
    /// Folders that are watched one by one, where the system does not watch whole trees.
    folders: Mutex<BTreeSet<PathBuf>>,
    /// Sources whose folders are to be watched.
    sources: Mutex<BTreeSet<PathBuf>>,
    events: Arc<EventInbox>,
}

impl fmt::Debug for SystemNotifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemNotifications")
    }
}

impl SystemNotifications {
    /// Sends events to `events`. Where the system cannot tell of changes, every source is an error.
    pub fn new(events: Arc<EventInbox>, links: Links) -> Self {
        let inbox = Arc::clone(&events);
        let handle = move |event: notify::Result<Event>| {
            for event in translated(event) {
                inbox.send(event);
            }
        };
        let config = Config::default().with_follow_symlinks(links == Links::Follow);
        let watcher = RecommendedWatcher::new(handle, config).map_err(|error| error.to_string());
        Self {
            watcher: Mutex::new(watcher),
            folders: Mutex::default(),
            sources: Mutex::default(),
            events,
        }
    }

    /// Watches a folder that a walk enters, if it is in a source that is watched folder by folder.
    pub fn enter(&self, folder: &Path) {
        if !watches_folders() || !self.is_notified(folder) || lock(&self.folders).contains(folder) {
            return;
        }
        match self.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                lock(&self.folders).insert(folder.to_owned());
            }
            Err(WatchError::Limit) => self.events.send(WatchEvent::LimitReached(folder.to_owned())),
            // It is gone or cannot be read, as the walk finds out too.
            Err(WatchError::Unavailable(reason)) => {
                tracing::debug!("{} is not watched: {reason}", folder.display());
            }
        }
    }

    fn is_notified(&self, folder: &Path) -> bool {
        let sources = lock(&self.sources);
        folder.ancestors().any(|ancestor| sources.contains(ancestor))
    }

    fn watch(&self, path: &Path, mode: RecursiveMode) -> Result<(), WatchError> {
        match &mut *lock(&self.watcher) {
            Ok(watcher) => watcher.watch(path, mode).map_err(WatchError::from),
            Err(reason) => Err(WatchError::Unavailable(reason.clone())),
        }
    }
}

impl Notifications for SystemNotifications {
    fn add_source(&self, source: &Path) -> Result<(), WatchError> {
        if let Err(reason) = &*lock(&self.watcher) {
            return Err(WatchError::Unavailable(reason.clone()));
        }
        if !watches_folders() {
            self.watch(source, RecursiveMode::Recursive)?;
            lock(&self.folders).insert(source.to_owned());
        }
        lock(&self.sources).insert(source.to_owned());
        Ok(())
    }

    fn forget(&self, folder: &Path) {
        lock(&self.sources).remove(folder);
        let forgotten = take_below(&mut lock(&self.folders), folder);
        if forgotten.is_empty() {
            return;
        }
        if let Ok(watcher) = &mut *lock(&self.watcher) {
            for path in forgotten {
                // The system has forgotten it already where it is gone.
                let _ = watcher.unwatch(&path);
            }
        }
    }
}

/// Whether each folder needs a watch of its own.
fn watches_folders() -> bool {
    RecommendedWatcher::kind() == WatcherKind::Inotify
}

impl From<notify::Error> for WatchError {
    fn from(error: notify::Error) -> Self {
        match error.kind {
            ErrorKind::MaxFilesWatch => Self::Limit,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn translated(event: notify::Result<Event>) -> Vec<WatchEvent> {
    match event {
        Ok(event) if event.need_rescan() => vec![WatchEvent::Missed],
        Ok(event) if tells_of_change(event.kind) => event.paths.into_iter().map(told).collect(),
        Ok(_) => Vec::new(),
        Err(error) => {
            tracing::debug!("an event could not be read: {error}");
            vec![WatchEvent::Missed]
        }
    }
}

/// Reading files tells of nothing, not even of the indexer's own reading.
const fn tells_of_change(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::Access(
            AccessKind::Any
                | AccessKind::Read
                | AccessKind::Open(_)
                | AccessKind::Other
                | AccessKind::Close(
                    AccessMode::Any | AccessMode::Read | AccessMode::Execute | AccessMode::Other
                )
        ) | EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime))
    )
}

/// Kinds of events differ between systems; what is at the path now says more.
fn told(path: PathBuf) -> WatchEvent {
    match fs::symlink_metadata(&path) {
        Ok(_) => WatchEvent::Changed(path),
        Err(_) => WatchEvent::Vanished(path),
    }
}

/// Removes the paths at or below `folder`, which follow it.
fn take_below(paths: &mut BTreeSet<PathBuf>, folder: &Path) -> Vec<PathBuf> {
    let following = paths.range::<Path, _>((Bound::Included(folder), Bound::Unbounded));
    let below: Vec<PathBuf> = following
        .take_while(|path| path.starts_with(folder))
        .cloned()
        .collect();
    for path in &below {
        paths.remove(path);
    }
    below
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, DataChange, Flag, RemoveKind};

    #[test]
    fn reading_is_no_change() {
        let changes = [
            EventKind::Create(CreateKind::File),
            EventKind::Modify(ModifyKind::Data(DataChange::Any)),
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
            EventKind::Remove(RemoveKind::Folder),
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
        ];
        assert!(changes.into_iter().all(tells_of_change));
        let reading = [
            EventKind::Access(AccessKind::Open(AccessMode::Any)),
            EventKind::Access(AccessKind::Close(AccessMode::Read)),
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)),
        ];
        assert!(!reading.into_iter().any(tells_of_change));
    }

    #[test]
    fn events_say_what_is_there_now() {
        let folder = tempfile::tempdir().unwrap();
        let (there, gone) = (folder.path().join("there"), folder.path().join("gone"));
        fs::write(&there, b"").unwrap();
        let event = Event::new(EventKind::Any)
            .add_path(there.clone())
            .add_path(gone.clone());
        assert_eq!(
            translated(Ok(event)),
            [WatchEvent::Changed(there), WatchEvent::Vanished(gone)]
        );
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(translated(Ok(overflow)), [WatchEvent::Missed]);
    }
}
