//! Downloads one file in a thread of its own, which sends events.
//!
//! hf-hub has no timeouts, so the receiver of the events applies one. An abandoned download ends when the next bytes arrive,
//! at the latest with the process. It leaves a `.part` file, which the next download resumes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiError};
use hf_hub::{Cache, Repo};

/// An event of a download.
pub enum DownloadEvent {
    /// The Hub has the file; its length in bytes.
    Begin(u64),
    /// Bytes that are on disk from an earlier download.
    Resume(u64),
    /// Bytes that arrived.
    Advance(u64),
    /// More bytes arrived than announced; the download has ended.
    TooMany,
    /// The path of the complete file, or the error.
    Done(Result<PathBuf, ApiError>),
}

/// A file of the Hub to download.
pub struct Download {
    pub api: Api,
    pub cache: Cache,
    pub repo: Repo,
    pub file: String,
}

impl Download {
    /// Starts the download. The channel closes after `Done` or `TooMany`, or without either if hf-hub panicked.
    pub fn start(self) -> std::io::Result<Receiver<DownloadEvent>> {
        let (sender, events) = mpsc::channel();
        std::thread::Builder::new()
            .name("hub download".into())
            .spawn(move || {
                let result = self.run(&sender);
                // The receiver is gone if it timed out.
                let _ = sender.send(DownloadEvent::Done(result));
            })?;
        Ok(events)
    }

    fn run(&self, events: &Sender<DownloadEvent>) -> Result<PathBuf, ApiError> {
        let repo = self.api.repo(self.repo.clone());
        let metadata = self.api.metadata(&repo.url(&self.file))?;
        let size = metadata.size() as u64;
        let _ = events.send(DownloadEvent::Begin(size));
        let mut part = self.cache.repo(self.repo.clone()).blob_path(metadata.etag());
        part.set_extension("part");
        remove_unless_shorter(&part, size);
        let reporter = Reporter {
            events: events.clone(),
            part,
            missing: size,
            started: Started::No,
        };
        repo.download_with_progress(&self.file, reporter)
    }
}

/// hf-hub can resume neither a part that is longer than the file nor a complete one: both fail every time.
fn remove_unless_shorter(part: &Path, size: u64) {
    if std::fs::metadata(part).is_ok_and(|metadata| metadata.len() >= size) {
        let _ = std::fs::remove_file(part);
    }
}

/// Sends hf-hub's progress as events.
struct Reporter {
    events: Sender<DownloadEvent>,
    part: PathBuf,
    /// Bytes that have not arrived yet.
    missing: u64,
    started: Started,
}

/// hf-hub's first report is of the bytes of an earlier download, even if there are none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Started {
    No,
    Yes,
}

impl Progress for Reporter {
    fn init(&mut self, _size: usize, _file: &str) {}

    /// A response that is too long has also damaged the part: the server ignored the range of the request.
    fn update(&mut self, size: usize) {
        let Some(missing) = self.missing.checked_sub(size as u64) else {
            let _ = std::fs::remove_file(&self.part);
            let _ = self.events.send(DownloadEvent::TooMany);
            abandon()
        };
        self.missing = missing;
        let events = match std::mem::replace(&mut self.started, Started::Yes) {
            Started::No => DownloadEvent::Resume(size as u64),
            Started::Yes => DownloadEvent::Advance(size as u64),
        };
        if self.events.send(events).is_err() {
            abandon()
        }
    }

    fn finish(&mut self) {}
}

/// Leaves hf-hub before it writes the bytes of its last report, and releases its lock. Unwinding is the only way out of a
/// progress callback; this one calls no panic hook, so nothing is printed.
fn abandon() -> ! {
    std::panic::resume_unwind(Box::new("the download was abandoned"))
}
