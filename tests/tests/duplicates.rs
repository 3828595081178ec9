//! Duplicates and bursts, by command line and by HTTP: found, ordered, and never deleted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use eidetic_tests::{Scenario, files_below, gallery_images, get, repository, text};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbImage};
use serde_json::Value;

/// A picture of the gallery.
fn picture(name: &str) -> (PathBuf, RgbImage) {
    let path = repository().join("data/gallery").join(name);
    let image = image::open(&path).unwrap().into_rgb8();
    (path, image)
}

fn save_jpeg(image: &RgbImage, path: &Path, quality: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode_image(image)
        .unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes a JPEG file with a camera and the time of exposure, such as `2024:05:01 12:00:03`.
fn save_photo(image: &RgbImage, path: &Path, taken: &str) {
    save_jpeg(image, path, 90);
    let bytes = fs::read(path).unwrap();
    let exif = exif("Maker", "Model 1", taken);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let with_exif = [&bytes[..2], &[0xff, 0xe1], &length, &exif, &bytes[2..]].concat();
    fs::write(path, with_exif).unwrap();
}

/// A directory of TIFF with texts, of which the last one is the time of exposure, in a directory of its own.
fn exif(make: &str, model: &str, taken: &str) -> Vec<u8> {
    let texts = [make, model, taken].map(|text| format!("{text}\0"));
    let (first_directory, second_directory) = (8_u32, 8 + 2 + 3 * 12 + 4);
    let mut place = second_directory + 2 + 12 + 4;
    let mut places = Vec::new();
    for text in &texts {
        places.push(place);
        place += u32::try_from(text.len()).unwrap();
    }
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [
            &tag.to_le_bytes()[..],
            &kind.to_le_bytes(),
            &count.to_le_bytes(),
            &value.to_le_bytes(),
        ]
        .concat()
    };
    let ascii = |tag, at: usize| entry(tag, 2, u32::try_from(texts[at].len()).unwrap(), places[at]);
    let mut tiff = b"II*\0".to_vec();
    tiff.extend(first_directory.to_le_bytes());
    tiff.extend(3_u16.to_le_bytes());
    tiff.extend(
        [
            ascii(0x010f, 0),
            ascii(0x0110, 1),
            entry(0x8769, 4, 1, second_directory),
        ]
        .concat(),
    );
    tiff.extend(0_u32.to_le_bytes());
    tiff.extend(1_u16.to_le_bytes());
    tiff.extend(ascii(0x9003, 2));
    tiff.extend(0_u32.to_le_bytes());
    tiff.extend(texts.concat().into_bytes());
    [b"Exif\0\0".to_vec(), tiff].concat()
}

fn duplicates(scenario: &Scenario, arguments: &[&str]) -> Value {
    let arguments = [&["duplicates", "--json"], arguments].concat();
    scenario.run(&arguments).expect_code(0).json()
}

/// The names of files in each group of a kind, the best first, then sorted.
fn groups(answer: &Value, kind: &str) -> Vec<Vec<String>> {
    let groups = answer["groups"].as_array().unwrap().iter();
    groups.filter(|group| group["kind"] == kind).map(names).collect()
}

fn names(group: &Value) -> Vec<String> {
    let images = group["images"].as_array().unwrap();
    let best: Vec<bool> = images
        .iter()
        .map(|image| image["best"].as_bool().unwrap())
        .collect();
    assert!(best[0] && !best[1..].contains(&true), "{group}");
    let name = |image: &Value| {
        let path = Path::new(image["path"].as_str().unwrap());
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let mut names: Vec<String> = images.iter().map(name).collect();
    names[1..].sort();
    names
}

/// Exact copies, and one picture in other encodings, sizes, orientations and a crop, among others.
fn library_with_copies(scenario: &Scenario) -> PathBuf {
    let photos = scenario.gallery("photos", 12);
    let (path, image) = picture("red-bus-in-the-city.jpg");
    let (width, height) = image.dimensions();
    fs::copy(path, photos.join("bus.jpg")).unwrap();
    fs::create_dir_all(photos.join("copies")).unwrap();
    fs::copy(photos.join("bus.jpg"), photos.join("copies/bus (1).jpg")).unwrap();
    save_jpeg(&image, &photos.join("strong.jpg"), 40);
    let half = imageops::resize(&image, width / 2, height / 2, FilterType::Triangle);
    half.save(photos.join("half.png")).unwrap();
    save_jpeg(&imageops::rotate90(&image), &photos.join("turned.jpg"), 50);
    save_jpeg(&imageops::rotate180(&half), &photos.join("upside-down.jpg"), 85);
    let gray = DynamicImage::ImageRgb8(image.clone()).grayscale().into_rgb8();
    save_jpeg(&gray, &photos.join("gray.jpg"), 50);
    let crop = imageops::crop_imm(&image, width / 10, height / 8, width * 8 / 10, height * 8 / 10).to_image();
    save_jpeg(&crop, &photos.join("crop.jpg"), 85);
    photos
}

#[test]
fn copies_are_grouped_best_first() {
    let scenario = Scenario::new();
    let photos = library_with_copies(&scenario);
    let before = files_below(&photos);
    scenario.index(&photos);
    let found = duplicates(&scenario, &[]);
    assert_eq!(groups(&found, "exact"), [["bus.jpg", "bus (1).jpg"]]);
    let near = groups(&found, "near");
    let expected = [
        "bus.jpg",
        "bus (1).jpg",
        "crop.jpg",
        "gray.jpg",
        "half.png",
        "strong.jpg",
        "turned.jpg",
        "upside-down.jpg",
    ];
    assert_eq!(near, [expected], "{found}");
    assert!(groups(&found, "burst").is_empty());
    let exact = &found["groups"][0];
    assert_eq!(
        (&exact["kind"], exact["images"][0].get("image")),
        (&"exact".into(), exact["images"][1].get("image"))
    );
    for group in found["groups"].as_array().unwrap() {
        let probability = group["probability"].as_f64().unwrap();
        assert!((0.8..=1.0).contains(&probability), "{group}");
    }
    assert!(groups(&duplicates(&scenario, &["--exact"]), "near").is_empty());
    assert!(groups(&duplicates(&scenario, &["--near"]), "exact").is_empty());
    assert_eq!(files_below(&photos), before, "nothing is deleted");
}

#[test]
fn paths_are_all_but_best() {
    let scenario = Scenario::new();
    let photos = library_with_copies(&scenario);
    scenario.index(&photos);
    let lines = scenario.run(&["duplicates", "--paths"]).expect_code(0).stdout;
    let listed: BTreeSet<&str> = lines.lines().collect();
    assert_eq!(listed.len(), lines.lines().count(), "each once");
    assert_eq!(listed.len(), 7, "{lines}");
    assert!(!listed.contains(text(&photos.join("bus.jpg"))), "{lines}");
    let exact = scenario
        .run(&["duplicates", "--exact", "-0"])
        .expect_code(0)
        .stdout;
    assert_eq!(
        exact,
        format!("{}\0", photos.join("copies/bus (1).jpg").display())
    );
    let table = scenario.run(&["duplicates", "--exact"]).expect_code(0).stdout;
    assert!(
        table.contains("* ") && table.contains("exact, 2 files"),
        "{table}"
    );
    scenario.run(&["duplicates", "--exact", "--near"]).assert_code(2);
    scenario.run(&["duplicates", "--threshold", "2"]).assert_code(2);
}

#[test]
fn filters_restrict_images_and_paths() {
    let scenario = Scenario::new();
    let photos = library_with_copies(&scenario);
    scenario.index(&photos);
    let copies = photos.join("copies");
    let within = duplicates(&scenario, &["--folder", text(&copies)]);
    assert_eq!(within["groups"].as_array().unwrap().len(), 0, "{within}");
    let unknown = scenario.run(&["duplicates", "--folder", text(&scenario.path("elsewhere"))]);
    assert!(unknown.stderr.contains("elsewhere"), "{unknown:?}");
    assert_ne!(unknown.code, Some(0));
    fs::remove_file(photos.join("bus.jpg")).unwrap();
    let now = duplicates(&scenario, &[]);
    assert!(
        groups(&now, "exact").is_empty(),
        "a missing file is no copy: {now}"
    );
    let near = &groups(&now, "near")[0];
    assert!(
        near.len() == 7 && !near.contains(&"bus.jpg".to_owned()),
        "{near:?}"
    );
}

#[test]
fn different_pictures_are_no_duplicates() {
    let scenario = Scenario::new();
    let photos = scenario.path("photos");
    fs::create_dir_all(&photos).unwrap();
    for picture in gallery_images() {
        let name = picture.file_name().unwrap();
        // The same drawing of a pineapple as another picture's.
        if name != "pineapple-and-yellow-banana-on-table.jpg" {
            fs::copy(&picture, photos.join(name)).unwrap();
        }
    }
    for (number, shade) in [0, 90, 91, 200, 255].into_iter().enumerate() {
        let plain = RgbImage::from_pixel(300, 200 + 10 * number as u32, image::Rgb([shade; 3]));
        plain.save(photos.join(format!("plain-{number}.png"))).unwrap();
    }
    scenario.index(&photos);
    let found = duplicates(&scenario, &[]);
    assert_eq!(found["groups"].as_array().unwrap().len(), 0, "{found}");
}

#[test]
fn bursts_are_found_by_camera_and_time() {
    let scenario = Scenario::new();
    let photos = scenario.path("photos");
    let (_, image) = picture("red-bus-in-the-city.jpg");
    let (width, height) = image.dimensions();
    // A camera that pans: each photo shows about two thirds of what the one before shows.
    let view = |step: u32| {
        imageops::crop_imm(&image, step * width / 6, height / 6, width / 2, height / 2).to_image()
    };
    for (step, second) in [(0, 1), (1, 2), (2, 4)] {
        let name = format!("burst-{step}.jpg");
        save_photo(
            &view(step),
            &photos.join(name),
            &format!("2024:05:01 12:00:0{second}"),
        );
    }
    save_photo(&view(3), &photos.join("later.jpg"), "2024:05:01 12:30:00");
    scenario.index(&photos);
    let found = duplicates(&scenario, &[]);
    assert!(groups(&found, "near").is_empty(), "{found}");
    assert_eq!(
        groups(&found, "burst"),
        [["burst-0.jpg", "burst-1.jpg", "burst-2.jpg"]],
        "{found}"
    );
    let all = scenario.run(&["duplicates", "--paths"]).expect_code(0).stdout;
    assert_eq!(all, "", "photos of a burst differ");
    let burst = scenario
        .run(&["duplicates", "--burst", "--paths"])
        .expect_code(0)
        .stdout;
    assert_eq!(burst.lines().count(), 2, "{burst}");
    let before = duplicates(&scenario, &["--burst", "--before", "2024-05-01T12:00:03"]);
    assert_eq!(groups(&before, "burst"), [["burst-0.jpg", "burst-1.jpg"]]);
}

#[test]
fn fingerprints_are_made_again_after_damage() {
    let scenario = Scenario::new();
    let photos = library_with_copies(&scenario);
    scenario.index(&photos);
    let file = scenario.library().join("duplicates.bin");
    let whole = fs::read(&file).unwrap();
    let expected = duplicates(&scenario, &[]);
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    for broken in [&damaged[..], &whole[..whole.len() - 5], b"nothing of use"] {
        fs::write(&file, broken).unwrap();
        let check = scenario.run(&["check", "--json"]);
        // A record that was cut off is what a killed process leaves.
        let is_cut_off = broken.len() + 5 == whole.len();
        assert_eq!(check.stdout.contains("duplicates.bin"), !is_cut_off, "{check:?}");
        assert_eq!(
            groups(&duplicates(&scenario, &[]), "exact"),
            groups(&expected, "exact")
        );
        assert_eq!(
            groups(&duplicates(&scenario, &[]), "near"),
            groups(&expected, "near")
        );
        scenario.run(&["check"]).assert_code(0);
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(
        groups(&duplicates(&scenario, &[]), "near"),
        groups(&expected, "near")
    );
    assert!(file.is_file());
}

#[test]
fn reader_beside_owner_writes_nothing() {
    let scenario = Scenario::new();
    let photos = library_with_copies(&scenario);
    scenario.index(&photos);
    let server = scenario.serve();
    let by_http = get(&server.address, "/v1/duplicates");
    assert_eq!(groups(&by_http, "near")[0].len(), 8, "{by_http}");
    let through_server = duplicates(
        &scenario,
        &["--near", "--threshold", "0.8", "--folder", text(&photos)],
    );
    assert_eq!(groups(&through_server, "near"), groups(&by_http, "near"));
    assert!(groups(&through_server, "exact").is_empty());
    drop(server);
    let file = scenario.library().join("duplicates.bin");
    // The last owner was no server.
    scenario.index(&photos);
    fs::remove_file(&file).unwrap();
    let owner = fs::File::options()
        .append(true)
        .open(scenario.library().join("lock"))
        .unwrap();
    owner.lock().unwrap();
    let beside = duplicates(&scenario, &["--near"]);
    assert_eq!(groups(&beside, "near"), groups(&by_http, "near"));
    assert!(!file.exists(), "only the owner writes");
}

#[test]
fn expanded_search_shows_each_copy() {
    let scenario = Scenario::new();
    let photos = scenario.gallery("photos", 20);
    let (path, _) = picture("red-apple-on-table.jpg");
    for number in 0..3_u8 {
        let copy = [fs::read(&path).unwrap(), vec![number]].concat();
        fs::write(photos.join(format!("apple-{number}.jpg")), copy).unwrap();
    }
    scenario.index(&photos);
    let search = |arguments: &[&str]| {
        let arguments = [&["search", "red", "apple", "-k", "5", "--json"], arguments].concat();
        scenario.run(&arguments).expect_code(0).json()
    };
    let copies = |answer: &Value| -> Vec<u64> {
        let hits = answer["hits"].as_array().unwrap();
        hits.iter().map(|hit| hit["copies"].as_u64().unwrap()).collect()
    };
    assert_eq!(copies(&search(&[])), [3, 1, 1, 1, 1]);
    let expanded = search(&["--expand"]);
    assert_eq!(copies(&expanded), [1; 5]);
    let images: BTreeSet<&str> = expanded["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["image"].as_str().unwrap())
        .collect();
    assert_eq!(images.len(), 5, "{expanded}");
    let server = scenario.serve();
    let folded = get(&server.address, "/v1/search?text=red+apple&k=5");
    let by_http = get(&server.address, "/v1/search?text=red+apple&k=5&expand=true");
    assert_eq!(
        (copies(&folded), copies(&by_http)),
        (vec![3, 1, 1, 1, 1], vec![1; 5])
    );
}
