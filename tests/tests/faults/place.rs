//! A library with something of everything, which can be put back as it was.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use eidetic_tests::{Finished, Scenario, captions, copy_tree, gallery_images, repository, text};
use serde_json::{Map, Value, json};

/// Images of the library before a job.
pub const IMAGES: usize = 24;
/// Texts of the set that is stored.
pub const TEXTS: usize = 60;
/// The first caption of the set before a job, and of the one that it stores.
pub const OLD_TEXTS: usize = 12;
pub const NEW_TEXTS: usize = 30;
/// Times, names of this run, and how often it was calibrated: they differ between two runs that did the same.
const VOLATILE: [&str; 13] = [
    "took_ms", "as_of", "at_ms", "at", "made_at", "library", "file", "bytes", "history", "version", "before",
    "replaces", "updated",
];

/// A scenario with a library of pictures, tags, texts, a calibration and two spaces.
pub struct Place {
    pub scenario: Scenario,
    /// Photos, what jobs read and what they print, on a disk that is never full.
    outside: tempfile::TempDir,
}

/// What a library has.
pub struct Known {
    /// Ids of images by path.
    pub images: Map<String, Value>,
    /// Calibrations, the first one first.
    pub calibrations: Vec<Value>,
}

impl Place {
    /// Makes the library. The second space lacks a third of the images.
    pub fn new() -> Self {
        Self::in_scenario(Scenario::new())
    }

    pub fn in_scenario(scenario: Scenario) -> Self {
        let outside = tempfile::tempdir().unwrap();
        let place = Self { scenario, outside };
        fs::create_dir_all(place.path("tmp")).unwrap();
        place.write_photos(IMAGES / 3 * 2);
        place.succeed(&[
            "index",
            text(&place.photos()),
            "--model",
            text(&tiny()),
            "--precision",
            "f32",
        ]);
        place.succeed(&["space", "switch", "builtin", "--precision", "f32"]);
        place.write_photos(IMAGES);
        place.succeed(&["index"]);
        place.succeed(&["tag"]);
        place.write_texts(OLD_TEXTS);
        place.succeed(&["texts", "add", &place.input("one.txt")]);
        place.write_pairs("pairs.tsv", 8);
        place.succeed(&["calibrate", &place.input("pairs.tsv")]);
        place.succeed(&["search", "a boat"]);
        copy_tree(&place.scenario.library(), &place.path("template"));
        place
    }

    /// Puts everything back as it was before any job.
    pub fn reset(&self) {
        for folder in ["library", "out", "restored", "tmp"] {
            let _ = fs::remove_dir_all(self.path(folder));
        }
        let _ = fs::remove_dir_all(self.photos());
        for folder in ["out", "tmp"] {
            fs::create_dir_all(self.path(folder)).unwrap();
        }
        copy_tree(&self.path("template"), &self.scenario.library());
        self.write_photos(IMAGES);
    }

    /// A path on the disk of the library.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scenario.path(name)
    }

    pub fn photos(&self) -> PathBuf {
        self.outside.path().join("photos")
    }

    /// A file that jobs read, as an argument.
    pub fn input(&self, name: &str) -> String {
        text(&self.outside.path().join(name)).to_owned()
    }

    /// The file that an output of the last job is in: `stdout` or `stderr`.
    pub fn log(&self, name: &str) -> PathBuf {
        self.outside.path().join(name)
    }

    /// A path on the disk of the library as an argument.
    pub fn name(&self, name: &str) -> String {
        text(&self.path(name)).to_owned()
    }

    pub fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = self.scenario.command(arguments);
        command.env("TMPDIR", self.path("tmp"));
        command.output().unwrap().into()
    }

    pub fn succeed(&self, arguments: &[&str]) -> Finished {
        self.run(arguments).expect_code(0)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.succeed(&[arguments, &["--json"]].concat()).json()
    }

    /// The first pictures of the gallery.
    fn write_photos(&self, count: usize) {
        let folder = self.scenario.gallery(text(&self.photos()), count);
        set_times(&folder);
    }

    /// New pictures, some changed, some removed.
    pub fn change_photos(&self) {
        let photos = self.photos();
        let images = gallery_images();
        let copy_of = |image: &Path| photos.join(image.file_name().unwrap());
        for (changed, removed) in images[..3].iter().zip(&images[3..6]) {
            // Bytes after a JPEG's end belong to no image, but make it another content.
            let mut bytes = fs::read(changed).unwrap();
            bytes.extend_from_slice(b"changed");
            fs::write(copy_of(changed), bytes).unwrap();
            fs::remove_file(copy_of(removed)).unwrap();
        }
        let new = photos.join("new");
        fs::create_dir_all(&new).unwrap();
        for image in &images[40..60] {
            fs::copy(image, new.join(image.file_name().unwrap())).unwrap();
        }
        set_times(&photos);
    }

    /// A file of captions as lines, from this one on.
    pub fn write_texts(&self, first: usize) {
        fs::write(self.input("one.txt"), captions_from(first).join("\n") + "\n").unwrap();
    }

    /// For each of some images its caption as right and another's as wrong.
    pub fn write_pairs(&self, name: &str, count: usize) {
        let gallery = repository().join("data/gallery");
        let captions = captions();
        let lines = captions
            .iter()
            .take(count)
            .enumerate()
            .flat_map(|(at, (file, caption))| {
                let image = gallery.join(file);
                let other = &captions[(at + 7) % captions.len()].1;
                [
                    format!("{}\t{caption}\t1\n", image.display()),
                    format!("{}\t{other}\t0\n", image.display()),
                ]
            });
        fs::write(self.input(name), lines.collect::<String>()).unwrap();
    }

    /// Words of a vocabulary of one's own.
    pub fn write_vocabulary(&self) {
        fs::write(
            self.input("words.txt"),
            "apple\nboat\ncat\ndog\nhouse\nsnow\nsea\ntree\n",
        )
        .unwrap();
    }

    /// What must not be lost.
    pub fn known(&self) -> Known {
        let list = self.json(&["list", "-k", "all"]);
        Known {
            images: images_by_path(&list),
            calibrations: self.json(&["calibrate", "--history"])["history"]
                .as_array()
                .unwrap()
                .clone(),
        }
    }

    /// Everything that the library says of its content, without times.
    pub fn state(&self) -> Value {
        let check = self.json(&["check"]);
        assert_eq!(
            (&check["sound"], &check["findings"]),
            (&json!(true), &json!([])),
            "{check}"
        );
        let state = json!({
            "check": check,
            "list": self.json(&["list", "--sort", "name", "-k", "all"]),
            "search": self.json(&["search", "a boat", "-k", "all", "--expand"]),
            "tags": self.json(&["tag", "--list"]),
            "texts": self.json(&["texts", "list"]),
            "calibrations": self.json(&["calibrate", "--history"]),
            "spaces": self.json(&["space"]),
        });
        without_times(state)
    }
}

/// Makes all files of one time, since pictures without a date have that of their file.
fn set_times(folder: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 50);
    for path in files_in(folder) {
        File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    }
}

/// Captions of the gallery, from this one on.
pub fn captions_from(first: usize) -> Vec<String> {
    let texts = captions().into_iter().map(|(_, caption)| caption);
    texts.skip(first).take(TEXTS).collect()
}

/// A tiny checkpoint with random weights: another model, at no cost.
pub fn tiny() -> PathBuf {
    repository().join("data/golden/clip/quick")
}

/// Ids of the images in a list, by path.
pub fn images_by_path(list: &Value) -> Map<String, Value> {
    let images = list["images"].as_array().unwrap().iter();
    images
        .map(|image| (image["path"].as_str().unwrap().to_owned(), image["image"].clone()))
        .collect()
}

fn without_times(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !VOLATILE.contains(&name.as_str()))
            .map(|(name, value)| (name, without_times(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without_times).collect(),
        // Batches of other sizes round differently.
        Value::Number(number) if number.is_f64() => {
            let rounded = (number.as_f64().unwrap() * 1e3).round() / 1e3;
            json!(rounded)
        }
        other => other,
    }
}

/// Where two states differ: the path of each value, with both of them.
pub fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", left, right, &mut found);
    found
}

fn compare(path: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(lefts), Value::Object(rights)) => {
            let names: BTreeSet<&String> = lefts.keys().chain(rights.keys()).collect();
            for name in names {
                compare(&format!("{path}/{name}"), &left[name], &right[name], found);
            }
        }
        (Value::Array(lefts), Value::Array(rights)) if lefts.len() == rights.len() => {
            for (at, (left, right)) in lefts.iter().zip(rights).enumerate() {
                compare(&format!("{path}/{at}"), left, right, found);
            }
        }
        _ if left != right => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            found.push(format!("{path}: {} and {}", short(left), short(right)));
        }
        _ => {}
    }
}

/// The result, or what failed in it; the message of the panic is printed as it happens.
pub fn caught<T>(what: &str, run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        format!("{what}: {message}")
    })
}

/// Files below a folder, none where there is no such folder.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    if folder.is_dir() {
        eidetic_tests::files_below(folder)
    } else {
        Vec::new()
    }
}
