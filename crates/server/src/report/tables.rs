//! Thresholds and history as HTML tables.

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{Calibration, Interval, Threshold, ThresholdChoice};
use eidetic_library::{CalibrationEvent, CalibrationEventKind};

use super::escape;
use crate::responses::timestamp;

/// Number of events shown, the latest ones.
const MAX_EVENTS: usize = 50;

/// One row for each strategy, with a button that moves the threshold there.
pub(super) fn thresholds(made: &Calibration) -> String {
    let rows: String = made.thresholds.iter().map(row).collect();
    format!(
        "<div class=\"panel\"><h3>Thresholds by strategy</h3><p class=\"muted\">Expected figures, with 95 % intervals.</p>\
         <table class=\"thresholds\"><thead><tr><th scope=\"col\">Strategy</th><th scope=\"col\">Threshold</th>\
         <th scope=\"col\">Precision</th><th scope=\"col\">Recall</th><th scope=\"col\">F1</th>\
         <th><span class=\"visually-hidden\">Show</span></th></tr></thead><tbody>{rows}</tbody></table></div>\n"
    )
}

fn row(choice: &ThresholdChoice) -> String {
    let name = escape(&choice.strategy.to_string());
    let Some(threshold) = &choice.threshold else {
        let reason = escape(choice.reason.as_deref().unwrap_or_default());
        return format!(
            "<tr><th scope=\"row\">{name}</th><td colspan=\"5\" class=\"muted\">{reason}</td></tr>"
        );
    };
    let expected = threshold.cross_validated.unwrap_or(threshold.outcome);
    format!(
        "<tr><th scope=\"row\">{name}</th>{}{}{}{}<td><button class=\"button\" type=\"button\" data-cut=\"{}\">Show</button></td></tr>",
        cell("Threshold", threshold.value, Some(threshold.interval)),
        cell("Precision", expected.precision(), Some(threshold.precision)),
        cell("Recall", expected.recall(), Some(threshold.recall)),
        cell("F1", expected.f1(), None),
        exact(threshold),
    )
}

fn exact(threshold: &Threshold) -> String {
    threshold.value.to_string()
}

fn cell(label: &str, value: f64, interval: Option<Interval>) -> String {
    let interval = interval.map_or_else(String::new, |interval| {
        format!(" <small>{:.3} – {:.3}</small>", interval.low, interval.high)
    });
    format!("<td data-label=\"{label}\">{value:.3}{interval}</td>")
}

/// All changes, the latest first.
pub(super) fn history(events: &[CalibrationEvent]) -> String {
    if events.is_empty() {
        return String::new();
    }
    let rows: String = events.iter().rev().take(MAX_EVENTS).map(event).collect();
    format!(
        "<section class=\"calibration\"><div class=\"panel\"><h3>History</h3><table class=\"history\"><thead><tr>\
         <th scope=\"col\">When</th><th scope=\"col\">What</th><th scope=\"col\">Counts since</th>\
         <th scope=\"col\">Even odds at</th></tr></thead><tbody>{rows}</tbody></table></div></section>\n"
    )
}

fn event(event: &CalibrationEvent) -> String {
    let what = match event.what {
        CalibrationEventKind::Calibrated => "calibrated",
        CalibrationEventKind::Refitted => "refitted to feedback",
        CalibrationEventKind::Undone => "undone",
    };
    let kind = match event.kind {
        QueryKind::Text => "text",
        QueryKind::Image => "picture",
    };
    let version = event.version.map_or_else(
        || "the model’s own".to_owned(),
        |number| format!("version {number}"),
    );
    let even = event
        .decision_threshold
        .map_or_else(|| "–".to_owned(), |score| format!("{score:.4}"));
    let at = timestamp(event.at).replace('T', " ").replace('Z', "");
    format!("<tr><td>{at}</td><td>{kind}: {what}</td><td>{version}</td><td>{even}</td></tr>")
}
