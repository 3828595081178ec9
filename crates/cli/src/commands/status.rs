use eidetic_library::{RecallStatus, Status};

use super::{Access, access};
use crate::Outcome;
use crate::arguments::{self, Global};
use crate::failure::Failure;
use crate::output::{self, bytes};
use crate::remote;

/// `eidetic status`
pub(crate) fn run(global: &Global, arguments: &arguments::Status) -> Result<Outcome, Failure> {
    let status = match access(global, "eidetic status")? {
        Access::Own(library) if arguments.recall => library.status_with_recall()?,
        Access::Own(library) => library.status()?,
        Access::Through(address) => remote::status(&address, arguments)?,
    };
    if global.json {
        output::json(&status)?;
    } else {
        output::line(&describe(&status))?;
        for line in others(&status).into_iter().chain(switch_in_words(&status)) {
            output::line(&line)?;
        }
        if let Some(recall) = &status.recall {
            output::line(&table(recall))?;
        }
    }
    Ok(Outcome::Done)
}

fn describe(status: &Status) -> String {
    let sources: Vec<String> = status.sources.iter().map(|s| s.display().to_string()).collect();
    let unreadable = match status.failed {
        0 => String::new(),
        failed => format!(", {failed} files unreadable"),
    };
    format!(
        "library  {}\nimages   {} at {} paths{unreadable}, {} tagged\nsources  {}\nmodel    {}\nspace    {}\nvectors  in {}\nindex    {}, {} vectors, {} free rows\ndisk     vectors {}, graph {}, catalog {}, thumbnails {}",
        status.library.display(),
        status.images,
        status.paths,
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
        status.index.vectors,
        status.index.tombstones,
        bytes(status.bytes.vectors),
        bytes(status.bytes.graph),
        bytes(status.bytes.catalog),
        bytes(status.bytes.thumbnails),
    )
}

/// The models beside the one that answers, a line each.
fn others(status: &Status) -> Vec<String> {
    let others = status.spaces.iter().filter(|space| !space.active);
    others
        .map(|space| {
            format!(
                "beside   {} {}, {} images, {}",
                space.number,
                space.model,
                space.images,
                bytes(space.bytes)
            )
        })
        .collect()
}

/// How far a switch has come, where there is one.
pub(super) fn switch_in_words(status: &Status) -> Option<String> {
    let switch = status.switch.as_ref()?;
    let goes_on = if switch.running {
        String::new()
    } else {
        format!("; `eidetic space switch {}` goes on with it", switch.model)
    };
    Some(format!(
        "switch   to {}: {} of {} images{goes_on}",
        switch.model, switch.done, switch.total
    ))
}

/// Such as `int8, some in f32`: an indexing run that added nothing counts as well.
fn precisions(status: &Status) -> String {
    match status.precisions.as_slice() {
        [] => "f32".to_owned(),
        [only] => only.to_string(),
        [older @ .., latest] => {
            let older: Vec<&str> = older.iter().map(|precision| precision.name()).collect();
            format!("{latest}, some in {}", older.join(" and "))
        }
    }
}

/// Recall by query and filter, a line each.
fn table(recall: &RecallStatus) -> String {
    let mut lines = vec![format!(
        "recall   of the {} nearest, over {} pictures and {} texts or mixtures, with 95% intervals",
        recall.k, recall.picture_queries, recall.text_queries
    )];
    lines.extend(recall.measured.iter().map(|entry| {
        format!(
            "         {:8}  {:.4}  ({:.4} to {:.4})  filter {}, {} vectors",
            entry.queries, entry.recall, entry.low, entry.high, entry.filter, entry.vectors
        )
    }));
    lines.join("\n")
}
