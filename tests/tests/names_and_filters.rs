//! Names that are not text, and requests that name what is not there.
#![cfg(unix)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use eidetic_tests::{Scenario, gallery_images, text};
use serde_json::Value;

const STRANGE: [&[u8]; 4] = [
    b"red\x1b[31m.jpg",
    b"two\nlines.jpg",
    b"caf\xe9.jpg",
    "gpj.\u{202e}gnp.jpg".as_bytes(),
];

/// A library of four pictures with strange names.
fn strange_library() -> (Scenario, PathBuf) {
    let scenario = Scenario::new();
    let folder = scenario.path("photos");
    fs::create_dir(&folder).expect("it works in tests");
    for (name, image) in STRANGE.iter().zip(gallery_images()) {
        fs::copy(image, folder.join(OsStr::from_bytes(name))).expect("it works in tests");
    }
    fs::write(
        folder.join(OsStr::from_bytes(b"bad\x1b[1m\xff.jpg")),
        b"\xff\xd8\xff no image",
    )
    .expect("it works in tests");
    let report = scenario.run(&[
        "index",
        folder.to_str().expect("test paths are UTF-8"),
        "--model",
        "builtin",
    ]);
    assert_eq!(report.code, Some(1), "{report:?}");
    assert!(report.stderr.contains(r"bad\u{1b}[1m\xff.jpg"), "{report:?}");
    assert!(!report.stderr.contains('\u{1b}'), "{report:?}");
    (scenario, folder)
}

fn is_safe_to_print(text: &str) -> bool {
    !text.contains(['\u{1b}', '\u{202e}', '\u{fffd}'])
}

fn decoded(base64: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u32> = base64
        .chars()
        .filter_map(|c| DIGITS.find(c))
        .map(|digit| digit as u32)
        .collect();
    let mut bytes = Vec::new();
    for group in bits.chunks(4) {
        let joined = group.iter().fold(0, |all, digit| all << 6 | digit) << (6 * (4 - group.len()));
        bytes.extend_from_slice(&joined.to_be_bytes()[1..group.len()]);
    }
    bytes
}

#[test]
fn strange_names_are_escaped_in_tables() {
    let (scenario, _) = strange_library();
    let table = scenario.run(&["search", "apple"]).expect_code(0);
    assert_eq!(table.stdout.lines().count(), 4, "one line a hit: {table:?}");
    assert!(is_safe_to_print(&table.stdout), "{table:?}");
    for shown in [
        r"red\u{1b}[31m.jpg",
        r"two\nlines.jpg",
        r"caf\xe9.jpg",
        r"gpj.\u{202e}gnp.jpg",
    ] {
        assert!(table.stdout.contains(shown), "{shown} in {table:?}");
    }
    for command in [&["status"][..], &["index"], &["screen"]] {
        let finished = scenario.run(command);
        assert!(
            is_safe_to_print(&finished.stdout) && is_safe_to_print(&finished.stderr),
            "{finished:?}"
        );
    }
}

#[test]
fn strange_names_are_raw_for_programs() {
    let (scenario, folder) = strange_library();
    let mut expected: Vec<Vec<u8>> = STRANGE
        .iter()
        .map(|name| folder.join(OsStr::from_bytes(name)).into_os_string().into_vec())
        .collect();
    expected.sort();
    for via_server in [false, true] {
        let _server = via_server.then(|| scenario.serve());
        let output = scenario
            .command(&["search", "apple", "-0"])
            .output()
            .expect("it works in tests");
        let mut found: Vec<Vec<u8>> = output
            .stdout
            .split(|byte| *byte == 0)
            .map(<[u8]>::to_vec)
            .collect();
        assert_eq!(found.pop(), Some(Vec::new()), "each path ends with NUL");
        found.sort();
        assert_eq!(found, expected);
        let lines = scenario
            .command(&["search", "apple", "--paths"])
            .output()
            .expect("it works in tests");
        let raw = lines.stdout.windows(8).any(|window| window == b"caf\xe9.jpg");
        assert!(raw, "{lines:?}");
    }
    let both = scenario.run(&["search", "apple", "--paths", "--json"]);
    assert_eq!(both.code, Some(2), "{both:?}");
}

#[test]
fn strange_names_survive_json() {
    let (scenario, folder) = strange_library();
    let answer = scenario.run(&["search", "apple", "--json"]).expect_code(0).json();
    let paths: Vec<PathBuf> = answer["hits"]
        .as_array()
        .expect("it works in tests")
        .iter()
        .map(path_of)
        .collect();
    for path in &paths {
        assert!(path.exists(), "{}", path.display());
    }
    assert_eq!(paths.len(), 4);
    let not_text: Vec<&Value> = answer["hits"]
        .as_array()
        .expect("it works in tests")
        .iter()
        .filter(|hit| hit["path_bytes"].is_string())
        .collect();
    assert_eq!(not_text.len(), 1, "only where needed: {answer}");
    assert_eq!(not_text[0]["paths_bytes"][0], not_text[0]["path_bytes"]);
    let report = scenario
        .run(&["index", folder.to_str().expect("test paths are UTF-8"), "--json"])
        .json();
    let failed = &report["failed"][0];
    if failed.is_object() {
        assert!(path_of(failed).exists(), "{failed}");
    }
    scenario.run(&["screen", "--json"]).json();
}

fn path_of(hit: &Value) -> PathBuf {
    match hit["path_bytes"].as_str() {
        Some(bytes) => OsString::from_vec(decoded(bytes)).into(),
        None => hit["path"].as_str().expect("a hit has a path").into(),
    }
}

#[test]
fn filter_of_unknown_things_exits_with_2() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 3);
    scenario.index(&photos);
    let typo = photos.join("tirp");
    let cases: [(&[&str], &[&str]); 6] = [
        (
            &["--folder", "/nowhere"],
            &["/nowhere", photos.to_str().expect("test paths are UTF-8")],
        ),
        (
            &["--folder", typo.to_str().expect("test paths are UTF-8")],
            &["tirp"],
        ),
        (
            &[
                "--folder",
                photos.to_str().expect("test paths are UTF-8"),
                "--folder",
                "/nowhere",
            ],
            &["/nowhere"],
        ),
        (&["--tag", "zebra"], &["zebra", "eidetic tag"]),
        (&["--after", "2020", "--before", "2019"], &["--after", "--before"]),
        (
            &[
                "--image-id",
                "0000000000000000000000000000000000000000000000000000000000000000",
            ],
            &["0000"],
        ),
    ];
    for via_server in [false, true] {
        let _server = via_server.then(|| scenario.serve());
        for (filter, mentions) in cases {
            let arguments: Vec<&str> = ["search", "apple"]
                .into_iter()
                .chain(filter.iter().copied())
                .collect();
            let finished = scenario.run(&arguments).expect_code(2);
            for mention in mentions {
                assert!(finished.stderr.contains(mention), "{mention} in {finished:?}");
            }
            assert!(finished.stdout.is_empty(), "{finished:?}");
        }
        fs::create_dir_all(photos.join("empty")).expect("it works in tests");
        let empty = photos.join("empty");
        let found = scenario.run(&[
            "search",
            "apple",
            "--folder",
            empty.to_str().expect("test paths are UTF-8"),
        ]);
        assert_eq!(
            found.code,
            Some(0),
            "a folder without pictures is no mistake: {found:?}"
        );
    }
}

#[test]
fn picture_of_library_is_named_among_hits() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 3));
    let image = gallery_images()[1].clone();
    let by_image = ["search", "--image", text(&image)];
    let table = scenario.run(&by_image).expect_code(0);
    assert!(
        table.stderr.contains("hit 1 is the picture that you searched by"),
        "{table:?}"
    );
    for via_server in [false, true] {
        let _server = via_server.then(|| scenario.serve());
        let answer = scenario
            .run(&[&by_image[..], &["--json"]].concat())
            .expect_code(0)
            .json();
        let marked: Vec<bool> = answer["hits"]
            .as_array()
            .expect("it works in tests")
            .iter()
            .map(|hit| hit["is_query"] == true)
            .collect();
        assert_eq!(marked, [true, false, false], "{answer}");
    }
}
