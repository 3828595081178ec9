//! Thresholds and history as HTML tables.

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{Calibration, Interval, Threshold, ThresholdChoice};
use eidetic_library::{AnswerQuality, CalibrationEvent, CalibrationEventKind, escaped_html};

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
    let name = escaped_html(&choice.strategy.to_string());
    let Some(threshold) = &choice.threshold else {
        let reason = escaped_html(choice.reason.as_deref().unwrap_or_default());
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

/// Recent answers by kind of query and profile, with what to do where they contradict what was shown.
pub(super) fn quality(all: &[AnswerQuality]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let share = |count: u64, of: u64, rate: Option<f64>| {
        let percent = rate.map_or_else(String::new, |rate| format!(" ({:.0}%)", 100.0 * rate));
        format!("{count} of {of}{percent}")
    };
    let row = |found: &AnswerQuality| {
        let what = match (&found.profile, found.kind) {
            (Some(profile), _) => format!("profile {}", escaped_html(profile)),
            (None, QueryKind::Text) => "words".to_owned(),
            (None, QueryKind::Image) => "pictures".to_owned(),
        };
        format!(
            "<tr><td>{what}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            found.answers,
            share(found.false_alarms, found.shown, found.false_alarm_rate()),
            share(found.misses, found.matching, found.miss_rate())
        )
    };
    let rows: String = all.iter().map(row).collect();
    let advice = all.iter().filter_map(AnswerQuality::advice);
    let advice: Vec<String> = advice
        .map(|line| format!("<p>{}</p>", escaped_html(&line)))
        .collect();
    let advice = advice.concat();
    format!(
        "<section class=\"calibration\"><div class=\"panel\"><h3>Recent answers</h3><table class=\"history\"><thead><tr>\
         <th scope=\"col\">To</th><th scope=\"col\">Answers</th><th scope=\"col\">Shown, but no match</th>\
         <th scope=\"col\">Matches not shown</th></tr></thead><tbody>{rows}</tbody></table>{advice}</div></section>\n"
    )
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
    let kind = match (&event.profile, event.kind) {
        (Some(profile), _) => escaped_html(profile),
        (None, QueryKind::Text) => "text".to_owned(),
        (None, QueryKind::Image) => "picture".to_owned(),
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
