//! Progress on the terminal; nothing where standard error is none.

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use eidetic_hub::DownloadProgress;
use eidetic_indexer::{FileFailure, Observer, RunStage};
use eidetic_library::AlignProgress;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// How far an indexing run is: a count while the walk goes on, then a bar with rate and time left.
pub(crate) struct IndexBar {
    bar: ProgressBar,
    failed: AtomicU64,
}

impl IndexBar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {pos} of {len} files so far, {rate}{msg}"));
        bar.set_length(0);
        Self {
            bar,
            failed: AtomicU64::new(0),
        }
    }

    /// Leaves the terminal clean.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for IndexBar {
    fn discovered(&self, files: u64) {
        self.bar.set_length(files);
    }

    fn total(&self, files: u64) {
        self.bar.set_length(files);
        self.bar
            .set_style(style("{bar:30} {pos}/{len} files, {rate}, {eta} left{msg}"));
    }

    fn done(&self, files: u64) {
        self.bar.set_position(files);
    }

    fn failed(&self, _failure: &FileFailure) {
        let failed = self.failed.fetch_add(1, Relaxed) + 1;
        self.bar.set_message(format!(", {failed} unreadable"));
    }

    fn stage(&self, stage: RunStage) {
        match stage {
            RunStage::Removing => self.bar.set_message(", looking for removed files"),
            RunStage::Backfilling => self.bar.set_message(", embedding pictures that were left out"),
            RunStage::Indexing
            | RunStage::EmbeddingTags
            | RunStage::Tagging
            | RunStage::Screening
            | RunStage::Scoring => {}
        }
    }
}

/// How far the embedding of known pictures for another model is.
pub(crate) struct SpaceBar {
    bar: ProgressBar,
    failed: AtomicU64,
}

impl SpaceBar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        bar.set_style(style("{bar:30} {pos}/{len} pictures, {rate}, {eta} left{msg}"));
        Self {
            bar,
            failed: AtomicU64::new(0),
        }
    }

    /// Leaves the terminal clean.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for SpaceBar {
    /// A space is filled in passes, each of which begins with its number.
    fn total(&self, pictures: u64) {
        if pictures > 0 {
            self.bar.set_position(0);
            self.bar.set_length(pictures);
        }
    }

    fn done(&self, pictures: u64) {
        self.bar.set_position(pictures);
    }

    fn failed(&self, _failure: &FileFailure) {
        let failed = self.failed.fetch_add(1, Relaxed) + 1;
        self.bar.set_message(format!(", {failed} not to be had"));
    }
}

/// How many of a known number of things are done.
pub(crate) struct CountBar(ProgressBar);

impl CountBar {
    /// `things` such as `pictures`.
    pub(crate) fn new(things: &str) -> Self {
        let bar = ProgressBar::new(0);
        bar.set_style(style(&format!(
            "{{bar:30}} {{pos}}/{{len}} {things}, {{rate}}, {{eta}} left"
        )));
        Self(bar)
    }

    /// Leaves the terminal clean.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for CountBar {
    fn total(&self, things: u64) {
        self.0.set_length(things);
    }

    fn done(&self, things: u64) {
        self.0.set_position(things);
    }
}

/// How far tagging is: the words first, then the pictures.
pub(crate) struct TagBar(ProgressBar);

impl TagBar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        bar.set_style(style("{bar:30} {pos}/{len} {msg}, {rate}, {eta} left"));
        Self(bar)
    }

    /// Leaves the terminal clean.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for TagBar {
    fn stage(&self, stage: RunStage) {
        self.0.set_position(0);
        self.0.set_message(if stage == RunStage::EmbeddingTags {
            "words"
        } else {
            "images"
        });
    }

    fn total(&self, items: u64) {
        self.0.set_length(items);
    }

    fn done(&self, items: u64) {
        self.0.set_position(items);
    }
}

/// How far an alignment is: the pictures first, then the captions.
pub(crate) struct AlignBar(ProgressBar);

impl AlignBar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        bar.set_style(style("{bar:30} {pos}/{len} {msg}, {rate}, {eta} left"));
        Self(bar)
    }

    pub(crate) fn show(&self, progress: AlignProgress) {
        let (what, done, total) = match progress {
            AlignProgress::Pictures(done, total) => ("pictures", done, total),
            AlignProgress::Captions(done, total) => ("captions", done, total),
            AlignProgress::Fitting => {
                self.0
                    .set_style(style("{spinner} fitting the projection, {elapsed}"));
                self.0.enable_steady_tick(Duration::from_millis(200));
                return;
            }
        };
        self.0.set_message(what);
        self.0.set_length(total as u64);
        self.0.set_position(done as u64);
    }

    /// Leaves the terminal clean.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// How far a download is: one bar a file.
#[derive(Default)]
pub(crate) struct DownloadBar(Mutex<Option<ProgressBar>>);

impl DownloadBar {
    fn with_bar(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        act(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl DownloadProgress for DownloadBar {
    fn begin(&self, file: &str, bytes: u64) {
        let bar = ProgressBar::new(bytes);
        bar.set_style(style(
            "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left  {msg}",
        ));
        bar.set_message(file.to_owned());
        self.with_bar(|current| *current = Some(bar));
    }

    /// Without counting as speed.
    fn resume(&self, bytes: u64) {
        self.with_bar(|current| {
            for bar in current.iter() {
                bar.set_position(bytes);
                bar.reset_eta();
            }
        });
    }

    fn advance(&self, bytes: u64) {
        self.with_bar(|current| current.iter().for_each(|bar| bar.inc(bytes)));
    }

    fn finish(&self) {
        self.with_bar(|current| current.take().iter().for_each(ProgressBar::finish_and_clear));
    }
}

/// How far reading a file of `length` bytes is; of no known length where it is 0.
pub(crate) fn bytes_bar(length: u64) -> ProgressBar {
    if length == 0 {
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {bytes} read"));
        return bar;
    }
    let bar = ProgressBar::new(length);
    bar.set_style(style("{bar:30} {bytes}/{total_bytes}, {eta} left"));
    bar
}

fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, text: &mut dyn Write| {
        // A display that cannot be written to has nobody to tell.
        let _ = write!(text, "{:.0} a second", state.per_sec());
    };
    let style = ProgressStyle::with_template(template).expect("the templates here are well-formed");
    style.with_key("rate", rate)
}
