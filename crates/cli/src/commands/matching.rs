//! `eidetic match`

mod matcher;
mod pairs;
mod table;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use eidetic_confidence::Breakdown;
use eidetic_domain::counted;
use eidetic_search::distinct_texts;
use eidetic_server::responses::{MatchResponse, MatchResult, MatchVerdict};

use crate::Outcome;
use crate::arguments::{Global, MatchArgs};
use crate::failure::Failure;
use crate::output;

use matcher::{ImageMatcher, MatchJob};
use table::Table;

const MAX_TEXTS: usize = 1_000;
/// Limit for files of texts.
const MAX_BYTES: u64 = 16 << 20;

/// `eidetic match`
pub(crate) fn run(global: &Global, arguments: &MatchArgs) -> Result<Outcome, Failure> {
    if let Some(file) = &arguments.pairs {
        let matcher = ImageMatcher::open(global, arguments)?;
        return pairs::run(global, arguments, &matcher, file);
    }
    let image = arguments.image.as_deref().ok_or_else(no_texts)?;
    let name = image.to_str().ok_or_else(|| {
        Failure::in_file(
            image,
            "the path is not UTF-8; index the picture, and name it by its id",
        )
    })?;
    let more = arguments.texts_from.as_deref().map(read_text).transpose()?;
    let lines = more.iter().flat_map(|text| text.lines());
    let given: Vec<&str> = arguments.texts.iter().map(String::as_str).chain(lines).collect();
    let mut texts = distinct_texts(&given);
    let not_empty = given.iter().filter(|text| !text.trim().is_empty()).count();
    let merged = not_empty - texts.len();
    if merged > 0 {
        eprintln!(
            "eidetic: {} merged with equal ones",
            counted(merged as u64, "text")
        );
    }
    if texts.is_empty() && arguments.profile.is_none() {
        return Err(no_texts());
    }
    let matcher = ImageMatcher::open(global, arguments)?;
    if texts.is_empty() {
        texts = matcher.patterns();
    }
    match texts.len() {
        0 => return Err(no_texts()),
        1..=MAX_TEXTS => {}
        count => {
            return Err(Failure::arguments(format!(
                "{count} texts exceed the limit of {MAX_TEXTS}; use --pairs for more"
            )));
        }
    }
    let job = MatchJob { image: name, texts };
    let started = Instant::now();
    let scored = matcher.score(std::slice::from_ref(&job))?.swap_remove(0);
    let scored = scored.map_err(Failure::arguments)?;
    let prevalence = matcher
        .prevalence_of(std::iter::once(&scored))
        .map(|found| found.low);
    let results = matcher.results(scored, prevalence);
    let answer = MatchResponse {
        space: matcher.space()?,
        image: Some(image.display().to_string()),
        results,
        took_ms: started.elapsed().as_secs_f64() * 1000.0,
    };
    print_answer(global, arguments, name, answer)?;
    Ok(Outcome::Done)
}

fn print_answer(
    global: &Global,
    arguments: &MatchArgs,
    image: &str,
    mut answer: MatchResponse,
) -> Result<(), Failure> {
    if arguments.best && (global.json || arguments.csv) {
        return Table::begin(global, arguments)?.best(None, image, &answer.results);
    }
    if arguments.csv {
        let mut table = Table::begin(global, arguments)?;
        return answer
            .results
            .iter()
            .try_for_each(|result| table.row(None, image, result));
    }
    if global.json {
        return output::json(&answer);
    }
    if arguments.best {
        print_best(&answer.results)?;
        answer.results.truncate(0);
    }
    answer.results.iter().try_for_each(|result| {
        output::line(&format!(
            "{:>5}  {:<6}  {:>7.4}  {:>6.4}  {}{}{}{}",
            output::percent(result.confidence),
            result.level.name(),
            result.score,
            result.normalized,
            result
                .verdict
                .as_ref()
                .map(|verdict| format!("{:<24}  ", describe(verdict)))
                .unwrap_or_default(),
            output::text(&result.text),
            unknown(&result.unknown_words),
            result.breakdown.map_or_else(String::new, views)
        ))
    })
}

/// A line with the views of a match.
fn views(views: Breakdown) -> String {
    let view = |value: Option<f32>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
    format!(
        "\n       fused {:.4}: direct {:.4}, reverse {}, keywords {}",
        views.fused,
        views.direct,
        view(views.reverse),
        view(views.keywords)
    )
}

/// The best text, and how far ahead of the second it is.
fn print_best(results: &[MatchResult]) -> Result<(), Failure> {
    let Some((best, others)) = results.split_first() else {
        return Ok(());
    };
    let verdict = best
        .verdict
        .as_ref()
        .map(|verdict| format!("{}  ", describe(verdict)));
    output::line(&format!(
        "{:>5}  {:>7.4}  {}{}",
        output::percent(best.confidence),
        best.score,
        verdict.unwrap_or_default(),
        output::text(&best.text)
    ))?;
    match others.first() {
        Some(second) => output::line(&format!(
            "{:>5}  {:>7.4}  {:.4} behind: {}",
            output::percent(second.confidence),
            second.score,
            best.score - second.score,
            output::text(&second.text)
        )),
        None => Ok(()),
    }
}

/// Such as `  (compared without "injured")`.
fn unknown(words: &[String]) -> String {
    if words.is_empty() {
        return String::new();
    }
    format!("  (compared without {})", output::quoted(words))
}

/// Such as `review: check by hand`.
fn describe(verdict: &MatchVerdict) -> String {
    format!("{}: {}", verdict.level, verdict.action.words())
}

fn no_texts() -> Failure {
    Failure::arguments("no texts to compare with the picture; give some, or --texts-from FILE")
}

/// The text of a file, or of standard input for `-`.
fn read_text(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(MAX_BYTES + 1).read_to_string(&mut text)
    } else {
        fs::File::open(file).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
    };
    match read {
        Err(error) => Err(Failure::in_file(file, error)),
        Ok(length) if length as u64 > MAX_BYTES => Err(Failure::in_file(
            file,
            format!("the file is larger than {}", output::bytes(MAX_BYTES)),
        )),
        Ok(_) => Ok(text),
    }
}
