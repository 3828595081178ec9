//! Derived and unfinished files, older copies and damage: none costs the library, and each is said.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use eidetic_domain::SplitMix64;
use eidetic_tests::{Finished, Scenario, captions, copy_tree, gallery_images, text};

fn snapshots(scenario: &Scenario) -> Vec<PathBuf> {
    let entries = fs::read_dir(scenario.library().join("catalog/store")).expect("there is a store");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let is_snapshot = |path: &PathBuf| text(path).contains("/snap.");
    paths.filter(is_snapshot).collect()
}

fn indexed(images: usize) -> Scenario {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", images));
    scenario
}

#[test]
fn killed_or_unfinished_snapshot_costs_nothing() {
    let scenario = indexed(6);
    let draft = scenario
        .library()
        .join("catalog/store/snap.0000000000FFFFFF.generating");
    for content in ["", "unfinished"] {
        fs::write(&draft, content).unwrap();
        assert_eq!(scenario.status()["images"], 6);
        assert!(!draft.exists());
    }
    // The first opening after a change writes the snapshot: kills in that moment.
    let mut random = SplitMix64::new(7);
    for number in 0..8 {
        let image = gallery_images()[10 + number].clone();
        let target = scenario.path("photos").join(format!("more-{number}.jpg"));
        fs::copy(image, target).unwrap();
        scenario.run(&["index"]).assert_code(0);
        let mut child = scenario.command(&["status"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(60) as u64));
        let _ = child.kill();
        child.wait().unwrap();
        assert_eq!(scenario.status()["images"], 7 + number, "kill {number}");
    }
}

#[test]
fn damaged_snapshot_and_settings_cost_nothing() {
    let scenario = indexed(4);
    scenario.status();
    let mut random = SplitMix64::new(1);
    for trial in 0..4 {
        let path = snapshots(&scenario).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let at = random.below(bytes.len());
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let conf = scenario.library().join("catalog/store/conf");
        match trial {
            0 => fs::write(&conf, [0; 60]).unwrap(),
            1 => fs::write(&conf, "segment_size: 5").unwrap(),
            2 => fs::remove_file(&conf).unwrap(),
            _ => {}
        }
        let checked = scenario.run(&["check", "--json"]).expect_code(1).json();
        assert_eq!(checked["sound"], false, "{checked}");
        assert_eq!(scenario.status()["images"], 4, "trial {trial}");
        scenario.run(&["check"]).assert_code(0);
        // A change, so that there is a snapshot again.
        let image = scenario.path("photos").join("other.jpg");
        fs::copy(&gallery_images()[20 + trial], &image).unwrap();
        scenario.run(&["index"]).assert_code(0);
        fs::remove_file(&image).unwrap();
        scenario.run(&["index"]);
        scenario.status();
    }
}

#[test]
fn older_catalog_opens_and_says_what_is_missing() {
    let scenario = indexed(5);
    let (store, before) = (scenario.library().join("catalog/store"), scenario.path("before"));
    copy_tree(&store, &before);
    fs::copy(&gallery_images()[9], scenario.path("photos").join("late.jpg")).unwrap();
    scenario.run(&["index"]).assert_code(0);
    fs::remove_dir_all(&store).unwrap();
    copy_tree(&before, &store);
    for _ in 0..2 {
        let finished = scenario.run(&["status", "--json"]).expect_code(0);
        assert!(
            finished.stderr.contains("the catalog lacks the last 1 change"),
            "{finished:?}"
        );
        assert!(
            finished.json()["missing_changes"].as_u64() > Some(0),
            "{finished:?}"
        );
        assert_eq!(finished.json()["images"], 5);
    }
    scenario.run(&["check"]).assert_code(1);
    let repaired = scenario
        .run(&["check", "--repair", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(repaired["relinked"], 1, "its vector was still there: {repaired}");
    let after = scenario.status();
    assert_eq!(
        (after.get("missing_changes"), &after["images"]),
        (None, &6.into()),
        "{after}"
    );
    scenario.run(&["check"]).assert_code(0);
}

#[test]
fn damaged_catalog_answers_then_is_repaired() {
    let scenario = indexed(30);
    scenario.run(&["tag"]).assert_code(0);
    let log = scenario.library().join("catalog/store/db");
    let mut bytes = fs::read(&log).unwrap();
    let used = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[used / 2 / 4096 * 4096..][..4096].fill(0);
    fs::write(&log, &bytes).unwrap();
    let searched = scenario
        .run(&["search", "apple", "-k", "30", "--json"])
        .expect_code(0);
    let found = searched.json()["hits"].as_array().map_or(0, Vec::len);
    assert_eq!(found, 30, "what was published is whole: {searched:?}");
    fs::remove_dir_all(scenario.library().join("catalog/snapshot")).unwrap();
    let searched = scenario
        .run(&["search", "apple", "-k", "30", "--json"])
        .expect_code(0);
    assert!(searched.stderr.contains("eidetic check --repair"), "{searched:?}");
    let found = searched.json()["hits"].as_array().map_or(0, Vec::len);
    assert!(found >= 10, "{searched:?}");
    let refused = scenario.run(&["index"]).expect_code(3);
    assert!(refused.stderr.contains("eidetic check --repair"), "{refused:?}");
    assert_eq!(fs::read(&log).unwrap(), bytes, "nothing was overwritten");
    scenario.run(&["check", "--json"]).assert_code(1);
    let repaired = scenario
        .run(&["check", "--repair", "--json"])
        .expect_code(1)
        .json();
    assert!(!repaired["kept"].as_array().unwrap().is_empty(), "{repaired}");
    let report = scenario.run(&["index", "--json"]).expect_code(0).json();
    assert_eq!(report["indexed"], 0, "no image is embedded again: {report}");
    assert_eq!(scenario.status()["images"], 30);
    scenario.run(&["check"]).assert_code(0);
}

#[test]
fn check_has_exit_codes_of_its_own() {
    let scenario = Scenario::new();
    scenario.run(&["check"]).assert_code(3);
    scenario.index(&scenario.gallery("photos", 3));
    let sound = scenario.run(&["check", "--json"]).expect_code(0).json();
    assert_eq!(
        (&sound["sound"], &sound["images"]),
        (&true.into(), &3.into()),
        "{sound}"
    );
    let again = scenario
        .run(&["check", "--repair", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(again["kept"].as_array().map(Vec::len), Some(0), "{again}");
    let _server = scenario.serve();
    scenario.run(&["check"]).assert_code(3);
}

#[test]
fn damaged_manifest_is_read_from_its_copy() {
    let scenario = indexed(3);
    let manifest = scenario.library().join("library.json");
    let whole = fs::read_to_string(&manifest).unwrap();
    for content in [
        whole.replace("photos", "photoz"),
        whole[..40].to_owned(),
        String::new(),
    ] {
        fs::write(&manifest, content).unwrap();
        let finished = scenario.run(&["status", "--json"]).expect_code(0);
        assert!(finished.stderr.contains("its copy is used"), "{finished:?}");
        assert_eq!(
            finished.json()["sources"][0]["path"],
            text(&scenario.path("photos").canonicalize().unwrap())
        );
    }
    fs::remove_file(&manifest).unwrap();
    scenario.run(&["check", "--repair"]).assert_code(1);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), whole);
    let finished = scenario.run(&["status"]).expect_code(0);
    assert!(finished.stderr.is_empty(), "{finished:?}");
}

/// A library with a calibration: each image's caption is right, another's is wrong.
fn calibrated() -> Scenario {
    let scenario = indexed(24);
    let mut captions = captions();
    captions.retain(|(file, _)| scenario.path("photos").join(file).exists());
    let mut lines = String::new();
    for (at, (file, caption)) in captions.iter().enumerate() {
        let other = &captions[(at + 7) % captions.len()].1;
        writeln!(lines, "{file}\t{caption}\t1\n{file}\t{other}\t0").unwrap();
    }
    let pairs = scenario.path("photos").join("pairs.tsv");
    fs::write(&pairs, lines).unwrap();
    scenario.run(&["calibrate", text(&pairs)]).assert_code(0);
    scenario
}

#[test]
fn lost_or_damaged_calibration_is_said() {
    let scenario = calibrated();
    let path = scenario.library().join("calibration.json");
    let whole = fs::read(&path).unwrap();
    let search = || -> Finished { scenario.run(&["search", "apple", "--json"]).expect_code(0) };
    assert!(search().stderr.is_empty());
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    fs::write(&path, flipped).unwrap();
    let damaged = search();
    assert!(
        damaged.stderr.contains("calibration.json is damaged"),
        "{damaged:?}"
    );
    fs::remove_file(&path).unwrap();
    let missing = search();
    assert!(
        missing
            .stderr
            .contains("ends with calibration 0, but the last one was 1"),
        "{missing:?}"
    );
    assert_eq!(
        damaged.json()["hits"],
        missing.json()["hits"],
        "the model's own curve answers"
    );
    scenario.run(&["check", "--repair"]).assert_code(1);
    assert!(search().stderr.is_empty(), "the loss is accepted");
    scenario.run(&["check"]).assert_code(0);
}
