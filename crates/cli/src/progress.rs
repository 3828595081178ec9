//! Progress on standard error: bars on a terminal, else a line every few seconds.

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use eidetic_hub::DownloadProgress;
use eidetic_indexer::{FileFailure, Observer, RunStage};
use indicatif::{HumanBytes, ProgressBar, ProgressState, ProgressStyle};

/// Interval of lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What a bar's message says, after the name of what it counts, while the search graph is built.
const IN_GRAPH: &str = " in the search graph";

/// What a bar counts.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// Things of this name.
    Named(&'static str),
    /// Things that the bar's message names.
    InMessage,
    /// Bytes of what the bar's message names.
    Bytes,
}

/// The bar, whose state is also printed now and then if standard error is no terminal.
fn shown(bar: ProgressBar, unit: Unit) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        let weak = bar.downgrade();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(LINE_INTERVAL);
                let Some(bar) = weak.upgrade().filter(|bar| !bar.is_finished()) else {
                    return;
                };
                eprintln!("eidetic: {}", line(&bar, unit));
            }
        });
    }
    bar
}

fn line(bar: &ProgressBar, unit: Unit) -> String {
    let (done, total, message) = (bar.position(), bar.length().unwrap_or(0), bar.message());
    match unit {
        // The walk has not found anything yet.
        Unit::Named(things) if total == 0 => format!("{done} {things} so far{message}"),
        Unit::Named(things) => format!("{done} of {total} {things}{message}"),
        Unit::InMessage => format!("{done} of {total} {message}"),
        Unit::Bytes => format!("{} of {} {message}", HumanBytes(done), HumanBytes(total)),
    }
}

/// Progress of an indexing run: a count during the walk, then a bar with rate and time left.
pub(crate) struct IndexBar {
    bar: ProgressBar,
    failed: AtomicU64,
}

impl IndexBar {
    pub(crate) fn new() -> Self {
        let bar = shown(ProgressBar::new_spinner(), Unit::Named("files"));
        bar.set_style(style("{spinner} {pos} files so far, {rate}{msg}"));
        bar.set_length(0);
        Self {
            bar,
            failed: AtomicU64::new(0),
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for IndexBar {
    fn discovered(&self, files: u64) {
        self.bar
            .set_style(style("{spinner} {pos} of {len} files so far, {rate}{msg}"));
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
            RunStage::Removing => self.bar.set_message(", checking for deleted files"),
            RunStage::Backfilling => self.bar.set_message(", embedding missing images"),
            RunStage::EmbeddingTexts => self.bar.set_message(", embedding texts"),
            RunStage::Indexing
            | RunStage::BuildingGraph
            | RunStage::EmbeddingTags
            | RunStage::FindingNeighbors
            | RunStage::LayingOut
            | RunStage::Tagging
            | RunStage::Screening
            | RunStage::Scoring
            | RunStage::Fingerprinting => {}
        }
    }
}

/// Progress of a backfill: the embedding of the library's images with another model.
pub(crate) struct BackfillBar {
    bar: ProgressBar,
    failed: AtomicU64,
}

impl BackfillBar {
    pub(crate) fn new() -> Self {
        let bar = shown(ProgressBar::new(0), Unit::Named("images"));
        bar.set_style(style("{bar:30} {pos}/{len} images, {rate}, {eta} left{msg}"));
        Self {
            bar,
            failed: AtomicU64::new(0),
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for BackfillBar {
    /// A backfill runs in passes, each with its own total.
    fn total(&self, images: u64) {
        if images > 0 {
            self.bar.set_position(0);
            self.bar.set_length(images);
        }
    }

    fn done(&self, images: u64) {
        self.bar.set_position(images);
    }

    fn failed(&self, _failure: &FileFailure) {
        let failed = self.failed.fetch_add(1, Relaxed) + 1;
        self.bar.set_message(format!(", {failed} unavailable"));
    }

    fn stage(&self, stage: RunStage) {
        match stage {
            RunStage::EmbeddingTexts => {
                self.bar.set_message("");
                self.bar
                    .set_style(style("{bar:30} {pos}/{len} texts, {rate}, {eta} left"));
            }
            RunStage::BuildingGraph => self.bar.set_message(IN_GRAPH),
            _ => {}
        }
    }
}

/// Progress of adding texts: a count while they are read, then a bar.
pub(crate) struct TextsBar(ProgressBar);

impl TextsBar {
    pub(crate) fn new() -> Self {
        let bar = shown(ProgressBar::new_spinner(), Unit::Named("texts"));
        bar.set_style(style("{spinner} {pos} texts read"));
        bar.set_length(0);
        Self(bar)
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for TextsBar {
    fn discovered(&self, texts: u64) {
        self.0.set_position(texts);
    }

    fn total(&self, texts: u64) {
        self.0.set_position(0);
        self.0.set_length(texts);
        self.0
            .set_style(style("{bar:30} {pos}/{len} texts{msg}, {rate}, {eta} left"));
    }

    fn done(&self, texts: u64) {
        self.0.set_position(texts);
    }

    fn stage(&self, stage: RunStage) {
        if stage == RunStage::BuildingGraph {
            self.0.set_message(IN_GRAPH);
        }
    }
}

/// Progress of work with known totals, in one or more stages.
pub(crate) struct StageBar(ProgressBar);

impl StageBar {
    pub(crate) fn new() -> Self {
        let bar = shown(ProgressBar::new(0), Unit::InMessage);
        bar.set_style(style("{bar:30} {pos}/{len} {msg}, {rate}, {eta} left"));
        Self(bar)
    }

    /// `things` are what is counted, such as `images`.
    pub(crate) fn set(&self, things: &'static str, done: u64, total: u64) {
        self.0.set_message(things);
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// Shows a last stage of unknown length.
    pub(crate) fn spin(&self, work: &'static str) {
        self.0.set_style(style("{spinner} {msg}, {elapsed}"));
        self.0.set_message(work);
        self.0.enable_steady_tick(Duration::from_millis(200));
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for StageBar {
    fn stage(&self, stage: RunStage) {
        self.0.set_position(0);
        self.0.set_message(match stage {
            RunStage::EmbeddingTags => "words",
            RunStage::BuildingGraph => "images in the search graph",
            RunStage::FindingNeighbors => "images compared",
            RunStage::LayingOut => "steps of the layout",
            _ => "images",
        });
    }

    fn total(&self, items: u64) {
        self.0.set_length(items);
    }

    fn done(&self, items: u64) {
        self.0.set_position(items);
    }
}

/// What a [`CopyBar`] counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CopyUnit {
    Bytes,
    Files,
}

/// Progress of copying.
pub(crate) struct CopyBar(ProgressBar);

impl CopyBar {
    /// `what` is said after the number, such as `written` or `files restored`.
    pub(crate) fn new(unit: CopyUnit, what: &'static str) -> Self {
        let (unit, template) = match unit {
            CopyUnit::Bytes => (
                Unit::Bytes,
                "{bar:30} {bytes} of {total_bytes} {msg}, {bytes_per_sec}, {eta} left",
            ),
            CopyUnit::Files => (Unit::InMessage, "{bar:30} {pos}/{len} {msg}, {rate}, {eta} left"),
        };
        let bar = shown(ProgressBar::new(0), unit);
        bar.set_style(style(template));
        bar.set_message(what);
        Self(bar)
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for CopyBar {
    fn total(&self, total: u64) {
        self.0.set_length(total);
    }

    fn done(&self, done: u64) {
        self.0.set_position(done);
    }
}

/// Progress of a download, one bar per file.
#[derive(Default)]
pub(crate) struct DownloadBar(Mutex<Option<ProgressBar>>);

impl DownloadBar {
    fn with_bar(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        act(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl DownloadProgress for DownloadBar {
    fn begin(&self, file: &str, bytes: u64) {
        let bar = shown(ProgressBar::new(bytes), Unit::Bytes);
        bar.set_style(style(
            "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left  {msg}",
        ));
        bar.set_message(file.to_owned());
        self.with_bar(|current| *current = Some(bar));
    }

    /// Resumed bytes do not count towards the speed.
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

/// A bar over `total` things, such as `images`.
pub(crate) fn count_bar(total: u64, things: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    bar.set_style(style("{bar:30} {pos}/{len} {msg}, {eta} left"));
    bar.set_message(things);
    bar
}

fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, text: &mut dyn Write| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:.0} a second", state.per_sec());
    };
    let style = ProgressStyle::with_template(template).expect("the templates are valid");
    style.with_key("rate", rate)
}
