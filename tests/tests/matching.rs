//! `eidetic match`: an image against texts, and pairs line by line.

use std::fs;

use eidetic_tests::{Scenario, repository};
use serde_json::Value;

fn image(name: &str) -> String {
    let path = repository().join("data/gallery").join(name);
    path.to_str().expect("test paths are UTF-8").to_owned()
}

#[test]
fn describing_text_is_most_probable() {
    let scenario = Scenario::new();
    let apple = image("red-apple-on-table.jpg");
    let arguments = [
        "match",
        &apple,
        "a red apple on a table",
        "a lighthouse",
        " a lighthouse ",
        "",
        "--model",
        "builtin",
    ];
    let answer = scenario
        .run(&[&arguments[..], &["--json"]].concat())
        .expect_code(0)
        .json();
    assert_eq!(answer["image"], apple.as_str());
    assert!(
        answer["space"]
            .as_str()
            .is_some_and(|space| space.starts_with("builtin@"))
    );
    let results = answer["results"].as_array().expect("results are a list");
    assert_eq!(results.len(), 2, "{answer}");
    assert_eq!(results[0]["text"], "a red apple on a table");
    assert!(
        results[0]["confidence"].as_f64() > results[1]["confidence"].as_f64(),
        "{answer}"
    );
    assert!(
        ["high", "medium"].contains(&results[0]["level"].as_str().unwrap()),
        "{answer}"
    );
    assert!(
        results[0]["normalized"]
            .as_f64()
            .is_some_and(|n| (0.0..=1.0).contains(&n))
    );
    // The same through a library, and through the server that has it.
    let pictures = scenario.gallery("pictures", 5);
    let pictures = pictures.to_str().expect("test paths are UTF-8");
    // A model without a library computes in f32.
    let _ = scenario
        .run(&["index", pictures, "--model", "builtin", "--precision", "f32"])
        .expect_code(0);
    let within = [
        &["match", &apple, "a red apple on a table", "a lighthouse"][..],
        &["--json"],
    ]
    .concat();
    let by_library = scenario.run(&within).expect_code(0).json();
    let server = scenario.serve();
    let by_server = scenario.run(&within).expect_code(0).json();
    drop(server);
    for other in [by_library, by_server] {
        assert_eq!(other["results"], answer["results"]);
        assert_eq!(other["space"], answer["space"]);
        assert!(
            other["took_ms"].as_f64().is_some_and(|took| took > 0.0),
            "{other}"
        );
    }
}

#[test]
fn pairs_are_answered_despite_bad_lines() {
    let scenario = Scenario::new();
    let apple = image("red-apple-on-table.jpg");
    let lines = format!(
        "{apple}\ta red apple\n\n{apple}\tan octopus\nno tab here\n/nowhere.jpg\ta dog\n{apple}\ta red apple\n"
    );
    let file = scenario.path("pairs.tsv");
    fs::write(&file, lines).expect("the file can be written");
    let file = file.to_str().expect("test paths are UTF-8");
    let table = scenario
        .run(&["match", "--pairs", file, "--model", "builtin"])
        .expect_code(1);
    let rows: Vec<Vec<&str>> = table
        .stdout
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(
        rows[0],
        ["image", "text", "score", "normalized", "confidence", "level"]
    );
    let texts: Vec<&str> = rows[1..].iter().map(|row| row[1]).collect();
    assert_eq!(texts, ["a red apple", "an octopus", "a red apple"]);
    assert_eq!(rows[1], rows[3]);
    assert!(
        table.stderr.contains("line 4: 1 column instead of two"),
        "{}",
        table.stderr
    );
    assert!(
        table.stderr.contains("line 5: /nowhere.jpg: "),
        "{}",
        table.stderr
    );
    let json = scenario
        .run(&["match", "--pairs", file, "--model", "builtin", "--json"])
        .expect_code(1);
    let answers: Vec<Value> = json
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    let numbers: Vec<u64> = answers
        .iter()
        .map(|answer| answer["line"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 3, 4, 5, 6]);
    assert!(answers[0]["confidence"].is_number() && answers[2]["error"].is_string());
}

#[test]
fn invalid_arguments_exit_with_documented_code() {
    let scenario = Scenario::new();
    let apple = image("red-apple-on-table.jpg");
    let refused = |arguments: &[&str], reason: &str| {
        let finished = scenario.run(arguments).expect_code(2);
        assert!(finished.stderr.contains(reason), "{finished:?}");
    };
    refused(&["match", &apple, "--model", "builtin"], "no texts");
    refused(&["match", &apple, "  ", "--model", "builtin"], "no texts");
    refused(
        &["match", "/nowhere.jpg", "a", "--model", "builtin"],
        "/nowhere.jpg",
    );
    refused(
        &["match", "--pairs", "/nowhere.tsv", "--model", "builtin"],
        "/nowhere.tsv",
    );
    refused(&["match"], "IMAGE");
}
