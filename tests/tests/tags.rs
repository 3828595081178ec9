//! Images tagged and searched by tag, all through the command line.

use std::fs;

use eidetic_tests::{Scenario, gallery_images};
use serde_json::Value;

fn tag(scenario: &Scenario, arguments: &[&str]) -> Value {
    let arguments = [&["tag", "--json"], arguments].concat();
    scenario.run(&arguments).expect_code(0).json()
}

fn paths(scenario: &Scenario, arguments: &[&str]) -> Vec<String> {
    let arguments = [&["search", "-k", "1000", "--json"], arguments].concat();
    let answer = scenario.run(&arguments).expect_code(0).json();
    let hits = answer["hits"].as_array().expect("hits are a list");
    let path = |hit: &Value| hit["path"].as_str().expect("a path").to_owned();
    hits.iter().map(path).collect()
}

#[test]
fn tags_find_images_and_leave_with_them() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 60);
    scenario.index(&folder);
    let report = tag(&scenario, &[]);
    assert_eq!(
        (report["tagged"].as_u64(), report["skipped"].as_u64()),
        (Some(60), Some(0)),
        "{report}"
    );
    assert!(report["vocabulary"].as_u64() >= Some(300), "{report}");
    let common = &report["tags"][0];
    let (word, images) = (common["tag"].as_str().expect("a tag"), common["images"].as_u64());
    let carrying = paths(&scenario, &["picture", "--tag", &word.to_uppercase()]);
    assert_eq!(Some(carrying.len() as u64), images, "{report}");
    let unknown = scenario.run(&["search", "picture", "--tag", word, "--tag", "no such tag"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");

    let again = tag(&scenario, &[]);
    assert_eq!(
        (again["tagged"].as_u64(), again["unchanged"].as_u64()),
        (Some(0), Some(60)),
        "{again}"
    );
    let status = scenario.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["tagged"], report["images"], "{status}");

    fs::remove_file(&carrying[0]).expect("a picture can be removed");
    fs::copy(&gallery_images()[80], folder.join("new.jpg")).expect("a picture can be copied");
    scenario.index(&folder);
    assert_eq!(
        paths(&scenario, &["picture", "--tag", word]),
        carrying[1..].to_vec()
    );
    let after = tag(&scenario, &[]);
    assert_eq!(
        (after["tagged"].as_u64(), after["unchanged"].as_u64()),
        (Some(1), Some(59)),
        "{after}"
    );
}

#[test]
fn own_vocabulary_gives_tags_errors_are_named() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 6));
    let file = scenario.path("words.tsv");
    let path = file.to_str().expect("test paths are UTF-8");
    fs::write(&file, "# mine\nApple\tfood\nsnow\n\napple\n").expect("a file can be written");
    let report = tag(
        &scenario,
        &[
            "--vocabulary",
            path,
            "-n",
            "1",
            "--least",
            "1",
            "--min-confidence",
            "0.9",
        ],
    );
    assert_eq!(
        (report["tagged"].as_u64(), report["vocabulary"].as_u64()),
        (Some(6), Some(2)),
        "{report}"
    );
    let words = report["tags"].as_array().expect("tags are a list");
    assert!(
        words
            .iter()
            .all(|word| ["Apple", "snow"].contains(&word["tag"].as_str().unwrap_or_default()))
    );

    fs::write(&file, "apple\nsnow\tweather\tcold\n").expect("a file can be written");
    let refused = scenario.run(&["tag", "--vocabulary", path]).expect_code(2);
    assert!(refused.stderr.contains("words.tsv: line 2"), "{refused:?}");
    let status = scenario.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(
        status["tagged"], report["images"],
        "nothing stored is lost: {status}"
    );
}

#[test]
fn server_tags_for_command_line() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 2));
    let server = scenario.serve();
    let there = tag(&scenario, &[]);
    assert_eq!(there["tagged"], 2, "{there}");
    let refused = scenario.run(&["tag", "--precision", "int8"]).expect_code(3);
    assert!(refused.stderr.contains("leave out --precision"), "{refused:?}");
    drop(server);
    assert_eq!(tag(&scenario, &[])["unchanged"], 2);
}
