//! Several models in one library: switching, going on after a kill, comparing, going back, dropping.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use eidetic_domain::SplitMix64;
use eidetic_tests::{Scenario, Server, ended_job, gallery_images, get, post, repository, text};
use serde_json::{Value, json};

/// A tiny checkpoint with random weights: another model, at no cost.
fn tiny() -> PathBuf {
    repository().join("data/golden/clip/quick")
}

/// How many images a search finds, and how many it reports as missing.
fn hits(scenario: &Scenario, more: &[&str]) -> (usize, u64) {
    let arguments = [&["search", "apple", "-k", "1000", "--json"], more].concat();
    let answer = scenario.run(&arguments).expect_code(0).json();
    (images_of(&answer), answer["missing"].as_u64().unwrap_or(0))
}

/// How many images the hits stand for: those that look the same are one hit.
fn images_of(answer: &Value) -> usize {
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["copies"].as_u64().unwrap() as usize).sum()
}

/// Small images, each different: bytes after a JPEG's end make another content.
fn many_images(scenario: &Scenario, count: usize) -> PathBuf {
    let folder = scenario.path("photos");
    fs::create_dir_all(&folder).unwrap();
    let gallery: Vec<Vec<u8>> = gallery_images().iter().map(|p| fs::read(p).unwrap()).collect();
    for number in 0..count {
        let mut bytes = gallery[number % gallery.len()].clone();
        bytes.extend_from_slice(format!("copy {number}").as_bytes());
        fs::write(folder.join(format!("{number:05}.jpg")), bytes).unwrap();
    }
    folder
}

#[test]
fn library_switches_compares_returns_and_drops() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 8);
    scenario.index(&folder);
    let manifest = || fs::read_to_string(scenario.library().join("library.json")).unwrap();
    assert!(manifest().contains("\"format\": 1"), "older programs can open it");
    let before = scenario.status();
    assert_eq!(before["spaces"].as_array().unwrap().len(), 1);

    let tiny = tiny();
    let report = scenario
        .run(&["space", "switch", text(&tiny), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&report["embedded"], &report["active"], &report["kept"]),
        (&json!(8), &json!(true), &json!("builtin"))
    );
    let after = scenario.status();
    assert_ne!(after["space"], before["space"]);
    assert_eq!(
        (&after["images"], &after["paths"], &after["sources"]),
        (&before["images"], &before["paths"], &before["sources"])
    );
    assert_eq!(after["index"]["vectors"], 8);
    let spaces = scenario.run(&["space", "--json"]).expect_code(0).json();
    assert_eq!(spaces["spaces"][0]["space"], after["space"]);
    assert_eq!(
        (&spaces["spaces"][1]["model"], &spaces["spaces"][1]["images"]),
        (&json!("builtin"), &json!(8))
    );
    assert!(manifest().contains("\"format\": 2"), "older programs refuse it");

    fs::copy(&gallery_images()[20], folder.join("new.jpg")).unwrap();
    fs::remove_file(folder.join(gallery_images()[0].file_name().unwrap())).unwrap();
    let _ = scenario.run(&["index"]).expect_code(0);
    assert_eq!(scenario.status()["spaces"][1]["missing"], 1);
    assert_eq!(hits(&scenario, &[]), (8, 0));
    assert_eq!(
        hits(&scenario, &["--space", "builtin"]),
        (8, 0),
        "caught up before it answers"
    );
    let compared = scenario
        .run(&["search", "apple", "--space", "0", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(compared["space"], before["space"]);

    let back = scenario
        .run(&["space", "switch", "builtin", "--json"])
        .expect_code(0)
        .json();
    assert_eq!((&back["embedded"], &back["images"]), (&json!(0), &json!(8)));
    let refused = scenario.run(&["space", "drop", "builtin"]).expect_code(2);
    assert!(refused.stderr.contains("eidetic space switch"), "{refused:?}");
    let _ = scenario.run(&["space", "drop", text(&tiny)]).expect_code(0);
    let refused = scenario
        .run(&["search", "apple", "--space", text(&tiny)])
        .expect_code(2);
    assert!(refused.stderr.contains("0 builtin"), "{refused:?}");
    assert!(!scenario.library().join("spaces/1").exists());
    assert_eq!(hits(&scenario, &[]), (8, 0));
}

#[test]
fn killed_switch_loses_nothing_and_resumes() {
    let scenario = Scenario::new();
    let folder = many_images(&scenario, 240);
    let indexed = scenario.run(&["index", text(&folder), "--model", text(&tiny())]);
    let _ = indexed.expect_code(0);
    let old = scenario.status()["space"].clone();
    let (mut done, mut random, mut kills) = (0, SplitMix64::new(1), 0);
    while scenario.status()["space"] == old {
        kills += 1;
        assert!(kills < 200, "the switch does not come to an end");
        let delay = Duration::from_millis(100 + random.below(900) as u64);
        let often = [
            "space",
            "switch",
            "builtin",
            // Measuring one would take up most of the time until the kill.
            "--precision",
            "f32",
            "--batch",
            "4",
            "--commit-every",
            "8",
            "--drop-old",
        ];
        let mut child = scenario.command(&often).spawn().unwrap();
        std::thread::sleep(delay);
        let _ = child.kill();
        child.wait().unwrap();
        let now = scenario.status();
        assert_eq!(
            (&now["images"], &now["damaged"]),
            (&json!(240), &json!(0)),
            "{now}"
        );
        assert_eq!(
            now["index"]["vectors"], 240,
            "whichever answers has them all: {now}"
        );
        if let Some(planned) = now["switch"].as_object() {
            let came = planned["done"].as_u64().unwrap();
            assert!(
                came >= done,
                "kill {kills} after {delay:?}: from {done} back to {came}"
            );
            done = came;
        }
        assert_eq!(hits(&scenario, &[]), (240, 0));
    }
    assert!(kills > 1, "no switch was interrupted, so nothing was tested");
    let ended = scenario.status();
    assert_eq!(
        ended["spaces"].as_array().unwrap().len(),
        1,
        "the old one is gone: {ended}"
    );
    assert!(!scenario.library().join("vectors").exists());
    assert!(ended["switch"].is_null());
    let again = scenario.run(&["index", "--json"]).expect_code(0).json();
    assert_eq!((&again["unchanged"], &again["indexed"]), (&json!(240), &json!(0)));
    println!("{kills} kills, {done} images seen embedded before the last");
}

/// Searches until the switch has embedded some images; returns how many searches the old space answered.
fn search_during_switch(address: &str, question: &Value, old: &Value) -> u32 {
    let mut answered = 0;
    loop {
        let status = get(address, "/v1/status");
        let answer = post(address, "/v1/search", question);
        assert!(answer["missing"] == 0 && images_of(&answer) == 800, "{answer}");
        if answer["space"] != *old {
            return answered;
        }
        answered += 1;
        if status["switch"]["done"].as_u64().is_some_and(|done| done > 20) {
            return answered;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until another space than `old` is active.
fn wait_for_switch(address: &str, old: &Value) {
    let deadline = Instant::now() + Duration::from_mins(5);
    while get(address, "/v1/status")["space"] == *old {
        assert!(Instant::now() < deadline, "{}", get(address, "/v1/status"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Switches back to the tiny model through the server, and drops the other space.
fn switch_back(scenario: &Scenario, server: &Server, old: &Value) {
    let back = scenario
        .run(&["space", "switch", text(&tiny()), "--drop-old", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&back["embedded"], &back["dropped"]),
        (&json!(0), &json!("builtin"))
    );
    assert_eq!(get(&server.address, "/v1/status")["space"], *old);
    let refused = scenario.run(&["space", "drop", "builtin"]).expect_code(2);
    assert!(refused.stderr.contains("unknown space"), "{refused:?}");
    let again = post(
        &server.address,
        "/v1/model/switch",
        &json!({"model": text(&tiny())}),
    );
    assert_eq!(ended_job(&server.address, &again)["space_report"]["embedded"], 0);
}

#[test]
fn server_answers_from_old_space_during_switch() {
    let scenario = Scenario::new();
    let folder = many_images(&scenario, 800);
    let _ = scenario
        .run(&["index", text(&folder), "--model", text(&tiny())])
        .expect_code(0);
    let old = scenario.status()["space"].clone();
    let server = scenario.serve();
    // The first answer takes longer, since it is made with the background; the switch would be done meanwhile.
    let question = json!({"text": "apple", "k": 1000});
    post(&server.address, "/v1/search", &question);
    let job = post(&server.address, "/v1/model/switch", &json!({"model": "builtin"}));
    let answered = search_during_switch(&server.address, &question, &old);
    assert!(answered > 0, "the old space did not answer during the switch");
    let early = post(&server.address, "/v1/model/switch", &json!({"model": "builtin"}));
    let queued = get(
        &server.address,
        &format!("/v1/jobs/{}", early["job"].as_str().unwrap()),
    );
    assert_eq!(
        (&queued["state"], &queued["waits_for"]),
        (&json!("queued"), &job["job"])
    );
    // Killed in the middle, the server resumes the switch when it starts again.
    drop(server);
    assert_eq!(scenario.status()["space"], old);
    fs::write(folder.join("late.jpg"), fs::read(&gallery_images()[3]).unwrap()).unwrap();
    let _ = scenario.run(&["index"]).expect_code(0);
    let server = scenario.serve();
    wait_for_switch(&server.address, &old);
    assert_eq!(job["job"], "1");
    assert_eq!(hits(&scenario, &[]), (801, 0));
    assert_eq!(hits(&scenario, &["--space", text(&tiny())]), (801, 0));
    let kept = post(
        &server.address,
        "/v1/search",
        &json!({"text": "apple", "k": 1000, "space": "0"}),
    );
    assert_eq!((&kept["space"], images_of(&kept)), (&old, 801));
    switch_back(&scenario, &server, &old);
}

#[test]
fn deleted_images_are_named_keep_old_embeddings() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 6);
    scenario.index(&folder);
    let gone = folder.join(gallery_images()[2].file_name().unwrap());
    fs::rename(&gone, scenario.path("away.jpg")).unwrap();
    let report = scenario
        .run(&["space", "switch", text(&tiny()), "--drop-old"])
        .expect_code(1);
    assert!(
        report.stderr.contains(text(&gone)) && report.stderr.contains("no longer exists"),
        "{report:?}"
    );
    assert!(report.stdout.contains("builtin is kept"), "{report:?}");
    let searched = scenario.run(&["search", "apple"]).expect_code(0);
    assert!(
        searched.stderr.contains("1 image of") && searched.stdout.lines().count() == 5,
        "{searched:?}"
    );
    assert_eq!(hits(&scenario, &["--space", "builtin"]), (6, 0));
    fs::rename(scenario.path("away.jpg"), &gone).unwrap();
    let _ = scenario.run(&["index"]).expect_code(0);
    assert_eq!(hits(&scenario, &[]), (6, 0));
}

#[test]
fn interrupted_switch_shows_resume_names_missing_model() {
    let scenario = Scenario::new();
    let folder = many_images(&scenario, 150);
    let model = scenario.path("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(tiny()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, model.join(path.file_name().unwrap())).unwrap();
    }
    let _ = scenario
        .run(&["index", text(&folder), "--model", text(&model)])
        .expect_code(0);
    let mut child = scenario
        .command(&[
            "space",
            "switch",
            "builtin",
            "--batch",
            "4",
            "--commit-every",
            "8",
        ])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(900));
    let signalled = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
    if child.wait().unwrap().code() == Some(1) {
        let planned = scenario.status()["switch"].clone();
        assert_eq!(
            (&planned["model"], &planned["running"]),
            (&json!("builtin"), &json!(false))
        );
        let index = scenario.run(&["index"]).expect_code(0);
        assert!(index.stderr.contains("eidetic space switch builtin"), "{index:?}");
    }
    fs::remove_dir_all(&model).unwrap();
    let _ = scenario.run(&["space", "switch", "builtin"]).expect_code(0);
    let refused = scenario
        .run(&["search", "apple", "--space", text(&model)])
        .expect_code(3);
    assert!(
        refused.stderr.contains(text(&model)) && !refused.stderr.contains("panicked"),
        "{refused:?}"
    );
    assert_eq!(hits(&scenario, &[]), (150, 0));
    let lost = scenario.run(&["space", "switch", text(&model)]).expect_code(3);
    assert!(lost.stderr.contains(text(&model)), "{lost:?}");
    let _ = scenario.run(&["space", "drop", text(&model)]).expect_code(0);
    assert_eq!(scenario.status()["spaces"].as_array().unwrap().len(), 1);
}
