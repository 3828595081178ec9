//! Albums: every image's tags as a table, several vocabularies side by side, and the same through a running server.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use eidetic_tests::{Scenario, files_below, get, shared_data, text};
use serde_json::Value;

/// The gallery, indexed and tagged with the bundled words.
fn tagged() -> Scenario {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", usize::MAX));
    scenario.run(&["tag"]).assert_code(0);
    scenario
}

fn list(scenario: &Scenario) -> Value {
    scenario.run(&["tag", "--list", "--json"]).expect_code(0).json()
}

fn images(album: &Value) -> &Vec<Value> {
    album["images"].as_array().expect("images are a list")
}

fn tags(image: &Value) -> &Vec<Value> {
    image["tags"].as_array().expect("tags are a list")
}

fn vocabulary(scenario: &Scenario, name: &str, words: &str) -> PathBuf {
    let path = scenario.path(name);
    fs::write(&path, words).expect("a file can be written");
    path
}

fn names(report: &Value) -> Vec<&str> {
    let vocabularies = report["vocabularies"]
        .as_array()
        .expect("vocabularies are a list");
    let names = vocabularies.iter().map(|vocabulary| &vocabulary["name"]);
    names.map(|name| name.as_str().expect("a name")).collect()
}

fn without_times(mut answer: Value) -> Value {
    for key in ["seconds", "took_ms"] {
        answer.as_object_mut().expect("an object").remove(key);
    }
    answer
}

/// Each tag's weight is its confidence in tenths; low tags are within a fifth of the minimum, and never fill more than three
/// places.
fn check_image(image: &Value) {
    let tags = tags(image);
    let confidence = |tag: &Value| tag["confidence"].as_f64().expect("a confidence");
    assert!(
        tags.is_sorted_by(|a, b| confidence(a) >= confidence(b)),
        "{image}"
    );
    for (place, tag) in tags.iter().enumerate() {
        let weight = tag["weight"].as_f64().expect("a weight");
        assert!((1.0..=10.0).contains(&weight), "{tag}");
        assert!((weight - 10.0 * confidence(tag)).abs() <= 0.5 + 1e-3, "{tag}");
        let low = tag["low"].as_bool().expect("low or not");
        assert_eq!(low, confidence(tag) < 0.5, "{tag}");
        assert!(!low || (confidence(tag) >= 0.4 - 1e-6 && place < 3), "{image}");
    }
    let best: Vec<&Value> = tags.iter().take(3).map(|tag| &tag["tag"]).collect();
    let recommended = image["recommended"].as_array().expect("a list");
    assert_eq!(recommended.iter().collect::<Vec<_>>(), best, "{image}");
    let mean = tags.iter().take(3).map(confidence).sum::<f64>() / 3.0;
    let taggability = image["taggability"].as_f64().expect("tagged images have one");
    assert!((taggability - mean).abs() < 1e-5, "{image}");
}

#[test]
fn table_has_every_image_with_weights() {
    let scenario = tagged();
    let album = list(&scenario);
    let images = images(&album);
    assert_eq!(album["total"].as_u64(), Some(images.len() as u64));
    assert!(images.len() > 100 && album["next_cursor"].is_null());
    images.iter().for_each(check_image);
    let with = images.iter().filter(|image| !tags(image).is_empty()).count();
    let tagging = &album["tagging"];
    assert_eq!(tagging["tagged"].as_u64(), Some(with as u64));
    assert_eq!(tagging["untagged"].as_u64(), Some((images.len() - with) as u64));
    let mean = images
        .iter()
        .map(|image| image["taggability"].as_f64().expect("a number"))
        .sum::<f64>()
        / images.len() as f64;
    assert!((tagging["taggability"].as_f64().expect("a number") - mean).abs() < 1e-4);
    assert!(
        10 * with > 7 * images.len(),
        "most images of the gallery have a tag: {tagging}"
    );
}

#[test]
fn text_and_tsv_have_same_images() {
    let scenario = tagged();
    let album = list(&scenario);
    let table = scenario.run(&["tag", "--list", "--tsv"]).expect_code(0);
    let mut lines = table.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("path\timage\ttaggability\trecommended\ttags\tweights\tlow")
    );
    for (line, image) in lines.by_ref().zip(images(&album)) {
        let columns: Vec<&str> = line.split('\t').collect();
        assert_eq!(columns.len(), 7, "{line}");
        assert_eq!(image["path"], columns[0]);
        assert_eq!(image["image"], columns[1]);
        let in_column = |column: usize| {
            columns[column]
                .split("; ")
                .filter(|cell| !cell.is_empty())
                .count()
        };
        assert_eq!(
            (in_column(4), in_column(5)),
            (tags(image).len(), tags(image).len()),
            "{line}"
        );
    }
    assert_eq!(lines.next(), None);
    let shown = scenario.run(&["tag", "--list"]).expect_code(0);
    assert_eq!(shown.stdout.lines().count(), 2 * images(&album).len());
    let untagged = images(&album).iter().filter(|image| tags(image).is_empty());
    for image in untagged.take(20) {
        let path = image["path"].as_str().expect("a path");
        assert!(shown.stderr.contains(path), "{}", shown.stderr);
    }
    assert!(shown.stderr.contains("taggability"), "{}", shown.stderr);
}

#[test]
fn pages_of_server_join_to_same_list() {
    let scenario = tagged();
    let here = list(&scenario);
    let server = scenario.serve();
    let mut joined = Vec::new();
    let mut address = "/v1/images?fields=tags&k=37".to_owned();
    loop {
        let page = get(&server.address, &address);
        assert!(images(&page).len() <= 37);
        assert_eq!(
            page["tagging"].is_null(),
            !joined.is_empty(),
            "on the first page only"
        );
        joined.extend(images(&page).clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => address = format!("/v1/images?fields=tags&k=37&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(&joined, images(&here));
    assert_eq!(list(&scenario), here);
    drop(server);
}

#[test]
fn vocabularies_stand_side_by_side() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 20));
    let run = |arguments: &[&str]| scenario.run(&[&["tag", "--json"], arguments].concat());
    let food = vocabulary(&scenario, "food.txt", "apple\nbread\nsoup\n");
    let colors = vocabulary(&scenario, "colors.txt", "red\nblue\n");
    let first = run(&[]).expect_code(0).json();
    assert_eq!(names(&first), ["everyday"]);
    let added = run(&["--vocabulary", text(&food)]).expect_code(0).json();
    assert_eq!(names(&added), ["everyday", "food"]);
    assert_eq!(added["tagged"], 20, "{added}");
    let named = format!("hues={}", text(&colors));
    let three = run(&["--vocabulary", &named]).expect_code(0).json();
    assert_eq!(names(&three), ["everyday", "food", "hues"]);
    // The last run's vocabularies are used again, and nothing is tagged twice.
    let again = run(&[]).expect_code(0).json();
    assert_eq!(
        (names(&again), &again["unchanged"]),
        (names(&three), &Value::from(20))
    );

    fs::write(&colors, "green\nyellow\n").expect("a file can be written");
    let refused = run(&["--vocabulary", &named]).expect_code(2);
    assert!(
        refused.stderr.contains("\"hues\"") && refused.stderr.contains("--replace"),
        "{refused:?}"
    );
    let replaced = run(&["--vocabulary", &named, "--replace"]).expect_code(0).json();
    assert_eq!(names(&replaced), names(&three));
    let has = |report: &Value, word: &str| {
        report["tags"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|tag| tag["tag"] == word)
    };
    assert!(!has(&replaced, "blue"), "{replaced}");
    let fewer = run(&["--forget-vocabulary", "food"]).expect_code(0).json();
    assert_eq!(names(&fewer), ["everyday", "hues"]);
    let unknown = run(&["--forget-vocabulary", "food"]).expect_code(2);
    assert!(unknown.stderr.contains("everyday, hues"), "{unknown:?}");
}

#[test]
fn words_that_model_never_learnt_are_named() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 6));
    let file = vocabulary(&scenario, "odd.txt", "apple\nzyxomma\nquaestor\nflummery\n");
    let tagged = scenario
        .run(&["tag", "--json", "--vocabulary", text(&file)])
        .expect_code(0);
    for part in ["3 of the 4 words", "\"odd\"", "\"zyxomma\"", "hardly fits"] {
        assert!(tagged.stderr.contains(part), "{}", tagged.stderr);
    }
    let report = tagged.json();
    assert_eq!(report["vocabularies"][0]["unknown"], 3, "{report}");
    let words = report["tags"].as_array().expect("a list");
    assert!(
        words.iter().all(|word| word["tag"] == "apple"),
        "none is guessed: {report}"
    );
}

#[test]
fn tag_alone_lists_its_images() {
    let scenario = tagged();
    let report = scenario.run(&["tag", "--json"]).expect_code(0).json();
    let (word, count) = (&report["tags"][0]["tag"], &report["tags"][0]["images"]);
    let word = word.as_str().expect("a tag").to_uppercase();
    let arguments = ["search", "--tag", &word, "-k", "1000", "--json"];
    let here = scenario.run(&arguments).expect_code(0).json();
    let hits = here["hits"].as_array().expect("hits are a list");
    assert_eq!(count.as_u64(), Some(hits.len() as u64));
    assert!(hits.is_sorted_by(|a, b| a["confidence"].as_f64() >= b["confidence"].as_f64()));
    let none = scenario.run(&["search", "--tag", "no such tag"]).expect_code(2);
    assert!(none.stderr.contains("no such tag"), "{none:?}");
    scenario.run(&["search"]).assert_code(2);
    let server = scenario.serve();
    let there = scenario.run(&arguments).expect_code(0).json();
    assert_eq!(without_times(there), without_times(here));
    drop(server);
}

#[test]
fn server_runs_jobs_with_same_output() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 30);
    scenario.index(&folder);
    let words = vocabulary(&scenario, "words.txt", "apple\nsnow\nlighthouse\nzyxomma\n");
    let mut pairs = String::new();
    for (number, file) in files_below(&folder).iter().enumerate() {
        let name = file
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .replace('-', " ");
        for (caption, matches) in [(name.as_str(), 1), ("a rocket on the moon", 0)] {
            let _ = writeln!(pairs, "{}\t{caption} {number}\t{matches}", text(file));
        }
    }
    let pairs = vocabulary(&scenario, "pairs.tsv", &pairs);
    let commands: [&[&str]; 4] = [
        &["tag", "--vocabulary", text(&words), "--json"],
        &["screen", "--json"],
        &["screen"],
        &["calibrate", text(&pairs), "--dry-run", "--json"],
    ];
    let here = commands.map(|command| scenario.run(command).expect_code(0));
    fs::remove_file(scenario.library().join("tagging.json")).expect("a tagged library has one");
    let server = scenario.serve();
    for (command, here) in commands.into_iter().zip(here) {
        let there = scenario.run(command).expect_code(0);
        assert!(there.stderr.contains("owns the library"), "{there:?}");
        if command.contains(&"--json") {
            let strip = |answer: Value| {
                let mut answer = without_times(answer);
                let fields = answer.as_object_mut().expect("an object");
                // The first run tagged, so that the second found all tags in place.
                fields.remove("tagged");
                fields.remove("unchanged");
                if let Some(calibration) = fields.get_mut("calibration") {
                    calibration.as_object_mut().expect("an object").remove("made_at");
                }
                answer
            };
            assert_eq!(strip(there.json()), strip(here.json()), "{command:?}");
        } else {
            assert_eq!(there.stdout, here.stdout, "{command:?}");
        }
    }
    let stored = scenario.run(&["calibrate", text(&pairs)]).expect_code(0);
    assert!(!stored.stdout.contains("not stored"), "{stored:?}");
    let refused = scenario.run(&["screen", "--profile", "nothing"]).expect_code(2);
    assert!(refused.stderr.contains("unknown profile"), "{refused:?}");
    drop(server);
    let kept = scenario.run(&["calibrate", "--json"]).expect_code(0).json();
    assert_eq!(kept["calibrations"].as_array().map(Vec::len), Some(1), "{kept}");
}

#[cfg(unix)]
#[test]
fn interrupt_cancels_job_of_server() {
    use std::io::{BufRead, BufReader};

    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 3));
    let server = scenario.serve();
    // Long enough to be interrupted: each word is embedded in eight texts.
    let words: Vec<String> = (0..10_000).map(|number| format!("word {number}\n")).collect();
    let words = words.concat();
    let file = vocabulary(&scenario, "many.txt", &words);
    let mut command = scenario.command(&["tag", "--vocabulary", text(&file), "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
    let said = lines.next().expect("a line").expect("text");
    assert!(said.contains("tags the images"), "{said}");
    // The job has begun once it is listed.
    let job = format!("{}/v1/jobs/1", server.address);
    while ureq::get(&job).call().is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(interrupted.success());
    for line in lines.map_while(Result::ok) {
        assert!(!line.contains("panicked"), "{line}");
    }
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&report["cancelled"], &report["tagged"]),
        (&Value::from(true), &Value::from(0))
    );
    assert_eq!(get(&server.address, "/v1/jobs/1")["state"], "cancelled");
    drop(server);
}

/// Real photos, where they are present.
#[test]
fn real_photos_get_fitting_tags() {
    let Some(data) = shared_data() else {
        return;
    };
    let scenario = Scenario::new();
    let folder = scenario.path("album");
    fs::create_dir(&folder).expect("a folder can be made");
    let photos: Vec<PathBuf> = files_below(&data.join("concepts/caltech101"))
        .into_iter()
        .filter(|path| in_album(path))
        .collect();
    for photo in &photos {
        fs::copy(photo, folder.join(photo.file_name().expect("a name"))).expect("a photo can be copied");
    }
    scenario.index(&folder);
    scenario.run(&["tag"]).assert_code(0);
    let album = list(&scenario);
    images(&album).iter().for_each(check_image);
    let right = images(&album).iter().filter(|image| {
        let path = image["path"].as_str().expect("a path");
        let thing = ALBUM
            .iter()
            .find(|thing| path.contains(*thing))
            .expect("a known file");
        tags(image).iter().any(|tag| tag["tag"] == **thing)
    });
    let (right, all) = (right.count(), photos.len());
    assert!(all >= 40 && 10 * right >= 6 * all, "{right} of {all}");
}

/// Things among the photos that are words of the bundled vocabulary.
const ALBUM: [&str; 5] = ["butterfly", "elephant", "sunflower", "umbrella", "pizza"];

/// The first ten photos of each thing.
fn in_album(path: &Path) -> bool {
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let things = ALBUM
        .iter()
        .any(|thing| name.starts_with(&format!("{thing}-000")));
    things || ALBUM.iter().any(|thing| name == format!("{thing}-0010"))
}
