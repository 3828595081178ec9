//! Reading needs no writing: a full disk, a read-only mount, a library of another user.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use eidetic_tests::mount::Mount;
use eidetic_tests::{Finished, Scenario, binary, gallery_images, text};

fn assert_reads(scenario: &Scenario, images: usize) {
    let found = scenario
        .run(&["search", "apple", "-k", "100", "--json"])
        .expect_code(0);
    assert_eq!(
        found.json()["hits"].as_array().map(Vec::len),
        Some(images),
        "{found:?}"
    );
    assert!(found.stderr.lines().count() <= 1, "said once: {found:?}");
    let status = scenario.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(
        (&status["images"], &status["damaged"]),
        (&images.into(), &0.into()),
        "{status}"
    );
}

fn assert_serves(scenario: &Scenario) {
    let found = scenario.run(&["search", "apple", "--json"]).json();
    let image = found["hits"][0]["image"].as_str().expect("an id").to_owned();
    let server = scenario.serve();
    let thumbnail = format!("/v1/images/{image}/thumbnail");
    for path in ["/v1/search?text=apple", "/v1/status", &thumbnail] {
        let answer = ureq::get(format!("{}{path}", server.address)).call();
        assert_eq!(answer.expect("the server answers").status(), 200, "{path}");
    }
    let refused = ureq::post(format!("{}/v1/index", server.address))
        .config()
        .http_status_as_error(false)
        .build()
        .send_json(serde_json::json!({}));
    assert_eq!(
        refused.expect("the server answers").status(),
        403,
        "no job that fails"
    );
}

/// A library of five images on a file system of its own.
fn on_own_disk(megabytes: u32) -> Option<(Scenario, Mount)> {
    let scenario = Scenario::new();
    let mount = Mount::new(scenario.library(), megabytes)?;
    let folder = scenario.gallery("photos", 5);
    assert_eq!(scenario.index(&folder)["indexed"], 5);
    Some((scenario, mount))
}

#[test]
fn read_only_mount_is_searched_and_served() {
    let Some((scenario, mount)) = on_own_disk(64) else {
        eprintln!("skipped: this user may not mount");
        return;
    };
    fs::remove_dir_all(scenario.library().join("thumbnails")).unwrap();
    mount.make_read_only();
    assert_reads(&scenario, 5);
    assert_serves(&scenario);
    for command in [&["index"][..], &["tag"], &["check", "--repair"]] {
        let finished = scenario.run(command);
        let is_refused = finished.code == Some(3) && finished.stderr.contains("only be read");
        assert!(is_refused, "{finished:?}");
    }
    scenario.run(&["check"]).assert_code(0);
}

#[test]
fn full_disk_is_searched_and_served() {
    let Some((scenario, mount)) = on_own_disk(24) else {
        eprintln!("skipped: this user may not mount");
        return;
    };
    // The first opening after a change wants to write.
    mount.fill();
    assert_reads(&scenario, 5);
    assert_serves(&scenario);
    mount.free();
    fs::copy(&gallery_images()[9], scenario.path("photos").join("late.jpg")).unwrap();
    scenario.run(&["index"]).assert_code(0);
    assert_reads(&scenario, 6);
    scenario.run(&["check"]).assert_code(0);
}

#[test]
fn disk_that_fills_keeps_readers_whole() {
    let Some((scenario, mount)) = on_own_disk(6) else {
        eprintln!("skipped: this user may not mount");
        return;
    };
    let folder = scenario.path("many");
    fs::create_dir_all(&folder).unwrap();
    let gallery = gallery_images();
    for number in 0..400 {
        let mut bytes = fs::read(&gallery[number % gallery.len()]).unwrap();
        bytes.extend_from_slice(format!("copy {number}").as_bytes());
        fs::write(folder.join(format!("{number:03}.jpg")), bytes).unwrap();
    }
    let mut command = scenario.command(&["index", text(&folder), "--commit-every", "16"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut indexing = command.spawn().unwrap();
    let mut last = 5;
    let mut read = || {
        let status = scenario.status();
        let images = status["images"].as_u64().unwrap();
        assert!(images >= last, "{images} after {last}");
        last = images;
        let found = scenario.run(&["search", "apple", "--json"]).expect_code(0);
        assert!(
            found.json()["hits"].as_array().map_or(0, Vec::len) >= 5,
            "{found:?}"
        );
    };
    thread::sleep(Duration::from_secs(2));
    while indexing.try_wait().unwrap().is_none() {
        read();
    }
    let full = indexing.wait().unwrap();
    read();
    assert_eq!(full.code(), Some(3), "the disk was large enough");
    mount.enlarge();
    assert_eq!(
        scenario.run(&["index", "--json"]).json()["failed"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    assert_eq!(scenario.status()["images"], 405);
    scenario.run(&["check"]).assert_code(0);
}

fn set_permissions(path: &Path, folder: u32, file: u32) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder can be read") {
            set_permissions(&entry.expect("an entry can be read").path(), folder, file);
        }
    }
    let mode = if path.is_dir() { folder } else { file };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions can be set");
}

/// The binary as a user who owns nothing: root is let in everywhere.
fn as_stranger(scenario: &Scenario, arguments: &[&str]) -> Option<Finished> {
    let program = scenario.path("eidetic");
    if !program.exists() && fs::hard_link(binary(), &program).is_err() {
        fs::copy(binary(), &program).expect("the binary can be copied");
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    });
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program);
        command
    } else {
        Command::new(&program)
    };
    command.arg("--library").arg(scenario.library()).args(arguments);
    command
        .env("HOME", "/nonexistent")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    Some(Finished::from(command.output().ok()?))
}

#[test]
fn library_of_other_user_is_searched() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 4));
    let root = scenario
        .path("library")
        .parent()
        .expect("it is in a folder")
        .to_owned();
    set_permissions(&scenario.library(), 0o555, 0o444);
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let found = as_stranger(&scenario, &["search", "apple", "--json"]);
    let status = as_stranger(&scenario, &["status", "--json"]);
    let refused = as_stranger(&scenario, &["index"]);
    set_permissions(&scenario.library(), 0o755, 0o644);
    let (Some(found), Some(status), Some(refused)) = (found, status, refused) else {
        eprintln!("skipped: there is no setpriv");
        return;
    };
    let found = found.expect_code(0);
    assert_eq!(
        found.json()["hits"].as_array().map(Vec::len),
        Some(4),
        "{found:?}"
    );
    assert_eq!(found.stderr, "", "a search changes nothing");
    assert!(status.expect_code(0).json()["read_only"].is_string());
    assert!(refused.expect_code(3).stderr.contains("only be read"));
    assert_eq!(
        scenario
            .run(&["status", "--json"])
            .expect_code(0)
            .json()
            .get("read_only"),
        None
    );
}

#[test]
fn other_user_searches_beside_indexing() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("first", 12));
    let second = scenario.gallery("second", usize::MAX);
    let root = scenario.library().parent().expect("it is in a folder").to_owned();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = [
        "index",
        text(&second),
        "--batch",
        "2",
        "--commit-every",
        "2",
        "--precision",
        "f32",
    ];
    let mut command = scenario.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut indexing = command.spawn().unwrap();
    let mut beside = 0;
    while indexing.try_wait().unwrap().is_none() {
        let Some(found) = as_stranger(&scenario, &["search", "apple", "--json"]) else {
            eprintln!("skipped: there is no setpriv");
            indexing.wait().unwrap();
            return;
        };
        let answer = found.expect_code(0).json();
        let hits = answer["hits"].as_array().map_or(0, Vec::len);
        assert!((12..=20).contains(&hits), "{answer}");
        beside += u32::from(answer["as_of"].is_string());
    }
    indexing.wait().unwrap();
    assert!(beside > 0, "no search ran beside the indexer");
}
