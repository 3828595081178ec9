//! What changes around a library, and what its disk does to it: nothing is lost without a word, and the next run mends it.
#![cfg(unix)]

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use eidetic_tests::{Finished, Scenario, binary, gallery_images, repository, text};

/// Changes one byte in the middle of a file.
fn flip_byte(path: &Path, offset: u64) {
    let mut file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("the file opens");
    let mut byte = [0];
    file.seek(SeekFrom::Start(offset))
        .expect("the offset is in the file");
    file.read_exact(&mut byte).expect("the byte is there");
    file.seek(SeekFrom::Start(offset))
        .expect("the offset is in the file");
    file.write_all(&[!byte[0]]).expect("the byte is written");
}

#[test]
fn newly_ignored_images_leave_library() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 8);
    scenario.index(&folder);
    let ignored = gallery_images()[0]
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    fs::write(folder.join(".eideticignore"), ignored).unwrap();
    let report = scenario.run(&["index", "--json"]).expect_code(0).json();
    assert_eq!(
        (report["removed"].as_u64(), report["unchanged"].as_u64()),
        (Some(1), Some(7)),
        "{report}"
    );
    assert_eq!(scenario.status()["images"], 7);
}

#[test]
fn model_directory_resolves_from_any_working_directory() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 2);
    let golden = repository().join("data/golden/clip");
    let run = |from: &Path, arguments: &[&str]| {
        let mut command = Command::new(binary());
        command
            .current_dir(from)
            .arg("--library")
            .arg(scenario.library())
            .args(arguments);
        Finished::from(command.output().unwrap())
    };
    let indexed = run(&golden, &["index", text(&folder), "--model", "./quick", "--json"]).expect_code(0);
    assert_eq!(indexed.json()["indexed"], 2);
    let found = run(&scenario.path("photos"), &["search", "cat", "--json"]).expect_code(0);
    assert_eq!(found.json()["hits"].as_array().map(Vec::len), Some(2));
}

#[test]
fn damaged_vectors_are_named_until_folder_reindexed() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 5);
    scenario.index(&folder);
    let vectors = scenario.library().join("vectors/vectors.bin");
    let length = fs::metadata(&vectors).unwrap().len();
    flip_byte(&vectors, length - 100);
    assert_eq!(scenario.status()["damaged"], 1);
    let other = scenario.path("other");
    fs::create_dir(&other).unwrap();
    fs::copy(&gallery_images()[20], other.join("one.jpg")).unwrap();
    let run = scenario.run(&["index", text(&other), "--json"]).expect_code(0);
    assert_eq!(run.json()["indexed"], 1);
    assert_eq!(
        scenario.status()["damaged"],
        1,
        "another folder's run does not sweep it away"
    );
    let searched = scenario.run(&["search", "apple", "--json"]).expect_code(0);
    assert!(
        searched.stderr.contains("damaged") && searched.stderr.contains("eidetic index"),
        "{searched:?}"
    );
    let repaired = scenario.run(&["index", "--json"]).expect_code(0).json();
    assert_eq!(repaired["indexed"], 1, "{repaired}");
    let after = scenario.status();
    assert_eq!(
        (after["damaged"].as_u64(), after["images"].as_u64()),
        (Some(0), Some(6)),
        "{after}"
    );
    assert_eq!(after["index"]["vectors"], 6);
}

#[test]
fn damaged_thumbnails_and_graphs_are_rebuilt_silently() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 3);
    scenario.index(&folder);
    let server = scenario.serve();
    let image = &gallery_images()[0];
    let image = scenario
        .run(&["search", "--image", text(image), "-k", "1", "--json"])
        .json();
    let image = image["hits"][0]["image"].as_str().unwrap().to_owned();
    let thumbnails = scenario.library().join("thumbnails");
    fs::remove_dir_all(&thumbnails).unwrap();
    fs::create_dir(&thumbnails).unwrap();
    let url = format!("{}/v1/images/{image}/thumbnail", server.address);
    let mut answer = ureq::get(&url).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let jpeg = answer.body_mut().read_to_vec().unwrap();
    assert!(image::load_from_memory(&jpeg).is_ok());
}

#[test]
fn status_measures_recall_when_asked() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 12);
    scenario.index(&folder);
    let measure = || {
        scenario
            .run(&["status", "--recall", "--json"])
            .expect_code(0)
            .json()
    };
    let own = measure();
    let measured = own["recall"]["measured"].as_array().unwrap();
    // Of twelve images no random part keeps the ten that are looked for.
    assert_eq!(
        measured.len(),
        2 * 2,
        "two kinds of queries, none and a folder: {own}"
    );
    for entry in measured {
        assert_eq!(entry["recall"], 1.0, "exact search misses nothing: {entry}");
        assert!(entry["low"].as_f64() <= entry["recall"].as_f64());
    }
    assert_eq!(measured[0]["filter"], "none");
    assert_eq!(measured[0]["vectors"], 12);
    assert_eq!(measured[1]["filter"], text(&folder.canonicalize().unwrap()));
    assert_eq!(measured[2]["queries"], "texts");
    let table = scenario.run(&["status", "--recall"]).expect_code(0).stdout;
    assert!(
        table.contains("filter none") && table.contains("1.0000"),
        "{table}"
    );
    assert_eq!(scenario.run(&["status", "--json"]).json().get("recall"), None);
    let _server = scenario.serve();
    assert_eq!(measure()["recall"], own["recall"], "through the server, the same");
}

#[test]
fn lost_catalog_is_named_then_rebuilt_from_vectors() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 2));
    fs::remove_dir_all(scenario.library().join("catalog")).unwrap();
    for (command, code) in [(&["status"][..], 0), (&["search", "cat"], 3), (&["index"], 3)] {
        let finished = scenario.run(command).expect_code(code);
        assert!(
            finished.stderr.contains("missing") && finished.stderr.contains("eidetic check --repair"),
            "{finished:?}"
        );
    }
    let repaired = scenario
        .run(&["check", "--repair", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(
        (&repaired["relinked"], &repaired["images"]),
        (&2.into(), &2.into()),
        "{repaired}"
    );
    let report = scenario.run(&["index", "--json"]).expect_code(0).json();
    assert_eq!(
        (&report["indexed"], &report["unchanged"]),
        (&0.into(), &2.into()),
        "{report}"
    );
}

#[test]
fn lost_manifest_is_rebuilt_from_vectors() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 4);
    scenario.index(&folder);
    scenario.run(&["tag"]).assert_code(0);
    let before = scenario.status();
    let names = ["library.json", "library.json.copy"].map(|name| scenario.library().join(name));
    let whole = fs::read_to_string(&names[0]).unwrap();
    let damages = [
        None,
        Some("not JSON".to_owned()),
        // A letter of the source.
        Some(whole.replace("/photos", "/photoz")),
    ];
    for damage in damages {
        for name in &names {
            match &damage {
                None => fs::remove_file(name).unwrap(),
                Some(text) => fs::write(name, text).unwrap(),
            }
        }
        let refused = scenario.run(&["search", "apple"]).expect_code(3);
        assert!(refused.stderr.contains("eidetic check --repair"), "{refused:?}");
        let checked = scenario.run(&["check", "--json"]).expect_code(1).json();
        assert_eq!(checked["images"], 4, "{checked}");
        scenario.run(&["check", "--repair"]).assert_code(1);
        scenario.run(&["check"]).assert_code(0);
        let after = scenario.status();
        for field in ["images", "tagged", "model", "space"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        let sources = after["sources"].as_array().unwrap();
        let path = folder.canonicalize().unwrap();
        assert!(
            sources.iter().any(|source| source["path"] == text(&path)),
            "{after}"
        );
        let report = scenario.run(&["index", text(&folder), "--json"]).json();
        assert_eq!(report["unchanged"], 4, "{report}");
    }
}

#[test]
fn damaged_ledger_is_named_and_mended() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 2));
    scenario.run(&["tag"]).assert_code(0);
    let ledger = scenario.library().join("catalog/ledger");
    let whole = fs::read(&ledger).unwrap();
    let mut flipped = whole.clone();
    flipped[300] = 1;
    for damaged in [&whole[..200], &flipped] {
        fs::write(&ledger, damaged).unwrap();
        let checked = scenario.run(&["check"]).expect_code(1);
        assert!(checked.stderr.contains("ledger"), "{checked:?}");
        let repaired = scenario.run(&["check", "--repair"]).expect_code(1);
        assert!(!repaired.stderr.contains("kept aside"), "{repaired:?}");
        scenario.run(&["check"]).assert_code(0);
        assert_eq!(scenario.status()["images"], 2);
    }
}

#[test]
fn unknown_format_version_is_error() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 1));
    for name in ["library.json", "library.json.copy"] {
        let manifest = scenario.library().join(name);
        let text = fs::read_to_string(&manifest).unwrap();
        let lines = text.lines().filter(|line| !line.contains("\"checksum\""));
        let later = lines
            .collect::<String>()
            .replace("\"format\": 1", "\"format\": 9");
        fs::write(&manifest, later).unwrap();
    }
    let finished = scenario.run(&["status"]).expect_code(3);
    assert!(finished.stderr.contains("version 9"), "{finished:?}");
}

#[test]
fn deleted_folder_can_be_removed_from_library() {
    let scenario = Scenario::new();
    let (kept, gone) = (scenario.gallery("kept", 3), scenario.path("gone"));
    fs::create_dir(&gone).unwrap();
    fs::copy(&gallery_images()[9], gone.join("one.jpg")).unwrap();
    scenario.run(&["index", text(&kept), text(&gone), "--model", "builtin"]);
    fs::remove_dir_all(&gone).unwrap();
    let named = scenario.run(&["index"]).expect_code(1);
    assert!(named.stderr.contains(text(&gone)), "{named:?}");
    let forgotten = scenario
        .run(&["index", "--forget", text(&gone), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(forgotten["forgotten"], 1);
    let again = scenario.run(&["index", "--json"]).expect_code(0).json();
    assert_eq!(again["unchanged"], 3, "{again}");
    let after = scenario.status();
    assert_eq!(
        (after["images"].as_u64(), after["index"]["vectors"].as_u64()),
        (Some(3), Some(3)),
        "{after}"
    );
    assert_eq!(after["sources"].as_array().map(Vec::len), Some(1));
    let nothing = scenario.run(&["index", "--forget", text(&gone)]).expect_code(2);
    assert!(nothing.stderr.contains("nothing of"), "{nothing:?}");
}

#[test]
fn linked_folder_can_be_named_by_link() {
    let scenario = Scenario::new();
    let (folder, real) = (scenario.gallery("photos", 2), scenario.path("real"));
    fs::create_dir(&real).unwrap();
    fs::copy(&gallery_images()[9], real.join("one.jpg")).unwrap();
    std::os::unix::fs::symlink(&real, folder.join("linked")).unwrap();
    scenario.index(&folder);
    let linked = folder.join("linked");
    let hits = scenario
        .run(&["search", "cat", "--folder", text(&linked), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(hits["hits"].as_array().map(Vec::len), Some(1), "{hits}");
    let listed = scenario.run(&["list", "--folder", text(&linked), "--json"]);
    assert_eq!(listed.expect_code(0).json()["total"], 1);
}

#[test]
fn server_search_ignores_proxy_keeps_exit_codes() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 2));
    let _server = scenario.serve();
    let mut command = scenario.command(&["search", "apple", "--json"]);
    command
        .env("http_proxy", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9");
    let finished = Finished::from(command.output().unwrap()).expect_code(0);
    assert_eq!(finished.json()["hits"].as_array().map(Vec::len), Some(2));
    let broken = scenario.path("broken.png");
    fs::write(&broken, b"\x89PNG\r\n\x1a\n and no more").unwrap();
    let refused = scenario.run(&["search", "--image", text(&broken)]).expect_code(2);
    assert!(refused.stderr.contains("PNG"), "{refused:?}");
    for command in [vec!["search", "apple"], vec!["index"]] {
        let refused = scenario
            .run(&[command, vec!["--precision", "int8"]].concat())
            .expect_code(3);
        assert!(refused.stderr.contains("leave out --precision"), "{refused:?}");
    }
}
