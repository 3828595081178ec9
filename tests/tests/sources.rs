//! Sources that are absent, left out, or changed behind the program's back: nothing is lost, and what a person meant
//! stays meant.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use eidetic_tests::{Finished, Scenario, ended_job, gallery_images, get, post, text};
use serde_json::{Value, json};

fn index(scenario: &Scenario, arguments: &[&str]) -> Finished {
    scenario.run(&[&["index", "--json"], arguments].concat())
}

/// Runs a job of the server and returns how it ended.
fn job(address: &str, body: &Value) -> Value {
    let ticket = post(address, "/v1/index", body);
    ended_job(address, &ticket)
}

#[test]
fn absent_disk_costs_nothing() {
    let scenario = Scenario::new();
    let nas = scenario.gallery("nas", 6);
    scenario.index(&nas);
    scenario.run(&["tag"]).assert_code(0);
    assert_eq!(scenario.status()["tagged"], 6);
    let off = scenario.path("off");
    fs::rename(&nas, &off).unwrap();
    fs::create_dir(&nas).unwrap();
    for junk in ["", "lost+found"] {
        fs::create_dir_all(nas.join(junk)).unwrap();
        let finished = index(&scenario, &[]).expect_code(1);
        assert!(
            finished.stderr.contains("unreachable") && finished.stderr.contains("--accept-removals"),
            "{finished:?}"
        );
        let report = finished.json();
        assert_eq!(
            (&report["removed"], &report["unreachable"][0]["images"]),
            (&0.into(), &6.into()),
            "{report}"
        );
    }
    let during = scenario.status();
    assert_eq!(
        (&during["images"], &during["tagged"]),
        (&6.into(), &6.into()),
        "{during}"
    );
    assert_eq!(during["sources"][0]["state"], "unreachable");
    assert!(
        scenario.run(&["status"]).stdout.contains("(unreachable)"),
        "people see it too"
    );
    let hits = scenario.run(&["search", "apple", "--json"]).expect_code(0).json();
    assert_eq!(hits["hits"][0]["reachable"], false, "{hits}");
    fs::remove_dir_all(&nas).unwrap();
    fs::rename(&off, &nas).unwrap();
    let report = index(&scenario, &[]).expect_code(0).json();
    assert_eq!(
        (&report["unchanged"], &report["images_per_second"]),
        (&6.into(), &0.0.into())
    );
    let after = scenario.status();
    assert_eq!(
        (&after["tagged"], &after["sources"][0]["state"]),
        (&6.into(), &"present".into())
    );
}

#[test]
fn accepted_removals_are_kept_for_their_return() {
    let scenario = Scenario::new();
    let nas = scenario.gallery("nas", 4);
    scenario.index(&nas);
    scenario.run(&["tag"]).assert_code(0);
    fs::remove_dir_all(&nas).unwrap();
    fs::create_dir(&nas).unwrap();
    let elsewhere = scenario.path("elsewhere");
    index(&scenario, &["--accept-removals", text(&elsewhere)]).assert_code(2);
    let report = index(&scenario, &["--accept-removals", text(&nas)])
        .expect_code(0)
        .json();
    assert_eq!(report["removed"], 4, "{report}");
    let removed = scenario.status();
    assert_eq!(
        (&removed["images"], &removed["tagged"], &removed["removed"]),
        (&0.into(), &0.into(), &4.into()),
        "{removed}"
    );
    scenario.gallery("nas", 4);
    let report = index(&scenario, &[]).expect_code(0).json();
    assert_eq!(
        (&report["indexed"], &report["images_per_second"]),
        (&4.into(), &0.0.into()),
        "{report}"
    );
    let back = scenario.status();
    assert_eq!(
        (&back["images"], &back["tagged"], &back["removed"]),
        (&4.into(), &4.into(), &0.into())
    );
    // Kept for no time at all.
    fs::remove_dir_all(&nas).unwrap();
    fs::create_dir(&nas).unwrap();
    let forgetful = ["--accept-removals", text(&nas), "--keep-removed", "0"];
    index(&scenario, &forgetful).assert_code(0);
    assert_eq!(scenario.status()["removed"], 0);
    let thumbnails = thumbnails(&scenario);
    assert!(thumbnails.is_empty(), "{thumbnails:?}");
}

#[test]
fn large_loss_is_absence_small_loss_is_deletion() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 20);
    scenario.index(&folder);
    let files = gallery_images();
    let remove = |images: &[PathBuf]| {
        for image in images {
            fs::remove_file(folder.join(image.file_name().unwrap())).unwrap();
        }
    };
    remove(&files[..2]);
    let report = index(&scenario, &["--absent-count", "3"]).expect_code(0).json();
    assert_eq!(report["removed"], 2, "fewer than the setting: {report}");
    remove(&files[2..5]);
    let report = index(&scenario, &[]).expect_code(0).json();
    assert_eq!(report["removed"], 3, "not more than a fifth: {report}");
    remove(&files[5..10]);
    let report = index(&scenario, &[]).expect_code(1).json();
    assert_eq!(
        (&report["removed"], &report["unreachable"][0]["images"]),
        (&0.into(), &5.into()),
        "{report}"
    );
    assert_eq!(scenario.status()["indexing"]["absent_count"], 3);
}

#[test]
fn absence_is_seen_through_http() {
    let scenario = Scenario::new();
    let nas = scenario.gallery("nas", 3);
    scenario.index(&nas);
    let server = scenario.serve();
    fs::rename(&nas, scenario.path("off")).unwrap();
    fs::create_dir(&nas).unwrap();
    let ended = job(&server.address, &json!({}));
    assert_eq!(ended["report"]["unreachable"][0]["images"], 3, "{ended}");
    let finished = index(&scenario, &[]).expect_code(1);
    assert!(finished.stderr.contains("unreachable"), "{finished:?}");
    let state = get(&server.address, "/v1/status");
    assert_eq!(
        (&state["images"], &state["sources"][0]["state"]),
        (&3.into(), &"unreachable".into())
    );
    let ended = job(&server.address, &json!({"accept_removals": [text(&nas)]}));
    assert_eq!(ended["report"]["removed"], 3, "{ended}");
}

#[test]
fn forgotten_folder_stays_out_until_indexed() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("f", 3);
    let private = folder.join("private");
    fs::create_dir(&private).unwrap();
    for image in &gallery_images()[3..5] {
        fs::copy(image, private.join(image.file_name().unwrap())).unwrap();
    }
    assert_eq!(scenario.index(&folder)["indexed"], 5);
    let forgotten = scenario
        .run(&["index", "--forget", text(&private), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(forgotten["forgotten"], 2);
    for arguments in [&[][..], &[text(&folder)]] {
        let report = index(&scenario, arguments).expect_code(0).json();
        assert_eq!((&report["indexed"], &report["unchanged"]), (&0.into(), &3.into()));
    }
    let excluded = scenario.status();
    assert_eq!(excluded["excluded"], json!([text(&private)]));
    assert_eq!(excluded["removed"], 0, "forgotten for good: {excluded}");
    assert!(scenario.run(&["status"]).stdout.contains("without "));
    let report = index(&scenario, &[text(&private)]).expect_code(0).json();
    assert_eq!(report["indexed"], 2);
    let included = scenario.status();
    assert_eq!(
        (&included["excluded"], &included["sources"][0]["path"]),
        (&json!([]), &json!(text(&folder)))
    );
    let other = scenario.path("other");
    scenario.run(&["index", "--forget", text(&other)]).assert_code(2);
    let _server = scenario.serve();
    scenario.run(&["index", "--forget", text(&folder)]).assert_code(0);
    let empty = scenario.status();
    assert_eq!((&empty["images"], &empty["sources"]), (&0.into(), &json!([])));
}

#[test]
fn killed_forget_is_finished_by_next_run() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("f", 2);
    let private = scenario.gallery("f/private", 8);
    scenario.index(&folder);
    assert_eq!(scenario.status()["paths"], 10);
    // As a kill leaves it: what is meant is written, nothing is done.
    let manifest = scenario.library().join("library.json");
    let mut written: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    written["excluded"] = json!([text(&private)]);
    written["forgetting"] = json!([text(&private)]);
    written.as_object_mut().unwrap().remove("checksum");
    fs::write(&manifest, written.to_string()).unwrap();
    let report = index(&scenario, &[]).expect_code(0).json();
    assert_eq!(report["unchanged"], 2, "{report}");
    assert_eq!(scenario.status()["paths"], 2);
    let written: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    assert_eq!(written["forgetting"], Value::Null);
    assert_eq!(thumbnails(&scenario).len(), 2);
}

fn thumbnails(scenario: &Scenario) -> Vec<PathBuf> {
    let folders = fs::read_dir(scenario.library().join("thumbnails")).unwrap();
    let folders = folders
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    folders
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .collect()
}

#[test]
fn thumbnails_of_no_image_go_after_kill() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("f", 3);
    scenario.index(&folder);
    let orphan = scenario
        .library()
        .join("thumbnails/ab")
        .join(format!("{}.thumb", "ab".repeat(32)));
    fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    fs::write(&orphan, "a thumbnail").unwrap();
    index(&scenario, &[]).assert_code(0);
    assert!(orphan.exists(), "nothing was interrupted, so nothing is searched");
    fs::remove_file(scenario.library().join("thumbnails/swept")).unwrap();
    index(&scenario, &[]).assert_code(0);
    assert!(!orphan.exists());
    assert_eq!(thumbnails(&scenario).len(), 3);
}

#[test]
fn cancelled_job_leaves_no_source() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("f", 1);
    scenario.index(&folder);
    let big = scenario.gallery("big", usize::MAX);
    let server = scenario.serve();
    let ticket = post(&server.address, "/v1/index", &json!({"folders": [text(&big)]}));
    let path = format!("/v1/jobs/{}", ticket["job"].as_str().unwrap());
    ureq::delete(format!("{}{path}", server.address)).call().unwrap();
    while ["running", "queued"].contains(&get(&server.address, &path)["state"].as_str().unwrap_or_default()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(get(&server.address, &path)["state"], "cancelled");
    let after = scenario.status();
    assert_eq!(
        (&after["sources"][0]["path"], &after["images"]),
        (&text(&folder).into(), &1.into()),
        "its images are taken back: {after}"
    );
    let passwd = ureq::post(format!("{}/v1/index", server.address))
        .config()
        .http_status_as_error(false)
        .build()
        .send_json(json!({"folders": ["/etc/passwd"]}));
    assert_eq!(passwd.unwrap().status(), 400);
}

#[test]
fn change_behind_size_and_time_is_noticed() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("f", 2);
    let path = folder.join("a.bmp");
    let write = |value: u8| {
        image::RgbImage::from_pixel(40, 40, image::Rgb([value, 10, 10]))
            .save(&path)
            .unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
    };
    write(10);
    // Old enough to be trusted.
    std::thread::sleep(Duration::from_millis(2100));
    scenario.index(&folder);
    write(200);
    let report = index(&scenario, &[]).expect_code(0).json();
    assert_eq!(
        (&report["indexed"], &report["unchanged"]),
        (&1.into(), &2.into()),
        "{report}"
    );
    let report = index(&scenario, &["--rescan"]).expect_code(0).json();
    assert_eq!((&report["indexed"], &report["unchanged"]), (&0.into(), &3.into()));
    let report = index(&scenario, &["--rescan", text(&folder)])
        .expect_code(0)
        .json();
    assert_eq!(report["unchanged"], 3);
}
