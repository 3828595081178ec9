//! `eidetic match --pairs`: the pairs of a file, one decision for each image.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use eidetic_confidence::calibration::learn_weights;
use eidetic_domain::{Labels, MAX_PAIRS, PairFileError, PairRow, counted, parse_pairs};
use eidetic_server::responses::MatchResult;

use super::matcher::{ImageMatcher, MatchJob, Scored};
use super::table::Table;
use crate::Outcome;
use crate::arguments::{Global, MatchArgs};
use crate::commands::pair_file;
use crate::failure::Failure;
use crate::progress::count_bar;

/// Images that are compared before their rows are printed.
const IMAGE_BATCH: usize = 32;

/// A row of the file, with its image's place among all images.
struct Pair {
    line: usize,
    image: usize,
    text: String,
    /// Its label, where labels are read.
    matches: Option<bool>,
}

/// The pairs of a file by image.
struct Pairs {
    /// In the order of the file; invalid rows with why they are.
    rows: Vec<Result<Pair, (usize, String)>>,
    /// Names as in the file, and as they are opened.
    images: Vec<(String, String)>,
    /// The rows of each image.
    rows_of: Vec<Vec<usize>>,
}

/// Compares all pairs of `file`. Invalid rows and unreadable images are reported and skipped.
pub(super) fn run(
    global: &Global,
    arguments: &MatchArgs,
    matcher: &ImageMatcher,
    file: &Path,
) -> Result<Outcome, Failure> {
    let labels = match arguments.learn_weights {
        Some(_) => Labels::Required,
        None => Labels::Ignored,
    };
    let pairs = Pairs::read(file, labels)?;
    let bar = count_bar(pairs.images.len() as u64, "images");
    let mut table = Table::begin(global, arguments)?;
    let mut printer = Printer {
        pairs: &pairs,
        table: &mut table,
        ready: BTreeMap::new(),
        next: 0,
        best_only: arguments.best,
        labeled_views: LabeledViews::default(),
    };
    printer.invalid_rows()?;
    let images: Vec<usize> = (0..pairs.images.len()).collect();
    if matcher.needs_whole_batch() {
        let mut scored = Vec::new();
        for batch in images.chunks(IMAGE_BATCH) {
            scored.extend(matcher.score(&pairs.jobs(batch))?);
            bar.inc(batch.len() as u64);
        }
        let estimated = matcher.prevalence_of(scored.iter().flatten());
        match estimated {
            Some(found) => eprintln!(
                "eidetic: about {:.1}% of {} match, at least {:.1}%; thresholds hold for that share",
                100.0 * found.share,
                counted(found.pairs as u64, "pair"),
                100.0 * found.low
            ),
            None => eprintln!(
                "eidetic: too few pairs to estimate how many match; thresholds hold for the share that the profile states"
            ),
        }
        for (image, scored) in images.iter().zip(scored) {
            printer.image(
                *image,
                scored.map(|scored| matcher.results(scored, estimated.map(|found| found.low))),
            )?;
        }
    } else {
        for batch in images.chunks(IMAGE_BATCH) {
            let scored: Vec<Result<Scored, String>> = matcher.score(&pairs.jobs(batch))?;
            for (image, scored) in batch.iter().zip(scored) {
                printer.image(*image, scored.map(|scored| matcher.results(scored, None)))?;
            }
            bar.inc(batch.len() as u64);
        }
    }
    bar.finish_and_clear();
    let views = std::mem::take(&mut printer.labeled_views);
    if let Some(out) = &arguments.learn_weights {
        views.write_weights(out)?;
    }
    Ok(match table.end() {
        0 => Outcome::Done,
        _ => Outcome::DoneWithFailures,
    })
}

impl Pairs {
    fn read(file: &Path, labels: Labels) -> Result<Self, Failure> {
        let bytes = pair_file::read(file)?;
        let mut pairs = Self {
            rows: Vec::new(),
            images: Vec::new(),
            rows_of: Vec::new(),
        };
        let mut places: HashMap<String, usize> = HashMap::new();
        for row in parse_pairs(&bytes, labels) {
            if pairs.rows.len() == MAX_PAIRS {
                return Err(Failure::in_file(file, PairFileError::TooMany));
            }
            let row = match row {
                Ok(PairRow {
                    line,
                    image,
                    text,
                    matches,
                }) => {
                    let place = *places.entry(image).or_insert_with_key(|image| {
                        pairs
                            .images
                            .push((image.clone(), pair_file::resolve(image, file)));
                        pairs.rows_of.push(Vec::new());
                        pairs.images.len() - 1
                    });
                    pairs.rows_of[place].push(pairs.rows.len());
                    Ok(Pair {
                        line,
                        image: place,
                        text,
                        matches,
                    })
                }
                Err(error) => Err(pair_file::numbered(&error)),
            };
            pairs.rows.push(row);
        }
        Ok(pairs)
    }

    fn pair(&self, row: usize) -> &Pair {
        self.rows[row].as_ref().expect("only valid rows have an image")
    }

    fn jobs(&self, images: &[usize]) -> Vec<MatchJob<'_>> {
        let job = |image: &usize| {
            let mut texts: Vec<&str> = Vec::new();
            let mut met = std::collections::HashSet::new();
            for row in &self.rows_of[*image] {
                let text = self.pair(*row).text.as_str();
                if met.insert(text) {
                    texts.push(text);
                }
            }
            MatchJob {
                image: &self.images[*image].1,
                texts,
            }
        };
        images.iter().map(job).collect()
    }
}

/// Prints rows in the order of the file, as soon as all before them are known.
struct Printer<'a> {
    pairs: &'a Pairs,
    table: &'a mut Table,
    /// Rows that wait for earlier ones.
    ready: BTreeMap<usize, Result<MatchResult, String>>,
    next: usize,
    best_only: bool,
    labeled_views: LabeledViews,
}

/// The views of labeled pairs, from which weights are learned.
#[derive(Default)]
struct LabeledViews {
    /// Direct, reverse, keywords.
    views: Vec<Vec<f64>>,
    matches: Vec<bool>,
}

impl LabeledViews {
    fn add(&mut self, pair: &Pair, result: &MatchResult) {
        if let (Some(matches), Some(views)) = (pair.matches, &result.breakdown) {
            // A view that is unknown leaves its weight to the others, as if it agreed.
            let view = |view: Option<f32>| f64::from(view.unwrap_or(views.direct));
            self.views.push(vec![
                view(Some(views.direct)),
                view(views.reverse),
                view(views.keywords),
            ]);
            self.matches.push(matches);
        }
    }

    fn write_weights(&self, out: &Path) -> Result<(), Failure> {
        let weights = learn_weights(&self.views, &self.matches);
        let weights = weights.map_err(|error| Failure::arguments(error.to_string()))?;
        let [direct, reverse, keywords] = weights[..] else {
            return Err(Failure::could_not_run("no weights were learned"));
        };
        let text = format!("direct = {direct:.4}\nreverse = {reverse:.4}\nkeywords = {keywords:.4}\n");
        std::fs::write(out, text).map_err(|error| Failure::in_file(out, error))?;
        eprintln!(
            "eidetic: wrote weights learned from {} to {}",
            counted(self.views.len() as u64, "labeled pair"),
            crate::output::path(out)
        );
        Ok(())
    }
}

impl Printer<'_> {
    fn invalid_rows(&mut self) -> Result<(), Failure> {
        for (at, row) in self.pairs.rows.iter().enumerate() {
            if let Err((line, reason)) = row {
                if self.best_only {
                    self.table.failure(Some(*line), reason)?;
                } else {
                    self.ready.insert(at, Err(reason.clone()));
                }
            }
        }
        self.print_ready()
    }

    fn image(&mut self, image: usize, results: Result<Vec<MatchResult>, String>) -> Result<(), Failure> {
        let rows = &self.pairs.rows_of[image];
        let name = self.pairs.images[image].0.as_str();
        if self.best_only {
            let line = rows.first().map(|row| self.pairs.pair(*row).line);
            return match results {
                Ok(results) => self.table.best(line, name, &results),
                Err(reason) => self.table.failure(line, &reason),
            };
        }
        for row in rows {
            let text = self.pairs.pair(*row).text.as_str();
            let result = match &results {
                Ok(results) => results
                    .iter()
                    .find(|result| result.text == text)
                    .cloned()
                    .ok_or_else(|| "the text was not compared".to_owned()),
                Err(reason) => Err(reason.clone()),
            };
            self.ready.insert(*row, result);
        }
        self.print_ready()
    }

    fn print_ready(&mut self) -> Result<(), Failure> {
        while let Some(result) = self.ready.remove(&self.next) {
            let row = &self.pairs.rows[self.next];
            self.next += 1;
            match (row, result) {
                (Ok(pair), Ok(result)) => {
                    self.labeled_views.add(pair, &result);
                    let image = self.pairs.images[pair.image].0.as_str();
                    self.table.row(Some(pair.line), image, &result)?;
                }
                (Ok(pair), Err(reason)) => self.table.failure(Some(pair.line), &reason)?,
                (Err((line, _)), Ok(_)) => self.table.failure(Some(*line), "the row is invalid")?,
                (Err((line, _)), Err(reason)) => self.table.failure(Some(*line), &reason)?,
            }
        }
        Ok(())
    }
}
