//! `eidetic match`

mod matcher;
mod pairs;

use std::fs;
use std::io::Read;
use std::path::Path;

use eidetic_search::distinct_texts;
use eidetic_server::responses::{MatchResponse, MatchVerdict};

use crate::Outcome;
use crate::arguments::{Global, MatchArgs};
use crate::failure::Failure;
use crate::output;

use matcher::{ImageMatcher, MatchJob};

const MAX_TEXTS: usize = 1_000;
/// Limit for files of texts.
const MAX_BYTES: u64 = 16 << 20;

/// `eidetic match`
pub(crate) fn run(global: &Global, arguments: &MatchArgs) -> Result<Outcome, Failure> {
    if let Some(file) = &arguments.pairs {
        let matcher = ImageMatcher::open(global, arguments)?;
        return pairs::run(global, &matcher, file);
    }
    let image = arguments.image.as_deref().ok_or_else(no_texts)?;
    let more = arguments.texts_from.as_deref().map(read_text).transpose()?;
    let lines = more.iter().flat_map(|text| text.lines());
    let given: Vec<&str> = arguments.texts.iter().map(String::as_str).chain(lines).collect();
    let mut texts = distinct_texts(&given);
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
    let job = MatchJob {
        image,
        texts,
        compete: true,
    };
    let results = matcher.run(std::slice::from_ref(&job))?.swap_remove(0);
    let answer = MatchResponse {
        space: matcher.space()?,
        image: Some(image.display().to_string()),
        results: results.map_err(Failure::arguments)?,
    };
    print_answer(global, &answer)?;
    Ok(Outcome::Done)
}

fn print_answer(global: &Global, answer: &MatchResponse) -> Result<(), Failure> {
    if global.json {
        return output::json(answer);
    }
    answer.results.iter().try_for_each(|result| {
        output::line(&format!(
            "{:>5}  {:<6}  {:>6.3}  {}{}{}",
            output::percent(result.confidence),
            result.level.name(),
            result.score,
            result
                .verdict
                .as_ref()
                .map(|verdict| format!("{:<24}  ", describe(verdict)))
                .unwrap_or_default(),
            output::text(&result.text),
            unknown(&result.unknown_words)
        ))
    })
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
