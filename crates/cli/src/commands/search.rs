//! `eidetic search`

use std::path::Path;
use std::sync::Arc;

use eidetic_confidence::MATCH_THRESHOLD;
use eidetic_domain::{Filter, ImageId, counted};
use eidetic_encoder::negation;
use eidetic_indexer::{IndexerOptions, RunContext};
use eidetic_library::{Library, Space};
use eidetic_search::{CopyMode, Query, QueryImage, QueryWeights, SearchResults, Verdict};
use eidetic_server::responses::{SearchHit, SearchResponse, SpaceReportResponse};

use super::space::print_failures;
use super::{Access, access_or_read, access_to_read, note_better_model, reject_model_options, variants};
use crate::Outcome;
use crate::arguments::{Global, SearchArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::output;
use crate::progress::BackfillBar;
use crate::read_image::read_image;
use crate::remote::{self, RemoteServer};

/// The name of all spaces together.
const ALL_SPACES: &str = "all";

/// `eidetic search`
pub(crate) fn run(global: &Global, arguments: &SearchArgs) -> Result<Outcome, Failure> {
    if arguments.texts {
        return super::texts::search(global, arguments);
    }
    let is_blank = arguments.text().is_none_or(|text| text.trim().is_empty());
    let names_tags =
        arguments.filter.tag.iter().any(|tag| !tag.trim().is_empty()) && arguments.without.is_none();
    if is_blank && arguments.image.is_none() && arguments.image_id.is_none() && !names_tags {
        return Err(Failure::arguments(
            "nothing to search for; give some words, --image FILE, --image-id ID, or --tag WORD",
        ));
    }
    let filter = arguments.filter.filter()?;
    // Images that are missing in a named space are embedded first, where that is possible.
    let access = match arguments.space.as_deref() {
        None | Some(ALL_SPACES) => access_to_read,
        Some(_) => access_or_read,
    };
    let answer = match access(global, "eidetic search")? {
        Access::Local(library) => {
            note_better_model(&library);
            search_locally(&library, arguments, &filter)?
        }
        Access::Remote(server) => {
            reject_model_options(&arguments.options)?;
            variants::reject(&arguments.variants)?;
            search_remotely(&server, arguments, &filter)?
        }
    };
    print(global, arguments, &answer)?;
    Ok(Outcome::Done)
}

fn print(global: &Global, arguments: &SearchArgs, answer: &SearchResponse) -> Result<(), Failure> {
    if answer.hits.is_empty() && answer.verdict == Verdict::Uncalibrated && arguments.min_confidence.is_some()
    {
        eprintln!(
            "eidetic: the confidences of this search are unknown, so --min-confidence leaves out every hit; leave it out, or \
             run `eidetic calibrate` first"
        );
    }
    if arguments.text().is_some() && answer.verdict == Verdict::Match && !any_is_probable(answer) {
        eprintln!("eidetic: probably none of these matches the words; they are similar to the picture");
    }
    let negation = note_negation(arguments);
    let Some(end) = arguments.output.paths_only() else {
        return print_answer(global, answer, negation.as_deref());
    };
    print_notes(answer, negation.as_deref());
    let paths = answer.hits.iter().map(SearchHit::original_path);
    paths
        .into_iter()
        .try_for_each(|path| output::path_alone(&path, end))
}

/// Models that compare whole texts find what a negated word names.
/// Returns the word that the note names.
fn note_negation(arguments: &SearchArgs) -> Option<String> {
    if arguments.without.is_some() {
        return None;
    }
    let word = arguments.text().and_then(|text| negation(&text))?;
    eprintln!(
        "eidetic: \"{}\" leaves nothing out of a search; use --without WORDS for that",
        output::text(&word)
    );
    Some(word)
}

fn search_locally(
    library: &Library,
    arguments: &SearchArgs,
    filter: &Filter,
) -> Result<SearchResponse, Failure> {
    library.active().set_load_options((&arguments.options).into());
    if arguments.space.as_deref() == Some(ALL_SPACES) {
        let query = |space: &Space| query(space, arguments, filter.clone());
        let found = library.search_all_spaces(query)?;
        let content = arguments.image.as_deref().map(content_id).transpose()?;
        return Ok(response(library, &found, content, filter));
    }
    let space = searched_space(library, arguments)?;
    variants::apply(&arguments.variants, &space)?;
    let found = library.search(&space, &query(&space, arguments, filter.clone())?)?;
    let content = arguments.image.as_deref().map(content_id).transpose()?;
    Ok(response(library, &found, content, filter))
}

fn response(
    library: &Library,
    found: &SearchResults,
    query_image: Option<ImageId>,
    filter: &Filter,
) -> SearchResponse {
    SearchResponse {
        as_of: library.as_of(),
        ..SearchResponse::from(found)
    }
    .with_query_image(query_image)
    .with_weak_dates(filter)
}

/// The space that the command line names, with everything embedded, or the active one.
pub(super) fn searched_space(library: &Library, arguments: &SearchArgs) -> Result<Arc<Space>, Failure> {
    let space = match &arguments.space {
        None => library.active(),
        Some(name) => library.space_named(name)?,
    };
    if let Some(precision) = arguments.options.precision.named() {
        space.set_precision(precision);
    }
    if let Some(name) = arguments.space.as_ref().filter(|_| library.read_only().is_none()) {
        backfill(library, name)?;
    }
    Ok(space)
}

/// The id that an image's file has if it is in the library.
fn content_id(path: &Path) -> Result<ImageId, Failure> {
    let content = std::fs::read(path).map_err(|error| Failure::in_file(path, error))?;
    Ok(ImageId::of(&content))
}

/// Backfills the named space before it is searched.
pub(crate) fn backfill(library: &Library, name: &str) -> Result<(), Failure> {
    let bar = BackfillBar::new();
    let report = library.backfill_space(
        name,
        &IndexerOptions::default(),
        &RunContext::new(&bar, &cancel_on_interrupt()?),
    )?;
    bar.finish();
    print_failures(&SpaceReportResponse::from(&report));
    Ok(())
}

/// Searches through the server. If images are missing in the named space, backfills it and searches again;
/// if that fails, returns the incomplete answer.
fn search_remotely(
    server: &RemoteServer,
    arguments: &SearchArgs,
    filter: &Filter,
) -> Result<SearchResponse, Failure> {
    let answer = remote::search(server, arguments, filter)?;
    let Some(space) = arguments
        .space
        .as_ref()
        .filter(|name| answer.missing > 0 && *name != ALL_SPACES)
    else {
        return Ok(answer);
    };
    match remote::backfill(server, space) {
        Ok(report) => {
            print_failures(&report);
            remote::search(server, arguments, filter)
        }
        Err(failure) => {
            eprintln!("eidetic: {failure}");
            Ok(answer)
        }
    }
}

/// Prints the hits as a table or as JSON. Of the word `negation` a note has said all there is to say.
pub(crate) fn print_answer(
    global: &Global,
    answer: &SearchResponse,
    negation: Option<&str>,
) -> Result<(), Failure> {
    if global.json {
        warn_of_missing(answer);
        return output::json(answer);
    }
    print_notes(answer, negation);
    for (rank, hit) in answer.hits.iter().enumerate() {
        output::line(&format!(
            "{:>4}  {}  {:>6.3}  {}{}{}",
            rank + 1,
            likeness(hit),
            hit.score,
            output::path(&hit.original_path()),
            stack(&hit.stack),
            copies(hit.copies)
        ))?;
    }
    Ok(())
}

/// The confidence, or the similarity to the picture that was searched by, which says more than the probability that both
/// show the same.
fn likeness(hit: &SearchHit) -> String {
    match hit.similarity_level {
        None => format!("{:>5}", output::percent(hit.confidence)),
        Some(level) => format!("{:<16}", level.words()),
    }
}

/// Says what the hits alone do not tell.
fn print_notes(answer: &SearchResponse, negation: Option<&str>) {
    warn_of_missing(answer);
    let mut unknown_words = answer.unknown_words.clone();
    unknown_words.retain(|word| Some(word.as_str()) != negation);
    if !unknown_words.is_empty() {
        eprintln!(
            "eidetic: the model does not know {}; searched without",
            output::quoted(&unknown_words)
        );
    }
    match (answer.hits.is_empty(), answer.verdict) {
        (true, _) => eprintln!("eidetic: nothing found"),
        (false, Verdict::NoMatch) if answer.hits.iter().all(|hit| hit.confidence.is_none()) => {
            eprintln!(
                "eidetic: nothing in the query says what a picture should show; these are any pictures"
            );
        }
        (false, Verdict::NoMatch) => eprintln!("eidetic: probably no match; these are the closest pictures"),
        (false, _) => {}
    }
    if let Some(own) = answer.hits.iter().position(|hit| hit.is_query) {
        eprintln!("eidetic: hit {} is the picture that you searched by", own + 1);
    }
}

/// Whether a hit has the confidence of a match. A verdict of a match without one comes from the similarity to a picture.
fn any_is_probable(answer: &SearchResponse) -> bool {
    let confidences = answer.hits.iter().filter_map(|hit| hit.confidence);
    confidences.fold(0.0, f32::max) >= MATCH_THRESHOLD
}

/// Such as `  + IMG_1.CR2`: the other files of the same shot.
fn stack(paths: &[String]) -> String {
    let name = |path: &String| {
        let name = Path::new(path)
            .file_name()
            .map_or_else(|| path.into(), |name| name.to_string_lossy());
        format!("  + {}", output::text(&name))
    };
    paths.iter().map(name).collect()
}

/// Such as `  ×25`, where a hit stands for several images that look the same.
fn copies(count: u64) -> String {
    if count > 1 {
        format!("  ×{count}")
    } else {
        String::new()
    }
}

fn warn_of_missing(answer: &SearchResponse) {
    if answer.missing > 0 {
        eprintln!(
            "eidetic: {} of the library cannot be found: no vector in this space",
            counted(answer.missing, "image")
        );
    }
    if let Some(weak) = answer.weak_dates.filter(|weak| *weak > 0) {
        eprintln!(
            "eidetic: the date of {weak} of {} is only the time of the file, which copying may change",
            counted(answer.hits.len() as u64, "hit")
        );
    }
    let unreachable = answer.hits.iter().filter(|hit| !hit.reachable).count();
    if unreachable > 0 {
        eprintln!(
            "eidetic: {} of these cannot be reached now",
            counted(unreachable, "file")
        );
    }
}

fn query(space: &Space, arguments: &SearchArgs, filter: Filter) -> Result<Query, Failure> {
    let image = match (&arguments.image, arguments.image_id) {
        (Some(path), _) => Some(QueryImage::Pixels(query_image(path, space)?)),
        (None, Some(id)) => Some(QueryImage::Indexed(id)),
        (None, None) => None,
    };
    let text = arguments.text();
    // A text or an image alone has all the weight.
    let weights = match (&text, &image) {
        (Some(_), Some(_)) => QueryWeights::with_text_share(arguments.text_weight),
        _ => QueryWeights::default(),
    };
    Ok(Query {
        text,
        negative: arguments.without.clone(),
        image,
        weights,
        k: arguments.k.into(),
        min_confidence: arguments.min_confidence,
        filter,
        copies: if arguments.expand {
            CopyMode::Expanded
        } else {
            CopyMode::Folded
        },
    })
}

pub(crate) fn query_image(path: &Path, space: &Space) -> Result<image::RgbImage, Failure> {
    let decoded = read_image(path, space.decode_size()?, &space.decode_limits());
    let decoded = decoded.map_err(|reason| Failure::in_file(path, reason))?;
    Ok(decoded.image)
}
