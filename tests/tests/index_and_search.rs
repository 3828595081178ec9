//! A folder indexed, searched, changed and indexed again, all through the command line.

use std::fs;
use std::path::Path;

use eidetic_tests::{Scenario, gallery_images, shared_data, text};
use serde_json::Value;

fn counts(report: &Value) -> [u64; 5] {
    let count = |name: &str| {
        report[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} in {report}"))
    };
    let failed = report["failed"].as_array().expect("failed is a list").len() as u64;
    [
        count("indexed"),
        count("unchanged"),
        count("moved"),
        count("removed"),
        failed,
    ]
}

fn image_of(scenario: &Scenario, path: &Path) -> String {
    let answer = scenario
        .run(&["search", "--image", text(path), "-k", "1", "--json"])
        .expect_code(0)
        .json();
    answer["hits"][0]["image"].as_str().expect("an id").to_owned()
}

#[test]
fn index_follows_file_changes() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 12);
    assert_eq!(counts(&scenario.index(&folder)), [12, 0, 0, 0, 0]);
    assert_eq!(counts(&scenario.index(&folder)), [0, 12, 0, 0, 0]);

    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let moved = folder.join("elsewhere").join("renamed.jpg");
    let moved_image = image_of(&scenario, &names[0]);
    fs::create_dir(moved.parent().unwrap()).unwrap();
    fs::rename(&names[0], &moved).unwrap();
    fs::remove_file(&names[1]).unwrap();
    fs::copy(&gallery_images()[20], &names[2]).unwrap();
    fs::write(folder.join("broken.jpg"), b"\xff\xd8\xff\xe0 and no more").unwrap();
    fs::write(folder.join("notes.txt"), "not a picture").unwrap();

    let finished = scenario.run(&["index", text(&folder), "--json"]).expect_code(1);
    assert!(finished.stderr.contains("broken.jpg"), "{finished:?}");
    let report = finished.json();
    assert_eq!(counts(&report), [1, 9, 1, 1, 1], "{report}");
    assert!(
        report["failed"][0]["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("broken.jpg"))
    );
    assert_eq!(
        image_of(&scenario, &moved),
        moved_image,
        "a moved file is the same image"
    );

    let status = scenario.run(&["status", "--json"]).expect_code(0).json();
    assert_eq!(
        (status["images"].as_u64(), status["failed"].as_u64()),
        (Some(11), Some(1)),
        "{status}"
    );
}

#[test]
fn image_finds_itself_first() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 16));
    for image in gallery_images().iter().take(16).step_by(5) {
        let answer = scenario
            .run(&["search", "--image", text(image), "--json"])
            .expect_code(0)
            .json();
        let first = &answer["hits"][0];
        assert_eq!(
            Path::new(first["path"].as_str().unwrap()).file_name(),
            image.file_name(),
            "{answer}"
        );
        assert!(first["score"].as_f64().unwrap() >= 0.999, "{first}");
    }
}

#[test]
fn scaled_decode_finds_itself_with_score_one() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 6);
    let large = image::open(&gallery_images()[1])
        .expect("a picture of the gallery")
        .resize_exact(1603, 1205, image::imageops::FilterType::Triangle)
        .into_rgb8();
    let path = folder.join("large.jpg");
    large.save(&path).expect("a place to write");
    scenario.index(&folder);
    let answer = scenario
        .run(&["search", "--image", text(&path), "--json"])
        .expect_code(0)
        .json();
    let first = &answer["hits"][0];
    assert!(
        first["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("large.jpg")),
        "{answer}"
    );
    assert!(first["score"].as_f64().unwrap() >= 0.999_999, "{first}");
}

#[test]
fn image_id_finds_others_not_itself() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 8));
    let image = image_of(&scenario, &gallery_images()[0]);
    let answer = scenario
        .run(&["search", "--image-id", &image, "--json"])
        .expect_code(0)
        .json();
    let hits = answer["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 7);
    assert!(hits.iter().all(|hit| hit["image"] != image.as_str()));
}

#[test]
fn text_image_negative_text_combine_with_filters() {
    let scenario = Scenario::new();
    let (near, far) = (scenario.gallery("near", 6), scenario.path("far"));
    fs::create_dir(&far).unwrap();
    for image in &gallery_images()[6..12] {
        fs::copy(image, far.join(image.file_name().unwrap())).unwrap();
    }
    let arguments = ["index", text(&near), text(&far), "--model", "builtin", "--json"];
    assert_eq!(
        counts(&scenario.run(&arguments).expect_code(0).json()),
        [12, 0, 0, 0, 0]
    );
    let image = &gallery_images()[0];
    let mixed = [
        "search",
        "apple",
        "--image",
        text(image),
        "--without",
        "snow",
        "--folder",
        text(&far),
        "--json",
    ];
    let answer = scenario.run(&mixed).expect_code(0).json();
    let hits = answer["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 6, "the filter keeps one folder: {answer}");
    assert!(
        hits.iter()
            .all(|hit| hit["path"].as_str().unwrap().contains("/far/"))
    );
    let undated = scenario
        .run(&["search", "apple", "--before", "2001", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        undated["hits"].as_array().map(Vec::len),
        Some(0),
        "drawn pictures have only the dates of their files"
    );
}

#[test]
fn copies_are_one_image_at_several_paths() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 2);
    let image = &gallery_images()[0];
    fs::copy(image, folder.join("copy.jpg")).unwrap();
    scenario.index(&folder);
    let answer = scenario
        .run(&["search", "--image", text(image), "-k", "1", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        answer["hits"][0]["paths"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
    let status = scenario.run(&["status", "--json"]).json();
    assert_eq!(
        (status["images"].as_u64(), status["paths"].as_u64()),
        (Some(2), Some(3))
    );
}

#[test]
fn embed_prints_vectors_search_uses() {
    let scenario = Scenario::new();
    let image = gallery_images()[0].clone();
    let arguments = [
        "embed",
        "--model",
        "builtin",
        "--text",
        "a cat",
        "--text",
        "猫",
        "--image",
        text(&image),
    ];
    let vectors = scenario.run(&arguments).expect_code(0).json();
    let dimension = vectors["dimension"].as_u64().unwrap() as usize;
    assert_eq!(vectors["texts"].as_array().map(Vec::len), Some(2));
    for vector in [&vectors["texts"][0], &vectors["texts"][1], &vectors["images"][0]] {
        let components: Vec<f64> = vector
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_f64().unwrap())
            .collect();
        assert_eq!(components.len(), dimension);
        let norm = components.iter().map(|c| c * c).sum::<f64>().sqrt();
        assert!((norm - 1.0).abs() < 1e-5, "norm {norm}");
    }
}

/// Real photos, where they are: all 443 indexed, and a photo finds itself.
#[test]
fn real_photos_are_indexed_without_failure() {
    let Some(data) = shared_data() else { return };
    let scenario = Scenario::new();
    let report = scenario.index(&data.join("photos"));
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(0), "{report}");
    let photo = data.join("photos/apple/granny-smith-apple-01.jpg");
    let answer = scenario
        .run(&["search", "--image", text(&photo), "--json"])
        .expect_code(0)
        .json();
    assert!(answer["hits"][0]["score"].as_f64().unwrap() >= 0.999);
    assert_eq!(
        answer["hits"][0]["path"].as_str().map(Path::new),
        Some(photo.canonicalize().unwrap().as_path())
    );
}

/// Files that crash, lie or explode, and formats of all kinds, in one run.
#[test]
fn broken_files_are_reported_one_line_each() {
    let Some(data) = shared_data() else { return };
    let scenario = Scenario::new();
    let (broken, formats) = (data.join("broken"), data.join("formats"));
    let arguments = [
        "index",
        text(&broken),
        text(&formats),
        "--model",
        "builtin",
        "--json",
    ];
    let (finished, peak) = scenario.run_watching_memory(&arguments);
    let finished = finished.expect_code(1);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    let report = finished.json();
    let failed = report["failed"].as_array().unwrap();
    assert!(
        !failed.is_empty() && report["indexed"].as_u64().unwrap() > 80,
        "{report}"
    );
    assert!(
        failed
            .iter()
            .all(|failure| !failure["reason"].as_str().unwrap().is_empty())
    );
    assert!(peak < 1_500_000_000, "peak memory {peak} bytes");
}
