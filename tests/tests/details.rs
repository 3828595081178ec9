//! What pictures say about themselves: read from files and side-cars, shown, and used by filters.

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_tests::{Scenario, gallery_images, text};

/// A library of a picture with side-cars, one with a date in its name, and one with neither.
fn library() -> (Scenario, PathBuf) {
    let scenario = Scenario::new();
    let folder = scenario.path("photos");
    fs::create_dir(&folder).expect("it works in tests");
    let names = ["harbor.jpg", "IMG_20240704_101112.jpg", "plain.jpg"];
    for (name, image) in names.iter().zip(gallery_images()) {
        fs::copy(image, folder.join(name)).expect("it works in tests");
    }
    write_xmp(&folder, "Harbor");
    let takeout = r#"{"photoTakenTime": {"timestamp": "1000000000"}, "people": [{"name": "Ada"}],
        "geoData": {"latitude": 44.4, "longitude": 8.9, "altitude": 5.0}}"#;
    fs::write(folder.join("harbor.jpg.supplemental-metadata.json"), takeout).expect("it works in tests");
    let report = scenario.index(&folder);
    assert_eq!(report["indexed"], 3, "{report}");
    (scenario, folder)
}

fn write_xmp(folder: &Path, title: &str) {
    let packet = format!(
        r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4">
        <dc:title>{title}</dc:title><dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject></rdf:Description>
        </rdf:RDF></x:xmpmeta>"#
    );
    fs::write(folder.join("harbor.xmp"), packet).expect("it works in tests");
}

#[test]
fn details_are_shown_and_follow_side_cars() {
    let (scenario, folder) = library();
    let harbor = folder.join("harbor.jpg");
    let shown = scenario
        .run(&["show", text(&harbor), "--json"])
        .expect_code(0)
        .json();
    assert_eq!((&shown["title"], &shown["rating"]), (&"Harbor".into(), &4.into()));
    assert_eq!(shown["keywords"], serde_json::json!(["sea"]));
    assert_eq!(shown["people"], serde_json::json!(["Ada"]));
    assert_eq!(
        (&shown["taken_source"], &shown["utc_offset"]),
        (&"side_car".into(), &"+00:00".into())
    );
    let table = scenario
        .run(&["show", shown["image"].as_str().unwrap()])
        .expect_code(0);
    for line in [
        "Title           Harbor",
        "Rating          4 stars",
        "(side-car file)",
        "44.400000, 8.900000, 5 m",
    ] {
        assert!(table.stdout.contains(line), "{line} in {table:?}");
    }
    write_xmp(&folder, "Another title");
    let report = scenario.index(&folder);
    assert_eq!(
        (&report["indexed"], &report["unchanged"]),
        (&0.into(), &3.into()),
        "{report}"
    );
    let shown = scenario
        .run(&["show", text(&harbor), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(shown["title"], "Another title");
    let server = scenario.serve();
    let through_server = scenario
        .run(&["show", text(&harbor), "--json"])
        .expect_code(0)
        .json();
    assert_eq!(through_server, shown);
    drop(server);
    let unknown = scenario.run(&["show", &"0".repeat(64)]).expect_code(2);
    assert!(unknown.stderr.contains("not in the library"), "{unknown:?}");
}

#[test]
fn weak_dates_are_counted_in_filtered_searches() {
    let (scenario, _) = library();
    let found = |from: &str, before: &str| {
        let search = ["search", "harbor", "--after", from, "--before", before, "--json"];
        let answer = scenario.run(&search).expect_code(0).json();
        let hits = answer["hits"].as_array().map_or(0, Vec::len);
        (hits, answer["weak_dates"].as_u64())
    };
    assert_eq!(found("2024-07-04", "2024-07-05"), (1, Some(0)));
    assert_eq!(found("2001", "2002"), (1, Some(0)));
    assert_eq!(found("2025", "2099"), (1, Some(1)));
    let answer = scenario
        .run(&["search", "harbor", "--after", "2025"])
        .expect_code(0);
    assert!(answer.stderr.contains("only the time of the file"), "{answer:?}");
    let answer = scenario
        .run(&["search", "harbor", "--json"])
        .expect_code(0)
        .json();
    assert!(answer["weak_dates"].is_null(), "{answer}");
}
