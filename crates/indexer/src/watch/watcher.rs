//! Which sources to look at, in whole or in part, and when.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{ChangeQueue, Disk, Notifications, Presence, WatchError, WatchEvent};
use crate::walk::IGNORE_FILE;

/// How often sources are checked for having disappeared or come back.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// How to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchOptions {
    /// Time after the last change of a file, of its size and its times, after which it is read.
    pub rest: Duration,
    /// Time for which a path that rests waits for others.
    pub patience: Duration,
    /// Time between two walks through all files of a source.
    pub rescan_every: Duration,
    /// The same for a source that is polled.
    pub poll_every: Duration,
    /// Which sources are polled.
    pub polling: Polling,
}

/// Which sources are polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polling {
    /// Those for which the system does not tell of all changes.
    WhereNeeded,
    /// All.
    Always,
}

impl Default for WatchOptions {
    /// Files rest after two seconds, which is the coarsest resolution of modification times in use; a walk every hour, and
    /// every minute where the system does not tell of changes.
    fn default() -> Self {
        Self {
            rest: Duration::from_secs(2),
            patience: Duration::from_secs(1),
            rescan_every: Duration::from_hours(1),
            poll_every: Duration::from_mins(1),
            polling: Polling::WhereNeeded,
        }
    }
}

/// How changes in a source are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchMode {
    /// The system tells of them.
    Notifications,
    /// By walking through it again and again.
    Polling,
}

/// How a source is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedSource {
    /// The source.
    pub path: PathBuf,
    /// How its changes are found.
    pub mode: WatchMode,
    /// Why it is polled, for display, where it was not asked for.
    pub reason: Option<String>,
}

/// What a run is to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchRound {
    /// Sources that are walked through.
    pub whole: Vec<PathBuf>,
    /// Changed paths in other sources.
    pub paths: Vec<PathBuf>,
}

/// How a round ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoundEnd {
    /// All was looked at, except for files that are still being written.
    Done {
        /// These files.
        unsettled: Vec<PathBuf>,
    },
    /// It did not reach its end, and is tried again after this time.
    Again(Duration),
}

/// What the user is to know, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchNotice {
    /// The system watches no more folders: the rest of this source is polled.
    LimitReached {
        /// The source.
        source: PathBuf,
        /// How often.
        every: Duration,
    },
    /// This source is polled.
    Polled {
        /// The source.
        source: PathBuf,
        /// Why.
        reason: String,
        /// How often.
        every: Duration,
    },
}

impl fmt::Display for WatchNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitReached { source, every } => write!(
                f,
                "the system's limit of watched folders is reached: {} is looked through every {} s instead; raise it with: sudo sysctl fs.inotify.max_user_watches=524288",
                source.display(),
                every.as_secs()
            ),
            Self::Polled {
                source,
                reason,
                every,
            } => write!(
                f,
                "the system does not tell of changes in {} ({reason}): it is looked through every {} s instead",
                source.display(),
                every.as_secs()
            ),
        }
    }
}

#[derive(Debug)]
struct SourceWatch {
    mode: WatchMode,
    reason: Option<String>,
    identity: Option<String>,
    next_look: Instant,
}

/// Turns events, the state of disks and time into rounds.
#[derive(Debug)]
pub struct Watcher<'a, N, D> {
    options: WatchOptions,
    notifications: &'a N,
    disk: D,
    sources: BTreeMap<PathBuf, SourceWatch>,
    excluded: Vec<PathBuf>,
    queue: ChangeQueue,
    next_check: Option<Instant>,
    /// When the last round was made.
    round_made: Option<Instant>,
    notices: Vec<WatchNotice>,
    is_limit_told: bool,
}

impl<'a, N: Notifications, D: Disk> Watcher<'a, N, D> {
    /// A watcher without sources.
    pub fn new(options: WatchOptions, notifications: &'a N, disk: D) -> Self {
        Self {
            queue: ChangeQueue::new(options.rest, options.patience),
            options,
            notifications,
            disk,
            sources: BTreeMap::new(),
            excluded: Vec::new(),
            next_check: None,
            round_made: None,
            notices: Vec::new(),
            is_limit_told: false,
        }
    }

    /// Takes over the sources of the library, and the folders whose changes are of no interest. A new source is looked
    /// through at once.
    pub fn set_sources(&mut self, sources: &[PathBuf], excluded: Vec<PathBuf>, now: Instant) {
        self.excluded = excluded;
        let is_gone = |path: &PathBuf| !sources.contains(path);
        let gone: Vec<PathBuf> = self
            .sources
            .keys()
            .filter(|path| is_gone(path))
            .cloned()
            .collect();
        for source in gone {
            self.sources.remove(&source);
            self.queue.drop_below(&source);
            self.forget(&source, now);
        }
        for source in sources {
            if !self.sources.contains_key(source) {
                let identity = self.disk.identity(source);
                self.begin(source, identity, now);
            }
        }
    }

    /// Handles an event that came at `at`.
    pub fn handle(&mut self, event: WatchEvent, at: Instant) {
        match event {
            WatchEvent::Changed(path) => self.changed(path, Presence::Present, at),
            WatchEvent::Vanished(path) => self.changed(path, Presence::Gone, at),
            WatchEvent::Missed => {
                for watch in self.sources.values_mut() {
                    watch.next_look = watch.next_look.min(at);
                }
            }
            WatchEvent::LimitReached(folder) => self.limit_reached(&folder, at),
        }
    }

    /// What is to be looked at now.
    pub fn next_round(&mut self, now: Instant) -> Option<WatchRound> {
        self.check_sources(now);
        self.round_made = Some(now);
        let due = self.sources.iter().filter(|(_, watch)| watch.next_look <= now);
        let whole: Vec<PathBuf> = due.map(|(source, _)| source.clone()).collect();
        let mut paths = self.queue.take(now);
        paths.retain(|path| {
            self.source_of(path)
                .is_some_and(|source| !whole.iter().any(|path| path.as_path() == source))
        });
        (!whole.is_empty() || !paths.is_empty()).then_some(WatchRound { whole, paths })
    }

    /// Notes how a round ended.
    pub fn finished(&mut self, round: WatchRound, end: RoundEnd, now: Instant) {
        let WatchRound { whole, paths } = round;
        let delay = match &end {
            RoundEnd::Done { .. } => None,
            RoundEnd::Again(delay) => Some(*delay),
        };
        if let (RoundEnd::Done { .. }, Some(made)) = (&end, self.round_made) {
            self.drop_looked_at(&whole, made);
        }
        for source in whole {
            let interval = delay.unwrap_or_else(|| self.interval(&source));
            if let Some(watch) = self.sources.get_mut(&source) {
                watch.next_look = now + interval;
            }
        }
        let (again, at) = match end {
            RoundEnd::Done { unsettled } => (unsettled, now),
            RoundEnd::Again(delay) => (paths, now + delay),
        };
        for path in again {
            self.queue.note(path, Presence::Present, at);
        }
    }

    /// What was heard of sources before they were walked through needs no look of its own.
    fn drop_looked_at(&mut self, whole: &[PathBuf], made: Instant) {
        let Self { queue, sources, .. } = self;
        queue.drop_looked_at(made, |path| {
            let mut ancestors = path.ancestors();
            let source = ancestors.find(|ancestor| sources.contains_key(*ancestor));
            source.is_some_and(|source| whole.iter().any(|walked| walked == source))
        });
    }

    /// When there may be something to do, if no event comes before.
    pub fn wake_at(&self) -> Option<Instant> {
        let looks = self.sources.values().map(|watch| watch.next_look);
        looks.chain(self.next_check).chain(self.queue.ready_at()).min()
    }

    /// How it watches.
    pub const fn options(&self) -> &WatchOptions {
        &self.options
    }

    /// How each source is watched.
    pub fn sources(&self) -> Vec<WatchedSource> {
        let watched = |(path, watch): (&PathBuf, &SourceWatch)| WatchedSource {
            path: path.clone(),
            mode: watch.mode,
            reason: watch.reason.clone(),
        };
        self.sources.iter().map(watched).collect()
    }

    /// What the user is to know and was not told yet.
    pub fn take_notices(&mut self) -> Vec<WatchNotice> {
        std::mem::take(&mut self.notices)
    }

    fn begin(&mut self, source: &Path, identity: Option<String>, now: Instant) {
        let (mode, reason) = self.mode_of(source);
        let watch = SourceWatch {
            mode,
            reason,
            identity,
            next_look: now,
        };
        self.sources.insert(source.to_owned(), watch);
    }

    fn mode_of(&mut self, source: &Path) -> (WatchMode, Option<String>) {
        if self.options.polling == Polling::Always {
            return (WatchMode::Polling, None);
        }
        let reason = match self.disk.unnotified(source) {
            Some(reason) => reason,
            None => match self.notifications.add_source(source) {
                Ok(()) => return (WatchMode::Notifications, None),
                Err(WatchError::Limit) => return self.limited(source),
                Err(WatchError::Unavailable(reason)) => reason,
            },
        };
        self.notices.push(WatchNotice::Polled {
            source: source.to_owned(),
            reason: reason.clone(),
            every: self.options.poll_every,
        });
        (WatchMode::Polling, Some(reason))
    }

    fn limited(&mut self, source: &Path) -> (WatchMode, Option<String>) {
        if !self.is_limit_told {
            self.is_limit_told = true;
            self.notices.push(WatchNotice::LimitReached {
                source: source.to_owned(),
                every: self.options.poll_every,
            });
        }
        let reason = "the system's limit of watched folders is reached";
        (WatchMode::Polling, Some(reason.to_owned()))
    }

    fn limit_reached(&mut self, folder: &Path, at: Instant) {
        let Some(source) = self.source_of(folder).map(Path::to_owned) else {
            return;
        };
        let is_notified = |watch: &SourceWatch| watch.mode == WatchMode::Notifications;
        if !self.sources.get(&source).is_some_and(is_notified) {
            return;
        }
        let (mode, reason) = self.limited(&source);
        if let Some(watch) = self.sources.get_mut(&source) {
            watch.mode = mode;
            watch.reason = reason;
            watch.next_look = watch.next_look.min(at + self.options.poll_every);
        }
    }

    fn changed(&mut self, path: PathBuf, presence: Presence, at: Instant) {
        if self.excluded.iter().any(|folder| path.starts_with(folder)) {
            return;
        }
        let Some(source) = self.source_of(&path).map(Path::to_owned) else {
            return;
        };
        if path == source {
            return self.source_changed(&source, presence, at);
        }
        if presence == Presence::Gone {
            self.notifications.forget(&path);
        }
        // Rules decide on all that is below their folder.
        match path
            .parent()
            .filter(|_| path.file_name() == Some(OsStr::new(IGNORE_FILE)))
        {
            Some(folder) if folder == source => self.source_changed(&source, Presence::Present, at),
            Some(folder) => self.queue.note(folder.to_owned(), Presence::Present, at),
            None => self.queue.note(path, presence, at),
        }
    }

    fn source_changed(&mut self, source: &Path, presence: Presence, at: Instant) {
        if presence == Presence::Gone {
            self.next_check = Some(at);
        } else if let Some(watch) = self.sources.get_mut(source) {
            watch.next_look = watch.next_look.min(at + self.options.rest);
        }
    }

    /// Looks whether sources disappeared, came back, or are on another disk than before. They are looked through then, which
    /// decides what became of their images.
    fn check_sources(&mut self, now: Instant) {
        if self.next_check.is_some_and(|next| next > now) {
            return;
        }
        self.next_check = Some(now + CHECK_EVERY);
        let identities: Vec<(PathBuf, Option<String>)> = self
            .sources
            .iter()
            .map(|(path, watch)| (path, watch, self.disk.identity(path)))
            .filter(|(_, watch, identity)| watch.identity != *identity)
            .map(|(path, _, identity)| (path.clone(), identity))
            .collect();
        for (source, identity) in identities {
            self.forget(&source, now);
            self.begin(&source, identity, now);
        }
    }

    /// Ends the watches in a folder. Sources within it need new ones, which a walk makes.
    fn forget(&mut self, folder: &Path, now: Instant) {
        self.notifications.forget(folder);
        for (source, watch) in &mut self.sources {
            if source != folder && source.starts_with(folder) {
                watch.next_look = now;
            }
        }
    }

    /// The innermost source that a path is in.
    fn source_of(&self, path: &Path) -> Option<&Path> {
        let mut ancestors = path.ancestors();
        let source = ancestors.find_map(|ancestor| self.sources.get_key_value(ancestor));
        source.map(|(source, _)| source.as_path())
    }

    fn interval(&self, source: &Path) -> Duration {
        match self.sources.get(source).map(|watch| watch.mode) {
            Some(WatchMode::Polling) => self.options.poll_every.min(self.options.rescan_every),
            _ => self.options.rescan_every,
        }
    }
}
