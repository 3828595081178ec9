//! Scores that mean something: labelled pairs in, thresholds and probabilities out, and back again.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use eidetic_tests::{Scenario, captions, text};
use serde_json::Value;

/// For each of `count` images its caption as right and two others' captions as wrong; written into `folder`.
fn pairs(folder: &Path, count: usize) -> std::path::PathBuf {
    let captions = captions();
    let mut text = String::new();
    for (at, (file, caption)) in captions.iter().take(count).enumerate() {
        let wrong = |step: usize| &captions[(at + step) % captions.len()].1;
        writeln!(text, "{file}\t{caption}\t1").expect("memory takes it");
        for step in [7, 19] {
            if wrong(step) != caption {
                writeln!(text, "{file}\t{}\t0", wrong(step)).expect("memory takes it");
            }
        }
    }
    let path = folder.join("pairs.tsv");
    fs::write(&path, text).expect("a file can be written");
    path
}

/// A library of a part of the gallery, the whole of which stands in the folder returned.
fn scenario() -> (Scenario, std::path::PathBuf) {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("indexed", 10));
    let folder = scenario.gallery("gallery", usize::MAX);
    (scenario, folder)
}

fn confidence(scenario: &Scenario) -> f64 {
    let answer = scenario
        .run(&["search", "a red bicycle in the snow", "-k", "1", "--json"])
        .expect_code(0)
        .json();
    answer["hits"][0]["confidence"]
        .as_f64()
        .expect("calibrated or not, the built-in model knows")
}

#[test]
fn labelled_pairs_change_confidences_undo_restores_them() {
    let (scenario, folder) = scenario();
    let file = pairs(&folder, 40);
    let shipped = confidence(&scenario);
    let report = scenario.path("report.html");
    let made = scenario
        .run(&["calibrate", text(&file), "--report", text(&report), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (made["stored"].as_bool(), made["failed"].as_array().map(Vec::len)),
        (Some(true), Some(0))
    );
    let made = &made["calibration"];
    assert_eq!(
        (made["version"].as_u64(), made["kind"].as_str()),
        (Some(1), Some("text"))
    );
    assert_eq!(made["matching"]["count"].as_u64(), Some(40));
    assert!(made["matching"]["mean"].as_f64() > made["other"]["mean"].as_f64());
    assert!(
        made["curve"]["roc_area"]
            .as_f64()
            .is_some_and(|area| area > 0.7 && area <= 1.0),
        "{made}"
    );
    let thresholds = made["thresholds"].as_array().expect("thresholds are a list");
    assert_eq!(thresholds.len(), 6);
    for threshold in thresholds
        .iter()
        .filter(|threshold| !threshold["value"].is_null())
    {
        let bound = |end: &str| threshold["interval"][end].as_f64().expect("a number");
        assert!(bound("low") <= bound("high"), "{threshold}");
        assert!(threshold["seen"]["f1"].as_f64().is_some(), "{threshold}");
    }
    assert!(made["before"]["log_loss"].as_f64().is_some() && made["after"]["log_loss"].as_f64().is_some());
    let html = fs::read_to_string(&report).unwrap();
    assert!(html.contains("data:image/jpeg;base64,") && !html.contains("src=\"http"));

    let calibrated = confidence(&scenario);
    assert!((calibrated - shipped).abs() > 1e-6, "{calibrated} as before");
    let _ = scenario.run(&["calibrate", "--undo"]).expect_code(0);
    assert!((confidence(&scenario) - shipped).abs() < 1e-6);
    let history = scenario
        .run(&["calibrate", "--history", "--json"])
        .expect_code(0)
        .json();
    let events: Vec<_> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["what"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["calibrated", "undone"]);
    assert_eq!(history["calibrations"].as_array().map(Vec::len), Some(0));
    let _ = scenario.run(&["calibrate", "--undo"]).expect_code(3);
}

#[test]
fn dry_run_stores_nothing_images_calibrate_too() {
    let (scenario, folder) = scenario();
    let file = pairs(&folder, 20);
    let shown = scenario
        .run(&["calibrate", text(&file), "--dry-run"])
        .expect_code(0);
    for part in ["area under ROC", "best F1", "precision ≥ 0.95", "not stored"] {
        assert!(shown.stdout.contains(part), "{part}: {shown:?}");
    }
    assert!(!scenario.library().join("calibration.json").exists());

    let files: Vec<String> = captions().into_iter().map(|(file, _)| file).collect();
    let mut rows = String::new();
    for at in 0..20 {
        writeln!(rows, "{0}\t{0}\t1\n{0}\t{1}\t0", files[at], files[at + 20]).unwrap();
    }
    let alike = folder.join("alike.tsv");
    fs::write(&alike, rows).unwrap();
    let made = scenario
        .run(&["calibrate", text(&alike), "--kind", "picture", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(made["calibration"]["kind"].as_str(), Some("picture"));
    assert!(
        made["calibration"]["matching"]["mean"]
            .as_f64()
            .is_some_and(|mean| mean > 0.99),
        "{made}"
    );
}

#[test]
fn unreadable_images_are_named_others_count() {
    let (scenario, folder) = scenario();
    let file = pairs(&folder, 20);
    let first = captions()[0].0.clone();
    fs::remove_file(folder.join(&first)).unwrap();
    fs::write(folder.join(&captions()[1].0), b"\xff\xd8\xff\xe0 and no more").unwrap();
    let finished = scenario.run(&["calibrate", text(&file), "--json"]).expect_code(1);
    let failed = finished.json()["failed"].as_array().unwrap().clone();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        finished.stderr.contains("line 1: ") && finished.stderr.contains(&first),
        "{}",
        finished.stderr
    );
    assert_eq!(
        finished.json()["calibration"]["matching"]["count"].as_u64(),
        Some(18)
    );
}

#[test]
fn bad_files_are_rejected_stored_calibrations_stay() {
    let (scenario, folder) = scenario();
    let file = pairs(&folder, 20);
    let _ = scenario.run(&["calibrate", text(&file)]).expect_code(0);
    let stored = fs::read(scenario.library().join("calibration.json")).unwrap();
    let good = fs::read_to_string(&file).unwrap();
    let bad = folder.join("bad.tsv");
    let all_right = good.replace("\t0\n", "\t1\n");
    let cases: [(Vec<u8>, &str); 8] = [
        (format!("{good}no tabs here\n").into_bytes(), "instead of three"),
        (
            format!("{good}a.jpg\ta cat\tNaN\n").into_bytes(),
            "the label must be 1",
        ),
        (format!("{good}a.jpg\t\t1\n").into_bytes(), "the text is empty"),
        ([good.as_bytes(), b"\xff\xfe\t\t"].concat(), "not UTF-8"),
        (all_right.into_bytes(), "0 other pairs are too few"),
        (
            good.lines().take(4).collect::<Vec<_>>().join("\n").into_bytes(),
            "are too few",
        ),
        (Vec::new(), "are too few"),
        (vec![0; 4096], "instead of three"),
    ];
    for (content, said) in cases {
        fs::write(&bad, content).unwrap();
        let finished = scenario.run(&["calibrate", text(&bad)]).expect_code(2);
        assert!(finished.stderr.contains(said), "{said}: {}", finished.stderr);
        assert_eq!(finished.stderr.trim().lines().count(), 1, "{}", finished.stderr);
    }
    let lines = good.lines().count();
    fs::write(&bad, format!("{good}a.jpg\tb\n")).unwrap();
    let finished = scenario.run(&["calibrate", text(&bad)]).expect_code(2);
    assert!(
        finished.stderr.contains(&format!("line {}", lines + 1)),
        "{}",
        finished.stderr
    );
    let _ = scenario
        .run(&["calibrate", text(&folder.join("nothing.tsv"))])
        .expect_code(2);
    let _ = scenario.run(&["calibrate", text(&folder)]).expect_code(2);

    let gone = good.replace(".jpg\t", ".gone\t");
    fs::write(&bad, gone).unwrap();
    let _ = scenario.run(&["calibrate", text(&bad)]).expect_code(3);
    assert_eq!(
        fs::read(scenario.library().join("calibration.json")).unwrap(),
        stored
    );
}

#[test]
fn truncated_calibration_is_named_and_kept() {
    let (scenario, folder) = scenario();
    let file = pairs(&folder, 20);
    let _ = scenario.run(&["calibrate", text(&file)]).expect_code(0);
    let path = scenario.library().join("calibration.json");
    let stored = fs::read(&path).unwrap();
    fs::write(&path, &stored[..stored.len() / 2]).unwrap();
    let finished = scenario.run(&["search", "a cat"]).expect_code(0);
    assert!(
        finished.stderr.contains("calibration.json is damaged"),
        "{finished:?}"
    );
    let refused = scenario.run(&["calibrate", text(&file)]).expect_code(3);
    assert!(refused.stderr.contains("eidetic check --repair"), "{refused:?}");
}

#[test]
fn server_reports_stored_calibration() {
    let (scenario, folder) = scenario();
    let _ = scenario
        .run(&["calibrate", text(&pairs(&folder, 20))])
        .expect_code(0);
    let server = scenario.serve();
    let get = |path: &str| {
        ureq::get(format!("{}{path}", server.address))
            .call()
            .expect("the server answers")
    };
    let answer: Value =
        serde_json::from_str(&get("/v1/calibration").body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(answer["calibrations"][0]["version"].as_u64(), Some(1));
    let mut report = get("/v1/calibration/report");
    let policy = report.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'; img-src data:") && policy.contains("sha256-"),
        "{policy}"
    );
    assert!(
        report
            .body_mut()
            .read_to_string()
            .unwrap()
            .contains("Words against pictures")
    );
    let through = scenario.run(&["calibrate", "--json"]).expect_code(0).json();
    assert_eq!(through, answer);
    let undone = scenario.run(&["calibrate", "--undo"]).expect_code(0);
    assert!(
        undone.stdout.contains("reverted to the model's own confidences"),
        "{}",
        undone.stdout
    );
    let again = scenario.run(&["calibrate", "--undo"]).expect_code(3);
    assert!(again.stderr.contains("nothing to undo"), "{}", again.stderr);
}
