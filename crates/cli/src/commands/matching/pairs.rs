//! Pairs of picture and text, line by line: read, compared and printed a portion at a time, so that a file of any length
//! takes no more memory than one portion.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use eidetic_search::calibration::{Pair, PairsError, pair_of_line};
use eidetic_server::responses::MatchResult;
use indicatif::ProgressBar;
use serde::Serialize;

use super::comparer::{Asked, Comparer};
use crate::Outcome;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::output;
use crate::progress::bytes_bar;

/// Pairs that are compared together.
const PORTION: usize = 256;
/// A line longer than this is no pair.
const LONGEST_LINE: u64 = 32 << 10;

/// One line's answer, as JSON.
#[derive(Serialize)]
struct LineAnswer<'a> {
    line: usize,
    image: &'a str,
    #[serde(flatten)]
    result: &'a MatchResult,
}

/// One line that has no answer, as JSON.
#[derive(Serialize)]
struct LineFailure<'a> {
    line: usize,
    error: &'a str,
}

/// A line of the file: a pair, or what is wrong with it.
struct Line {
    number: usize,
    pair: Result<Pair, String>,
}

/// Compares all pairs of `file`; lines that are no pairs, or whose picture cannot be read, are named and passed over.
pub(super) fn run(global: &Global, comparer: &Comparer, file: &Path) -> Result<Outcome, Failure> {
    let unreadable = |error: std::io::Error| Failure::arguments(format!("{}: {error}", file.display()));
    let (source, length): (Box<dyn Read>, u64) = if file == Path::new("-") {
        (Box::new(stdin()), 0)
    } else {
        let opened = File::open(file).map_err(unreadable)?;
        let length = opened.metadata().map_err(unreadable)?.len();
        (Box::new(opened), length)
    };
    let bar = bytes_bar(length);
    let mut lines = Lines {
        source: BufReader::new(source),
        number: 0,
        bar: &bar,
    };
    if !global.json {
        let more = if comparer.has_purpose() {
            "\tverdict\taction"
        } else {
            ""
        };
        output::line(&format!(
            "image\ttext\tscore\tnormalized\tconfidence\tlevel{more}"
        ))?;
    }
    let mut failed = 0;
    loop {
        let portion = lines.portion().map_err(unreadable)?;
        if portion.is_empty() {
            break;
        }
        failed += answer(global, comparer, &portion)?;
    }
    bar.finish_and_clear();
    Ok(if failed == 0 {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

/// Prints a line an answer, in the order of the file; gives the number of lines without one.
fn answer(global: &Global, comparer: &Comparer, portion: &[Line]) -> Result<usize, Failure> {
    let asked = by_picture(portion);
    let results = comparer.results(&asked)?;
    let by_image: HashMap<&Path, &Result<Vec<MatchResult>, String>> =
        asked.iter().map(|asked| asked.image).zip(&results).collect();
    let mut failed = 0;
    for Line { number, pair } in portion {
        let found = pair.as_ref().map_err(Clone::clone).and_then(|pair| {
            let results = by_image[Path::new(&pair.image)].as_ref().map_err(Clone::clone)?;
            let text = pair.text.trim();
            let result = results.iter().find(|result| result.text == text);
            result
                .map(|result| (pair, result))
                .ok_or_else(|| "the text was not compared".to_owned())
        });
        match found {
            Ok((pair, result)) => print(global, *number, &pair.image, result)?,
            Err(reason) => {
                failed += 1;
                complain(global, *number, &reason)?;
            }
        }
    }
    Ok(failed)
}

/// The portion's pictures, each once, with all texts that stand beside it.
fn by_picture(portion: &[Line]) -> Vec<Asked<'_>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut asked: Vec<Asked> = Vec::new();
    for pair in portion.iter().filter_map(|line| line.pair.as_ref().ok()) {
        let place = *places.entry(&pair.image).or_insert_with(|| {
            asked.push(Asked {
                image: Path::new(&pair.image),
                texts: Vec::new(),
                compete: false,
            });
            asked.len() - 1
        });
        let text = pair.text.trim();
        if !asked[place].texts.contains(&text) {
            asked[place].texts.push(text);
        }
    }
    asked
}

fn print(global: &Global, line: usize, image: &str, result: &MatchResult) -> Result<(), Failure> {
    if global.json {
        return output::json(&LineAnswer { line, image, result });
    }
    let confidence = result.confidence.map_or_else(String::new, |p| format!("{p:.4}"));
    let verdict = result.verdict.as_ref();
    let verdict = verdict.map(|said| format!("\t{}\t{}", said.level, said.action.name()));
    output::line(&format!(
        "{image}\t{}\t{:.4}\t{:.4}\t{confidence}\t{}{}",
        result.text,
        result.score,
        result.normalized,
        result.level.name(),
        verdict.unwrap_or_default()
    ))
}

fn complain(global: &Global, line: usize, reason: &str) -> Result<(), Failure> {
    eprintln!("eidetic: line {line}: {reason}");
    if global.json {
        return output::json(&LineFailure { line, error: reason });
    }
    Ok(())
}

/// A file read line by line, never more than a line and a portion of pairs at a time.
struct Lines<'a> {
    source: BufReader<Box<dyn Read>>,
    number: usize,
    bar: &'a ProgressBar,
}

impl Lines<'_> {
    fn portion(&mut self) -> std::io::Result<Vec<Line>> {
        let mut portion = Vec::new();
        while portion.len() < PORTION {
            let mut bytes = Vec::new();
            let read = (&mut self.source)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut bytes)?;
            if read == 0 {
                break;
            }
            self.number += 1;
            self.bar.inc(read as u64);
            if read as u64 == LONGEST_LINE && !bytes.ends_with(b"\n") {
                self.source.skip_until(b'\n')?;
                portion.push(self.line(Err(format!("it is longer than {LONGEST_LINE} bytes"))));
                continue;
            }
            match parsed(self.number, bytes) {
                Ok(None) => {}
                Ok(Some(pair)) => portion.push(self.line(Ok(pair))),
                Err(reason) => portion.push(self.line(Err(reason))),
            }
        }
        Ok(portion)
    }

    fn line(&self, pair: Result<Pair, String>) -> Line {
        Line {
            number: self.number,
            pair,
        }
    }
}

/// The pair in a line; nothing in an empty one. The error leaves out the line's number, which is printed before it.
fn parsed(number: usize, bytes: Vec<u8>) -> Result<Option<Pair>, String> {
    let text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())?;
    pair_of_line(number, &text).map_err(|error: PairsError| {
        let message = error.to_string();
        let unnumbered = message.strip_prefix(&format!("line {number}: "));
        unnumbered.unwrap_or(&message).to_owned()
    })
}
