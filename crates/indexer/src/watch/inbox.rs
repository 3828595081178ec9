//! What was told and not handled yet.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Presence, WatchEvent};

/// Number of paths from which on the inbox stands for anything: a run over everything costs less.
const MANY: usize = 200_000;

/// Events that arrived since they were last taken. Of each path it keeps the last, so that its size does not grow while a
/// large file is written during a long run.
#[derive(Debug, Default)]
pub struct EventInbox {
    arrived: Mutex<Arrived>,
    signal: Condvar,
}

#[derive(Debug, Default)]
struct Arrived {
    changes: BTreeMap<PathBuf, (Presence, Instant)>,
    missed: bool,
    unwatched: Option<PathBuf>,
}

impl EventInbox {
    /// Adds an event of this moment.
    pub fn send(&self, event: WatchEvent) {
        let mut arrived = self.lock();
        let now = Instant::now();
        match event {
            WatchEvent::Changed(path) => arrived.change(path, Presence::Present, now),
            WatchEvent::Vanished(path) => arrived.change(path, Presence::Gone, now),
            WatchEvent::Missed => arrived.missed = true,
            WatchEvent::LimitReached(folder) => arrived.unwatched = Some(folder),
        }
        drop(arrived);
        self.signal.notify_all();
    }

    /// Takes all events, each with the time of its arrival. Waits for the first one at most for `time`.
    pub fn take(&self, time: Duration) -> Vec<(WatchEvent, Instant)> {
        let waiting = self
            .signal
            .wait_timeout_while(self.lock(), time, |arrived| arrived.is_empty());
        let (mut arrived, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *arrived).into_events()
    }

    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrived {
    fn change(&mut self, path: PathBuf, presence: Presence, now: Instant) {
        self.changes.insert(path, (presence, now));
        if self.changes.len() >= MANY {
            self.changes.clear();
            self.missed = true;
        }
    }

    fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.missed && self.unwatched.is_none()
    }

    fn into_events(self) -> Vec<(WatchEvent, Instant)> {
        let now = Instant::now();
        let missed = self.missed.then_some((WatchEvent::Missed, now));
        let limit = self
            .unwatched
            .map(|folder| (WatchEvent::LimitReached(folder), now));
        let changes = self
            .changes
            .into_iter()
            .map(|(path, (presence, at))| match presence {
                Presence::Present => (WatchEvent::Changed(path), at),
                Presence::Gone => (WatchEvent::Vanished(path), at),
            });
        missed.into_iter().chain(limit).chain(changes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_event_of_path_stays() {
        let inbox = EventInbox::default();
        assert!(inbox.take(Duration::ZERO).is_empty());
        inbox.send(WatchEvent::Vanished("/a".into()));
        inbox.send(WatchEvent::Changed("/a".into()));
        inbox.send(WatchEvent::Missed);
        let events: Vec<WatchEvent> = inbox
            .take(Duration::ZERO)
            .into_iter()
            .map(|(event, _)| event)
            .collect();
        assert_eq!(events, [WatchEvent::Missed, WatchEvent::Changed("/a".into())]);
        assert!(inbox.take(Duration::ZERO).is_empty());
    }

    #[test]
    fn flood_of_paths_becomes_missed_events() {
        let inbox = EventInbox::default();
        for number in 0..MANY {
            inbox.send(WatchEvent::Changed(format!("/{number}").into()));
        }
        let events = inbox.take(Duration::ZERO);
        assert!(
            matches!(events[..], [(WatchEvent::Missed, _)]),
            "{}",
            events.len()
        );
    }
}
