//! One file's download on a thread of its own, which says how it goes on.
//!
//! hf-hub sets no time limits, so whoever waits decides how long. A download that nobody waits for any more ends at the
//! next bytes that arrive, or else with the process. What it leaves is a `.part` file, which the next one resumes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiError};
use hf_hub::{Cache, Repo};

/// What the downloading thread says.
pub enum DownloadEvent {
    /// The hub has the file, of so many bytes.
    Begin(u64),
    /// So many bytes are there from an earlier try.
    Resume(u64),
    /// So many more bytes are there.
    Advance(u64),
    /// More bytes arrived than were announced; the download has ended.
    TooMany,
    /// Where the file is, or why not.
    Done(Result<PathBuf, ApiError>),
}

/// One file of the hub.
pub struct Download {
    pub api: Api,
    pub cache: Cache,
    pub repo: Repo,
    pub file: String,
}

impl Download {
    /// Begins. The receiver hangs up after `Done` or `TooMany`, or without either if hf-hub panicked.
    pub fn start(self) -> std::io::Result<Receiver<DownloadEvent>> {
        let (sender, events) = mpsc::channel();
        std::thread::Builder::new()
            .name("hub download".into())
            .spawn(move || {
                let result = self.run(&sender);
                // Nobody listens any more where the wait was given up.
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

/// hf-hub fails on a part longer than the file every time anew, and asks in vain for what follows a full one.
fn remove_unless_shorter(part: &Path, size: u64) {
    if std::fs::metadata(part).is_ok_and(|metadata| metadata.len() >= size) {
        let _ = std::fs::remove_file(part);
    }
}

/// Passes hf-hub's progress on.
struct Reporter {
    events: Sender<DownloadEvent>,
    part: PathBuf,
    /// Bytes still to come.
    missing: u64,
    started: Started,
}

/// hf-hub's first report is of the bytes of an earlier try, were there any or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Started {
    No,
    Yes,
}

impl Progress for Reporter {
    fn init(&mut self, _size: usize, _file: &str) {}

    /// An answer that is too long has also spoilt the part: the hub ignored where it was asked to resume.
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

/// Leaves hf-hub before it writes the bytes that it reported last, giving its lock back. Unwinding is the only way out of
/// a progress report; this one calls no panic hook, so nothing is printed.
fn abandon() -> ! {
    std::panic::resume_unwind(Box::new("the download was given up"))
}
