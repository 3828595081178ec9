//! Profiles: what scores are good enough for, in `match` and in `screen`.

use std::fs;

use eidetic_tests::{Scenario, repository, text};
use serde_json::Value;

const FIRE: &str = r#"
[profile.apples]
patterns = "apples.tsv"
[[profile.apples.level]]
name = "apple"
target = { confidence = 0.5 }
action = "check_by_hand"
[profile.apples.otherwise]
name = "none"
action = "adopt"
"#;

fn apple() -> String {
    let path = repository().join("data/gallery/red-apple-on-table.jpg");
    path.to_str().expect("test paths are UTF-8").to_owned()
}

fn levels(answer: &Value) -> Vec<(String, String)> {
    let results = answer["results"].as_array().expect("results are a list");
    let level = |result: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&result["text"]), text(&result["verdict"]["level"]))
    };
    results.iter().map(level).collect()
}

#[test]
fn profile_verdicts_agree_locally_and_through_server() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("pictures", 5));
    let apple = apple();
    let arguments = [
        "match",
        &apple,
        "a red apple",
        "a lighthouse",
        "--profile",
        "product",
        "--json",
    ];
    let here = scenario.run(&arguments).expect_code(0).json();
    let expected = [("a red apple", "use"), ("a lighthouse", "exclude")];
    let expected = expected.map(|(text, level)| (text.to_owned(), level.to_owned()));
    assert_eq!(levels(&here), expected, "{here}");
    assert_eq!(here["results"][0]["verdict"]["action"], "adopt");
    assert!(here["results"][0]["verdict"]["bar"]["confidence"].as_f64() > Some(0.9));
    let without = scenario
        .run(&["match", &apple, "a red apple", "--json"])
        .expect_code(0);
    assert!(without.json()["results"][0].get("verdict").is_none());
    let server = scenario.serve();
    let there = scenario.run(&arguments).expect_code(0).json();
    assert_eq!(there["results"], here["results"]);
    drop(server);
    let patterns = scenario.run(&["match", &apple, "--profile", "moderation", "--json"]);
    let patterns = patterns.expect_code(0).json();
    assert!(
        patterns["results"]
            .as_array()
            .is_some_and(|results| results.len() >= 30)
    );
    let table = scenario.run(&["match", &apple, "a red apple", "--profile", "product"]);
    assert!(table.expect_code(0).stdout.contains("use: adopt"));
    let unknown = scenario
        .run(&["match", &apple, "a", "--profile", "shop"])
        .expect_code(2);
    assert!(
        unknown.stderr.contains("album, moderation, product"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn pairs_carry_profile_verdict() {
    let scenario = Scenario::new();
    let file = scenario.path("pairs.tsv");
    let apple = apple();
    fs::write(&file, format!("{apple}\ta red apple\n{apple}\ta lighthouse\n")).expect("it is writable");
    let file = file.to_str().expect("test paths are UTF-8");
    let table = scenario.run(&[
        "match",
        "--pairs",
        file,
        "--profile",
        "product",
        "--model",
        "builtin",
    ]);
    let stdout = table.expect_code(0).stdout.clone();
    let last: Vec<Vec<&str>> = stdout
        .lines()
        .map(|line| line.split('\t').skip(6).take(2).collect())
        .collect();
    assert_eq!(
        last,
        [["verdict", "action"], ["use", "adopt"], ["exclude", "replace"]]
    );
}

#[test]
fn screening_names_every_flagged_image() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("pictures", usize::MAX));
    let profiles = scenario.path("profiles.toml");
    let patterns = scenario.path("apples.tsv");
    fs::write(&profiles, FIRE).expect("it is writable");
    fs::write(&patterns, "a red apple\thigh\n").expect("it is writable");
    let profiles = profiles.to_str().expect("test paths are UTF-8");
    let arguments = ["screen", "--profile", "apples", "--profiles", profiles];
    let answer = scenario
        .run(&[&arguments[..], &["--json"]].concat())
        .expect_code(0)
        .json();
    let images = answer["pictures"].as_array().expect("pictures are a list");
    assert_eq!(answer["flagged"], images.len());
    assert!(answer["images"].as_u64() >= Some(100), "{answer}");
    let names: Vec<&str> = images
        .iter()
        .filter_map(|image| image["paths"][0].as_str())
        .collect();
    assert!(!names.is_empty() && names.len() < 10, "{names:?}");
    assert!(names[0].contains("red-apple"), "{names:?}");
    assert_eq!(images[0]["findings"][0]["risk"], "high");
    let table = scenario.run(&arguments).expect_code(0);
    assert!(
        table.stdout.contains("red-apple-on-table.jpg"),
        "{}",
        table.stdout
    );
    fs::write(&patterns, "a red apple\thigh\nan injured apple\thigh\n").expect("it is writable");
    let unknown = scenario
        .run(&[&arguments[..], &["--json"]].concat())
        .expect_code(0);
    assert!(
        unknown.stderr.contains("\"an injured apple\" is left out") && unknown.stderr.contains("\"injured\""),
        "{}",
        unknown.stderr
    );
    let unknown = unknown.json();
    assert_eq!(
        (&unknown["unknown_patterns"], &unknown["flagged"]),
        (&1.into(), &answer["flagged"]),
        "{unknown}"
    );
    fs::write(&patterns, "a red apple\thigh\n\tlow\n").expect("it is writable");
    let wrong = scenario.run(&arguments).expect_code(2);
    assert!(wrong.stderr.contains("apples.tsv: line 2"), "{}", wrong.stderr);
    let without = scenario.run(&["screen", "--profile", "product"]).expect_code(2);
    assert!(without.stderr.contains("has no patterns"), "{}", without.stderr);
}

/// A folder that is not indexed, patterns with levels, lists and summaries.
#[test]
fn folder_is_screened_without_index() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("indexed", 5));
    let folder = scenario.gallery("incoming", usize::MAX);
    fs::write(folder.join("notes.txt"), "no picture").expect("it is writable");
    fs::write(folder.join("broken.jpg"), b"\xff\xd8\xff\xe0 cut").expect("it is writable");
    let patterns = scenario.path("patterns.txt");
    fs::write(
        &patterns,
        "# what we look for\na red apple\na lighthouse\tflag\thigh\n",
    )
    .expect("it is writable");
    let patterns = text(&patterns);
    let screen = |more: &[&str], code: i32| {
        let arguments = [&["screen", "--patterns", patterns][..], more].concat();
        scenario.run(&arguments).expect_code(code)
    };
    let found = screen(&[text(&folder), "--json"], 1);
    assert!(found.stderr.contains("broken.jpg: "), "{}", found.stderr);
    assert!(!found.stderr.contains("notes.txt"), "{}", found.stderr);
    let found = found.json();
    assert_eq!(found["failed"].as_array().map(Vec::len), Some(1), "{found}");
    assert!(found["images"].as_u64() > Some(100), "{found}");
    let pictures = found["pictures"].as_array().expect("a list");
    let levels = found["levels"].as_object().expect("by level");
    let counted: u64 = levels.values().filter_map(Value::as_u64).sum();
    assert_eq!(Some(counted), found["images"].as_u64());
    assert_eq!(levels["pass"].as_u64(), Some(counted - pictures.len() as u64));
    for picture in pictures {
        for finding in picture["findings"].as_array().expect("a list") {
            let is_lighthouse = finding["text"] == "a lighthouse";
            assert_eq!(finding["risk"], if is_lighthouse { "high" } else { "medium" });
            assert!(
                !is_lighthouse || finding["verdict"]["level"] == "flag",
                "{finding}"
            );
        }
    }
    assert_eq!(scenario.status()["images"], 5, "nothing was indexed");
}

/// Lists of files, summaries, and what is refused.
#[test]
fn screening_takes_lists_refuses_filters_of_files() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("indexed", 5));
    let folder = scenario.gallery("incoming", usize::MAX);
    let patterns = scenario.path("patterns.txt");
    fs::write(&patterns, "a red apple\na lighthouse\n").expect("it is writable");
    let patterns = text(&patterns);
    let screen = |more: &[&str], code: i32| {
        let arguments = [&["screen", "--patterns", patterns][..], more].concat();
        scenario.run(&arguments).expect_code(code)
    };
    let list = scenario.path("list.txt");
    fs::write(
        &list,
        "incoming/red-apple-on-table.jpg\nincoming/snowman-in-the-snow.jpg\n",
    )
    .expect("it is writable");
    let all = screen(&["--list", text(&list), "--all", "--json"], 0).json();
    assert_eq!(all["images"], 2, "{all}");
    assert_eq!(all["pictures"].as_array().map(Vec::len), Some(2), "{all}");
    let summary = screen(&[text(&folder), "--summary"], 0);
    assert!(summary.stdout.starts_with("130 images: "), "{}", summary.stdout);
    assert!(summary.stdout.contains("a red apple "), "{}", summary.stdout);
    let refused = screen(&[text(&folder), "--tag", "apple"], 2);
    assert!(
        refused.stderr.contains("leave them out to screen files"),
        "{}",
        refused.stderr
    );
    fs::write(patterns, "a red apple\tdelete\n").expect("it is writable");
    let refused = screen(&[], 2);
    assert!(
        refused.stderr.contains("has the level \"delete\""),
        "{}",
        refused.stderr
    );
}
