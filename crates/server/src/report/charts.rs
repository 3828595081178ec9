//! Charts as SVG, colored by classes of the style sheet.

use std::fmt::Write;

use eidetic_confidence::calibration::{Calibration, CurvePoint, Reliability};

/// Size and margins of the histogram. The slider below it has the same margins.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const SIDE_MARGIN: f64 = 16.0;
const AXIS: f64 = 24.0;
/// Size of a square chart, and the margin at its left and bottom.
const SQUARE: f64 = 300.0;
const MARGIN: f64 = 36.0;
const EDGE: f64 = 10.0;
/// Room above a square chart for the name of its upward axis.
const HEAD: f64 = 10.0;

/// The range of the score axis: that of the histogram with a margin on both sides.
pub(super) fn score_axis(made: &Calibration) -> (f64, f64) {
    let (from, to) = (made.histogram.from, made.histogram.to);
    let more = 0.02 * (to - from);
    (from - more, to + more)
}

/// Shares of both classes by score, one up, one down, with a line at the cut.
pub(super) fn histogram(made: &Calibration, cut: f64) -> String {
    let histogram = &made.histogram;
    let share = |counts: &[usize]| -> Vec<f64> {
        let total: usize = counts.iter().sum();
        counts
            .iter()
            .map(|count| *count as f64 / total.max(1) as f64)
            .collect()
    };
    let (matching, other) = (share(&histogram.matching), share(&histogram.other));
    let most = matching
        .iter()
        .chain(&other)
        .copied()
        .fold(f64::MIN_POSITIVE, f64::max);
    let axis = score_axis(made);
    let middle = (HEIGHT - AXIS) / 2.0;
    let width = (histogram.to - histogram.from) / matching.len() as f64;
    let mut bars = String::new();
    for (class, shares, up) in [("match", &matching, 1.0), ("other", &other, 0.0)] {
        for (bin, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let left = x(histogram.from + width * bin as f64, axis);
            let right = x(histogram.from + width * (bin + 1) as f64, axis);
            let height = share / most * (middle - EDGE);
            let _ = write!(
                bars,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                left + 0.5,
                middle - up * height,
                right - left - 1.0,
            );
        }
    }
    format!(
        "<svg class=\"histogram\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Histogram of scores: pairs \
         that match above, others below\">{bars}<line class=\"axis\" x1=\"{SIDE_MARGIN}\" x2=\"{}\" y1=\"{middle}\" \
         y2=\"{middle}\"/>{}<line class=\"cut\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{}\" data-from=\"{}\" \
         data-to=\"{}\" data-left=\"{SIDE_MARGIN}\" data-right=\"{}\"/></svg>",
        WIDTH - SIDE_MARGIN,
        score_ticks(axis),
        HEIGHT - AXIS,
        axis.0,
        axis.1,
        WIDTH - SIDE_MARGIN,
        at = x(cut, axis),
    )
}

/// Recall against false-positive rate.
pub(super) fn roc(made: &Calibration) -> String {
    let points = made
        .curve
        .points
        .iter()
        .map(|point| (point.false_positive_rate, point.recall));
    let points: Vec<(f64, f64)> = std::iter::once((0.0, 0.0)).chain(points).collect();
    let body = format!(
        "{}{}",
        line("chance", &[(0.0, 0.0), (1.0, 1.0)]),
        line("curve", &points)
    );
    square("roc", "ROC", ("false-positive rate", "recall"), &body)
}

/// Precision against recall.
pub(super) fn precision_recall(made: &Calibration) -> String {
    let point = |point: &CurvePoint| (point.recall, point.precision);
    let mut points: Vec<(f64, f64)> = made.curve.points.iter().map(point).collect();
    if let Some(&(_, precision)) = points.first() {
        points.insert(0, (0.0, precision));
    }
    let share = made.matching.count as f64 / made.labeled.len().max(1) as f64;
    let body = format!(
        "{}{}",
        line("chance", &[(0.0, share), (1.0, share)]),
        line("curve", &points)
    );
    square("pr", "Precision and recall", ("recall", "precision"), &body)
}

/// Observed against stated probability, before and after the calibration.
pub(super) fn reliability(made: &Calibration) -> String {
    let mut body = line("chance", &[(0.0, 0.0), (1.0, 1.0)]);
    if let Some(before) = &made.before {
        body.push_str(&bins("before", &before.reliability));
    }
    body.push_str(&bins("curve", &made.after.reliability));
    let chart = square("reliability", "Reliability", ("stated", "observed"), &body);
    let before = if made.before.is_some() {
        "<span class=\"key-before\">before</span>"
    } else {
        ""
    };
    chart.replace(
        "</figcaption>",
        &format!("<span class=\"keys\">{before}<span class=\"key-after\">now</span></span></figcaption>"),
    )
}

/// A dot for each bin, with an area proportional to its number of pairs, connected by a line.
fn bins(class: &str, reliability: &Reliability) -> String {
    let points: Vec<(f64, f64)> = reliability
        .bins
        .iter()
        .map(|bin| (bin.predicted, bin.observed))
        .collect();
    let most = reliability
        .bins
        .iter()
        .map(|bin| bin.count)
        .max()
        .unwrap_or(1)
        .max(1) as f64;
    let mut drawn = line(class, &points);
    for bin in &reliability.bins {
        let (across, up) = place((bin.predicted, bin.observed));
        let radius = 2.0 + 5.0 * (bin.count as f64 / most).sqrt();
        let _ = write!(
            drawn,
            "<circle class=\"dot-{class}\" cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"{radius:.1}\"><title>stated {:.2}, \
             observed {:.2}, {} pairs</title></circle>",
            bin.predicted, bin.observed, bin.count
        );
    }
    drawn
}

fn square(name: &str, title: &str, axes: (&str, &str), body: &str) -> String {
    let mut grid = String::new();
    for step in 0..=4 {
        let at = f64::from(step) / 4.0;
        let (across, up) = place((at, at));
        let (left, bottom) = place((0.0, 0.0));
        let (right, top) = place((1.0, 1.0));
        let _ = write!(
            grid,
            "<line class=\"grid-line\" x1=\"{across:.1}\" x2=\"{across:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <line class=\"grid-line\" x1=\"{left}\" x2=\"{right}\" y1=\"{up:.1}\" y2=\"{up:.1}\"/>\
             <text x=\"{across:.1}\" y=\"{}\" text-anchor=\"middle\">{at}</text>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{at}</text>",
            bottom + 14.0,
            left - 6.0,
            up + 3.5,
        );
    }
    format!(
        "<figure class=\"panel chart\" data-chart=\"{name}\"><figcaption><h3>{title}</h3></figcaption>\
         <svg viewBox=\"0 -{HEAD} {SQUARE} {}\" role=\"img\" aria-label=\"{title}: {} against {}\">{grid}\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\" class=\"name\">{}</text>\
         <text x=\"{}\" y=\"{}\" class=\"name\">{}</text>{body}\
         <circle class=\"marker\" r=\"5\" hidden data-left=\"{MARGIN}\" data-top=\"{EDGE}\" data-size=\"{}\"/></svg></figure>",
        SQUARE + HEAD,
        axes.1,
        axes.0,
        SQUARE - EDGE,
        SQUARE - 3.0,
        axes.0,
        MARGIN,
        EDGE - 8.0,
        axes.1,
        SQUARE - MARGIN - EDGE,
    )
}

fn line(class: &str, points: &[(f64, f64)]) -> String {
    let mut drawn = String::new();
    for point in points {
        let (across, up) = place(*point);
        let _ = write!(drawn, "{across:.1},{up:.1} ");
    }
    format!("<polyline class=\"{class}\" points=\"{}\"/>", drawn.trim_end())
}

/// The position of a point of the unit square in a square chart.
fn place((across, up): (f64, f64)) -> (f64, f64) {
    let size = SQUARE - MARGIN - EDGE;
    (MARGIN + across * size, EDGE + (1.0 - up) * size)
}

/// The horizontal position of a score in the histogram.
fn x(score: f64, (from, to): (f64, f64)) -> f64 {
    SIDE_MARGIN + (score - from) / (to - from) * (WIDTH - 2.0 * SIDE_MARGIN)
}

fn score_ticks(axis: (f64, f64)) -> String {
    let step = round_step((axis.1 - axis.0) / 10.0);
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    let first = (axis.0 / step).ceil();
    let mut ticks = String::new();
    // The step is at least a tenth of the axis, so there are few.
    for count in 0..16 {
        let score = (first + f64::from(count)) * step;
        if score > axis.1 {
            break;
        }
        let _ = write!(
            ticks,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{score:.decimals$}</text>",
            x(score, axis),
            HEIGHT - 6.0
        );
    }
    ticks
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.max(1e-9).log10().floor());
    let step = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|step| step * power >= rough * (1.0 - 1e-9));
    step.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_at_round_scores() {
        for (rough, step) in [(0.013, 0.02), (0.05, 0.05), (0.3, 0.5), (0.07, 0.1), (1.0, 1.0)] {
            assert!((round_step(rough) - step).abs() < 1e-12, "{rough}");
        }
        assert!(score_ticks((0.17, 0.33)).contains(">0.24<"));
    }
}
