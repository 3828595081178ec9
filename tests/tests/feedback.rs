//! Answers given in the page: kept, exported, learnt from.

use std::fs;

use eidetic_tests::{Scenario, Server, get, post};
use serde_json::json;

/// Answers to the twenty best hits of some words: right where the file's name has the word.
fn answer(server: &Server, word: &str) -> usize {
    let found = get(&server.address, &format!("/v1/search?text={word}&k=20"));
    let hits = found["hits"].as_array().expect("hits are a list");
    for hit in hits {
        let right = hit["path"].as_str().is_some_and(|path| path.contains(word));
        post(
            &server.address,
            "/v1/feedback",
            &json!({"text": word, "image": hit["image"], "right": right}),
        );
    }
    hits.len()
}

#[test]
fn feedback_survives_restart_and_refits_calibration() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("gallery", usize::MAX));
    let server = scenario.serve();
    let given: usize = ["apple", "dog", "car", "cat"]
        .iter()
        .map(|word| answer(&server, word))
        .sum();
    assert_eq!(given, 80);
    // Learnt in the background: the history tells.
    let learnt = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        !get(&server.address, "/v1/calibration")["history"]
            .as_array()
            .expect("a list")
            .is_empty()
    });
    assert!(learnt, "eighty answers teach nothing");
    let through_server = scenario.run(&["feedback"]).expect_code(0).stdout.clone();
    drop(server);
    let lines = scenario.run(&["feedback"]).expect_code(0).stdout.clone();
    assert_eq!(lines, through_server);
    assert_eq!(lines.lines().count(), given);
    let history = scenario.run(&["calibrate", "--history"]).expect_code(0);
    assert!(
        history.stdout.contains("re-fitted by answers"),
        "{}",
        history.stdout
    );
    // What was exported can be calibrated from.
    let file = scenario.path("pairs.tsv");
    fs::write(&file, lines).expect("it is writable");
    let file = file.to_str().expect("test paths are UTF-8");
    let learnt = scenario.run(&["calibrate", file, "--json"]).expect_code(0).json();
    assert_eq!(learnt["stored"], true);
    assert_eq!(learnt["failed"], json!([]));
    let json = scenario.run(&["feedback", "--json"]).expect_code(0).json();
    assert_eq!(json["answers"].as_array().map(Vec::len), Some(given));
    assert_eq!(
        scenario
            .run(&["feedback", "--kind", "picture"])
            .expect_code(0)
            .stdout,
        ""
    );
}
