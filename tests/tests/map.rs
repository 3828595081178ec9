//! The semantic map and events, by command line and by HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use eidetic_tests::{Scenario, ended_job, gallery_images, get, text};
use serde_json::{Value, json};

fn map(scenario: &Scenario, arguments: &[&str]) -> Value {
    let arguments = [&["map", "--json"], arguments].concat();
    scenario.run(&arguments).expect_code(0).json()
}

fn events(scenario: &Scenario, arguments: &[&str]) -> Value {
    let arguments = [&["events", "--json"], arguments].concat();
    scenario.run(&arguments).expect_code(0).json()
}

fn level(map: &Value, level: u64) -> Vec<Value> {
    let regions = map["regions"].as_array().unwrap().iter();
    regions
        .filter(|region| region["level"] == level)
        .cloned()
        .collect()
}

fn file_of_map(scenario: &Scenario) -> PathBuf {
    scenario.library().join("map.bin")
}

#[test]
fn regions_have_names_from_tags() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 130);
    scenario.index(&photos);
    let untagged = scenario.run(&["map"]).expect_code(0);
    assert!(
        untagged.stdout.contains("(no name)") && untagged.stderr.contains("eidetic tag"),
        "{untagged:?}"
    );
    scenario.run(&["tag"]).assert_code(0);
    let found = map(&scenario, &[]);
    assert_eq!(
        (found["total"].as_u64(), found["state"].as_str()),
        (Some(130), Some("current"))
    );
    for at in 1..=3 {
        let regions = level(&found, at);
        let names: Vec<&str> = regions
            .iter()
            .filter_map(|region| region["name"].as_str())
            .collect();
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        let images: u64 = regions
            .iter()
            .map(|region| region["count"].as_u64().unwrap())
            .sum();
        assert_eq!(images, 130);
    }
    let named = level(&found, 2);
    let named = named.iter().filter(|region| region["name"].is_string()).count();
    assert!(named >= 3, "{found}");
    assert_eq!(found["x"].as_array().unwrap().len(), 130);
    let table = scenario.run(&["map", "--level", "2"]).expect_code(0);
    assert_eq!(table.stdout.lines().count(), level(&found, 2).len());
    assert!(table.stdout.lines().all(|line| line.len() <= 80), "{table:?}");
    scenario.run(&["map", "--level", "4"]).assert_code(2);
}

#[test]
fn layout_is_kept_and_computed_again() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 60);
    scenario.index(&photos);
    let first = map(&scenario, &[]);
    let file = file_of_map(&scenario);
    let stored = fs::read(&file).unwrap();
    assert_eq!(map(&scenario, &[]), first);
    assert_eq!(
        fs::read(&file).unwrap(),
        stored,
        "an unchanged library writes nothing"
    );

    fs::remove_file(&file).unwrap();
    assert_eq!(
        map(&scenario, &[])["x"],
        first["x"],
        "the same input, the same places"
    );
    let mut damaged = stored.clone();
    damaged[200] ^= 1;
    fs::write(&file, damaged).unwrap();
    let check = scenario.run(&["check", "--json"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.stdout.contains("map.bin"), "{check:?}");
    scenario.run(&["check", "--repair"]).assert_code(1);
    scenario.run(&["check"]).assert_code(0);
    assert!(!file.exists());
    assert_eq!(map(&scenario, &[])["x"], first["x"]);
}

#[test]
fn new_images_join_others_stay() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 60);
    scenario.index(&photos);
    map(&scenario, &[]);
    let before = fs::read(file_of_map(&scenario)).unwrap();
    for image in &gallery_images()[60..64] {
        fs::copy(image, photos.join(image.file_name().unwrap())).unwrap();
    }
    scenario.index(&photos);
    let after = map(&scenario, &[]);
    assert_eq!(
        (after["total"].as_u64(), after["unplaced"].as_u64()),
        (Some(64), Some(0))
    );
    // Ids of 32 bytes and positions of 8 follow a header of 64 and a checksum is last.
    let places = |bytes: &[u8]| {
        let count = (bytes.len() - 96) / 40;
        let (ids, positions) = bytes[64..bytes.len() - 32].split_at(count * 32);
        let both = ids.chunks(32).zip(positions.chunks(8));
        both.map(|(id, position)| (id.to_vec(), position.to_vec()))
            .collect::<Vec<_>>()
    };
    let now = places(&fs::read(file_of_map(&scenario)).unwrap());
    for place in places(&before) {
        assert!(now.contains(&place), "a placed image moved");
    }
    fs::remove_file(photos.join(gallery_images()[3].file_name().unwrap())).unwrap();
    scenario
        .run(&["index", text(&photos), "--accept-removals", text(&photos)])
        .assert_code(0);
    assert_eq!(map(&scenario, &[])["total"], 63);
}

/// Photos that were taken at these times, by their names.
fn photos_of(scenario: &Scenario, times: &[&str]) -> PathBuf {
    let folder = scenario.path("dated");
    fs::create_dir_all(&folder).unwrap();
    for (image, time) in gallery_images().iter().zip(times) {
        fs::copy(image, folder.join(format!("IMG_{time}.jpg"))).unwrap();
    }
    folder
}

#[test]
fn events_end_at_gaps() {
    let scenario = Scenario::new();
    let folder = photos_of(
        &scenario,
        &[
            "20240704_101112",
            "20240704_101500",
            "20240704_110000",
            "20240709_080000",
        ],
    );
    // Its only date is that of the file.
    fs::copy(&gallery_images()[20], folder.join("scan.jpg")).unwrap();
    scenario.index(&folder);
    let found = events(&scenario, &[]);
    let titles: Vec<&str> = found["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, ["2024-07-09", "2024-07-04"]);
    assert_eq!(
        (&found["events"][1]["count"], &found["weak_dates"]),
        (&json!(3), &json!(1))
    );
    let listed = scenario.run(&["events"]).expect_code(0);
    assert!(listed.stderr.contains("left out 1 picture"), "{listed:?}");
    let path = folder.join("IMG_20240704_101500.jpg");
    let one = scenario.run(&["events", text(&path)]).expect_code(0);
    assert_eq!(one.stdout.lines().count(), 4, "{one:?}");
    let first = events(&scenario, &["-k", "1"]);
    let rest = events(&scenario, &["--cursor", first["next_cursor"].as_str().unwrap()]);
    assert_eq!(rest["events"][0]["title"], "2024-07-04");
    scenario.run(&["events", "--cursor", "soon"]).assert_code(2);
    let scan = scenario.run(&["events", text(&folder.join("scan.jpg"))]);
    assert!(
        scan.code == Some(3) && scan.stderr.contains("in no event"),
        "{scan:?}"
    );
}

#[test]
fn commands_work_beside_server() {
    let scenario = Scenario::new();
    scenario.index(&photos_of(&scenario, &["20240704_101112", "20240709_080000"]));
    let server = scenario.serve();
    assert_eq!(map(&scenario, &[])["total"], 2);
    assert_eq!(events(&scenario, &[])["total"], 2);
    let answer = get(&server.address, "/v1/map");
    if answer["state"] == "computing" {
        ended_job(&server.address, &answer);
    }
    let by_http = get(&server.address, "/v1/map");
    assert_eq!(
        (&by_http["state"], &by_http["x"]),
        (&json!("current"), &map(&scenario, &[])["x"])
    );
    assert_eq!(get(&server.address, "/v1/events")["total"], 2);
}
