//! Keeps a library current: which paths of its sources to look at, and when.
//!
//! ```text
//! events of the system ──▶ queue ──▶ watcher ──▶ rounds ──▶ an indexing run of some paths
//! mounts, clock ─────────────────────────▲
//! ```
//!
//! - **Events** name a path and say whether something is there ([`WatchEvent`]). [`SystemNotifications`] makes them of
//!   what the system tells through the crate `notify`.
//! - The **queue** ([`ChangeQueue`]) keeps paths until nothing was heard of them for a while.
//! - The **watcher** ([`Watcher`]) knows the sources: which of them notifications work for and which are polled, which
//!   disappeared or came back, and when each was last walked. It makes rounds.
//! - A **round** ([`WatchRound`]) is an indexing run of some paths, or of whole sources.
//! - **Files being written**: whatever made a run look at a file, it is left alone until its size and times rest
//!   ([`RestingFiles`]); the run reports it, and the watcher comes back to it.
//! - **Watches**: on Linux, a folder is watched when a walk enters it, before it is listed
//!   ([`IndexerOptions::on_folder`](crate::IndexerOptions::on_folder)). So no file of a new folder is missed, and
//!   folders that are left out cost nothing.
//!
//! Queue, watcher and resting files take the time as an argument and ask the system through traits, so that they are tested
//! without clock and disk.

mod disk;
mod inbox;
mod notifications;
mod queue;
mod resting;
mod watcher;

#[cfg(test)]
mod tests;

pub use disk::{Disk, SystemDisk};
pub use inbox::EventInbox;
pub use notifications::{Notifications, SystemNotifications, WatchError, WatchEvent};
pub use queue::{ChangeQueue, Presence};
pub use resting::{Clock, RestingFiles};
pub use watcher::{
    Polling, RoundEnd, WatchMode, WatchNotice, WatchOptions, WatchRound, WatchedSource, Watcher,
};
