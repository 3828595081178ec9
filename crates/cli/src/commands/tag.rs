//! `eidetic tag`

mod album;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use eidetic_confidence::tagging::{BUNDLED_NAME, MAX_VOCABULARY_BYTES, NamedVocabulary, TagRule, Vocabulary};
use eidetic_domain::counted;
use eidetic_indexer::RunContext;
use eidetic_library::{Library, VocabularyChange};
use eidetic_server::params::{TagParams, VocabularyParams};
use eidetic_server::responses::{TagReportResponse, VocabularySummary};

use super::{Access, access, reject_model_options, warn_of_skipped};
use crate::arguments::{Global, TagArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::progress::{DownloadBar, StageBar};
use crate::{Outcome, output, remote};

/// Tags in the table; the JSON has all of them.
const TABLE_ROWS: usize = 20;

/// `eidetic tag`
pub(crate) fn run(global: &Global, arguments: &TagArgs) -> Result<Outcome, Failure> {
    if arguments.list {
        return album::run(global, arguments);
    }
    let added = vocabularies(arguments)?;
    let report = match access(global, "eidetic tag")? {
        Access::Local(library) => {
            arguments.options.apply_to(&library);
            tag(&library, arguments, added)?
        }
        Access::Remote(server) => {
            reject_model_options(&arguments.options)?;
            remote::tag(&server, &request(arguments, added))?
        }
    };
    print_report(global, &report)
}

fn tag(
    library: &Library,
    arguments: &TagArgs,
    add: Vec<NamedVocabulary>,
) -> Result<TagReportResponse, Failure> {
    let change = VocabularyChange {
        add,
        replace: arguments.replace,
        remove: arguments.forget_vocabulary.clone(),
    };
    let rule = TagRule {
        max_tags: arguments.n.into(),
        min_confidence: arguments.min_confidence,
        min_tags: arguments.least.into(),
    };
    let space = library.active();
    let options = space.changed_tag_options(change, rule)?;
    space.load_encoder(&DownloadBar::default())?;
    let bar = StageBar::new();
    let report = space.tag(&options, &RunContext::new(&bar, &cancel_on_interrupt()?))?;
    bar.finish();
    Ok(report.into())
}

fn request(arguments: &TagArgs, added: Vec<NamedVocabulary>) -> TagParams {
    let vocabulary = |added: NamedVocabulary| VocabularyParams {
        name: added.name,
        words: Some(added.words.tags().to_vec()),
    };
    TagParams {
        vocabularies: added.into_iter().map(vocabulary).collect(),
        replace: arguments.replace,
        remove: arguments.forget_vocabulary.clone(),
        max_tags: Some(arguments.n),
        min_confidence: Some(arguments.min_confidence),
        min_tags: Some(arguments.least),
    }
}

/// The vocabularies that the arguments add.
fn vocabularies(arguments: &TagArgs) -> Result<Vec<NamedVocabulary>, Failure> {
    let mut added = Vec::new();
    if arguments.bundled {
        added.push(NamedVocabulary::bundled());
    }
    for given in &arguments.vocabulary {
        let (name, file) = named(given)?;
        if added.iter().any(|known| known.name == name) {
            return Err(Failure::arguments(format!(
                "two vocabularies are called {name:?}"
            )));
        }
        added.push(NamedVocabulary {
            name,
            words: vocabulary(Path::new(file))?,
        });
    }
    Ok(added)
}

/// `NAME=FILE`; a file alone is called as it is, without its ending.
fn named(given: &str) -> Result<(String, &str), Failure> {
    let (name, file) = match given.split_once('=') {
        Some((name, file)) if !Path::new(given).exists() => (name.to_owned(), file),
        _ => {
            let stem = Path::new(given).file_stem().unwrap_or_default();
            let name = stem.to_string_lossy().replace(['=', ','], "-");
            (name.trim().to_owned(), given)
        }
    };
    if !NamedVocabulary::is_valid_name(&name) {
        return Err(Failure::arguments(format!(
            "{given:?}: the name of a vocabulary has 1 to 100 characters, and neither \"=\" nor \",\"; give it as NAME=FILE"
        )));
    }
    if name == BUNDLED_NAME {
        return Err(Failure::arguments(format!(
            "{BUNDLED_NAME:?} is the name of the bundled words; give another one: NAME=FILE"
        )));
    }
    Ok((name, file))
}

/// The words of `path`.
fn vocabulary(path: &Path) -> Result<Vocabulary, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_VOCABULARY_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::in_file(path, error))?;
    Vocabulary::parse(&bytes).map_err(|error| Failure::in_file(path, error))
}

fn print_report(global: &Global, report: &TagReportResponse) -> Result<Outcome, Failure> {
    warn_of_skipped(report.skipped);
    report.vocabularies.iter().for_each(warn_of_unknown);
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

/// Says which words were left out, and loudly where they are most of a vocabulary.
fn warn_of_unknown(vocabulary: &VocabularySummary) {
    let VocabularySummary {
        name,
        words,
        unknown,
        unknown_words,
    } = vocabulary;
    if *unknown == 0 {
        return;
    }
    let most = if 2 * unknown >= *words {
        "; it hardly fits this model, use another one: eidetic space switch default"
    } else {
        ""
    };
    let some = if (unknown_words.len() as u64) < *unknown {
        ", …"
    } else {
        ""
    };
    eprintln!(
        "eidetic: the model does not know {unknown} of the {words} words of the vocabulary {name:?}, and they were left out: {}{some}{most}",
        output::quoted(unknown_words)
    );
}

fn describe(report: &TagReportResponse) -> String {
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
