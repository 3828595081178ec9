//! Commands that read a library while another process writes it, and without keeping one out.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use eidetic_tests::{Scenario, copy_tree, gallery_images, text};
use serde_json::Value;

/// Images of a commit.
const COMMIT: u64 = 8;

/// Files with different contents that look like pictures of the gallery.
fn many_images(folder: &Path, count: usize) {
    fs::create_dir_all(folder).unwrap();
    let gallery = gallery_images();
    for number in 0..count {
        let mut bytes = fs::read(&gallery[number % gallery.len()]).unwrap();
        bytes.extend_from_slice(format!("copy {number}").as_bytes());
        fs::write(folder.join(format!("{number:05}.jpg")), bytes).unwrap();
    }
}

/// A run of the indexer that commits often, in the background.
fn start_indexing(scenario: &Scenario, folder: &Path) -> Child {
    let commit = COMMIT.to_string();
    let often = ["--precision", "f32", "--batch", "8", "--commit-every", &commit];
    let arguments = [&["index", text(folder), "--model", "builtin"], &often[..]].concat();
    let mut command = scenario.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn images_in_status(scenario: &Scenario) -> (u64, Value) {
    let status = scenario.status();
    (status["images"].as_u64().unwrap(), status)
}

#[test]
fn commands_read_beside_indexing() {
    let scenario = Scenario::new();
    let first = scenario.gallery("first", 20);
    scenario.index(&first);
    let second = scenario.path("second");
    many_images(&second, 400);
    let mut indexing = start_indexing(&scenario, &second);
    let apple = text(&gallery_images()[0]).to_owned();
    let (mut last, mut beside) = (20, 0);
    while indexing.try_wait().unwrap().is_none() {
        let (images, status) = images_in_status(&scenario);
        assert!(images >= last, "{images} after {last}");
        last = images;
        let reading: [&[&str]; 5] = [
            &["search", "apple", "--json"],
            &["show", &apple, "--json"],
            &["match", &apple, "an apple", "--json"],
            &["tag", "--list", "--json"],
            &["screen", &apple, "--profile", "moderation", "--json"],
        ];
        for arguments in reading {
            let finished = scenario.run(arguments).expect_code(0);
            let answer = finished.json();
            let found = answer["hits"].as_array().map_or(1, Vec::len);
            assert!(found > 0, "{finished:?}");
        }
        let is_beside = status["as_of"].is_string();
        if is_beside {
            assert_eq!(status["read_only"], Value::Null, "{status}");
            beside += 1;
        }
    }
    assert!(beside > 0, "no command ran beside the indexer");
    let (images, status) = images_in_status(&scenario);
    assert_eq!(images, 420);
    assert_eq!(status["as_of"], Value::Null, "nothing else owns it now");
}

#[test]
fn reader_says_how_fresh_it_is() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("first", 4));
    let second = scenario.path("second");
    many_images(&second, 300);
    let mut indexing = start_indexing(&scenario, &second);
    let mut said = false;
    while indexing.try_wait().unwrap().is_none() && !said {
        let finished = scenario.run(&["search", "apple"]).expect_code(0);
        said = finished.stderr.contains("eidetic index") && finished.stderr.contains("state of");
    }
    assert!(said, "no search said that it answers beside the indexer");
    indexing.wait().unwrap();
}

/// How many images a search finds: each with a record, a vector and a file. Images that look the same are one hit.
fn searched_images(scenario: &Scenario) -> u64 {
    let finished = scenario
        .run(&["search", "apple", "-k", "1000", "--json"])
        .expect_code(0);
    let answer = finished.json();
    assert_eq!(answer["missing"], 0, "{finished:?}");
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["copies"].as_u64().unwrap()).sum()
}

#[test]
fn killed_owner_leaves_whole_snapshot() {
    let scenario = Scenario::new();
    let folder = scenario.path("photos");
    many_images(&folder, 300);
    let mut last = 0;
    for round in 0..40_u64 {
        // A busy machine needs longer to its first commit.
        if round >= 6 && last > 0 {
            break;
        }
        let mut indexing = start_indexing(&scenario, &folder);
        thread::sleep(Duration::from_millis(400 + 150 * round));
        indexing.kill().unwrap();
        indexing.wait().unwrap();
        if !scenario.library().join("catalog/ledger").exists() {
            continue;
        }
        // The last commit may have been stopped before it was reported, which only the next owner settles.
        let before = searched_images(&scenario);
        let (owned, _) = images_in_status(&scenario);
        assert!(
            (before..=before + COMMIT).contains(&owned),
            "{before}, then {owned}"
        );
        assert_eq!(searched_images(&scenario), owned);
        assert!(owned >= last, "{owned} after {last}");
        last = owned;
    }
    assert!(last > 0, "every run was killed before its first commit");
}

#[test]
fn searches_run_at_once() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 8));
    let searches = (0..4).map(|_| {
        let mut command = scenario.command(&["search", "apple", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    });
    let searches: Vec<Child> = searches.collect();
    for search in searches {
        let output = search.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn library_without_snapshot_gets_one() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 8);
    scenario.index(&folder);
    let snapshot = scenario.library().join("catalog/snapshot");
    for damage in ["missing", "cut off", "of another version", "changed"] {
        match damage {
            "missing" => fs::remove_dir_all(&snapshot).unwrap(),
            _ => {
                for file in fs::read_dir(&snapshot).unwrap() {
                    let path = file.unwrap().path();
                    let mut bytes = fs::read(&path).unwrap();
                    match damage {
                        "cut off" => bytes.truncate(bytes.len() / 2),
                        "changed" => {
                            let middle = bytes.len() / 2;
                            bytes[middle] ^= 1;
                        }
                        _ => bytes[8] += 1,
                    }
                    fs::write(path, bytes).unwrap();
                }
            }
        }
        let answer = scenario
            .run(&["search", "apple", "-k", "20", "--json"])
            .expect_code(0)
            .json();
        assert_eq!(answer["hits"].as_array().unwrap().len(), 8, "{damage}");
        assert_eq!(answer["hits"][0]["image"].as_str().unwrap().len(), 64);
        assert!(fs::read_dir(&snapshot).unwrap().count() >= 2, "{damage}");
    }
}

#[test]
fn copy_of_library_is_searched_without_writing() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 8));
    scenario.run(&["search", "apple"]).assert_code(0);
    let copy = Scenario::new();
    copy_tree(&scenario.library(), &copy.library());
    let before = eidetic_tests::files_below(&copy.library());
    let contents = |files: &[std::path::PathBuf]| -> Vec<Vec<u8>> {
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    };
    let bytes = contents(&before);
    let answer = copy.run(&["search", "apple", "--json"]).expect_code(0).json();
    assert_eq!(answer["hits"].as_array().unwrap().len(), 8);
    assert_eq!(eidetic_tests::files_below(&copy.library()), before);
    assert_eq!(contents(&before), bytes, "a search changed a file");
}
