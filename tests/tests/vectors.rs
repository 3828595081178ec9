//! Embeddings out of a library to files for other programs, and back in.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use eidetic_tests::{Scenario, copy_tree, gallery_images, text};
use serde_json::Value;

const FORMATS: [&str; 4] = ["parquet", "npz", "jsonl", "clip-retrieval"];

/// Exports everything in a format; returns the path.
fn export(scenario: &Scenario, format: &str, more: &[&str]) -> PathBuf {
    let path = scenario.path(&format!("vectors.{format}"));
    let arguments = [
        &["vectors", "export", text(&path), "--format", format, "--json"],
        more,
    ]
    .concat();
    scenario.run(&arguments).assert_code(0);
    path
}

fn import(scenario: &Scenario, file: &Path, more: &[&str], code: i32) -> Value {
    let arguments = [&["vectors", "import", text(file), "--json"], more].concat();
    scenario.run(&arguments).expect_code(code).json()
}

/// Hits with their scores, which only the same embeddings give.
fn scores(scenario: &Scenario) -> Vec<(Value, Value)> {
    let answer = scenario
        .run(&["search", "a red apple", "-k", "5", "--json"])
        .json();
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| (hit["image"].clone(), hit["score"].clone()))
        .collect()
}

#[test]
fn every_format_fills_new_library() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 12);
    scenario.index(&photos);
    let before = scores(&scenario);
    for format in FORMATS {
        let file = export(&scenario, format, &["--metadata"]);
        fs::rename(scenario.library(), scenario.path(&format!("library of {format}"))).unwrap();
        let report = import(&scenario, &file, &["--source", text(&photos)], 0);
        assert_eq!(
            (&report["imported"], &report["added"]),
            (&12.into(), &12.into()),
            "{format}: {report}"
        );
        assert_eq!(scores(&scenario), before, "{format}");
        let again = import(&scenario, &file, &[], 0);
        assert_eq!(
            (&again["imported"], &again["present"]),
            (&0.into(), &12.into()),
            "{format}: {again}"
        );
        let indexed = scenario.run(&["index", "--json"]).json();
        assert_eq!(
            (&indexed["indexed"], &indexed["unchanged"]),
            (&0.into(), &12.into()),
            "{format}: {indexed}"
        );
    }
}

#[test]
fn filters_and_existing_files_are_respected() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 4);
    fs::create_dir(photos.join("deep")).unwrap();
    fs::copy(&gallery_images()[5], photos.join("deep/a.jpg")).unwrap();
    scenario.index(&photos);
    let deep = photos.join("deep");
    let file = export(&scenario, "jsonl", &["--folder", text(&deep)]);
    let lines = fs::read_to_string(&file).unwrap();
    let line: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(line["path"], text(&deep.join("a.jpg").canonicalize().unwrap()));
    assert!(
        line["space"].as_str().unwrap().starts_with("builtin@"),
        "{}",
        line["space"]
    );
    assert_eq!(line["embedding"].as_array().unwrap().len(), 256);
    let again = |more: &[&str]| scenario.run(&[&["vectors", "export", text(&file)], more].concat());
    let refused = again(&[]).expect_code(2);
    assert!(refused.stderr.contains("--overwrite"), "{refused:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), lines);
    again(&["--overwrite"]).assert_code(0);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 5);
    let unnamed = scenario.run(&["vectors", "export", "vectors.txt"]).expect_code(2);
    assert!(unnamed.stderr.contains("--format"), "{unnamed:?}");
}

#[test]
fn rest_of_folder_is_left_to_index() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 6);
    scenario.index(&photos);
    let file = export(&scenario, "parquet", &[]);
    fs::remove_dir_all(scenario.library()).unwrap();
    fs::copy(&gallery_images()[8], photos.join("new.jpg")).unwrap();
    let (gone, other) = (gallery_images()[0].clone(), gallery_images()[9].clone());
    fs::remove_file(photos.join(gone.file_name().unwrap())).unwrap();
    // Another picture under the old name, which the model embeds.
    fs::copy(&other, photos.join(gallery_images()[1].file_name().unwrap())).unwrap();
    let report = import(&scenario, &file, &["--source", text(&photos)], 0);
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(
        (count("imported"), count("not_found"), count("changed")),
        (4, 1, 1),
        "{report}"
    );
    assert_eq!(scenario.status()["images"], 5);
    let indexed = scenario.run(&["index", "--json"]).json();
    assert_eq!(indexed["indexed"], 1, "{indexed}");
}

/// The lines of an export, changed.
fn rewrite(file: &Path, change: impl Fn(usize, &mut Value)) {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().enumerate().map(|(number, line)| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        change(number, &mut line);
        format!("{line}\n")
    });
    fs::write(file, lines.collect::<String>()).unwrap();
}

#[test]
fn other_spaces_are_refused() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 3);
    scenario.index(&photos);
    let file = export(&scenario, "jsonl", &[]);
    let refused = |code: i32, more: &[&str], reason: &str| {
        let arguments = [&["vectors", "import", text(&file)], more].concat();
        let finished = scenario.run(&arguments).expect_code(code);
        assert!(finished.stderr.contains(reason), "{finished:?}");
    };
    rewrite(&file, |_, line| line["space"] = "other@1/bicubic224/256".into());
    refused(2, &[], "cannot be compared");
    refused(2, &["--assume-space"], "cannot be compared");
    rewrite(&file, |_, line| {
        line["embedding"].as_array_mut().unwrap().pop();
        line.as_object_mut().unwrap().remove("space");
    });
    refused(2, &["--assume-space"], "255 components");
    fs::write(&file, "{\"embedding\":").unwrap();
    refused(2, &[], "line 1");
}

#[test]
fn file_of_other_program_is_compared_first() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 8);
    scenario.index(&photos);
    let file = export(&scenario, "jsonl", &[]);
    fs::remove_dir_all(scenario.library()).unwrap();
    // As another program would write it: relative paths, and vectors that are not normalized.
    rewrite(&file, |_, line| {
        let name = Path::new(line["path"].as_str().unwrap())
            .file_name()
            .unwrap()
            .to_owned();
        let embedding = line["embedding"].as_array().unwrap().iter();
        let longer: Vec<f64> = embedding.map(|c| 10.0 * c.as_f64().unwrap()).collect();
        *line = serde_json::json!({"image_path": name.to_str().unwrap(), "embedding": longer});
    });
    let good = fs::read_to_string(&file).unwrap();
    let arguments = [
        "--source",
        text(&photos),
        "--model",
        "builtin",
        "--base",
        text(&photos),
    ];
    let run = |more: &[&str]| {
        let all = [
            &["vectors", "import", text(&file), "--json"],
            &arguments[..],
            more,
        ]
        .concat();
        scenario.run(&all)
    };
    let refused = run(&[]).expect_code(2);
    assert!(refused.stderr.contains("--assume-space"), "{refused:?}");
    rewrite(&file, |_, line| {
        line["embedding"].as_array_mut().unwrap().reverse();
    });
    let refused = run(&["--assume-space"]).expect_code(2);
    assert!(
        refused.stderr.contains("of 8 compared, the median"),
        "{refused:?}"
    );
    assert_eq!(scenario.status()["images"], 0);
    fs::write(&file, good).unwrap();
    let report = run(&["--assume-space"]).expect_code(0).json();
    assert_eq!(
        (&report["imported"], &report["sample"]["compared"]),
        (&8.into(), &8.into()),
        "{report}"
    );
    assert!(report["sample"]["median"].as_f64().unwrap() > 0.999, "{report}");
}

#[test]
fn unusable_embeddings_are_counted() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 4);
    scenario.index(&photos);
    let file = export(&scenario, "jsonl", &[]);
    fs::remove_dir_all(scenario.library()).unwrap();
    rewrite(&file, |number, line| {
        let embedding = line["embedding"].as_array_mut().unwrap();
        match number {
            1 => embedding.iter_mut().for_each(|c| *c = 0.into()),
            2 => embedding.truncate(7),
            _ => {}
        }
    });
    let report = import(&scenario, &file, &["--source", text(&photos)], 1);
    assert_eq!(report["imported"], 2, "{report}");
    let refused = report["refused"].as_object().unwrap();
    assert!(
        refused.len() == 2 && refused.values().all(|count| count == 1),
        "{report}"
    );
    assert_eq!(scenario.status()["images"], 2);
}

#[cfg(unix)]
#[test]
fn killed_import_continues() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 30);
    scenario.index(&photos);
    let before = scores(&scenario);
    let file = export(&scenario, "npz", &[]);
    for wait in [5, 50, 120, 250] {
        fs::remove_dir_all(scenario.library()).unwrap();
        let arguments = ["vectors", "import", text(&file), "--source", text(&photos)];
        let mut command = scenario.command(&arguments);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        let report = import(&scenario, &file, &["--source", text(&photos)], 0);
        let sum = report["imported"].as_u64().unwrap() + report["present"].as_u64().unwrap();
        assert_eq!(sum, 30, "{report}");
        assert_eq!(scores(&scenario), before);
        scenario.run(&["check"]).assert_code(0);
    }
}

#[test]
fn known_images_of_space_get_embeddings() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 5);
    scenario.index(&photos);
    let before = scores(&scenario);
    let file = export(&scenario, "parquet", &[]);
    // The vectors are lost, the records are not.
    let vectors = scenario.library().join("vectors");
    fs::remove_dir_all(&vectors).unwrap();
    copy_tree(&photos, &scenario.path("elsewhere"));
    fs::remove_dir_all(&photos).unwrap();
    let report = import(&scenario, &file, &[], 0);
    assert_eq!(
        (&report["imported"], &report["added"]),
        (&5.into(), &0.into()),
        "{report}"
    );
    assert_eq!(scores(&scenario), before);
}
