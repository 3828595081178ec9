mod comparer;
mod pairs;

use std::fs;
use std::io::Read;
use std::path::Path;

use eidetic_search::distinct_texts;
use eidetic_server::responses::{MatchResponse, MatchVerdict};

use crate::Outcome;
use crate::arguments::{Global, Match};
use crate::failure::Failure;
use crate::output;

use comparer::{Asked, Comparer};

/// Texts that one picture is held against.
const MOST_TEXTS: usize = 1_000;
/// Bytes of a file of texts; more is a mistake.
const MOST_BYTES: u64 = 16 << 20;

/// `eidetic match`
pub(crate) fn run(global: &Global, arguments: &Match) -> Result<Outcome, Failure> {
    if let Some(file) = &arguments.pairs {
        let comparer = Comparer::open(global, arguments)?;
        return pairs::run(global, &comparer, file);
    }
    let image = arguments.image.as_deref().ok_or_else(no_texts)?;
    let more = arguments.texts_from.as_deref().map(text_of).transpose()?;
    let lines = more.iter().flat_map(|text| text.lines());
    let given: Vec<&str> = arguments.texts.iter().map(String::as_str).chain(lines).collect();
    let mut texts = distinct_texts(&given);
    if texts.is_empty() && arguments.profile.is_none() {
        return Err(no_texts());
    }
    let comparer = Comparer::open(global, arguments)?;
    if texts.is_empty() {
        texts = comparer.patterns();
    }
    match texts.len() {
        0 => return Err(no_texts()),
        1..=MOST_TEXTS => {}
        count => {
            return Err(Failure::arguments(format!(
                "{count} texts are given, {MOST_TEXTS} are allowed; use --pairs for more"
            )));
        }
    }
    let asked = Asked {
        image,
        texts,
        compete: true,
    };
    let results = comparer.results(std::slice::from_ref(&asked))?.swap_remove(0);
    let answer = MatchResponse {
        space: comparer.space()?,
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
            "{:>5}  {:<6}  {:>6.3}  {}{}",
            output::percent(result.confidence),
            result.level.name(),
            result.score,
            result
                .verdict
                .as_ref()
                .map(|verdict| format!("{:<24}  ", in_words(verdict)))
                .unwrap_or_default(),
            result.text
        ))
    })
}

/// Such as `review: check by hand`.
fn in_words(verdict: &MatchVerdict) -> String {
    format!("{}: {}", verdict.level, verdict.action.words())
}

fn no_texts() -> Failure {
    Failure::arguments("there are no texts to hold against the picture; give some, or --texts-from FILE")
}

/// A file of texts, or what comes in where it is named `-`.
fn text_of(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(MOST_BYTES + 1).read_to_string(&mut text)
    } else {
        fs::File::open(file).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
    };
    match read {
        Err(error) => Err(Failure::arguments(format!("{}: {error}", file.display()))),
        Ok(length) if length as u64 > MOST_BYTES => Err(Failure::arguments(format!(
            "{} is larger than {}",
            file.display(),
            output::bytes(MOST_BYTES)
        ))),
        Ok(_) => Ok(text),
    }
}
