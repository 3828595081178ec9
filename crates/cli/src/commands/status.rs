//! `eidetic status`

use eidetic_confidence::QueryKind;
use eidetic_domain::counted;
use eidetic_indexer::watch::WatchMode;
use eidetic_inference::PrecisionChoice;
use eidetic_library::{
    AnswerQuality, FileFailureStatus, RecallStatus, SourceReach, Status, StatusDetails, TextSetCount,
    WatchedSourceStatus,
};

use super::{Access, access_or_read, note_better_model};
use crate::Outcome;
use crate::arguments::{self, Global};
use crate::failure::Failure;
use crate::output::{self, bytes};
use crate::remote;

/// `eidetic status`
pub(crate) fn run(global: &Global, arguments: &arguments::StatusArgs) -> Result<Outcome, Failure> {
    let status = match access_or_read(global, "eidetic status")? {
        Access::Local(library) => {
            note_better_model(&library);
            library.status_with(StatusDetails {
                recall: arguments.recall,
                failures: arguments.failed,
            })?
        }
        Access::Remote(server) => {
            let status = remote::status(&server, arguments)?;
            for warning in &status.warnings {
                eprintln!("eidetic: {warning}");
            }
            status
        }
    };
    if global.json {
        output::json(&status)?;
    } else {
        output::line(&describe(&status))?;
        output::line(&describe_watch(&status))?;
        for line in inactive_spaces(&status)
            .into_iter()
            .chain(describe_switch(&status))
            .chain(describe_texts(&status))
            .chain(describe_files("failed", status.failures.as_deref()))
            .chain(describe_files("damaged", status.damaged_images.as_deref()))
        {
            output::line(&line)?;
        }
        for quality in &status.quality {
            output::line(&describe_quality(quality))?;
        }
        if let Some(recall) = &status.recall {
            output::line(&recall_table(recall))?;
        }
    }
    Ok(Outcome::Done)
}

/// A line for each file, with what is wrong with it.
fn describe_files(kind: &str, files: Option<&[FileFailureStatus]>) -> impl Iterator<Item = String> {
    let line = move |file: &FileFailureStatus| {
        let (path, reason) = (output::text(&file.path), output::text(&file.reason));
        format!("{kind:<8} {path}: {reason}")
    };
    files.unwrap_or_default().iter().map(line)
}

/// The sources with their states, and the folders that are left out.
fn sources(status: &Status) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for source in &status.sources {
        let mark = match source.state {
            SourceReach::Present => "",
            SourceReach::Unreachable => " (unreachable)",
        };
        lines.push(format!("{}{mark}", output::path(&source.path)));
        for part in &source.unreachable {
            lines.push(format!(
                "  {}: {}; {} kept",
                output::path(&part.path),
                output::text(&part.reason),
                counted(part.images, "image")
            ));
        }
    }
    let excluded = status.excluded.iter();
    lines.extend(excluded.map(|path| format!("without {}", output::path(path))));
    lines
}

fn describe(status: &Status) -> String {
    let sources = sources(status);
    let removed = match status.removed {
        0 => String::new(),
        removed => format!(
            ", {removed} removed kept for {}",
            counted(status.indexing.keep_removed_days, "day")
        ),
    };
    let unreadable = match status.failed {
        0 => String::new(),
        failed => format!(", {}", counted(failed, "unreadable file")),
    };
    format!(
        "library  {}\nimages   {} at {}{unreadable}, {} tagged{removed}\nsources  {}\nmodel    {}\nspace    {}\nvectors  in {}\nindex    {}, {}, {}\ndisk     vectors {}, graph {}, catalog {}, thumbnails {}",
        output::path(&status.library),
        status.images,
        counted(status.paths, "path"),
        status.tagged,
        if sources.is_empty() {
            "none".to_owned()
        } else {
            sources.join("\n         ")
        },
        status.model,
        status.space,
        precisions(status),
        status.index.kind,
        counted(status.index.vectors, "vector"),
        counted(status.index.tombstones, "free row"),
        bytes(status.bytes.vectors),
        bytes(status.bytes.graph),
        bytes(status.bytes.catalog),
        bytes(status.bytes.thumbnails),
    )
}

/// One line for each inactive space.
fn inactive_spaces(status: &Status) -> Vec<String> {
    let inactive = status.spaces.iter().filter(|space| !space.active);
    inactive
        .map(|space| {
            format!(
                "inactive {} {}, {}, {}",
                space.number,
                space.model,
                counted(space.images, "image"),
                bytes(space.bytes)
            )
        })
        .collect()
}

/// Whether and how the folders are watched.
fn describe_watch(status: &Status) -> String {
    let Some(watch) = &status.watch else {
        return "watch    off".to_owned();
    };
    let source = |source: &WatchedSourceStatus| {
        let mode = match source.mode {
            WatchMode::Notifications => "by notifications".to_owned(),
            WatchMode::Polling => format!("by polling every {} s", watch.poll_seconds),
        };
        let reason = source.reason.as_ref();
        let reason = reason.map_or_else(String::new, |reason| format!(" ({})", output::text(reason)));
        let looked_at = source.looked_at.map_or_else(
            || "not looked through yet".to_owned(),
            |at| format!("last looked through at {at:.0}"),
        );
        format!("{}: {mode}{reason}, {looked_at}", output::path(&source.path))
    };
    let mut lines: Vec<String> = watch.sources.iter().map(source).collect();
    let error = watch.error.as_ref();
    lines.extend(error.map(|error| format!("the last round failed: {}", output::text(error))));
    if lines.is_empty() {
        lines.push("on, without folders".to_owned());
    }
    format!("watch    {}", lines.join("\n         "))
}

/// The sets of stored texts.
fn describe_texts(status: &Status) -> Option<String> {
    let set = |set: &TextSetCount| format!("{}: {}", output::text(&set.name), counted(set.texts, "text"));
    let sets: Vec<String> = status.texts.iter().map(set).collect();
    (!sets.is_empty()).then(|| format!("texts    {}", sets.join("\n         ")))
}

/// The recent answers to one kind of query or profile, and what to do about them.
fn describe_quality(quality: &AnswerQuality) -> String {
    let what = match (&quality.profile, quality.kind) {
        (Some(profile), _) => format!("in reviews of {}", output::text(profile)),
        (None, QueryKind::Text) => "to words".to_owned(),
        (None, QueryKind::Image) => "to pictures".to_owned(),
    };
    let advice = quality.advice().map_or_else(String::new, |advice| {
        format!("\n         {}", output::text(&advice))
    });
    format!(
        "answers  {} {what}: {} of {} shown are no matches, {} of {} matches were missed{advice}",
        quality.answers, quality.false_alarms, quality.shown, quality.misses, quality.matching
    )
}

/// The progress of a switch, if there is one.
pub(super) fn describe_switch(status: &Status) -> Option<String> {
    let switch = status.switch.as_ref()?;
    let hint = if switch.running {
        String::new()
    } else {
        format!("; `eidetic space switch {}` resumes it", switch.model)
    };
    Some(format!(
        "switch   to {}: {} of {}{hint}",
        switch.model,
        switch.done,
        counted(switch.total, "image")
    ))
}

/// Such as `int8, some in f32`, and how the precision was chosen. Runs that added nothing count as well.
fn precisions(status: &Status) -> String {
    let choice = status.precision_choice.map_or_else(String::new, describe_choice);
    let precisions = match status.precisions.as_slice() {
        [] => "f32".to_owned(),
        [only] => only.to_string(),
        [older @ .., latest] => {
            let older: Vec<&str> = older.iter().map(|precision| precision.name()).collect();
            format!("{latest}, some in {}", older.join(" and "))
        }
    };
    precisions + &choice
}

/// Such as ` (chosen by measuring: 0.998 similar to f32, 2.1 times as fast)`.
fn describe_choice(choice: PrecisionChoice) -> String {
    let compared = if choice.precision == choice.compared {
        String::new()
    } else {
        format!("{} is ", choice.compared)
    };
    format!(
        " (chosen by measuring: {compared}{:.3} similar to f32, {:.1} times as fast)",
        choice.similarity, choice.speed
    )
}

/// Recall by kind of query and filter.
fn recall_table(recall: &RecallStatus) -> String {
    let mut lines = vec![format!(
        "recall   of the {} nearest, over {} image queries and {} text or mixed queries, with 95% intervals",
        recall.k, recall.image_queries, recall.text_queries
    )];
    lines.extend(recall.measured.iter().map(|entry| {
        format!(
            "         {:8}  {:.4}  ({:.4} to {:.4})  filter {}, {}",
            entry.queries,
            entry.recall,
            entry.low,
            entry.high,
            entry.filter,
            counted(entry.vectors, "vector")
        )
    }));
    lines.join("\n")
}
