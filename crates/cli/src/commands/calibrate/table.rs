//! Calibrations and their history as text.

use std::fmt::Write;

use eidetic_confidence::calibration::{ClassSummary, Histogram, Interval, LabelSource};
use eidetic_confidence::profile::ThresholdBasis;
use eidetic_confidence::{Calibrator, QueryKind};
use eidetic_library::CalibrationEventKind;
use eidetic_server::responses::{
    CalibrationHistoryEntry, CalibrationSummary, ProfileThresholds, ThresholdSummary,
};

/// Bins of the stored histogram per line.
const BINS_PER_LINE: usize = 2;
/// Characters of the longest bar.
const BAR_LENGTH: usize = 24;

/// The current calibrations.
pub(super) fn calibrations(all: &[CalibrationSummary]) -> String {
    if all.is_empty() {
        return "not calibrated: the model's own confidences are used\n\
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

/// The levels of a profile, with what the pairs say about them.
pub(super) fn profile(profile: &ProfileThresholds) -> String {
    let share = profile.prevalence.map_or_else(String::new, |share| {
        format!(", where {}% of all pairs match", percent(share))
    });
    let mut text = format!(
        "profile {}{share}\n{:10} {:15} {:10} {:10} {:18} recall (at least)\n",
        profile.profile, "level", "target", "threshold", "basis", "precision (at least)"
    );
    for level in &profile.levels {
        let threshold = level.threshold.map_or_else(
            || "none".to_owned(),
            |threshold| format!("{:.4}", threshold.value()),
        );
        let rates = level.expected.map_or_else(String::new, |rates| {
            format!(
                "{:20} {:.3} ({:.3})",
                format!("{:.3} ({:.3})", rates.precision, rates.precision_low),
                rates.recall,
                rates.recall_low
            )
        });
        let _ = writeln!(
            text,
            "{:10} {:15} {threshold:10} {:10} {rates}",
            level.name,
            level.target,
            basis(level.basis)
        );
        if let Some(needed) = level.others_needed {
            let _ = writeln!(
                text,
                "           too few pairs show this precision: label about {needed} that do not match"
            );
        }
        if level.is_empty {
            text.push_str(
                "           nothing reaches this level alone: it begins where the one before does\n",
            );
        }
    }
    text.trim_end().to_owned()
}

const fn basis(basis: ThresholdBasis) -> &'static str {
    match basis {
        ThresholdBasis::Measured => "measured",
        ThresholdBasis::Estimated => "estimated",
        ThresholdBasis::Stated => "stated",
        ThresholdBasis::Uncalibrated => "too few",
    }
}

/// A share in percent, with as many digits as it needs.
fn percent(share: f64) -> String {
    let percent = format!("{:.1}", 100.0 * share);
    percent.strip_suffix(".0").map_or(percent.clone(), str::to_owned)
}

/// All events, the latest last.
pub(super) fn history(events: &[CalibrationHistoryEntry]) -> String {
    if events.is_empty() {
        return "no calibrations yet".to_owned();
    }
    let line = |event: &CalibrationHistoryEntry| {
        let what = match event.what {
            CalibrationEventKind::Calibrated => "calibrated",
            CalibrationEventKind::Refitted => "re-fitted by answers",
            CalibrationEventKind::Undone => "undone",
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
            scope(event.kind, event.profile.as_deref())
        )
    };
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn head(made: &CalibrationSummary) -> String {
    let fit = match made.fit {
        Calibrator::Background => "background",
        Calibrator::Platt(_) => "logistic curve (Platt)",
        Calibrator::Isotonic(_) => "isotonic steps",
    };
    let source = match made.source {
        LabelSource::Labels => "labelled pairs",
        LabelSource::Feedback => "answers to hits",
    };
    let even = made
        .even_score
        .map_or_else(String::new, |score| format!(", even odds at score {score:.4}"));
    let what = match &made.profile {
        Some(profile) => format!("profile {profile}"),
        None => format!("{} queries", name(made.kind)),
    };
    format!(
        "{what}, version {} of {}, from {} {source}: {fit}{even}",
        made.version,
        made.made_at,
        made.matching.count + made.other.count
    )
}

fn scope(kind: QueryKind, profile: Option<&str>) -> String {
    profile.unwrap_or(name(kind)).to_owned()
}

const fn name(kind: QueryKind) -> &'static str {
    match kind {
        QueryKind::Text => "text",
        QueryKind::Image => "picture",
    }
}

fn class(name: &str, class: &ClassSummary) -> String {
    format!(
        "{name:8} {:5}  {:.4}     {:.4}\n",
        class.count, class.mean, class.deviation
    )
}

fn quality(made: &CalibrationSummary) -> String {
    let was = |figure: fn(&eidetic_confidence::calibration::CalibrationMetrics) -> f64| {
        made.before
            .as_ref()
            .map_or_else(String::new, |before| format!(" (was {:.3})", figure(before)))
    };
    format!(
        "\narea under ROC {:.3}, average precision {:.3}\ncalibration error {:.3}{}, log loss {:.3}{}, on held-out pairs\n",
        made.curve.roc_area,
        made.curve.average_precision,
        made.after.reliability.expected_calibration_error,
        was(|metrics| metrics.reliability.expected_calibration_error),
        made.after.log_loss,
        was(|metrics| metrics.log_loss),
    )
}

/// Bars are shares of their class, so that a small class is visible.
fn histogram(histogram: &Histogram) -> String {
    let lines = |counts: &[usize]| -> Vec<f64> {
        let total = counts.iter().sum::<usize>().max(1) as f64;
        let chunks = counts.chunks(BINS_PER_LINE);
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
    let bar = |share: f64| "█".repeat((share / most * BAR_LENGTH as f64).ceil() as usize);
    let width = (histogram.to - histogram.from) / matching.len().max(1) as f64;
    let mut text = format!("\n{:>8}  {:BAR_LENGTH$}  match\n", "score", "other");
    for (at, (matching, other)) in matching.iter().zip(&other).enumerate() {
        let from = histogram.from + width * at as f64;
        let _ = writeln!(
            text,
            "{from:8.4}  {:BAR_LENGTH$}  {}",
            bar(*other),
            bar(*matching)
        );
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
