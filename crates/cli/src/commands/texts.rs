//! `eidetic texts add|list|remove`, and the answers of `eidetic search --texts`

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::Path;

use eidetic_domain::counted;
use eidetic_indexer::RunContext;
use eidetic_library::{
    Library, LibraryError, Owner, TextFormat, TextQuery, TextQueryBy, TextReader, TextsError,
};
use eidetic_search::{QueryImage, Verdict};
use eidetic_server::responses::{
    RemovedTextsResponse, TextSearchResponse, TextSetEntry, TextSetsResponse, TextsReportResponse,
};

use super::index::{note_unfinished_graph, require_same_model};
use super::search::{query_image, searched_space};
use super::{
    Access, access, access_to_read, accessed, create_options, directory, note_better_model,
    reject_model_options,
};
use crate::arguments::{Global, SearchArgs, StatusArgs, TextsAction, TextsAddArgs, TextsArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::load_model::warn_of_fallback;
use crate::output::{self, bytes};
use crate::progress::{DownloadBar, TextsBar};
use crate::remote::RemoteServer;
use crate::{Outcome, remote};

/// Most texts of a search.
const MAX_TEXTS: usize = 1000;

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// `eidetic texts`
pub(crate) fn run(global: &Global, arguments: &TextsArgs) -> Result<Outcome, Failure> {
    match &arguments.action {
        TextsAction::Add(arguments) => add(global, arguments),
        TextsAction::List => list(global),
        TextsAction::Remove(arguments) => remove(global, &arguments.set),
    }
}

/// The file of texts, or standard input.
struct Input<'a> {
    path: &'a Path,
    file: Option<File>,
}

impl<'a> Input<'a> {
    fn open(path: &'a Path) -> Result<Self, Failure> {
        let file = if path == Path::new(STANDARD_INPUT) {
            None
        } else {
            if path.is_dir() {
                return Err(Failure::in_file(path, "it is a folder, not a file of texts"));
            }
            Some(File::open(path).map_err(|error| Failure::in_file(path, error))?)
        };
        Ok(Self { path, file })
    }

    /// How messages name it.
    fn name(&self) -> &Path {
        if self.path == Path::new(STANDARD_INPUT) {
            Path::new("standard input")
        } else {
            self.path
        }
    }

    fn set_name(&self, given: Option<&str>) -> Result<String, Failure> {
        if let Some(name) = given {
            return Ok(name.to_owned());
        }
        if self.file.is_none() {
            return Err(Failure::arguments(
                "texts from standard input need a name of their set; give it with --name SET",
            ));
        }
        let stem = self.path.file_stem().and_then(|stem| stem.to_str());
        let stem = stem
            .map(|stem| stem.trim().to_owned())
            .filter(|stem| !stem.is_empty());
        stem.ok_or_else(|| {
            Failure::in_file(self.path, "its name cannot name a set; give one with --name SET")
        })
    }

    fn reader(&self) -> Result<TextReader<'_>, Failure> {
        let format = TextFormat::of_name(self.path);
        let opened = match &self.file {
            Some(file) => TextReader::new(BufReader::with_capacity(1 << 18, file), format),
            None => TextReader::new(io::stdin().lock(), format),
        };
        opened.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &TextsError) -> Failure {
        match error {
            TextsError::Name { .. } => Failure::arguments(error.to_string()),
            _ => Failure::in_file(self.name(), error),
        }
    }

    /// The input as a file of which every line is right, and its format: what a server is sent.
    fn checked(mut self) -> Result<(File, TextFormat), Failure> {
        let failed = |error| Failure::from(anyhow::Error::from(error));
        if self.file.is_none() {
            let mut spooled = tempfile::tempfile().map_err(failed)?;
            io::copy(&mut io::stdin().lock(), &mut spooled).map_err(failed)?;
            spooled.rewind().map_err(failed)?;
            self.file = Some(spooled);
        }
        let mut reader = self.reader()?;
        let format = reader.format();
        let wrong = reader.find_map(Result::err);
        drop(reader);
        if let Some(error) = wrong {
            return Err(self.failure(&error));
        }
        let mut file = self.file.ok_or_else(|| Failure::could_not_run("no file"))?;
        file.rewind().map_err(failed)?;
        Ok((file, format))
    }
}

fn add(global: &Global, arguments: &TextsAddArgs) -> Result<Outcome, Failure> {
    let input = Input::open(&arguments.file)?;
    let set = input.set_name(arguments.name.as_deref())?;
    let report = match open_or_create(global, arguments)? {
        Access::Local(library) => {
            require_same_model(library.active().model(), arguments.model.as_ref())?;
            note_better_model(&library);
            add_locally(&library, &set, &input)?
        }
        Access::Remote(server) => {
            let status = remote::status(&server, &StatusArgs::default())?;
            require_same_model(&status.model, arguments.model.as_ref())?;
            reject_model_options(&arguments.options)?;
            let (file, format) = input.checked()?;
            remote::add_texts(&server, &set, file, format)?
        }
    };
    print_report(global, &report)
}

fn open_or_create(global: &Global, arguments: &TextsAddArgs) -> Result<Access, Failure> {
    let options = create_options(arguments.model.as_ref(), &arguments.options);
    let owner = Owner::this_process("eidetic texts add");
    let opened = Library::open_or_create(&directory(global)?, &options, &owner, &DownloadBar::default());
    accessed(opened.map(|(library, fallback)| {
        warn_of_fallback(fallback.as_ref());
        library
    }))
}

fn add_locally(library: &Library, set: &str, input: &Input<'_>) -> Result<TextsReportResponse, Failure> {
    let reader = input.reader()?;
    let cancel = cancel_on_interrupt()?;
    library.active().load_encoder(&DownloadBar::default())?;
    let bar = TextsBar::new();
    let added = library.add_texts(set, reader, &RunContext::new(&bar, &cancel));
    bar.finish();
    match added {
        Ok(report) => {
            if cancel.is_cancelled() && !report.cancelled {
                note_unfinished_graph();
            }
            Ok(TextsReportResponse::from(&report))
        }
        Err(LibraryError::Texts(error)) => Err(input.failure(&error)),
        Err(error) => Err(error.into()),
    }
}

fn print_report(global: &Global, report: &TextsReportResponse) -> Result<Outcome, Failure> {
    if report.unreadable > 0 {
        eprintln!(
            "eidetic: {} {} no word that the model can show in a picture; such texts are never found",
            counted(report.unreadable, "text"),
            if report.unreadable == 1 { "has" } else { "have" }
        );
    }
    if report.cancelled {
        eprintln!(
            "eidetic: stopped; the set is as it was before, and what was embedded is kept: run the command again to go on"
        );
    }
    if global.json {
        output::json(report)?;
    } else if !report.cancelled {
        output::line(&format!(
            "{}  {}: {} added, {} changed, {} unchanged, {} removed; {} embedded in {:.1} s",
            output::text(&report.set),
            counted(report.texts, "text"),
            report.added,
            report.changed,
            report.unchanged,
            report.removed,
            report.embedded,
            report.seconds
        ))?;
    }
    Ok(if report.cancelled {
        Outcome::DoneWithFailures
    } else {
        Outcome::Done
    })
}

fn list(global: &Global) -> Result<Outcome, Failure> {
    let sets = match access_to_read(global, "eidetic texts list")? {
        Access::Local(library) => library.text_sets()?.into_iter().map(TextSetEntry::from).collect(),
        Access::Remote(server) => remote::text_sets(&server)?.sets,
    };
    if global.json {
        output::json(&TextSetsResponse { sets })?;
        return Ok(Outcome::Done);
    }
    if sets.is_empty() {
        eprintln!("eidetic: no texts yet; add some: eidetic texts add FILE");
    }
    for set in &sets {
        output::line(&describe(set))?;
    }
    Ok(Outcome::Done)
}

fn describe(set: &TextSetEntry) -> String {
    let mut line = format!("{}  {}", output::text(&set.name), counted(set.texts, "text"));
    let details = [
        (set.texts - set.distinct, "repeated"),
        (set.missing, "not embedded yet"),
        (set.unreadable, "unreadable for the model"),
    ];
    for (count, what) in details.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(line, ", {count} {what}");
    }
    let _ = write!(line, ", {}", bytes(set.bytes));
    if let Some(damage) = &set.damage {
        let _ = write!(line, "; damaged: {damage}");
    }
    line
}

fn remove(global: &Global, set: &str) -> Result<Outcome, Failure> {
    let removed = match access(global, "eidetic texts remove")? {
        Access::Local(library) => RemovedTextsResponse {
            set: set.to_owned(),
            removed: library.remove_texts(set)?,
        },
        Access::Remote(server) => remote::remove_texts(&server, set)?,
    };
    if global.json {
        output::json(&removed)?;
    } else {
        let texts = counted(removed.removed, "text");
        output::line(&format!("removed {} with {texts}", output::text(set)))?;
    }
    Ok(Outcome::Done)
}

/// `eidetic search --texts`
pub(crate) fn search(global: &Global, arguments: &SearchArgs) -> Result<Outcome, Failure> {
    let has_image = arguments.image.is_some() || arguments.image_id.is_some();
    let words = arguments.text().filter(|text| !text.trim().is_empty());
    match (has_image, &words) {
        (true, Some(_)) => {
            return Err(Failure::arguments(
                "texts are searched by a picture or by words, not by both; leave one out",
            ));
        }
        (false, None) => {
            return Err(Failure::arguments(
                "nothing to search for; give --image FILE, --image-id ID, or some words",
            ));
        }
        (false, Some(_)) if arguments.min_confidence.is_some() => {
            return Err(Failure::arguments(
                "texts that are searched by words have no confidence; leave out --min-confidence",
            ));
        }
        _ if arguments.k > MAX_TEXTS => {
            return Err(Failure::arguments(format!(
                "-k is at most {MAX_TEXTS} with --texts"
            )));
        }
        _ => {}
    }
    let answer = match access_to_read(global, "eidetic search --texts")? {
        Access::Local(library) => {
            note_better_model(&library);
            search_locally(&library, arguments, words)?
        }
        Access::Remote(server) => {
            reject_model_options(&arguments.options)?;
            search_remotely(&server, arguments)?
        }
    };
    print_answer(global, &answer, has_image)?;
    Ok(Outcome::Done)
}

fn search_locally(
    library: &Library,
    arguments: &SearchArgs,
    words: Option<String>,
) -> Result<TextSearchResponse, Failure> {
    library.active().set_load_options((&arguments.options).into());
    let space = searched_space(library, arguments)?;
    let by = match (words, &arguments.image, arguments.image_id) {
        (Some(words), _, _) => TextQueryBy::Words(words),
        (None, Some(path), _) => TextQueryBy::Image(QueryImage::Pixels(query_image(path, &space)?)),
        (None, None, Some(id)) => TextQueryBy::Image(QueryImage::Indexed(id)),
        (None, None, None) => return Err(Failure::arguments("nothing to search for")),
    };
    let query = TextQuery {
        by,
        k: arguments.k,
        set: arguments.set.clone(),
        min_confidence: arguments.min_confidence,
    };
    Ok(TextSearchResponse::from(&library.search_texts(&space, &query)?))
}

/// As for images, texts that are missing in a named space are embedded first.
fn search_remotely(server: &RemoteServer, arguments: &SearchArgs) -> Result<TextSearchResponse, Failure> {
    let answer = remote::search_texts(server, arguments)?;
    let Some(space) = arguments.space.as_ref().filter(|_| answer.missing > 0) else {
        return Ok(answer);
    };
    match remote::backfill(server, space) {
        Ok(_) => remote::search_texts(server, arguments),
        Err(failure) => {
            eprintln!("eidetic: {failure}");
            Ok(answer)
        }
    }
}

fn print_answer(global: &Global, answer: &TextSearchResponse, has_image: bool) -> Result<(), Failure> {
    if answer.missing > 0 {
        eprintln!(
            "eidetic: {} cannot be found: no vector in this space; `eidetic index` embeds again",
            counted(answer.missing, "text")
        );
    }
    if global.json {
        return output::json(answer);
    }
    if !answer.unknown_words.is_empty() {
        eprintln!(
            "eidetic: the model does not know {}; searched without",
            output::quoted(&answer.unknown_words)
        );
    }
    match (answer.hits.is_empty(), answer.verdict) {
        (true, _) => eprintln!("eidetic: nothing found"),
        (false, Verdict::NoMatch) if has_image => {
            eprintln!("eidetic: probably none of these describes the picture; these are the closest texts");
        }
        (false, Verdict::NoMatch) => {
            eprintln!("eidetic: nothing in the query says what a text should be about; these are any texts");
        }
        (false, _) => {}
    }
    for (rank, hit) in answer.hits.iter().enumerate() {
        let without = match hit.unknown_words.as_slice() {
            [] => String::new(),
            words => format!("; the model does not know {}", output::quoted(words)),
        };
        output::line(&format!(
            "{:>4}  {:>5}  {:>6.3}  {}  ({}: {}{without})",
            rank + 1,
            output::percent(hit.confidence),
            hit.score,
            output::text(&hit.text),
            output::text(&hit.set),
            output::text(&hit.id)
        ))?;
    }
    Ok(())
}
