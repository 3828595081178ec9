//! kill -9 at random moments of an indexing run: what was reported as indexed stays, nothing doubles, nothing needs repair.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use eidetic_domain::{ImageId, SplitMix64};
use eidetic_tests::{Scenario, files_below, gallery_images};
use serde_json::Value;

/// Kills in a run of the suite; `EIDETIC_KILLS` asks for more.
const KILLS: u64 = 8;

/// Images per folder; a search returns at most 1,000, so each folder is searched on its own.
const PART: usize = 500;
/// Pairs in one request; the server takes 1 MiB.
const LINES: usize = 10_000;

/// Small images, each different, so that a run has many batches.
fn many_images(scenario: &Scenario, count: usize) -> std::path::PathBuf {
    let folder = scenario.path("photos");
    let gallery: Vec<Vec<u8>> = gallery_images()
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    for number in 0..count {
        // Bytes after a JPEG's end belong to no image, but make it another content.
        let mut bytes = gallery[number % gallery.len()].clone();
        bytes.extend_from_slice(format!("copy {number}").as_bytes());
        let part = folder.join(format!("{}", number / PART));
        fs::create_dir_all(&part).unwrap();
        fs::write(part.join(format!("{number:05}.jpg")), bytes).unwrap();
    }
    folder
}

/// Runs the indexer, kills it after `delay`, and returns how many images it had reported as committed.
fn index_and_kill(scenario: &Scenario, folder: &std::path::Path, delay: Duration) -> u64 {
    let folder = folder.to_str().unwrap();
    // A named precision, because measuring one for a new library would take up most of the time until the kill.
    let often = ["--precision", "f32", "--batch", "8", "--commit-every", "16"];
    let mut command = scenario.command(&[&["index", folder, "--model", "builtin"], &often[..]].concat());
    let mut child = command
        .env("RUST_LOG", "eidetic_indexer=debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let committed = lines.map_while(Result::ok).filter_map(|line| committed_in(&line));
        committed.last().unwrap_or(0)
    });
    std::thread::sleep(delay);
    let _ = child.kill();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// The running total in a log line such as `committed … total=64`.
fn committed_in(line: &str) -> Option<u64> {
    let rest = line.split("committed").nth(1)?;
    let digits: String = rest
        .split("total=")
        .nth(1)?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

/// The ids of the images of `folder` that the library has vectors of.
fn known_images(scenario: &Scenario, folder: &std::path::Path) -> BTreeSet<String> {
    let server = scenario.serve();
    let ids = files_below(folder)
        .into_iter()
        .map(|file| ImageId::of(&fs::read(file).unwrap()).to_string());
    let ids: Vec<String> = ids.collect();
    let mut known = BTreeSet::new();
    for part in ids.chunks(LINES) {
        let lines = part.join("\tapple\n") + "\tapple\n";
        let answer = ureq::post(format!("{}/v1/match", server.address))
            .content_type("text/tab-separated-values")
            .send(lines)
            .unwrap()
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()
            .unwrap();
        let lines = answer
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found = lines.filter(|line| line["error"].is_null());
        known.extend(found.map(|line| line["image"].as_str().unwrap().to_owned()));
    }
    known
}

/// How many images searches find: images that look the same are one hit.
fn searchable_images(scenario: &Scenario, folder: &std::path::Path) -> u64 {
    let parts = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = parts.map(|part| {
        let folder = part.to_str().unwrap();
        let arguments = ["search", "apple", "--folder", folder, "-k", "1000", "--json"];
        let answer: Value = scenario.run(&arguments).expect_code(0).json();
        let hits = answer["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["copies"].as_u64().unwrap()).sum::<u64>()
    });
    found.sum()
}

#[test]
fn reopen_after_kill_keeps_reported_images() {
    let kills = std::env::var("EIDETIC_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(KILLS);
    let images = 40 * kills as usize;
    let scenario = Scenario::new();
    let folder = many_images(&scenario, images);
    let mut known = BTreeSet::new();
    let mut reported = 0;
    let mut random = SplitMix64::new(1);
    for kill in 0..kills {
        // A busy machine may need longer before its first commit.
        let slower = if reported == 0 { 1 + kill } else { 1 };
        let delay = slower as u32 * Duration::from_millis(150 + random.below(700) as u64);
        let before = known.len() as u64;
        let committed = index_and_kill(&scenario, &folder, delay);
        reported += committed;
        let status = scenario.run(&["status", "--json"]);
        if status.code == Some(3) && known.is_empty() {
            continue; // killed before there was a library
        }
        let status = status.expect_code(0).json();
        assert!(
            status["images"].as_u64().unwrap() >= before + committed,
            "kill {kill} after {delay:?}: {status}"
        );
        assert_eq!(
            status["images"], status["index"]["vectors"],
            "kill {kill}: {status}"
        );
        assert_eq!(status["damaged"], 0, "kill {kill}: {status}");
        if status["images"] == 0 {
            continue;
        }
        let now = known_images(&scenario, &folder);
        assert_eq!(
            now.len() as u64,
            searchable_images(&scenario, &folder),
            "kill {kill}: an image is lost or twice"
        );
        assert!(
            now.is_superset(&known),
            "kill {kill} after {delay:?}: images lost"
        );
        known = now;
    }
    assert!(
        reported > 0,
        "no run was killed after a commit, so nothing was tested"
    );
    let report = scenario.index(&folder);
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(0), "{report}");
    let status = scenario.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(status["images"].as_u64(), Some(images as u64), "{status}");
    assert_eq!(status["paths"].as_u64(), Some(images as u64), "{status}");
    println!(
        "{kills} kills, {} images known after the last, {reported} of them reported before a kill",
        known.len()
    );
}
