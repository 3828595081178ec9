//! Reports of made-up calibrations.

use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{Calibration, CalibrationOrigin, LabelSource, ScoredPair};
use eidetic_domain::ImageId;
use eidetic_library::{AnswerQuality, CalibrationHistory};
use image::{Rgb, RgbImage};

use super::CalibrationReport;

fn calibrated(query: &str) -> Calibration {
    let pair = |i: u32| ScoredPair {
        image: ImageId::of(&i.to_le_bytes()),
        path: format!("/photos/{i} & more.jpg"),
        query: query.to_owned(),
        query_image: None,
        score: 0.15 + f64::from(i) / 1000.0,
        matches: i > 60 || i.is_multiple_of(7),
        answer: false,
    };
    let origin = CalibrationOrigin {
        version: 3,
        replaces: None,
        kind: QueryKind::Text,
        space: "s".into(),
        made_at: 1_700_000_000_000,
        source: LabelSource::Labels,
        anchor: None,
        most_shift: None,
        profile: None,
        wordings: None,
    };
    let believed = vec![0.4; 120];
    Calibration::fit(origin, (0..120).map(pair).collect(), Some(&believed)).unwrap()
}

fn html(made: &[&Calibration]) -> String {
    let pixels = |image: &ImageId, _: &str| {
        let shade = image.as_bytes()[0];
        (shade < 250).then(|| RgbImage::from_pixel(300, 200, Rgb([shade; 3])))
    };
    let quality = [AnswerQuality {
        kind: QueryKind::Text,
        profile: Some("<shop>".to_owned()),
        answers: 100,
        shown: 60,
        false_alarms: 12,
        matching: 70,
        misses: 3,
    }];
    CalibrationReport {
        space: "model@1/p/512".into(),
        calibrations: made.to_vec(),
        events: &CalibrationHistory::default().events,
        quality: &quality,
        image: &pixels,
    }
    .html()
}

#[test]
fn report_is_self_contained() {
    let made = calibrated("a cat");
    let html = html(&[&made]);
    for outside in ["http://", "https://", " src=", "@import", "url("] {
        assert!(
            !html.replace("http://www.w3.org", "").contains(outside),
            "{outside}"
        );
    }
    assert!(html.matches("data:image/jpeg;base64,").count() <= 60);
    assert!(html.matches("data:image/jpeg;base64,").count() > 50);
    for part in [
        "class=\"histogram\"",
        "<td>12 of 60 (20%)</td>",
        "profile &lt;shop&gt;",
        "data-chart=\"roc\"",
        "data-chart=\"pr\"",
        "data-chart=\"reliability\"",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for strategy in [
        "mean + 0.5 σ",
        "percentile 75",
        "Youden&#39;s J",
        "best F1",
        "precision ≥ 0.95",
        "recall ≥ 0.95",
    ] {
        assert!(html.contains(strategy), "{strategy}");
    }
    assert!(!html.contains("NaN") && html.len() < 1_000_000, "{}", html.len());
}

#[test]
fn pair_texts_are_escaped() {
    let made = calibrated("</script><script>alert(1)</script> \" onload='x' &amp;");
    let html = html(&[&made]);
    assert_eq!(html.matches("<script").count(), 3, "theme, data and program");
    assert!(html.contains("\\u003c/script>"));
}

#[test]
fn uncalibrated_report_names_calibrate_command() {
    let html = html(&[]);
    assert!(html.contains("eidetic calibrate PAIRS.tsv"));
    assert!(
        CalibrationReport::content_security_policy()
            .matches("sha256-")
            .count()
            == 4
    );
}
