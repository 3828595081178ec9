//! A safety review: uploads are screened by patterns, the findings reviewed, and the profile calibrated by the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use eidetic_domain::ImageId;
use eidetic_tests::{Finished, Scenario, Server, captions, ended_job, get, post, text};
use serde_json::{Value, json};

const PROFILE: &str = r#"
[profile.uploads]
patterns = "patterns.tsv"
prevalence = 0.1
[[profile.uploads.level]]
name = "block"
target = { precision = 0.9 }
action = "replace"
[[profile.uploads.level]]
name = "flag"
target = { recall = 0.95 }
action = "check_by_hand"
[profile.uploads.otherwise]
name = "pass"
action = "adopt"
"#;

/// What the reviewers look for, and the word of a caption that says that a picture shows it.
const PATTERNS: [(&str, &str); 8] = [
    ("an apple", "apple"),
    ("a dog", "dog"),
    ("a cat", "cat"),
    ("a car", "car"),
    ("a lighthouse", "lighthouse"),
    ("a sailboat", "sailboat"),
    ("a tree", "tree"),
    ("a fish", "fish"),
];

struct Review {
    scenario: Scenario,
    uploads: PathBuf,
    profiles: PathBuf,
    /// By file name.
    captions: BTreeMap<String, String>,
}

/// How many images of each pattern were found, and how many findings are right.
#[derive(Debug)]
struct Found {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Review {
    fn new() -> Self {
        let scenario = Scenario::new();
        let uploads = scenario.gallery("uploads", usize::MAX);
        let profiles = scenario.path("profiles.toml");
        fs::write(&profiles, PROFILE).expect("it is writable");
        let patterns = PATTERNS.map(|(text, _)| text).join("\thigh\n") + "\thigh\n";
        fs::write(scenario.path("patterns.tsv"), patterns).expect("it is writable");
        Self {
            uploads,
            profiles,
            captions: captions().into_iter().collect(),
            scenario,
        }
    }

    fn screen(&self, more: &[&str], code: i32) -> Finished {
        let arguments = [
            "screen",
            "--profile",
            "uploads",
            "--profiles",
            text(&self.profiles),
        ];
        self.scenario
            .run(&[&arguments[..], more].concat())
            .expect_code(code)
    }

    /// Whether the picture at `path` shows what the pattern names.
    fn shows(&self, path: &str, pattern: &str) -> bool {
        let name = path.rsplit('/').next().expect("a name");
        let word = PATTERNS
            .iter()
            .find(|(text, _)| *text == pattern)
            .expect("a pattern")
            .1;
        let plural = format!("{word}s");
        self.captions[name]
            .split(' ')
            .any(|found| found == word || found == plural)
    }

    /// The findings at any of `levels`, compared with the captions.
    fn compare(&self, answer: &Value, levels: &[&str]) -> Found {
        let mut found = BTreeSet::new();
        for picture in answer["pictures"].as_array().expect("a list") {
            let path = picture["paths"][0].as_str().expect("a path");
            for finding in picture["findings"].as_array().expect("a list") {
                let level = finding["verdict"]["level"].as_str().expect("a level");
                if levels.contains(&level) {
                    found.insert((
                        path.to_owned(),
                        finding["text"].as_str().expect("a text").to_owned(),
                    ));
                }
            }
        }
        let right = found
            .iter()
            .filter(|(path, pattern)| self.shows(path, pattern))
            .count();
        let wanted: usize = PATTERNS
            .iter()
            .map(|(pattern, _)| {
                self.captions
                    .keys()
                    .filter(|name| self.shows(name, pattern))
                    .count()
            })
            .sum();
        Found {
            right,
            wrong: found.len() - right,
            missed: wanted - right,
        }
    }

    /// Confirms or dismisses every finding, as a reviewer who sees the pictures would.
    fn review(&self, server: &Server, answer: &Value) -> usize {
        let mut given = 0;
        for picture in answer["pictures"].as_array().expect("a list") {
            let path = picture["paths"][0].as_str().expect("a path");
            for finding in picture["findings"].as_array().expect("a list") {
                let pattern = finding["text"].as_str().expect("a text");
                let right = self.shows(path, pattern);
                let answer =
                    json!({"text": pattern, "image": picture["image"], "profile": "uploads", "right": right});
                post(&server.address, "/v1/feedback", &answer);
                given += 1;
            }
        }
        given
    }
}

#[test]
fn uploads_are_screened_reviewed_then_calibrated() {
    let review = Review::new();
    let (first, before) = review.screen_files();
    review.scenario.index(&review.uploads);
    let command = review.scenario.command(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--profiles",
        text(&review.profiles),
    ]);
    let server = Server::start(command);
    review.screen_upload(&server);
    let labels = review.review_findings(&server, &first);
    drop(server);
    review.calibrate(&labels, &before);
}

impl Review {
    /// Screens the files where they are: nothing is indexed, and no library is needed.
    fn screen_files(&self) -> (Value, Found) {
        let answer = self.screen(&[text(&self.uploads), "--json"], 0);
        assert!(
            answer.stderr.contains("screening without its calibrations"),
            "{}",
            answer.stderr
        );
        let answer = answer.json();
        let found = self.compare(&answer, &["block", "flag"]);
        assert!(found.missed <= 1 && found.wrong > 20, "{found:?}");
        assert!(!self.scenario.library().exists(), "nothing was written");
        let summary = self.screen(&[text(&self.uploads), "--summary"], 0).stdout;
        assert!(summary.starts_with("130 images: "), "{summary}");
        assert!(
            summary.contains("an apple") && summary.contains("high"),
            "{summary}"
        );
        (answer, found)
    }

    /// One upload, through the server.
    fn screen_upload(&self, server: &Server) {
        let file = fs::read(self.uploads.join("red-apple-on-table.jpg")).expect("it is readable");
        let body = json!({"profile": "uploads", "image": base64(&file)});
        let answer = post(&server.address, "/v1/screen", &body);
        assert_eq!(
            answer["pictures"][0]["image"],
            ImageId::of(&file).to_string(),
            "{answer}"
        );
        assert_eq!(
            answer["pictures"][0]["findings"][0]["text"], "an apple",
            "{answer}"
        );
    }

    /// Screens the library through the server, and answers every finding. Returns the answers as labels.
    fn review_findings(&self, server: &Server, first: &Value) -> String {
        let ticket = post(&server.address, "/v1/screen", &json!({"profile": "uploads"}));
        let job = ended_job(&server.address, &ticket);
        assert_eq!(job["state"], "done", "{job}");
        let found = &job["screen_report"];
        assert_eq!(found["flagged"], first["flagged"], "{found}");
        assert_eq!(found["levels"], first["levels"], "{found}");
        let given = self.review(server, found);
        assert!(given >= 60, "{given}");
        let calibrations = refitted(server);
        let calibrations = calibrations["calibrations"].as_array().expect("a list");
        assert!(
            calibrations.iter().all(|made| made["profile"] == "uploads"),
            "{calibrations:?}"
        );
        let others = self.scenario.run(&["feedback"]).expect_code(0).stdout;
        assert_eq!(others, "", "answers of a review are no answers to searches");
        let labels = self
            .scenario
            .run(&["feedback", "--profile", "uploads"])
            .expect_code(0);
        assert_eq!(labels.stdout.lines().count(), given);
        let quality = self.scenario.status()["quality"][0].clone();
        assert_eq!(quality["profile"], "uploads", "{quality}");
        assert_eq!(quality["answers"], given, "{quality}");
        let shown = self.scenario.run(&["status"]).expect_code(0).stdout;
        assert!(shown.contains("in reviews of uploads"), "{shown}");
        labels.stdout
    }

    /// The answers as labels decide the thresholds: fewer false findings, and the matches stay.
    fn calibrate(&self, labels: &str, before: &Found) {
        let file = self.scenario.path("labels.tsv");
        fs::write(&file, labels).expect("it is writable");
        let arguments = ["calibrate", text(&file), "--profile", "uploads", "--profiles"];
        let calibrated = self
            .scenario
            .run(&[&arguments[..], &[text(&self.profiles)]].concat())
            .expect_code(0);
        assert!(
            calibrated.stdout.contains("profile uploads"),
            "{}",
            calibrated.stdout
        );
        let last = self.screen(&["--json"], 0).json();
        let after = self.compare(&last, &["block", "flag"]);
        assert!(after.wrong * 2 < before.wrong, "{before:?} {after:?}");
        assert!(after.missed <= before.missed + 3, "{before:?} {after:?}");
        let blocked = self.compare(&last, &["block"]);
        assert!(blocked.wrong * 9 <= blocked.right, "{blocked:?}");
        let searched = self.scenario.run(&["calibrate", "--json"]).expect_code(0).json();
        let made = searched["calibrations"].as_array().expect("a list");
        assert!(made.iter().all(|made| made["profile"] == "uploads"), "{searched}");
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The calibrations, once the answers have refitted one in the background.
fn refitted(server: &Server) -> Value {
    for _ in 0..600 {
        let calibrations = get(&server.address, "/v1/calibration");
        if calibrations["history"]
            .as_array()
            .is_some_and(|events| !events.is_empty())
        {
            return calibrations;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the answers refit nothing");
}
