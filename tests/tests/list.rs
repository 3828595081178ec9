//! Lists without a query, by command line and by HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use eidetic_tests::{Scenario, gallery_images, get, text};
use serde_json::Value;

/// A library of ten pictures with dates in their names, and two without a date of their own.
fn dated(scenario: &Scenario) -> std::path::PathBuf {
    let folder = scenario.path("photos");
    fs::create_dir_all(folder.join("old")).unwrap();
    for (number, image) in gallery_images().iter().take(10).enumerate() {
        let name = match number {
            0..5 => format!("old/IMG_201{number}0704_101112.jpg"),
            _ => format!("IMG_202{number}0704_101112.jpg"),
        };
        fs::copy(image, folder.join(name)).unwrap();
    }
    scenario.index(&folder);
    folder
}

fn names(list: &Value) -> Vec<String> {
    let images = list["images"].as_array().unwrap().iter();
    let name = |image: &Value| {
        let path = Path::new(image["path"].as_str().unwrap());
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    images.map(name).collect()
}

fn list(scenario: &Scenario, arguments: &[&str]) -> Value {
    let finished = scenario.run(&[&["list", "--json"], arguments].concat());
    finished.expect_code(0).json()
}

#[test]
fn pictures_are_listed_by_date_and_name() {
    let scenario = Scenario::new();
    let folder = dated(&scenario);
    let all = list(&scenario, &[]);
    assert_eq!(
        (all["total"].as_u64(), &all["next_cursor"]),
        (Some(10), &Value::Null)
    );
    assert!(
        all["images"][0]["taken"]
            .as_str()
            .unwrap()
            .starts_with("2029-07-04")
    );
    assert!(all["images"][0].get("tags").is_none(), "{}", all["images"][0]);
    let latest_first = names(&all);
    let mut by_name = names(&list(&scenario, &["--sort", "name"]));
    assert!(by_name.is_sorted());
    by_name.reverse();
    assert_eq!(latest_first, by_name);
    assert_eq!(names(&list(&scenario, &["--sort", "name", "--reverse"])), by_name);
    let sizes = list(&scenario, &["--sort", "size"]);
    let sizes: Vec<u64> = sizes["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["bytes"].as_u64().unwrap())
        .collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    let random = |seed: &str| names(&list(&scenario, &["--sort", "random", "--seed", seed]));
    assert_eq!(random("3"), random("3"));
    assert_ne!(random("3"), random("4"));
    let old = list(&scenario, &["--folder", text(&folder.join("old"))]);
    assert_eq!(old["total"], 5);
    let some = list(&scenario, &["--after", "2013", "--before", "2028"]);
    assert_eq!(some["total"], 5, "{some}");
}

#[test]
fn pages_go_on_while_library_changes() {
    let scenario = Scenario::new();
    let folder = dated(&scenario);
    let first = list(&scenario, &["-k", "4"]);
    assert_eq!(names(&first).len(), 4);
    fs::copy(&gallery_images()[20], folder.join("IMG_20300101_000000.jpg")).unwrap();
    fs::remove_file(folder.join("IMG_20260704_101112.jpg")).unwrap();
    scenario.run(&["index"]).assert_code(0);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = list(&scenario, &["-k", "4", "--cursor", cursor]);
    assert_eq!(names(&second)[0], "IMG_20250704_101112.jpg");
    assert_eq!(second["total"], 10);
    let wrong = scenario.run(&["list", "--sort", "name", "--cursor", cursor]);
    assert!(wrong.expect_code(2).stderr.contains("next_cursor"));
}

#[test]
fn server_lists_what_command_lists() {
    let scenario = Scenario::new();
    let folder = dated(&scenario);
    let alone = list(&scenario, &["--sort", "name", "--folder", text(&folder)]);
    let server = scenario.serve();
    let through_server = list(&scenario, &["--sort", "name", "--folder", text(&folder)]);
    assert_eq!(through_server, alone);
    let mut address = "/v1/images?sort=name&k=3".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = get(&server.address, &address);
        seen.extend(names(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => address = format!("/v1/images?sort=name&k=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, names(&alone));
    let paths = scenario.run(&["list", "-0"]).expect_code(0).stdout;
    assert_eq!(paths.matches('\0').count(), 10);
    let unknown = scenario.run(&["list", "--folder", "/nowhere"]).expect_code(2);
    assert!(unknown.stderr.contains("/nowhere"), "{unknown:?}");
}
