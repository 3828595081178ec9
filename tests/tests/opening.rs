//! Pictures opened with the system's viewer, for which a program stands that records what it is given.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use eidetic_tests::{Finished, Scenario, gallery_images, text};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A folder with an `xdg-open` that appends its argument to a file.
fn viewer(scenario: &Scenario) -> PathBuf {
    let folder = scenario.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("xdg-open");
    let record = scenario.path("opened");
    fs::write(
        &program,
        format!("#!/bin/sh\necho \"$1\" >> '{}'\n", text(&record)),
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn run(scenario: &Scenario, path: &Path, arguments: &[&str]) -> Finished {
    let mut command = scenario.command(arguments);
    command.env("PATH", path).output().unwrap().into()
}

/// What was opened, once there are so many.
fn opened(scenario: &Scenario, count: usize) -> Vec<PathBuf> {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let lines = fs::read_to_string(scenario.path("opened")).unwrap_or_default();
        let paths: Vec<PathBuf> = lines.lines().map(PathBuf::from).collect();
        if paths.len() >= count {
            return paths;
        }
        assert!(Instant::now() < deadline, "{paths:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn first_hits_are_opened() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 6));
    let bin = viewer(&scenario);
    let found = run(&scenario, &bin, &["search", "a red apple", "--open", "--json"])
        .expect_code(0)
        .json();
    let hits = found["hits"].as_array().unwrap();
    let path = |at: usize| PathBuf::from(hits[at]["path"].as_str().unwrap());
    assert_eq!(opened(&scenario, 1), [path(0)]);
    fs::remove_file(scenario.path("opened")).unwrap();
    let listed = run(
        &scenario,
        &bin,
        &["list", "--sort", "name", "--paths", "--open=3"],
    )
    .expect_code(0);
    let expected: Vec<PathBuf> = listed.stdout.lines().take(3).map(PathBuf::from).collect();
    let mut paths = opened(&scenario, 3);
    paths.sort();
    assert_eq!(paths, expected);
}

#[test]
fn too_many_and_no_viewer_are_errors() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 2));
    let empty = scenario.path("empty");
    fs::create_dir(&empty).unwrap();
    let many = run(&scenario, &empty, &["list", "--open=21"]).expect_code(2);
    assert!(
        many.stdout.is_empty() && many.stderr.contains("at most 20"),
        "{many:?}"
    );
    let none = run(&scenario, &empty, &["list", "--open"]).expect_code(3);
    assert!(
        none.stderr.contains("xdg-utils") && none.stderr.lines().count() == 1,
        "{none:?}"
    );
    for file in gallery_images().iter().take(2) {
        fs::remove_file(scenario.path("photos").join(file.file_name().unwrap())).unwrap();
    }
    let gone = run(&scenario, &viewer(&scenario), &["list", "--open"]).expect_code(1);
    assert!(gone.stderr.contains("not opened"), "{gone:?}");
}

#[test]
fn archive_members_are_unpacked_first() {
    let scenario = Scenario::new();
    let photos = scenario.path("photos");
    fs::create_dir(&photos).unwrap();
    let image = fs::read(&gallery_images()[0]).unwrap();
    let mut archive = ZipWriter::new(fs::File::create(photos.join("album.zip")).unwrap());
    archive
        .start_file("inner.jpg", SimpleFileOptions::default())
        .unwrap();
    std::io::Write::write_all(&mut archive, &image).unwrap();
    archive.finish().unwrap();
    scenario
        .run(&["index", text(&photos), "--model", "builtin", "--archives"])
        .assert_code(0);
    let temporary = scenario.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let mut command = scenario.command(&["list", "--open"]);
    command.env("PATH", viewer(&scenario)).env("TMPDIR", &temporary);
    Finished::from(command.output().unwrap()).assert_code(0);
    let paths = opened(&scenario, 1);
    assert!(
        paths[0].starts_with(&temporary) && paths[0].ends_with("inner.jpg"),
        "{paths:?}"
    );
    assert_eq!(fs::read(&paths[0]).unwrap(), image);
}
