//! What is left out of a library and what is shown of it: junk folders, links, formats that cannot be read, dead paths.
#![cfg(unix)]

use std::fs;
use std::process::Stdio;

use eidetic_tests::{Finished, Scenario, gallery_images, text};
use serde_json::json;

fn index(scenario: &Scenario, arguments: &[&str]) -> Finished {
    scenario.run(&[&["index", "--json"], arguments].concat())
}

#[test]
fn hit_shows_path_in_filter_that_exists() {
    let scenario = Scenario::new();
    let image = &gallery_images()[0];
    for place in ["d/a", "d/z", "d/#recycle"] {
        fs::create_dir_all(scenario.path(place)).unwrap();
        fs::copy(image, scenario.path(place).join("one.jpg")).unwrap();
    }
    let folder = scenario.path("d");
    let finished = scenario
        .run(&["index", text(&folder), "--model", "builtin", "--json"])
        .expect_code(0);
    let report = finished.json();
    assert_eq!(
        (&report["indexed"], &report["skipped"]["junk folders"]),
        (&2.into(), &1.into()),
        "{report}"
    );
    assert!(finished.stderr.contains("1 folder of trash"), "{finished:?}");
    let first = |arguments: &[&str]| {
        let answer = scenario
            .run(&[&["search", "apple", "--json"], arguments].concat())
            .expect_code(0);
        answer.json()["hits"][0].clone()
    };
    let (a, z) = (scenario.path("d/a/one.jpg"), scenario.path("d/z/one.jpg"));
    assert_eq!(first(&[])["path"], text(&a));
    let folder_z = scenario.path("d/z");
    let hit = first(&["--folder", text(&folder_z)]);
    assert_eq!(hit["paths"], json!([text(&z), text(&a)]));
    assert_eq!(
        (&hit["path"], &hit["reachable"]),
        (&text(&z).into(), &true.into())
    );
    fs::remove_file(&a).unwrap();
    assert_eq!(first(&[])["paths"], json!([text(&z)]));
    fs::remove_file(&z).unwrap();
    let hit = first(&[]);
    assert_eq!(
        (&hit["path"], &hit["reachable"]),
        (&text(&a).into(), &false.into())
    );
}

#[test]
fn links_are_followed_unless_told_not_to() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("f", 1);
    let elsewhere = scenario.gallery("elsewhere", 3);
    std::os::unix::fs::symlink(&elsewhere, folder.join("link")).unwrap();
    assert_eq!(scenario.index(&folder)["indexed"], 4);
    let report = index(&scenario, &["--no-follow"]).expect_code(0).json();
    assert_eq!(report["removed"], 3, "{report}");
    let report = index(&scenario, &[]).expect_code(0).json();
    assert_eq!(report["indexed"], 0, "it is remembered: {report}");
    let report = index(&scenario, &["--follow"]).expect_code(0).json();
    assert_eq!(report["indexed"], 3, "{report}");
}

#[test]
fn unsupported_formats_are_one_line_and_no_failure() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("f", 1);
    for n in 0..100 {
        fs::write(folder.join(format!("{n}.jxr")), b"II\xBC\x01").unwrap();
    }
    for n in 0..3 {
        fs::write(folder.join(format!("{n}.xcf")), b"gimp xcf v011").unwrap();
    }
    fs::write(folder.join("notes.txt"), "words").unwrap();
    let finished = scenario
        .run(&["index", text(&folder), "--model", "builtin", "--json"])
        .expect_code(0);
    let about: Vec<&str> = finished
        .stderr
        .lines()
        .filter(|line| line.contains("JPEG XR"))
        .collect();
    assert_eq!(about.len(), 1, "{finished:?}");
    assert!(
        about[0].contains("100 JPEG XR") && about[0].contains("3 GIMP"),
        "{about:?}"
    );
    let skipped = &finished.json()["skipped"];
    assert_eq!(
        *skipped,
        json!({"GIMP (XCF)": 3, "JPEG XR": 100, "other files": 1})
    );
    fs::write(folder.join("broken.jpg"), b"\xff\xd8\xff\xe0 and no more").unwrap();
    index(&scenario, &[]).assert_code(1);
    assert_eq!(scenario.status()["failed"], 1);
    let named = scenario
        .run(&["status", "--failed", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(named["failures"].as_array().map(Vec::len), Some(1));
    assert!(
        scenario
            .run(&["status", "--failed"])
            .stdout
            .contains("broken.jpg: "),
        "people see it too"
    );
}

#[test]
fn unwritable_thumbnails_warn_once() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("f", 12);
    scenario.index(&scenario.gallery("first", 1));
    // Files where folders should be: every thumbnail fails, as on a full disk.
    for n in 0..256 {
        let path = scenario.library().join(format!("thumbnails/{n:02x}"));
        if !path.exists() {
            fs::write(path, "").unwrap();
        }
    }
    let finished = index(&scenario, &[text(&folder)]).expect_code(0);
    let warnings = finished
        .stderr
        .lines()
        .filter(|line| line.contains("thumbnail"))
        .count();
    assert_eq!(warnings, 1, "{finished:?}");
}

#[test]
fn long_run_without_terminal_reports_progress() {
    let scenario = Scenario::new();
    let folder = scenario.path("many");
    fs::create_dir(&folder).unwrap();
    let gallery: Vec<Vec<u8>> = gallery_images()
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    for n in 0..6000 {
        let mut bytes = gallery[n % gallery.len()].clone();
        bytes.extend_from_slice(n.to_string().as_bytes());
        fs::write(folder.join(format!("{n}.jpg")), bytes).unwrap();
    }
    let mut command = scenario.command(&["index", text(&folder), "--model", "builtin"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr)).map_while(Result::ok);
    let progress = lines.find(|line| line.contains(" files"));
    child.kill().unwrap();
    child.wait().unwrap();
    let progress = progress.expect("a line within the run");
    assert!(progress.contains(" of "), "{progress}");
}
