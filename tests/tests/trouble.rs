//! What can go wrong around the program: each costs one clear sentence and the right exit code, and loses nothing.
#![cfg(unix)]

use std::fs;
use std::process::Command;

use eidetic_tests::{Finished, Scenario, binary, text};

fn assert_one_sentence(finished: &Finished, mentions: &[&str]) {
    assert!(finished.stdout.is_empty(), "{finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "one line: {finished:?}");
    for mention in mentions {
        assert!(lines[0].contains(mention), "{mention:?} in {:?}", lines[0]);
    }
}

#[test]
fn missing_library_suggests_index() {
    let scenario = Scenario::new();
    for command in [
        ["search", "cat"],
        ["status", "--json"],
        ["serve", "--listen=127.0.0.1:0"],
        ["index", "--json"],
    ] {
        let finished = scenario.run(&command).expect_code(3);
        assert_one_sentence(
            &finished,
            &["no library", text(&scenario.library()), "eidetic index FOLDER"],
        );
    }
    assert!(!scenario.library().exists(), "asking creates nothing");
}

#[test]
fn foreign_directory_is_not_opened_as_library() {
    let scenario = Scenario::new();
    fs::create_dir(scenario.library()).unwrap();
    fs::write(scenario.library().join("thesis.txt"), "years of work").unwrap();
    let folder = scenario.gallery("photos", 1);
    let finished = scenario
        .run(&["index", text(&folder), "--model", "builtin"])
        .expect_code(3);
    assert_one_sentence(
        &finished,
        &["neither empty nor an Eidetic library", text(&scenario.library())],
    );
    assert_eq!(
        fs::read_dir(scenario.library()).unwrap().count(),
        1,
        "nothing was written"
    );
}

#[test]
fn missing_folder_is_named_and_others_are_indexed() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 2);
    let gone = scenario.path("gone");
    let finished = scenario
        .run(&["index", text(&gone), "--model", "builtin"])
        .expect_code(2);
    assert_one_sentence(&finished, &[text(&gone), "no such file or folder"]);
    assert!(!scenario.library().exists(), "no library for nothing");
    let both = [
        "index",
        text(&folder),
        text(&gone),
        "--model",
        "builtin",
        "--json",
    ];
    let finished = scenario.run(&both).expect_code(1);
    assert!(finished.stderr.contains(text(&gone)), "{finished:?}");
    let report = finished.json();
    assert_eq!(
        (&report["indexed"], &report["unreachable"][0]["path"]),
        (&2.into(), &text(&gone).into())
    );
    let status = scenario.run(&["status", "--json"]).json();
    assert_eq!(status["sources"][0]["path"], text(&folder));
    let finished = scenario.run(&["index", text(&gone)]).expect_code(2);
    assert_one_sentence(&finished, &[text(&gone)]);
    fs::rename(&folder, scenario.path("unplugged")).unwrap();
    for arguments in [&["index"][..], &["index", text(&folder)]] {
        let finished = scenario.run(arguments).expect_code(1);
        assert!(
            finished.stderr.contains(text(&folder)) && finished.stderr.contains("--accept-removals"),
            "a source that is gone is named, not taken for an empty folder: {finished:?}"
        );
    }
    let status = scenario.run(&["status", "--json"]).json();
    assert_eq!(status["images"], 2, "an unplugged disk removes nothing");
    assert_eq!(status["sources"][0]["state"], "unreachable", "{status}");
}

#[test]
fn file_that_is_no_image_is_refused() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 1);
    let notes = scenario.path("notes.txt");
    fs::write(&notes, "no picture").unwrap();
    for path in [text(&notes), "/dev/null", "/etc/passwd"] {
        let arguments = ["index", text(&folder), path, "--model", "builtin"];
        let finished = scenario.run(&arguments).expect_code(2);
        assert_one_sentence(&finished, &[path, "neither a folder nor an image"]);
    }
    let renamed = scenario.path("notes.jpg");
    fs::copy(&notes, &renamed).unwrap();
    let finished = scenario
        .run(&["index", text(&renamed), "--model", "builtin"])
        .expect_code(2);
    assert_one_sentence(&finished, &[text(&renamed), "its content is not"]);
    assert!(!scenario.library().exists(), "nothing was begun");
    let image = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!(scenario.index(&image)["indexed"], 1, "a single image is a source");
}

#[test]
fn unreachable_hub_falls_back_with_warning() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 2);
    let named = [
        "index",
        text(&folder),
        "--model",
        "google/siglip2-base-patch32-256",
    ];
    let finished = scenario.run(&named).expect_code(3);
    assert_one_sentence(&finished, &["google/siglip2-base-patch32-256", "builtin"]);
    assert!(!scenario.library().exists(), "no half-made library");
    let finished = scenario.run(&["index", text(&folder), "--json"]).expect_code(0);
    assert!(
        finished.stderr.contains("built-in model") && finished.stderr.contains("--model"),
        "{finished:?}"
    );
    assert!(finished.json()["space"].as_str().unwrap().starts_with("builtin@"));
}

#[test]
fn other_model_is_refused_with_both_names() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 1);
    scenario.index(&folder);
    let golden = eidetic_tests::repository().join("data/golden/clip");
    let other = fs::read_dir(golden)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.join("config.json").exists());
    let other = other.expect("a golden checkpoint is in the repository");
    let finished = scenario
        .run(&["index", text(&folder), "--model", text(&other)])
        .expect_code(3);
    assert_one_sentence(
        &finished,
        &[
            "builtin@",
            other.file_name().unwrap().to_str().unwrap(),
            "--library",
        ],
    );
}

#[test]
fn full_disk_stops_run_loses_nothing() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 10);
    scenario.index(&folder);
    let more = scenario.gallery("more", usize::MAX);
    // A limit on file size makes writes fail as a full disk does, for this process alone.
    let script = "trap '' XFSZ; ulimit -f 60; exec \"$0\" --library \"$1\" index \"$2\" --json";
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .arg(binary())
        .arg(scenario.library())
        .arg(&more);
    let finished = Finished::from(command.output().unwrap());
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    let status = scenario.run(&["status", "--json"]).expect_code(0).json();
    assert!(status["images"].as_u64().unwrap() >= 10, "{status}");
    assert_eq!(status["damaged"], 0, "{status}");
    let report = scenario.index(&more);
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(0), "{report}");
    let all = scenario.run(&["status", "--json"]).json();
    assert_eq!(all["images"], eidetic_tests::gallery_images().len(), "{all}");
}

#[test]
fn unwritable_library_is_one_sentence() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 1);
    // A file where a directory should be: not even root gets past it.
    fs::write(scenario.path("file"), "").unwrap();
    let library = scenario.path("file").join("library");
    let mut command = Command::new(binary());
    command
        .arg("--library")
        .arg(&library)
        .args(["index", text(&folder), "--model", "builtin"]);
    let finished = Finished::from(command.output().unwrap()).expect_code(3);
    assert_one_sentence(&finished, &[text(&library)]);
}

#[test]
fn second_process_learns_library_owner() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 4);
    scenario.index(&folder);
    let _server = scenario.serve();
    // What a server can do for others goes through it.
    let hits = scenario
        .run(&["search", "apple", "-k", "2", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(hits["hits"].as_array().map(Vec::len), Some(2));
    let image = eidetic_tests::gallery_images()[0].clone();
    let own = scenario
        .run(&["search", "--image", text(&image), "--json"])
        .expect_code(0)
        .json();
    assert!(own["hits"][0]["score"].as_f64().unwrap() >= 0.999, "{own}");
    let status = scenario.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["images"], 4);
    fs::copy(&eidetic_tests::gallery_images()[9], folder.join("new.jpg")).unwrap();
    let report = scenario
        .run(&["index", text(&folder), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (report["indexed"].as_u64(), report["unchanged"].as_u64()),
        (Some(1), Some(4)),
        "{report}"
    );
    // A second server cannot share it.
    let finished = scenario.run(&["serve", "--listen", "127.0.0.1:0"]).expect_code(3);
    assert_one_sentence(&finished, &["in use by eidetic serve", "process"]);
}

#[test]
fn taken_port_is_one_sentence() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 1));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = scenario.run(&["serve", "--listen", &address]).expect_code(3);
    assert_one_sentence(&finished, &[&address, "--listen"]);
}

#[test]
fn server_stops_cleanly_on_signal() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 1));
    let server = scenario.serve();
    let kill = Command::new("kill")
        .args(["-TERM", &server.process().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    assert_eq!(server.wait(), Some(0));
    assert!(
        scenario.run(&["status"]).code == Some(0),
        "the library is free again"
    );
}
