//! `eidetic tag`

use std::fs::File;
use std::io::Read;
use std::path::Path;

use eidetic_confidence::tagging::{MAX_VOCABULARY_BYTES, TagRule, Vocabulary};
use eidetic_domain::counted;
use eidetic_indexer::RunContext;
use eidetic_library::{TagOptions, TagReport};

use super::{open_local, warn_of_skipped};
use crate::arguments::{Global, TagArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{DownloadBar, StageBar};
use crate::{Outcome, output};

/// Tags in the table; the JSON has all of them.
const TABLE_ROWS: usize = 20;

/// `eidetic tag`
pub(crate) fn run(global: &Global, arguments: &TagArgs) -> Result<Outcome, Failure> {
    let options = TagOptions {
        vocabulary: vocabulary(arguments.vocabulary.as_deref())?,
        rule: TagRule {
            max_tags: arguments.n.into(),
            min_confidence: arguments.min_confidence,
            min_tags: arguments.least.into(),
        },
    };
    let library = open_local(global, "eidetic tag")?;
    arguments.options.apply_to(&library);
    library.active().load_encoder(&DownloadBar::default())?;
    let bar = StageBar::new();
    let report = library
        .active()
        .tag(&options, &RunContext::new(&bar, &cancel_on_interrupt()?))?;
    bar.finish();
    print_report(global, &report)
}

/// The words of `file`, or the bundled ones.
fn vocabulary(file: Option<&Path>) -> Result<Vocabulary, Failure> {
    let Some(path) = file else {
        return Ok(Vocabulary::default());
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_VOCABULARY_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::in_file(path, error))?;
    Vocabulary::parse(&bytes).map_err(|error| Failure::in_file(path, error))
}

fn print_report(global: &Global, report: &TagReport) -> Result<Outcome, Failure> {
    warn_of_skipped(report.skipped);
    if report.cancelled {
        eprintln!("eidetic: interrupted; all tags so far are kept, run the same command to resume");
    }
    if global.json {
        output::json(report)?;
    } else {
        output::line(&describe(report))?;
    }
    let is_complete = report.skipped == 0 && !report.cancelled;
    Ok(if is_complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn describe(report: &TagReport) -> String {
    let mut lines = vec![format!(
        "{} tagged, {} unchanged in {:.1} s; {} with {} of {}",
        report.tagged,
        report.unchanged,
        report.seconds,
        counted(report.images, "image"),
        report.tags.len(),
        counted(report.vocabulary, "tag")
    )];
    let common = report.tags.iter().take(TABLE_ROWS);
    lines.extend(common.map(|count| format!("{:>7}  {}", count.images, output::text(&count.tag))));
    lines.join("\n")
}
