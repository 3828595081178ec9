//! `eidetic search`

use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;

use eidetic_confidence::MATCH_THRESHOLD;
use eidetic_domain::{Filter, ImageId, counted};
use eidetic_encoder::negation;
use eidetic_indexer::{IndexerOptions, RunContext};
use eidetic_library::{Library, Space};
use eidetic_search::{CopyMode, Query, QueryImage, QueryWeights, SearchResults, Verdict};
use eidetic_server::params::{SortParam, search_cursor};
use eidetic_server::responses::{SearchHit, SearchResponse, SpaceReportResponse};

use super::space::print_failures;
use super::{Access, access_or_read, access_to_read, note_better_model, reject_model_options, variants};
use crate::Outcome;
use crate::arguments::{Global, HitSortArg, PathEnd, SearchArgs};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::open_pictures::OpenedPictures;
use crate::output;
use crate::progress::BackfillBar;
use crate::read_image::read_image;
use crate::remote::{self, RemoteServer};

/// The name of all spaces together.
const ALL_SPACES: &str = "all";
/// Hits that are looked for, or asked of a server, at a time.
const PAGE: usize = 1000;

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
    let mut pictures = OpenedPictures::new(&arguments.open)?;
    if arguments.space.as_deref() == Some(ALL_SPACES) {
        let answer = search_all_spaces(global, arguments)?;
        pictures.note(&answer.hits);
        print(global, arguments, &answer)?;
    } else {
        with_search(global, arguments, "eidetic search", &mut |page| {
            print_pages(global, arguments, page, &mut pictures)
        })?;
    }
    pictures.open(global)
}

/// All hits that the arguments ask for.
pub(super) fn all_hits(
    global: &Global,
    arguments: &SearchArgs,
    command: &str,
) -> Result<SearchResponse, Failure> {
    let mut all: Option<SearchResponse> = None;
    with_search(global, arguments, command, &mut |page| {
        each_page(arguments, page, &mut |answer| {
            match &mut all {
                Some(all) => all.append(answer),
                None => all = Some(answer),
            }
            Ok(())
        })
    })?;
    let mut all = all.ok_or_else(|| Failure::could_not_run("the search gave no answer"))?;
    sort(arguments, &mut all);
    Ok(all)
}

/// Sorts hits of several pages by date, if that is asked for.
fn sort(arguments: &SearchArgs, all: &mut SearchResponse) {
    if arguments.sort == HitSortArg::Taken {
        all.hits.sort_by_key(|hit| Reverse(hit.taken));
    }
}

/// Gives hits: as many as the number says, after the place of the cursor.
type Pages<'a> = dyn FnMut(usize, Option<String>) -> Result<SearchResponse, Failure> + 'a;

/// Searches in the library, or through the server that owns it.
fn with_search(
    global: &Global,
    arguments: &SearchArgs,
    command: &str,
    using: &mut dyn FnMut(&mut Pages<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let filter = arguments.filter.filter()?;
    // Images that are missing in a named space are embedded first, where that is possible.
    let access = match arguments.space {
        None => access_to_read,
        Some(_) => access_or_read,
    };
    match access(global, command)? {
        Access::Local(library) => {
            note_better_model(&library);
            library.active().set_load_options((&arguments.options).into());
            let mut search = LocalSearch::new(&library, arguments, filter)?;
            using(&mut |count, cursor| search.page(count, cursor))
        }
        Access::Remote(server) => {
            reject_model_options(&arguments.options)?;
            variants::reject(&arguments.variants)?;
            using(&mut |count, cursor| search_remotely(&server, arguments, &filter, count, cursor.as_deref()))
        }
    }
}

/// Asks for one page after another.
fn each_page(
    arguments: &SearchArgs,
    page: &mut Pages<'_>,
    each: &mut dyn FnMut(SearchResponse) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut asked = 0;
    let mut cursor = arguments.cursor.clone();
    loop {
        let count = PAGE.min(arguments.k - asked);
        asked += count;
        let answer = page(count, cursor.take())?;
        cursor.clone_from(&answer.next_cursor);
        each(answer)?;
        if cursor.is_none() || asked >= arguments.k {
            return Ok(());
        }
    }
}

/// Prints page after page. One object and an order by date need all hits first.
fn print_pages(
    global: &Global,
    arguments: &SearchArgs,
    page: &mut Pages<'_>,
    pictures: &mut OpenedPictures,
) -> Result<(), Failure> {
    let is_by_date = arguments.sort == HitSortArg::Taken;
    let mut all: Option<SearchResponse> = None;
    let mut rank = 0;
    each_page(arguments, page, &mut |answer| {
        if let Some(all) = &mut all {
            all.append(answer);
        } else if global.json || is_by_date {
            all = Some(answer);
        } else if rank == 0 {
            rank = answer.hits.len();
            pictures.note(&answer.hits);
            print(global, arguments, &answer)?;
        } else {
            print_hits(arguments.output.paths_only(), &answer.hits, rank)?;
            pictures.note(&answer.hits);
            rank += answer.hits.len();
        }
        Ok(())
    })?;
    let Some(mut all) = all else {
        return Ok(());
    };
    sort(arguments, &mut all);
    pictures.note(&all.hits);
    print(global, arguments, &all)
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
    print_hits(Some(end), &answer.hits, 0)
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

/// A search in the library of this process, page by page.
struct LocalSearch<'a> {
    library: &'a Library,
    space: Arc<Space>,
    query: Query,
    /// The image of the query, if its file is one.
    content: Option<ImageId>,
}

impl<'a> LocalSearch<'a> {
    fn new(library: &'a Library, arguments: &SearchArgs, filter: Filter) -> Result<Self, Failure> {
        let space = searched_space(library, arguments)?;
        variants::apply(&arguments.variants, &space)?;
        Ok(Self {
            library,
            query: query(&space, arguments, filter)?,
            space,
            content: arguments.image.as_deref().map(content_id).transpose()?,
        })
    }

    fn page(&mut self, count: usize, cursor: Option<String>) -> Result<SearchResponse, Failure> {
        let after = cursor.map(|cursor| search_cursor::parse(&cursor)).transpose();
        self.query.after = after.map_err(Failure::arguments)?;
        self.query.k = count;
        let found = self.library.search(&self.space, &self.query)?;
        Ok(response(self.library, &found, self.content, &self.query.filter))
    }
}

/// A search of all spaces has one page: no place in one ranking is a place in all of them.
fn search_all_spaces(global: &Global, arguments: &SearchArgs) -> Result<SearchResponse, Failure> {
    let filter = arguments.filter.filter()?;
    let count = count_in_all_spaces(arguments)?;
    match access_to_read(global, "eidetic search")? {
        Access::Local(library) => {
            note_better_model(&library);
            library.active().set_load_options((&arguments.options).into());
            let found = library.search_all_spaces(|space: &Space| {
                let query = query(space, arguments, filter.clone())?;
                Ok::<_, Failure>(Query { k: count, ..query })
            })?;
            let content = arguments.image.as_deref().map(content_id).transpose()?;
            Ok(response(&library, &found, content, &filter))
        }
        Access::Remote(server) => {
            reject_model_options(&arguments.options)?;
            variants::reject(&arguments.variants)?;
            remote::search(&server, arguments, &filter, count, None)
        }
    }
}

fn count_in_all_spaces(arguments: &SearchArgs) -> Result<usize, Failure> {
    if arguments.cursor.is_some() || arguments.k > PAGE {
        return Err(Failure::arguments(format!(
            "a search of all spaces has one page of at most {PAGE} hits; name one space to go on"
        )));
    }
    Ok(arguments.k)
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
    count: usize,
    cursor: Option<&str>,
) -> Result<SearchResponse, Failure> {
    let answer = remote::search(server, arguments, filter, count, cursor)?;
    let Some(space) = arguments.space.as_ref().filter(|_| answer.missing > 0) else {
        return Ok(answer);
    };
    match remote::backfill(server, space) {
        Ok(report) => {
            print_failures(&report);
            remote::search(server, arguments, filter, count, cursor)
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
    print_hits(None, &answer.hits, 0)
}

/// Prints hits as lines of a table, or as paths with this end; `rank` others come before them.
fn print_hits(end: Option<PathEnd>, hits: &[SearchHit], rank: usize) -> Result<(), Failure> {
    for (at, hit) in hits.iter().enumerate() {
        match end {
            Some(end) => output::path_alone(&hit.original_path(), end)?,
            None => output::line(&format!(
                "{:>4}  {}  {:>6.3}  {}{}{}",
                rank + at + 1,
                likeness(hit),
                hit.score,
                output::path(&hit.original_path()),
                stack(&hit.stack),
                copies(hit.copies)
            ))?,
        }
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
        k: arguments.k,
        min_confidence: arguments.min_confidence,
        filter,
        after: None,
        order: SortParam::from(arguments.sort).into(),
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
