use std::fmt::Write;

use eidetic_library::Happened;
use eidetic_search::calibration::{ClassSummary, Histogram, Interval, Source};
use eidetic_search::confidence::{Fit, QueryKind};
use eidetic_server::responses::{CalibrationHistoryEntry, CalibrationSummary, ThresholdSummary};

/// Bins of the stored histogram that make one line, and the longest bar.
const BINS_A_LINE: usize = 2;
const BAR: usize = 24;

/// All calibrations that count.
pub(super) fn calibrations(all: &[CalibrationSummary]) -> String {
    if all.is_empty() {
        return "not calibrated: confidences are those that came with the model\n\
                calibrate with: eidetic calibrate PAIRS.tsv"
            .to_owned();
    }
    all.iter().map(calibration).collect::<Vec<_>>().join("\n\n")
}

/// One calibration: both classes, quality, histogram, thresholds.
pub(super) fn calibration(made: &CalibrationSummary) -> String {
    let mut text = format!("{}\n\n         pairs    mean  deviation\n", head(made));
    text.push_str(&class("match", &made.matching));
    text.push_str(&class("other", &made.other));
    text.push_str(&quality(made));
    text.push_str(&histogram(&made.histogram));
    let _ = writeln!(
        text,
        "\n{:16} {:26} {:21} {:21} F1",
        "strategy", "threshold (95 %)", "precision (95 %)", "recall (95 %)"
    );
    for threshold in &made.thresholds {
        let _ = writeln!(text, "{}", row(threshold));
    }
    text.trim_end().to_owned()
}

/// What was done, the latest last.
pub(super) fn history(events: &[CalibrationHistoryEntry]) -> String {
    if events.is_empty() {
        return "nothing yet".to_owned();
    }
    let line = |event: &CalibrationHistoryEntry| {
        let what = match event.what {
            Happened::Calibrated => "calibrated",
            Happened::Refitted => "re-fitted by answers",
            Happened::Undone => "undone",
        };
        let version = event
            .version
            .map_or_else(|| "the model's own".to_owned(), |n| format!("version {n}"));
        let even = event
            .even_score
            .map_or_else(String::new, |score| format!("  even odds at {score:.4}"));
        format!(
            "{}  {:7}  {what:20}  → {version}{even}",
            event.at,
            name(event.kind)
        )
    };
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn head(made: &CalibrationSummary) -> String {
    let fit = match made.fit {
        Fit::Background => "background",
        Fit::Platt(_) => "logistic curve (Platt)",
        Fit::Isotonic(_) => "isotonic steps",
    };
    let source = match made.source {
        Source::Labels => "labelled pairs",
        Source::Feedback => "answers to hits",
    };
    let even = made
        .even_score
        .map_or_else(String::new, |score| format!(", even odds at score {score:.4}"));
    format!(
        "{} queries, version {} of {}, from {} {source}: {fit}{even}",
        name(made.kind),
        made.version,
        made.made_at,
        made.matching.count + made.other.count
    )
}

const fn name(kind: QueryKind) -> &'static str {
    match kind {
        QueryKind::Text => "text",
        QueryKind::Picture => "picture",
    }
}

fn class(name: &str, class: &ClassSummary) -> String {
    format!(
        "{name:8} {:5}  {:.4}     {:.4}\n",
        class.count, class.mean, class.deviation
    )
}

fn quality(made: &CalibrationSummary) -> String {
    let was = |figure: fn(&eidetic_search::calibration::Honesty) -> f64| {
        made.before
            .as_ref()
            .map_or_else(String::new, |before| format!(" (was {:.3})", figure(before)))
    };
    format!(
        "\narea under ROC {:.3}, average precision {:.3}\ncalibration error {:.3}{}, log loss {:.3}{}, on pairs kept back\n",
        made.curve.roc_area,
        made.curve.average_precision,
        made.after.reliability.expected_calibration_error,
        was(|honesty| honesty.reliability.expected_calibration_error),
        made.after.log_loss,
        was(|honesty| honesty.log_loss),
    )
}

/// Shares of each class, so that the smaller one can be seen.
fn histogram(histogram: &Histogram) -> String {
    let lines = |counts: &[usize]| -> Vec<f64> {
        let total = counts.iter().sum::<usize>().max(1) as f64;
        let chunks = counts.chunks(BINS_A_LINE);
        chunks
            .map(|bins| bins.iter().sum::<usize>() as f64 / total)
            .collect()
    };
    let (matching, other) = (lines(&histogram.matching), lines(&histogram.other));
    let most = matching
        .iter()
        .chain(&other)
        .copied()
        .fold(f64::MIN_POSITIVE, f64::max);
    let bar = |share: f64| "█".repeat((share / most * BAR as f64).ceil() as usize);
    let width = (histogram.to - histogram.from) / matching.len().max(1) as f64;
    let mut text = format!("\n{:>8}  {:BAR$}  match\n", "score", "other");
    for (at, (matching, other)) in matching.iter().zip(&other).enumerate() {
        let from = histogram.from + width * at as f64;
        let _ = writeln!(text, "{from:8.4}  {:BAR$}  {}", bar(*other), bar(*matching));
    }
    text
}

fn row(threshold: &ThresholdSummary) -> String {
    let Some((value, figures)) = threshold.value.zip(threshold.expected.or(threshold.seen)) else {
        return format!(
            "{:16} {}",
            threshold.name,
            threshold.reason.as_deref().unwrap_or("none")
        );
    };
    let between = |interval: Option<Interval>, digits: usize| {
        interval.map_or_else(String::new, |interval| {
            format!(" ({:.digits$} – {:.digits$})", interval.low, interval.high)
        })
    };
    format!(
        "{:16} {:26} {:21} {:21} {:.3}",
        threshold.name,
        format!("{value:.4}{}", between(threshold.interval, 4)),
        format!(
            "{:.3}{}",
            figures.precision,
            between(threshold.precision_interval, 2)
        ),
        format!("{:.3}{}", figures.recall, between(threshold.recall_interval, 2)),
        figures.f1
    )
}
