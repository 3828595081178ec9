//! Images that look the same: one hit, with their number.

use std::fs;
use std::path::Path;

use eidetic_tests::{Scenario, gallery_images};
use serde_json::Value;

/// Copies with the same pixels and other bytes: a JPEG decoder ignores what follows the end marker.
fn write_copies(original: &Path, folder: &Path, count: u8) {
    fs::create_dir_all(folder).expect("a folder can be made");
    let bytes = fs::read(original).expect("the picture is there");
    for number in 0..count {
        let copy = [&bytes[..], &[number]].concat();
        fs::write(folder.join(format!("copy-{number}.jpg")), copy).expect("a copy can be written");
    }
}

fn search(scenario: &Scenario, arguments: &[&str]) -> Value {
    let arguments = [&["search", "--json"], arguments].concat();
    scenario.run(&arguments).expect_code(0).json()
}

/// The copies of each hit, best first.
fn copies(answer: &Value) -> Vec<u64> {
    let hits = answer["hits"].as_array().expect("hits are a list");
    hits.iter()
        .map(|hit| hit["copies"].as_u64().expect("a count"))
        .collect()
}

#[test]
fn copies_are_one_hit_with_count() {
    let scenario = Scenario::new();
    let gallery = scenario.gallery("pictures/gallery", usize::MAX);
    let apple = gallery.join("red-apple-on-table.jpg");
    let copied = scenario.path("pictures/copies");
    write_copies(&apple, &copied, 24);
    scenario.index(&scenario.path("pictures"));
    let answer = search(&scenario, &["red", "apple"]);
    assert_eq!(answer["hits"].as_array().map(Vec::len), Some(20));
    let counts = copies(&answer);
    assert_eq!(counts[0], 25, "{counts:?}");
    assert!(counts[1..].iter().all(|count| *count == 1), "{counts:?}");
    assert_eq!(copies(&search(&scenario, &["red", "apple", "-k", "1"])), [25]);
    // Confidences are those of the image.
    let alone = Scenario::new();
    alone.index(&alone.gallery("gallery", usize::MAX));
    let expected = search(&alone, &["red", "apple", "-k", "3"]);
    let difference = |at: usize| {
        let confidence = |answer: &Value| answer["hits"][at]["confidence"].as_f64().expect("a confidence");
        (confidence(&answer) - confidence(&expected)).abs()
    };
    assert!((0..3).all(|at| difference(at) < 1e-2), "{answer} {expected}");

    let folder = copied.to_str().expect("test paths are UTF-8");
    assert_eq!(
        copies(&search(&scenario, &["red", "apple", "--folder", folder])),
        [24]
    );
    let apple = apple.to_str().expect("test paths are UTF-8");
    let by_image = search(&scenario, &["--image", apple]);
    assert_eq!(
        (copies(&by_image)[0], by_image["hits"].as_array().map(Vec::len)),
        (25, Some(20))
    );
    let id = answer["hits"][0]["image"].as_str().expect("an id");
    assert_eq!(
        copies(&search(&scenario, &["--image-id", id]))[0],
        24,
        "the image itself is no hit"
    );
    let text = scenario
        .run(&["search", "red", "apple", "-k", "1"])
        .expect_code(0);
    assert!(text.stdout.contains("×25"), "{text:?}");
}

#[test]
fn different_pictures_are_no_copies() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("gallery", usize::MAX));
    let answer = search(&scenario, &["a", "red", "apple", "-k", "1000"]);
    let counts = copies(&answer);
    assert_eq!(counts.len(), gallery_images().len());
    assert!(counts.iter().all(|count| *count == 1), "{counts:?}");
}
