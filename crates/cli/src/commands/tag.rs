use std::fs::File;
use std::io::Read;
use std::path::Path;

use eidetic_confidence::tagging::{LARGEST_VOCABULARY, TagRule, Vocabulary};
use eidetic_indexer::RunContext;
use eidetic_library::{Library, Owner, TagOptions, TagReport};

use super::{directory, warn_of_damage};
use crate::arguments::{Global, Tag};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{DownloadBar, TagBar};
use crate::{Outcome, output};

/// Tags in the table; the JSON has all of them.
const SHOWN: usize = 20;

/// `eidetic tag`
pub(crate) fn run(global: &Global, arguments: &Tag) -> Result<Outcome, Failure> {
    let options = TagOptions {
        vocabulary: vocabulary(arguments.vocabulary.as_deref())?,
        rule: TagRule {
            most: arguments.n.into(),
            bar: arguments.min_confidence,
            least: arguments.least.into(),
        },
    };
    let library = Library::open(&directory(global)?, &Owner::this_process("eidetic tag"))?;
    warn_of_damage(&library);
    library.active().set_load_options((&arguments.loading).into());
    library.active().load_encoder(&DownloadBar::default())?;
    let bar = TagBar::new();
    let report = library
        .active()
        .tag(&options, &RunContext::new(&bar, &cancel_on_interrupt()?))?;
    bar.finish();
    print_report(global, &report)
}

/// The words in `file`, or the bundled ones.
fn vocabulary(file: Option<&Path>) -> Result<Vocabulary, Failure> {
    let Some(path) = file else {
        return Ok(Vocabulary::default());
    };
    let refused = |reason: String| Failure::arguments(format!("{}: {reason}", path.display()));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_VOCABULARY as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| refused(error.to_string()))?;
    Vocabulary::parse(&bytes).map_err(|error| refused(error.to_string()))
}

fn print_report(global: &Global, report: &TagReport) -> Result<Outcome, Failure> {
    if report.skipped > 0 {
        eprintln!(
            "eidetic: {} images were not tagged, their vectors are damaged; `eidetic index` embeds them anew",
            report.skipped
        );
    }
    if report.cancelled {
        eprintln!("eidetic: stopped; all tags so far are kept, run the same command to go on");
    }
    if global.json {
        output::json(report)?;
    } else {
        output::line(&describe(report))?;
    }
    let complete = report.skipped == 0 && !report.cancelled;
    Ok(if complete {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

fn describe(report: &TagReport) -> String {
    let mut lines = vec![format!(
        "{} tagged, {} unchanged in {:.1} s; {} images carry {} of {} tags",
        report.tagged,
        report.unchanged,
        report.seconds,
        report.images,
        report.tags.len(),
        report.vocabulary
    )];
    let common = report.tags.iter().take(SHOWN);
    lines.extend(common.map(|count| format!("{:>7}  {}", count.images, count.tag)));
    lines.join("\n")
}
