//! `eidetic bench serve`, with libraries so small that the figures mean nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use eidetic_tests::{Scenario, text};
use serde_json::Value;

fn names(answer: &Value) -> Vec<String> {
    let rows = answer["rows"].as_array().unwrap().iter();
    rows.map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["clients"]))
        .collect()
}

#[test]
fn synthetic_library_is_measured_and_removed() {
    let scenario = Scenario::new();
    let temporary = scenario.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let few = ["--requests", "3", "--concurrency", "2", "--json"];
    let mut command = scenario.command(&[&["bench", "serve", "--images", "2000"], &few[..]].concat());
    let output = command.env("TMPDIR", &temporary).output().unwrap();
    let answer = eidetic_tests::Finished::from(output).expect_code(0).json();
    assert_eq!(answer["images"], 2_000);
    let names = names(&answer);
    for name in [
        "text 1",
        "text 2",
        "text, third page 1",
        "image, uploaded 2",
        "list, after 1000 1",
        "facets 2",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    let shares: Vec<f64> = answer["filters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|filter| filter["images"].as_f64().unwrap() / 2_000.0)
        .collect();
    assert!(
        (shares[0] - 0.5).abs() < 0.05 && (shares[1] - 0.01).abs() < 0.011,
        "{shares:?}"
    );
    for row in answer["rows"].as_array().unwrap() {
        assert_eq!(
            (&row["requests"], &row["errors"]),
            (&3.into(), &0.into()),
            "{row}"
        );
        let at = |name: &str| row[name].as_f64().unwrap();
        assert!(
            0.0 < at("p50_ms") && at("p50_ms") <= at("p99_ms") && at("p99_ms") <= at("max_ms"),
            "{row}"
        );
    }
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "nothing is left");
    assert!(
        !scenario.library().exists(),
        "the library of the user is not touched"
    );
}

#[test]
fn own_library_is_measured_unchanged() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 30));
    let list = || scenario.run(&["list", "--json"]).expect_code(0).stdout;
    let before = list();
    let measured = scenario
        .run(&["bench", "serve", "--requests", "2", "--concurrency", "1"])
        .expect_code(0);
    assert!(
        measured.stdout.contains("30 images in ") && measured.stdout.contains("p99"),
        "{measured:?}"
    );
    let widest = measured.stdout.lines().map(|line| line.chars().count()).max();
    let table = measured
        .stdout
        .lines()
        .filter(|line| line.starts_with("text") || line.contains("p50"));
    assert!(
        table.clone().count() > 2 && table.clone().all(|line| line.chars().count() <= 80),
        "{widest:?}"
    );
    assert_eq!(list(), before);
}

#[test]
fn unsuitable_library_is_one_sentence() {
    let scenario = Scenario::new();
    let missing = scenario.run(&["bench", "serve"]).expect_code(3);
    assert!(missing.stderr.contains("no library at"), "{missing:?}");
    let kept = scenario.path("kept");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("letter.txt"), "keep").unwrap();
    let refused = scenario
        .run(&["bench", "serve", "--images", "10", "--keep", text(&kept)])
        .expect_code(2);
    assert!(refused.stderr.contains("not empty"), "{refused:?}");
    let alone = scenario.run(&["bench", "serve", "--keep", text(&kept)]);
    assert_eq!(alone.code, Some(2), "{alone:?}");
    scenario.index(&scenario.gallery("photos", 2));
    let _server = scenario.serve();
    let owned = scenario.run(&["bench", "serve"]).expect_code(3);
    assert!(owned.stderr.contains("in use by eidetic serve"), "{owned:?}");
}
