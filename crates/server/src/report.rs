//! Calibrations as one self-contained HTML file: no network, no other file, no build step.
//!
//! Charts are rendered here as SVG and need no JavaScript; `web/report.js` moves the threshold. The
//! styles of the web page (`web/base.css`) are inlined.

mod charts;
mod tables;
mod thumbnails;

use std::fmt::Write;

use eidetic_confidence::calibration::{Calibration, CalibrationMetrics, LabelSource, Strategy};
use eidetic_confidence::{Calibrator, QueryKind};
use eidetic_domain::ImageId;
use eidetic_library::{AnswerQuality, CalibrationEvent, escaped_html};
use image::RgbImage;
use serde_json::{Value, json};

use crate::assets;
use crate::responses::timestamp;
use thumbnails::Thumbnails;

/// Styles and scripts that are inlined, by their path in the folder `web/`.
const STYLES: [&str; 2] = ["base.css", "report.css"];
const THEME: &str = "theme.js";
const SCRIPT: &str = "report.js";
/// Maximum length of a text in the list of pairs.
const SHOWN_CHARS: usize = 160;

/// The content of a report.
pub struct CalibrationReport<'a> {
    /// The library's space.
    pub space: String,
    /// The calibrations to show, one a kind.
    pub calibrations: Vec<&'a Calibration>,
    /// All changes of the calibrations, the latest last.
    pub events: &'a [CalibrationEvent],
    /// The quality of recent answers.
    pub quality: &'a [AnswerQuality],
    /// The pixels of an image by id and path, where its file or thumbnail is available.
    pub image: &'a dyn Fn(&ImageId, &str) -> Option<RgbImage>,
}

impl CalibrationReport<'_> {
    /// The whole file.
    pub fn html(&self) -> String {
        let styles: String = STYLES
            .map(|name| format!("<style>{}</style>", inline(name)))
            .concat();
        let main = if self.calibrations.is_empty() {
            not_calibrated()
        } else {
            self.sections()
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <title>What the scores mean – Eidetic</title>\n{styles}\n<script>{theme}</script>\n</head>\n<body>\n\
             <header class=\"head\"><p class=\"wordmark\">Eidetic</p><h1>What the scores mean</h1>\
             <p class=\"lead\">Measured on labelled pairs of this library, in the space <code>{space}</code>.</p></header>\n\
             <main>{main}{quality}{history}</main>\n\
             <footer class=\"bottom\"><p>Made by Eidetic {version}. Intervals hold 95 % of a thousand resamples; figures \
             marked “expected” come from pairs that the threshold was not chosen on.</p></footer>\n\
             <script type=\"application/json\" id=\"calibrations\">{data}</script>\n<script>{script}</script>\n</body>\n</html>\n",
            policy = escaped_html(&Self::content_security_policy()),
            theme = inline(THEME),
            script = inline(SCRIPT),
            space = escaped_html(&self.space),
            quality = tables::quality(self.quality),
            history = tables::history(self.events),
            version = env!("CARGO_PKG_VERSION"),
            data = self.data(),
        )
    }

    /// The content security policy: only the inlined styles and scripts, by their hashes.
    pub fn content_security_policy() -> String {
        let sources = |names: &[&str]| {
            let hashes = names.iter().filter_map(|name| assets::sha256_base64(name));
            hashes
                .map(|hash| format!("'sha256-{hash}'"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        format!(
            "default-src 'none'; img-src data:; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
            sources(&STYLES),
            sources(&[THEME, SCRIPT])
        )
    }

    fn sections(&self) -> String {
        self.calibrations.iter().map(|made| section(made)).collect()
    }

    /// The pairs as JSON for the script. `<` is escaped, so that no text of a pair ends the script element.
    fn data(&self) -> String {
        let calibrations: Vec<Value> = self.calibrations.iter().map(|made| self.data_of(made)).collect();
        Value::from(calibrations).to_string().replace('<', "\\u003c")
    }

    fn data_of(&self, made: &Calibration) -> Value {
        let cut = initial_cut(made);
        let mut thumbnails = Thumbnails::new(self.image);
        let shown = thumbnails.nearest(&made.labeled, cut);
        let pairs: Vec<Value> = made
            .labeled
            .iter()
            .map(|pair| {
                let query = pair.query_image.map_or_else(
                    || shortened(&pair.query),
                    |_| shortened(thumbnails::file_name(&pair.query)),
                );
                json!([
                    rounded(pair.score),
                    u8::from(pair.matches),
                    query,
                    shortened(thumbnails::file_name(&pair.path)),
                    shown.get(&pair.image),
                    pair.query_image.and_then(|image| shown.get(&image).copied()),
                ])
            })
            .collect();
        json!({
            "version": made.origin.version,
            "fit": made.calibrator,
            "cut": cut,
            "pairs": pairs,
            "thumbnails": thumbnails.into_uris(),
        })
    }
}

/// The initial position of the slider.
fn initial_cut(made: &Calibration) -> f64 {
    let chosen = made.threshold(Strategy::BestF1).map(|threshold| threshold.value);
    chosen
        .or(made.decision_threshold())
        .unwrap_or(made.histogram.from)
}

fn section(made: &Calibration) -> String {
    let title = match (&made.origin.profile, made.origin.kind) {
        (Some(profile), _) => format!("Profile {}", escaped_html(profile)),
        (None, QueryKind::Text) => "Words against pictures".to_owned(),
        (None, QueryKind::Image) => "Pictures against pictures".to_owned(),
    };
    let version = made.origin.version;
    format!(
        "<section class=\"calibration\" data-version=\"{version}\" aria-labelledby=\"title-{version}\">\n\
         <header><h2 id=\"title-{version}\">{title}</h2><p class=\"muted\">{origin}</p></header>\n{facts}\n{cut}\n\
         <div class=\"charts\">{roc}{pr}{reliability}</div>\n{thresholds}</section>\n",
        origin = escaped_html(&origin(made)),
        facts = facts(made),
        cut = cut_panel(made),
        roc = charts::roc(made),
        pr = charts::precision_recall(made),
        reliability = charts::reliability(made),
        thresholds = tables::thresholds(made),
    )
}

fn origin(made: &Calibration) -> String {
    let source = match made.origin.source {
        LabelSource::Labels => "labelled pairs",
        LabelSource::Feedback => "feedback on hits",
    };
    let date = timestamp(made.origin.made_at);
    format!(
        "Version {}, {} from {} {source}: {} match, {} do not.",
        made.origin.version,
        date.split('T').next().unwrap_or_default(),
        made.labeled.len(),
        made.matching.count,
        made.other.count
    )
}

fn facts(made: &Calibration) -> String {
    let error =
        |metrics: &CalibrationMetrics| format!("{:.3}", metrics.reliability.expected_calibration_error);
    let was = |figure: &dyn Fn(&CalibrationMetrics) -> String| {
        made.before
            .as_ref()
            .map_or_else(String::new, |before| format!("was {}", figure(before)))
    };
    let loss = |metrics: &CalibrationMetrics| format!("{:.3}", metrics.log_loss);
    let fit = match made.calibrator {
        Calibrator::Background => "background",
        Calibrator::Platt(_) => "logistic (Platt)",
        Calibrator::Isotonic(_) => "isotonic steps",
    };
    let even = made
        .decision_threshold()
        .map_or_else(|| "–".to_owned(), |score| format!("{score:.3}"));
    let cells = [
        (
            "Area under ROC",
            format!("{:.3}", made.curve.roc_area),
            "1 is perfect, 0.5 is chance".to_owned(),
        ),
        (
            "Average precision",
            format!("{:.3}", made.curve.average_precision),
            "over all recalls".to_owned(),
        ),
        ("Calibration error", error(&made.after), was(&error)),
        ("Log loss", loss(&made.after), was(&loss)),
        ("Even odds at score", even, fit.to_owned()),
    ];
    let cell = |(name, value, note): (&str, String, String)| {
        format!("<div><dt>{name}</dt><dd>{value}</dd><dd class=\"note\">{note}</dd></div>")
    };
    format!("<dl class=\"facts\">{}</dl>", cells.map(cell).concat())
}

fn cut_panel(made: &Calibration) -> String {
    let (low, high) = charts::score_axis(made);
    let cut = initial_cut(made);
    let mut panel = String::new();
    let _ = write!(
        panel,
        "<div class=\"panel\"><h3>Where to cut</h3>\
         <p class=\"muted\">Above the line: shares of pairs that match. Below it: of those that do not.</p>{}\
         <label class=\"slider\"><span class=\"visually-hidden\">Threshold</span>\
         <input type=\"range\" min=\"{low}\" max=\"{high}\" step=\"{}\" value=\"{cut}\"></label>\
         <div class=\"figures\" aria-live=\"polite\"></div>\
         <div class=\"sides\"><div><h4>Just below: taken for no match</h4><ul class=\"pairs\" data-side=\"below\"></ul></div>\
         <div><h4>At or just above: taken for a match</h4><ul class=\"pairs\" data-side=\"above\"></ul></div></div>\
         <noscript><p class=\"muted\">Moving the cut needs JavaScript.</p></noscript></div>",
        charts::histogram(made, cut),
        (high - low) / 1000.0,
    );
    panel
}

fn not_calibrated() -> String {
    "<div class=\"message\"><h2>Not calibrated yet</h2><p>Confidences come from the model as it was delivered. A hundred \
     pairs of your own pictures and texts, each marked as right or wrong, make them yours:</p>\
     <p class=\"command\"><code>eidetic calibrate PAIRS.tsv</code></p></div>"
        .to_owned()
}

fn inline(name: &str) -> String {
    assets::text(name).expect("the folder web/ has the report's parts, as a test verifies")
}

fn rounded(score: f64) -> f64 {
    (score * 1e6).round() / 1e6
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
