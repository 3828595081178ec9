//! Backups while the library changes, and libraries from them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Stdio;

use eidetic_tests::{Scenario, copy_tree, files_below, gallery_images, post, text};
use serde_json::{Value, json};

/// What a library says of itself and answers, apart from times and places.
fn answers(scenario: &Scenario, library: &Path) -> Vec<Value> {
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--json", "--library", text(library)]].concat();
        scenario.run(&arguments).expect_code(0).json()
    };
    let mut search = run(&["search", "a boat", "-k", "all"]);
    search["took_ms"] = Value::Null;
    let mut texts = run(&["texts", "list"]);
    // Their vectors are derived, and made again when they are searched.
    texts["sets"][0]["missing"] = Value::Null;
    vec![
        search,
        run(&["list", "--sort", "added"]),
        run(&["tag", "--list"]),
        texts,
        run(&["feedback"]),
    ]
}

/// Whether a copy answers as the library.
fn assert_same(scenario: &Scenario, copy: &Path) {
    let both = answers(scenario, copy)
        .into_iter()
        .zip(answers(scenario, &scenario.library()));
    for (part, (copied, original)) in both.enumerate() {
        assert!(copied == original, "part {part} differs");
    }
}

fn filled() -> Scenario {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 20));
    scenario.run(&["tag"]).assert_code(0);
    let lines = scenario.path("lines.txt");
    fs::write(&lines, "a boat\na cat\n").unwrap();
    scenario.run(&["texts", "add", text(&lines)]).assert_code(0);
    scenario
}

#[test]
fn restored_library_gives_the_same_answers() {
    let scenario = filled();
    let file = scenario.path("backup.zip");
    let report = scenario
        .run(&["backup", text(&file), "--json"])
        .expect_code(0)
        .json();
    assert_eq!((&report["images"], &report["spaces"]), (&20.into(), &1.into()));
    assert_eq!(report["bytes"], fs::metadata(&file).unwrap().len());
    let again = scenario.run(&["backup", text(&file)]).expect_code(3);
    assert!(again.stderr.contains("exists already"), "{again:?}");
    let copy = scenario.path("copy");
    let restored = scenario
        .run(&["restore", text(&file), "--library", text(&copy)])
        .expect_code(0);
    assert!(
        restored.stdout.starts_with("20 images, 20 paths restored"),
        "{restored:?}"
    );
    assert_same(&scenario, &copy);
    let checked = scenario.run(&["check", "--library", text(&copy)]).expect_code(0);
    assert!(!checked.stdout.is_empty());
    // It goes on from there, and nothing is embedded again.
    let indexed = scenario
        .run(&["index", "--json", "--library", text(&copy)])
        .expect_code(0)
        .json();
    assert_eq!(
        (&indexed["indexed"], &indexed["unchanged"]),
        (&0.into(), &20.into())
    );
    let twice = scenario
        .run(&["restore", text(&file), "--library", text(&copy)])
        .expect_code(3);
    assert!(twice.stderr.contains("has a library already"), "{twice:?}");
}

#[test]
fn backup_has_state_of_one_moment() {
    let scenario = filled();
    let server = scenario.serve();
    let more = scenario.path("photos/more");
    fs::create_dir(&more).unwrap();
    for (number, image) in gallery_images().iter().skip(20).take(60).enumerate() {
        fs::copy(image, more.join(format!("{number}.jpg"))).unwrap();
    }
    post(&server.address, "/v1/index", &json!({}));
    for number in 0..4 {
        let file = scenario.path(&format!("backup-{number}.zip"));
        let report = scenario
            .run(&["backup", text(&file), "--json"])
            .expect_code(0)
            .json();
        let copy = scenario.path(&format!("copy-{number}"));
        scenario
            .run(&["restore", text(&file), "--library", text(&copy)])
            .assert_code(0);
        let checked = scenario
            .run(&["check", "--json", "--library", text(&copy)])
            .expect_code(0)
            .json();
        assert_eq!(checked["images"], report["images"], "{checked}");
        assert_eq!(checked["vectors"], report["images"], "each image has its vector");
    }
    drop(server);
}

#[test]
fn damaged_backup_restores_nothing() {
    let scenario = filled();
    let file = scenario.path("backup.zip");
    scenario
        .run(&["backup", text(&file), "--thumbnails"])
        .assert_code(0);
    let whole = fs::read(&file).unwrap();
    let copy = scenario.path("copy");
    let mut cases = vec![
        whole[..whole.len() - 40].to_vec(),
        b"no archive".to_vec(),
        Vec::new(),
    ];
    for part in 1..8 {
        let mut flipped = whole.clone();
        flipped[whole.len() * part / 9] ^= 0x10;
        cases.push(flipped);
    }
    let mut refused = 0;
    for (number, case) in cases.iter().enumerate() {
        fs::write(&file, case).unwrap();
        let finished = scenario.run(&["restore", text(&file), "--library", text(&copy)]);
        if finished.code == Some(0) {
            // The bit was in a name of the directory of the archive that says nothing about content.
            let checked = scenario.run(&["check", "--library", text(&copy)]);
            checked.assert_code(0);
        } else {
            refused += 1;
            assert_eq!(finished.code, Some(3), "case {number}: {finished:?}");
            assert!(
                finished.stderr.contains("cannot be restored"),
                "case {number}: {finished:?}"
            );
            assert!(!copy.join("library.json").exists(), "case {number}");
        }
        let _ = fs::remove_dir_all(&copy);
    }
    assert!(refused >= 8, "{refused}");
    fs::write(&file, whole).unwrap();
    scenario
        .run(&["restore", text(&file), "--library", text(&copy)])
        .assert_code(0);
    // Thumbnails are there though the pictures are not.
    let image = answers(&scenario, &copy)[0]["hits"][0]["image"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        files_below(&copy.join("thumbnails"))
            .iter()
            .any(|path| text(path).contains(&image[2..20]))
    );
}

#[test]
fn foreign_folder_and_killed_restore_are_safe() {
    let scenario = filled();
    let file = scenario.path("backup.zip");
    scenario.run(&["backup", text(&file)]).assert_code(0);
    let foreign = scenario.path("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("letter.txt"), "keep").unwrap();
    let refused = scenario
        .run(&["restore", text(&file), "--library", text(&foreign)])
        .expect_code(3);
    assert!(refused.stderr.contains("neither empty nor"), "{refused:?}");
    assert_eq!(fs::read_to_string(foreign.join("letter.txt")).unwrap(), "keep");
    let copy = scenario.path("copy");
    for milliseconds in [5, 20, 40, 60, 90] {
        let mut command = scenario.command(&["restore", text(&file), "--library", text(&copy)]);
        let mut process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let _ = process.kill();
        process.wait().unwrap();
        if copy.join("library.json").exists() {
            assert_same(&scenario, &copy);
            fs::remove_dir_all(&copy).unwrap();
        }
    }
    if !copy.join("library.json").exists() {
        scenario
            .run(&["restore", text(&file), "--library", text(&copy)])
            .assert_code(0);
    }
    assert_same(&scenario, &copy);
}

#[test]
fn naive_copy_opens_or_says_what_is_lost() {
    let scenario = filled();
    let more = scenario.path("photos/more");
    fs::create_dir(&more).unwrap();
    for (number, image) in gallery_images().iter().skip(20).take(80).enumerate() {
        fs::copy(image, more.join(format!("{number}.jpg"))).unwrap();
    }
    let mut command = scenario.command(&["index"]);
    let mut process = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut copies = Vec::new();
    while process.try_wait().unwrap().is_none() && copies.len() < 12 {
        let copy = scenario.path(&format!("copy-{}", copies.len()));
        // A file may vanish while the tree is copied.
        if std::panic::catch_unwind(|| copy_tree(&scenario.library(), &copy)).is_ok() {
            copies.push(copy);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    process.wait().unwrap();
    assert!(!copies.is_empty());
    for copy in copies {
        let found = scenario.run(&[
            "search",
            "a boat",
            "--json",
            "-k",
            "all",
            "--library",
            text(&copy),
        ]);
        if found.code == Some(0) {
            assert!(found.json()["hits"].as_array().unwrap().len() >= 15, "{found:?}");
        } else {
            scenario.run(&["check", "--repair", "--library", text(&copy)]);
            let repaired = scenario.run(&["search", "a boat", "--library", text(&copy)]);
            repaired.assert_code(0);
            assert!(found.stderr.contains("eidetic "), "a way out: {found:?}");
        }
        let indexed = scenario
            .run(&["index", "--json", "--library", text(&copy)])
            .expect_code(0)
            .json();
        assert_eq!(indexed["failed"], json!([]), "{indexed}");
        let status = scenario
            .run(&["status", "--json", "--library", text(&copy)])
            .expect_code(0)
            .json();
        assert_eq!(status["images"], 100, "{status}");
    }
}
