//! How matches are printed: for people, as tab-separated or comma-separated values, as JSON.

use std::collections::BTreeMap;

use csv::WriterBuilder;
use eidetic_domain::counted;
use eidetic_server::responses::{MatchResult, MatchVerdict};
use serde::Serialize;

use crate::arguments::{Global, MatchArgs};
use crate::failure::Failure;
use crate::output;

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON object a row.
    Json,
    /// Comma-separated, with quotes.
    Csv,
    /// Tab-separated.
    Tsv,
}

/// Prints rows and counts their levels.
pub(super) struct Table {
    form: Form,
    has_profile: bool,
    has_views: bool,
    best_only: bool,
    /// Rows by level; the profile's if there is one.
    levels: BTreeMap<String, u64>,
    rows: u64,
    failed: u64,
}

/// One row: a text compared with an image.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    image: &'a str,
    #[serde(flatten)]
    result: &'a MatchResult,
    #[serde(flatten)]
    second: Option<Second<'a>>,
}

/// The second best text of an image.
#[derive(Serialize)]
struct Second<'a> {
    runner_up: Option<&'a str>,
    runner_up_score: Option<f32>,
    /// Difference of both scores.
    margin: Option<f32>,
}

/// The JSON of a pair that failed.
#[derive(Serialize)]
struct FailedRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    error: &'a str,
}

impl Table {
    /// Prints the names of the columns.
    pub(super) fn begin(global: &Global, arguments: &MatchArgs) -> Result<Self, Failure> {
        let table = Self {
            form: match (global.json, arguments.csv) {
                (true, _) => Form::Json,
                (false, true) => Form::Csv,
                (false, false) => Form::Tsv,
            },
            has_profile: arguments.profile.is_some(),
            has_views: arguments.shows_views(),
            best_only: arguments.best,
            levels: BTreeMap::new(),
            rows: 0,
            failed: 0,
        };
        if table.form != Form::Json {
            let mut columns = vec!["image", "text", "score", "normalized", "confidence", "level"];
            if table.has_profile {
                columns.extend(["verdict", "action", "reason"]);
            }
            if table.has_views {
                columns.extend(["fused", "direct", "reverse", "keywords"]);
            }
            if table.best_only {
                columns.extend(["runner_up", "runner_up_score", "margin"]);
            }
            table.print(&columns)?;
        }
        Ok(table)
    }

    /// Prints one text of an image.
    pub(super) fn row(
        &mut self,
        line: Option<usize>,
        image: &str,
        result: &MatchResult,
    ) -> Result<(), Failure> {
        self.print_row(&Row {
            line,
            image,
            result,
            second: None,
        })
    }

    /// Prints the best text of an image, with what separates it from the second best.
    pub(super) fn best(
        &mut self,
        line: Option<usize>,
        image: &str,
        results: &[MatchResult],
    ) -> Result<(), Failure> {
        let Some((best, others)) = results.split_first() else {
            return Ok(());
        };
        let second = others.first();
        self.print_row(&Row {
            line,
            image,
            result: best,
            second: Some(Second {
                runner_up: second.map(|result| result.text.as_str()),
                runner_up_score: second.map(|result| result.score),
                margin: second.map(|result| best.score - result.score),
            }),
        })
    }

    /// Reports a pair or an image that could not be compared.
    pub(super) fn failure(&mut self, line: Option<usize>, reason: &str) -> Result<(), Failure> {
        self.failed += 1;
        match line {
            Some(line) => eprintln!("eidetic: line {line}: {reason}"),
            None => eprintln!("eidetic: {reason}"),
        }
        if self.form == Form::Json {
            return output::json(&FailedRow { line, error: reason });
        }
        Ok(())
    }

    /// Says how many rows have each level; returns the number of failures.
    pub(super) fn end(self) -> u64 {
        let levels = self
            .levels
            .iter()
            .map(|(level, count)| format!("{count} {level}"));
        let levels: Vec<String> = levels.collect();
        let failed = match self.failed {
            0 => String::new(),
            failed => format!("; {failed} failed"),
        };
        let what = if self.best_only { "image" } else { "pair" };
        eprintln!(
            "eidetic: {}: {}{failed}",
            counted(self.rows, what),
            if levels.is_empty() {
                "nothing to compare".to_owned()
            } else {
                levels.join(", ")
            }
        );
        self.failed
    }

    fn print_row(&mut self, row: &Row<'_>) -> Result<(), Failure> {
        self.rows += 1;
        let verdict = row.result.verdict.as_ref();
        let level = verdict.map_or_else(|| row.result.level.name(), |verdict| verdict.level.as_str());
        *self.levels.entry(level.to_owned()).or_default() += 1;
        if self.form == Form::Json {
            return output::json(row);
        }
        let result = row.result;
        let number = |value: Option<f32>| value.map_or_else(String::new, |value| format!("{value:.4}"));
        let mut cells = vec![
            row.image.to_owned(),
            result.text.clone(),
            number(Some(result.score)),
            number(Some(result.normalized)),
            number(result.confidence),
            result.level.name().to_owned(),
        ];
        if self.has_profile {
            let cell = |of: &dyn Fn(&MatchVerdict) -> String| verdict.map(of).unwrap_or_default();
            cells.extend([
                cell(&|verdict| verdict.level.clone()),
                cell(&|verdict| verdict.action.name().to_owned()),
                cell(&|verdict| verdict.reason.clone()),
            ]);
        }
        if self.has_views {
            let views = result.breakdown.as_ref();
            cells.extend([
                number(views.map(|views| views.fused)),
                number(views.map(|views| views.direct)),
                number(views.and_then(|views| views.reverse)),
                number(views.and_then(|views| views.keywords)),
            ]);
        }
        if self.best_only {
            let second = row.second.as_ref();
            cells.extend([
                second
                    .and_then(|second| second.runner_up)
                    .unwrap_or_default()
                    .to_owned(),
                number(second.and_then(|second| second.runner_up_score)),
                number(second.and_then(|second| second.margin)),
            ]);
        }
        self.print(&cells)
    }

    fn print(&self, cells: &[impl AsRef<str>]) -> Result<(), Failure> {
        if self.form == Form::Tsv {
            let cells: Vec<String> = cells
                .iter()
                .map(|cell| cell.as_ref().replace(['\t', '\r', '\n'], " "))
                .collect();
            return output::line(&cells.join("\t"));
        }
        let mut writer = WriterBuilder::new().from_writer(Vec::new());
        writer
            .write_record(cells.iter().map(AsRef::as_ref))
            .map_err(anyhow::Error::from)?;
        let bytes = writer
            .into_inner()
            .map_err(|error| anyhow::Error::from(error.into_error()))?;
        output::line(String::from_utf8_lossy(&bytes).trim_end_matches('\n'))
    }
}
