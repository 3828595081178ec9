//! `eidetic match --pairs`: reads, compares and prints pairs in batches, so that memory use does not grow
//! with the file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use eidetic_confidence::calibration::{ImageTextPair, PairFileError, parse_pair_line};
use eidetic_server::responses::MatchResult;
use indicatif::ProgressBar;
use serde::Serialize;

use super::matcher::{ImageMatcher, MatchJob};
use crate::Outcome;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::output;
use crate::progress::bytes_bar;

/// Lines per batch.
const BATCH: usize = 256;
/// Bytes.
const MAX_LINE_LENGTH: u64 = 32 << 10;

/// The JSON of a line.
#[derive(Serialize)]
struct LineAnswer<'a> {
    line: usize,
    image: &'a str,
    #[serde(flatten)]
    result: &'a MatchResult,
}

/// The JSON of an invalid line.
#[derive(Serialize)]
struct LineFailure<'a> {
    line: usize,
    error: &'a str,
}

/// A line of the file: a pair, or why it is none.
struct Line {
    number: usize,
    pair: Result<ImageTextPair, String>,
}

/// Compares all pairs of `file`. Invalid lines and unreadable images are reported and skipped.
pub(super) fn run(global: &Global, matcher: &ImageMatcher, file: &Path) -> Result<Outcome, Failure> {
    let unreadable = |error: std::io::Error| Failure::in_file(file, error);
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
        let more = if matcher.has_profile() {
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
        let batch = lines.next_batch().map_err(unreadable)?;
        if batch.is_empty() {
            break;
        }
        failed += print_batch(global, matcher, &batch)?;
    }
    bar.finish_and_clear();
    Ok(if failed == 0 {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}

/// Prints one line per pair, in the order of the file; returns the number of failures.
fn print_batch(global: &Global, matcher: &ImageMatcher, batch: &[Line]) -> Result<usize, Failure> {
    let jobs = jobs_of(batch);
    let results = matcher.run(&jobs)?;
    let by_image: HashMap<&Path, &Result<Vec<MatchResult>, String>> =
        jobs.iter().map(|job| job.image).zip(&results).collect();
    let mut failed = 0;
    for Line { number, pair } in batch {
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
                print_failure(global, *number, &reason)?;
            }
        }
    }
    Ok(failed)
}

/// One job for each distinct image of the batch, with all of its texts.
fn jobs_of(batch: &[Line]) -> Vec<MatchJob<'_>> {
    let mut positions: HashMap<&str, usize> = HashMap::new();
    let mut jobs: Vec<MatchJob> = Vec::new();
    for pair in batch.iter().filter_map(|line| line.pair.as_ref().ok()) {
        let position = *positions.entry(&pair.image).or_insert_with(|| {
            jobs.push(MatchJob {
                image: Path::new(&pair.image),
                texts: Vec::new(),
                compete: false,
            });
            jobs.len() - 1
        });
        let text = pair.text.trim();
        if !jobs[position].texts.contains(&text) {
            jobs[position].texts.push(text);
        }
    }
    jobs
}

fn print(global: &Global, line: usize, image: &str, result: &MatchResult) -> Result<(), Failure> {
    if global.json {
        return output::json(&LineAnswer { line, image, result });
    }
    let confidence = result.confidence.map_or_else(String::new, |p| format!("{p:.4}"));
    let verdict = result.verdict.as_ref();
    let verdict = verdict.map(|verdict| format!("\t{}\t{}", verdict.level, verdict.action.name()));
    output::line(&format!(
        "{image}\t{}\t{:.4}\t{:.4}\t{confidence}\t{}{}",
        result.text,
        result.score,
        result.normalized,
        result.level.name(),
        verdict.unwrap_or_default()
    ))
}

fn print_failure(global: &Global, line: usize, reason: &str) -> Result<(), Failure> {
    eprintln!("eidetic: line {line}: {reason}");
    if global.json {
        return output::json(&LineFailure { line, error: reason });
    }
    Ok(())
}

/// Reads a file line by line.
struct Lines<'a> {
    source: BufReader<Box<dyn Read>>,
    number: usize,
    bar: &'a ProgressBar,
}

impl Lines<'_> {
    /// The next lines; empty at the end of the file.
    fn next_batch(&mut self) -> std::io::Result<Vec<Line>> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let mut bytes = Vec::new();
            let read = (&mut self.source)
                .take(MAX_LINE_LENGTH)
                .read_until(b'\n', &mut bytes)?;
            if read == 0 {
                break;
            }
            self.number += 1;
            self.bar.inc(read as u64);
            if read as u64 == MAX_LINE_LENGTH && !bytes.ends_with(b"\n") {
                self.source.skip_until(b'\n')?;
                batch.push(self.line(Err(format!("the line is longer than {MAX_LINE_LENGTH} bytes"))));
                continue;
            }
            match parse(self.number, bytes) {
                Ok(None) => {}
                Ok(Some(pair)) => batch.push(self.line(Ok(pair))),
                Err(reason) => batch.push(self.line(Err(reason))),
            }
        }
        Ok(batch)
    }

    fn line(&self, pair: Result<ImageTextPair, String>) -> Line {
        Line {
            number: self.number,
            pair,
        }
    }
}

/// The pair of a line; `None` for an empty one. The error is without the line number, which is printed
/// before it.
fn parse(number: usize, bytes: Vec<u8>) -> Result<Option<ImageTextPair>, String> {
    let text = String::from_utf8(bytes).map_err(|_| "the line is not UTF-8".to_owned())?;
    parse_pair_line(number, &text).map_err(|error: PairFileError| {
        let message = error.to_string();
        let unnumbered = message.strip_prefix(&format!("line {number}: "));
        unnumbered.unwrap_or(&message).to_owned()
    })
}
