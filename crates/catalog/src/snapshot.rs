//! A copy of the catalog for processes that read it while another one writes.
//!
//! sled lets one process in. So the owner of a catalog publishes what it commits beside the store, in the folder `snapshot`:
//!
//! ```text
//! table-S     all records as of commit S, sorted by key            replaced by a later table, never changed
//! changes-S   what the commits after S changed, one frame each     appended to before the store commits
//! ```
//!
//! S is a sequence number of twenty digits. A frame is written before its commit and counts from the moment in which the
//! commit sequence file has the commit's number, so that a reader sees all of a commit or nothing of it, and nothing that
//! a power failure could take back. Once the changes have grown, a thread joins them with the table to a new one, while
//! later commits go to a changes file of their own.
//!
//! All of it is derived: blocks, index and frames carry checksums, nothing is synced but tables, and what is missing,
//! damaged, or behind the store when the owner opens the catalog is written again from the store.

mod bytes;
mod changes_file;
mod files;
mod publisher;
mod reader;
mod table;

pub use files::{FOLDER, remove};
pub use publisher::{EachRecord, Publisher};
pub use reader::{Snapshot, damage};

/// The version of both kinds of files.
const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
