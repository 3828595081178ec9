//! Calibration errors by library size and by the share of queries without an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Shares of queries without an answer.
const SHARES: [f64; 3] = [0.0, 0.2, 0.5];
const BINS: usize = 10;

/// Why a query has no answer, if it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Present,
    Removed,
    /// Nothing in any library can answer it.
    Impossible,
}

/// The hits of one query: confidences, and whether each is right.
struct Row {
    size: usize,
    answer: Answer,
    hits: Vec<(f64, bool)>,
}

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn add(&mut self, size: usize, answer: Answer, hits: Vec<(f64, bool)>) {
        self.rows.push(Row { size, answer, hits });
    }

    /// Rows with weights such that in each size `share` of the queries have no answer, half of them for each reason.
    fn weighted(&self, share: f64) -> Vec<(&Row, f64)> {
        let mut counts: BTreeMap<(usize, Answer), f64> = BTreeMap::new();
        for row in &self.rows {
            *counts.entry((row.size, row.answer)).or_default() += 1.0;
        }
        let weight = |row: &Row| {
            let part = match row.answer {
                Answer::Present => 1.0 - share,
                Answer::Removed if counts.contains_key(&(row.size, Answer::Impossible)) => share / 2.0,
                Answer::Removed => share,
                Answer::Impossible => share / 2.0,
            };
            part / counts[&(row.size, row.answer)]
        };
        self.rows.iter().map(|row| (row, weight(row))).collect()
    }
}

/// Sums of one bin: weight, weighted confidence, weight of right hits.
#[derive(Clone, Copy, Default)]
struct Bin {
    weight: f64,
    confidence: f64,
    right: f64,
}

fn bins<'a>(rows: impl Iterator<Item = &'a (&'a Row, f64)>) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (row, weight) in rows {
        for (confidence, right) in &row.hits {
            let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
            bin.weight += weight;
            bin.confidence += weight * confidence;
            bin.right += weight * f64::from(u8::from(*right));
        }
    }
    bins
}

fn calibration_error(bins: &[Bin]) -> f64 {
    let total: f64 = bins.iter().map(|bin| bin.weight).sum();
    let distance: f64 = bins.iter().map(|bin| (bin.confidence - bin.right).abs()).sum();
    distance / total
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weighted = SHARES.map(|share| self.weighted(share));
        let sizes: BTreeSet<usize> = self.rows.iter().map(|row| row.size).collect();
        write!(f, "{:>10}", "size")?;
        for share in SHARES {
            write!(f, "{:>8.0} %", share * 100.0)?;
        }
        for size in sizes {
            write!(f, "\n{size:>10}")?;
            for rows in &weighted {
                let error = calibration_error(&bins(rows.iter().filter(|(row, _)| row.size == size)));
                write!(f, "{error:>10.3}")?;
            }
        }
        write!(f, "\n{:>10}", "all")?;
        for rows in &weighted {
            write!(f, "{:>10.3}", calibration_error(&bins(rows.iter())))?;
        }
        f.write_str("\n\nconfidence → share of right hits\n")?;
        for (share, rows) in SHARES.iter().zip(&weighted) {
            write!(f, "{:>8.0} %", share * 100.0)?;
            for bin in bins(rows.iter()).iter().filter(|bin| bin.weight > 0.0) {
                write!(
                    f,
                    "  {:.2} → {:.2}",
                    bin.confidence / bin.weight,
                    bin.right / bin.weight
                )?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}
