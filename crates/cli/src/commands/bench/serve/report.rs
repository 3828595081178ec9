//! What `eidetic bench serve` prints.

use std::fmt;
use std::time::Duration;

use eidetic_domain::counted;
use eidetic_library::Status;
use serde::Serialize;

use super::latency::{Latencies, milliseconds};
use super::library::{Made, MeasuredLibrary};
use super::machine::{self, Machine};
use super::measure::Measured;
use super::workload::{HITS, LISTED, Material};
use crate::output;

/// Latencies are in milliseconds, as a client sees them.
#[derive(Debug, Serialize)]
pub(super) struct BenchServeAnswer {
    version: &'static str,
    /// `release` or `development`.
    profile: &'static str,
    machine: Machine,
    load_after: Option<f64>,
    images: u64,
    #[serde(skip)]
    library: String,
    space: String,
    /// Threads and vectors of the index.
    index: Index,
    /// Set for a synthetic library.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<MadeAnswer>,
    /// Memory of this process after the measurement: of the server and of the clients.
    resident_bytes: Option<u64>,
    seconds: f64,
    filters: Vec<Filter>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Index {
    /// `exact` or `hnsw`.
    kind: String,
    vectors: u64,
}

#[derive(Debug, Serialize)]
struct MadeAnswer {
    fill_s: f64,
    graph_s: f64,
}

/// A filter of the measured searches.
#[derive(Debug, Serialize)]
struct Filter {
    name: &'static str,
    value: String,
    images: u64,
}

/// One kind of request.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    clients: u16,
    requests: usize,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error: Option<String>,
    first_ms: Option<f64>,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    per_second: Option<f64>,
    /// Of the median, what the model took.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_p50_ms: Option<f64>,
}

impl From<Measured> for Row {
    fn from(measured: Measured) -> Self {
        let of = |latencies: &Latencies, percent| latencies.percentile(percent).map(milliseconds);
        let latencies = &measured.latencies;
        Self {
            clients: measured.clients,
            requests: latencies.len(),
            errors: measured.errors,
            first_ms: measured.first.map(milliseconds),
            p50_ms: of(latencies, 50),
            p95_ms: of(latencies, 95),
            p99_ms: of(latencies, 99),
            max_ms: latencies.max().map(milliseconds),
            per_second: measured.per_second,
            model_p50_ms: of(&measured.model, 50),
            name: measured.name,
            first_error: measured.first_error,
        }
    }
}

impl From<Made> for MadeAnswer {
    fn from(made: Made) -> Self {
        Self {
            fill_s: made.filling.as_secs_f64(),
            graph_s: made.graph.as_secs_f64(),
        }
    }
}

impl BenchServeAnswer {
    pub(super) fn new(
        measured: &MeasuredLibrary,
        status: Status,
        machine: Machine,
        material: &Material,
        rows: Vec<Measured>,
        elapsed: Duration,
    ) -> Self {
        let filters = material.filters.iter().map(|filter| Filter {
            name: filter.name,
            value: filter.value.clone(),
            images: filter.images,
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            profile: if cfg!(debug_assertions) {
                "development"
            } else {
                "release"
            },
            load_after: machine::load(),
            machine,
            images: status.images,
            library: measured.describe(status.images),
            space: status.space,
            index: Index {
                kind: status.index.kind,
                vectors: status.index.vectors,
            },
            made: measured.made.map(MadeAnswer::from),
            resident_bytes: machine::resident_bytes(),
            seconds: elapsed.as_secs_f64(),
            filters: filters.collect(),
            rows: rows.into_iter().map(Row::from).collect(),
        }
    }

    /// Whether every kind was measured without an error.
    pub(super) fn is_whole(&self) -> bool {
        let is_whole = |row: &Row| row.errors == 0 && row.requests > 0;
        !self.rows.is_empty() && self.rows.iter().all(is_whole)
    }

    fn write_library(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}; index: {}", self.library, self.index.kind)?;
        if let Some(made) = &self.made {
            writeln!(
                f,
                "filled in {:.1} s, graph built in {:.1} s",
                made.fill_s, made.graph_s
            )?;
        }
        writeln!(f, "model: {}", output::text(&self.space))?;
        writeln!(f, "{}", self.machine.describe(self.load_after))?;
        let memory = self.resident_bytes.map(output::bytes);
        let memory = memory.map_or_else(String::new, |memory| format!(", {memory} resident"));
        writeln!(f, "eidetic {}, {} build{memory}", self.version, self.profile)
    }

    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for filter in &self.filters {
            let (name, value) = (filter.name, output::text(&filter.value));
            writeln!(f, "filter {name}={value}: {}", counted(filter.images, "image"))?;
        }
        for row in &self.rows {
            if let Some(model) = row.model_p50_ms {
                writeln!(f, "{}: the model takes {model:.2} ms of p50", row.name)?;
            }
        }
        for row in self.rows.iter().filter(|row| row.errors > 0) {
            let first = row.first_error.as_deref().unwrap_or_default();
            let errors = counted(row.errors, "error");
            writeln!(
                f,
                "{}, {} at once: {errors}, first: {}",
                row.name,
                row.clients,
                output::message(first)
            )?;
        }
        write!(
            f,
            "Milliseconds at the client; each client sends its next request after an answer.\n\
             Pages of {HITS} hits or {LISTED} images. Every search has other words. \"first\" is\n\
             the first request of its kind, which prepares what later ones use."
        )
    }
}

/// Columns: name, clients, requests, first, p50, p95, p99, max, requests a second; 80 characters.
impl fmt::Display for BenchServeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_library(f)?;
        writeln!(
            f,
            "\n{:<25}{:>4}{:>6}{:>8}{:>7}{:>7}{:>7}{:>8}{:>8}",
            "", "at", "n", "first", "p50", "p95", "p99", "max", "per s"
        )?;
        for row in &self.rows {
            let first = if row.clients == 1 {
                number(row.first_ms)
            } else {
                String::new()
            };
            writeln!(
                f,
                "{:<25}{:>4}{:>6}{first:>8}{:>7}{:>7}{:>7}{:>8}{:>8}",
                row.name,
                row.clients,
                row.requests,
                number(row.p50_ms),
                number(row.p95_ms),
                number(row.p99_ms),
                number(row.max_ms),
                number(row.per_second),
            )?;
        }
        writeln!(f)?;
        self.write_notes(f)
    }
}

/// Three digits or more; `-` for an unknown one.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "-".to_owned();
    };
    let digits = match value {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_their_columns() {
        let texts = [0.004, 1.5, 12.34, 123.4, 12_345.6].map(|value| number(Some(value)));
        assert_eq!(texts, ["0.00", "1.50", "12.3", "123", "12346"]);
        assert_eq!(number(None), "-");
    }
}
