//! Filters by what files say about pictures, counts of values, and searches that go on to the last picture.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use eidetic_tests::{Scenario, Server, gallery_images, get, text};
use serde_json::Value;

/// What a side-car file says.
struct SideCar {
    camera: &'static str,
    lens: &'static str,
    keywords: &'static [&'static str],
    city: &'static str,
    country: &'static str,
    rating: i8,
}

const SIDE_CARS: [SideCar; 3] = [
    SideCar {
        camera: "X100",
        lens: "23mm",
        keywords: &["sea", "boat"],
        city: "Genoa",
        country: "Italy",
        rating: 5,
    },
    SideCar {
        camera: "X100",
        lens: "35mm",
        keywords: &["sea"],
        city: "Nice",
        country: "France",
        rating: 3,
    },
    SideCar {
        camera: "D750",
        lens: "35mm",
        keywords: &["Cat"],
        city: "Rome",
        country: "Italy",
        rating: -1,
    },
];

fn packet(side_car: &SideCar) -> String {
    let keywords = side_car.keywords.join("</rdf:li><rdf:li>");
    format!(
        r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
          xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
          xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmp:Rating="{}" tiff:Make="Maker" tiff:Model="{}" aux:Lens="{}"
          photoshop:City="{}" photoshop:Country="{}">
        <dc:subject><rdf:Bag><rdf:li>{keywords}</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"#,
        side_car.rating, side_car.camera, side_car.lens, side_car.city, side_car.country
    )
}

/// Four pictures with dates in their names, three of them with side-cars, in two folders; and a damaged one.
fn library(scenario: &Scenario) -> PathBuf {
    let folder = scenario.path("photos");
    fs::create_dir_all(folder.join("trip/day 2")).unwrap();
    let names = [
        "trip/IMG_20240704_101112.jpg",
        "trip/day 2/IMG_20240801_101112.jpg",
        "IMG_20230101_101112.jpg",
    ];
    for ((name, image), side_car) in names.iter().zip(gallery_images()).zip(&SIDE_CARS) {
        fs::copy(image, folder.join(name)).unwrap();
        fs::write(folder.join(name).with_extension("xmp"), packet(side_car)).unwrap();
    }
    let plain = image::RgbImage::from_fn(40, 60, |x, y| image::Rgb([x as u8, y as u8, 99]));
    plain.save(folder.join("tall.png")).unwrap();
    let whole = fs::read(&gallery_images()[9]).unwrap();
    fs::write(folder.join("damaged.jpg"), &whole[..whole.len() * 2 / 3]).unwrap();
    scenario.index(&folder);
    folder
}

fn names(answer: &Value, list: &str) -> Vec<String> {
    let mut names: Vec<String> = answer[list]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            let path = Path::new(image["path"].as_str().unwrap());
            path.file_name().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    names.sort();
    names
}

/// Filters, and the names of the pictures that match.
fn cases() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    let [july, august, january] = [
        "IMG_20240704_101112.jpg",
        "IMG_20240801_101112.jpg",
        "IMG_20230101_101112.jpg",
    ];
    vec![
        (vec!["--type", "png"], vec!["tall.png"]),
        (vec!["--type", "PNG", "--type", "gif"], vec!["tall.png"]),
        (vec!["--camera", "maker x100"], vec![july, august]),
        (vec!["--camera", "x*", "--lens", "35MM"], vec![august]),
        (
            vec!["--camera", "D750", "--camera", "X100"],
            vec![january, july, august],
        ),
        (vec!["--keyword", "SEA"], vec![july, august]),
        (vec!["--keyword", "sea", "--keyword", "bo?t"], vec![july]),
        (vec!["--place", "italy"], vec![january, july]),
        (vec!["--place", "italy", "--place", "rome"], vec![january]),
        (vec!["--name", "2024"], vec![july, august]),
        (vec!["--name", "*.PNG"], vec!["tall.png"]),
        (vec!["--rating", "4"], vec![july]),
        (vec!["--rating", "-1..3"], vec![january, august]),
        (vec!["--rating", "none"], vec!["damaged.jpg", "tall.png"]),
        (vec!["--orientation", "portrait"], vec!["tall.png"]),
        (vec!["--size", "..1k"], vec!["tall.png"]),
        (vec!["--size", "1G..2G"], vec![]),
        (vec!["--damaged"], vec!["damaged.jpg"]),
        (vec!["--unreachable"], vec![]),
        (vec!["--after", "2024-07-15", "--before", "2025"], vec![august]),
    ]
}

#[test]
fn every_filter_selects_the_same_everywhere() {
    let scenario = Scenario::new();
    library(&scenario);
    let json = |arguments: &[&str]| scenario.run(arguments).expect_code(0).json();
    let answers = |filter: &[&str]| {
        let listed = json(&[&["list", "--json"], filter].concat());
        let found = json(&[&["search", "a boat", "--json", "-k", "all"], filter].concat());
        (listed, names(&found, "hits"))
    };
    let mut alone = Vec::new();
    for (filter, expected) in cases() {
        let (listed, hits) = answers(&filter);
        assert_eq!(names(&listed, "images"), expected, "{filter:?}");
        assert_eq!(hits, expected, "{filter:?}");
        alone.push(listed);
    }
    let server = scenario.serve();
    for ((filter, expected), listed) in cases().into_iter().zip(alone) {
        let (through_server, hits) = answers(&filter);
        assert_eq!(through_server, listed, "{filter:?}");
        assert_eq!(hits, expected, "{filter:?}");
    }
    let only_undamaged = get(&server.address, "/v1/images?damaged=false&unreachable=false");
    assert_eq!(only_undamaged["total"], 4);
}

#[test]
fn unknown_values_are_said() {
    let scenario = Scenario::new();
    library(&scenario);
    for (option, value, known) in [
        ("--camera", "Leica", "\"Maker X100\""),
        ("--lens", "85mm", "\"35mm\""),
        ("--keyword", "mountain", "\"sea\""),
        ("--place", "Atlantis", "\"Italy\""),
    ] {
        for command in [&["list"][..], &["search", "a boat"]] {
            let refused = scenario.run(&[command, &[option, value]].concat()).expect_code(2);
            for part in [value, known] {
                assert!(refused.stderr.contains(part), "{option}: {refused:?}");
            }
        }
    }
    for (option, value) in [
        ("--type", "doc"),
        ("--rating", "9"),
        ("--size", "big"),
        ("--orientation", "wide"),
        ("--camera", " "),
    ] {
        let refused = scenario.run(&["list", option, value]).expect_code(2);
        assert!(
            refused.stderr.contains(option.trim_start_matches('-')),
            "{refused:?}"
        );
    }
    // Each is known, only not together.
    let none = scenario
        .run(&["list", "--json", "--camera", "D750", "--keyword", "sea"])
        .expect_code(0);
    assert_eq!(none.json()["total"], 0);
}

fn counts(values: &Value) -> BTreeMap<String, u64> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|value| {
            (
                value["value"].as_str().unwrap().to_owned(),
                value["images"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn facets_count_what_filters_find() {
    let scenario = Scenario::new();
    library(&scenario);
    let server = scenario.serve();
    let facets = get(&server.address, "/v1/facets");
    assert_eq!(
        (facets["total"].as_u64(), facets["damaged"].as_u64()),
        (Some(5), Some(1))
    );
    let expected = |pairs: &[(&str, u64)]| -> BTreeMap<String, u64> {
        pairs
            .iter()
            .map(|(value, count)| ((*value).to_owned(), *count))
            .collect()
    };
    assert_eq!(
        counts(&facets["cameras"]),
        expected(&[("Maker X100", 2), ("Maker D750", 1)])
    );
    assert_eq!(counts(&facets["lenses"]), expected(&[("35mm", 2), ("23mm", 1)]));
    assert_eq!(
        counts(&facets["keywords"]),
        expected(&[("sea", 2), ("boat", 1), ("Cat", 1)])
    );
    assert_eq!(
        counts(&facets["ratings"]),
        expected(&[("none", 2), ("5", 1), ("3", 1), ("-1", 1)])
    );
    assert_eq!(counts(&facets["types"]), expected(&[("jpeg", 4), ("png", 1)]));
    assert_eq!(facets["places"].as_array().unwrap().len(), 3);
    let year = &facets["years"].as_array().unwrap()[1];
    assert_eq!(
        (&year["year"], year["months"][0]["month"].as_u64()),
        (&2024.into(), Some(7))
    );
    assert_counts_are_found(&server, &facets);
}

#[test]
fn facets_count_folders_of_one_level() {
    let scenario = Scenario::new();
    let folder = library(&scenario);
    let server = scenario.serve();
    let facets = get(&server.address, "/v1/facets");
    let root = &facets["folders"].as_array().unwrap()[0];
    assert_eq!(
        (&root["path"], root["images"].as_u64()),
        (&text(&folder).into(), Some(5))
    );
    assert_eq!(root["has_folders"], true);
    let below = get(
        &server.address,
        &format!("/v1/facets?keyword=sea&parent={}", text(&folder)),
    );
    let below = below["folders"].as_array().unwrap();
    assert_eq!(
        (below.len(), &below[0]["images"], &below[0]["has_folders"]),
        (1, &2.into(), &true.into())
    );
}

/// Each value finds as many pictures as its count says.
fn assert_counts_are_found(server: &Server, facets: &Value) {
    for (parameter, list) in [
        ("camera", "cameras"),
        ("lens", "lenses"),
        ("keyword", "keywords"),
        ("rating", "ratings"),
        ("type", "types"),
    ] {
        for (value, count) in counts(&facets[list]) {
            let value = if parameter == "rating" && value != "none" {
                format!("{value}..{value}")
            } else {
                value
            };
            let address = format!("/v1/images?{parameter}={}", value.replace(' ', "%20"));
            assert_eq!(get(&server.address, &address)["total"], count, "{address}");
        }
    }
}

#[test]
fn search_goes_on_to_the_last_picture() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 60));
    let json = |arguments: &[&str]| scenario.run(arguments).expect_code(0).json();
    let all = json(&["search", "a red apple", "--json", "-k", "all"]);
    assert_eq!(all["next_cursor"], Value::Null);
    let ids = |answer: &Value| -> Vec<String> {
        let hits = answer["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["image"].as_str().unwrap().to_owned())
            .collect()
    };
    let copies: u64 = all["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["copies"].as_u64().unwrap())
        .sum();
    assert_eq!(copies, 60, "every picture is a hit or a copy of one");
    let first = json(&["search", "a red apple", "--json", "-k", "25"]);
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let second = json(&[
        "search",
        "a red apple",
        "--json",
        "-k",
        "1000",
        "--cursor",
        &cursor,
    ]);
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&all));
    assert_eq!(first["verdict"], second["verdict"]);
    let paths = scenario
        .run(&["search", "a red apple", "-0", "-k", "all"])
        .expect_code(0)
        .stdout;
    assert_eq!(paths.matches('\0').count(), ids(&all).len());
    let dated = json(&["search", "a red apple", "--json", "-k", "all", "--sort", "taken"]);
    let dates: Vec<Option<&str>> = dated["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["taken"].as_str())
        .collect();
    assert!(dates.is_sorted_by(|a, b| a >= b), "{dates:?}");
    let wrong = scenario
        .run(&["search", "a red apple", "--cursor", "x"])
        .expect_code(2);
    assert!(wrong.stderr.contains("next_cursor"), "{wrong:?}");
    let server = scenario.serve();
    let address = format!("/v1/search?text=a+red+apple&k=1000&cursor={cursor}");
    assert_eq!(ids(&get(&server.address, &address)), ids(&second));
    let through_server = json(&["search", "a red apple", "--json", "-k", "all"]);
    assert_eq!(ids(&through_server), ids(&all));
}

#[test]
fn added_pictures_come_first() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 3);
    scenario.index(&folder);
    fs::copy(&gallery_images()[7], folder.join("a later one.jpg")).unwrap();
    scenario.run(&["index"]).assert_code(0);
    let list = |sort: &str| {
        let listed = scenario
            .run(&["list", "--json", "--sort", sort])
            .expect_code(0)
            .json();
        let first = listed["images"][0]["path"].as_str().unwrap().to_owned();
        Path::new(&first)
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(list("added"), "a later one.jpg");
    // Moving a file adds nothing.
    fs::rename(folder.join("a later one.jpg"), folder.join("moved.jpg")).unwrap();
    scenario.run(&["index"]).assert_code(0);
    assert_eq!(list("added"), "moved.jpg");
}
