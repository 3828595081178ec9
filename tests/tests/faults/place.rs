//! A library with something of everything, which can be put back as it was.

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_tests::{Finished, Scenario, captions, copy_tree, gallery_images, repository, text};
use serde_json::{Map, Value, json};

/// Images of the library before a job.
pub const IMAGES: usize = 24;
/// Times, and what names this run: they differ between two runs that did the same.
const VOLATILE: [&str; 12] = [
    "took_ms", "as_of", "at_ms", "at", "library", "file", "added", "made", "process", "bytes", "rows",
    "seconds",
];

/// A scenario with a library of pictures, tags, texts, a calibration and two spaces.
pub struct Place {
    pub scenario: Scenario,
    /// What jobs print, on another disk.
    logs: tempfile::TempDir,
}

impl Place {
    /// Makes the library. The second space lacks a third of the images.
    pub fn new() -> Self {
        Self::in_scenario(Scenario::new())
    }

    pub fn in_scenario(scenario: Scenario) -> Self {
        let logs = tempfile::tempdir().unwrap();
        let place = Self { scenario, logs };
        fs::create_dir_all(place.path("tmp")).unwrap();
        place.write_photos(IMAGES / 3 * 2);
        place.succeed(&[
            "index",
            &place.name("photos"),
            "--model",
            text(&tiny()),
            "--precision",
            "f32",
        ]);
        place.succeed(&["space", "switch", "builtin", "--precision", "f32"]);
        place.write_photos(IMAGES);
        place.succeed(&["index"]);
        place.succeed(&["tag"]);
        place.write_texts("one", 12);
        place.succeed(&["texts", "add", &place.name("one.txt")]);
        place.write_pairs("pairs.tsv", 8);
        place.succeed(&["calibrate", &place.name("pairs.tsv")]);
        place.succeed(&["search", "a boat"]);
        copy_tree(&place.scenario.library(), &place.path("template"));
        place
    }

    /// Puts everything back as it was before any job.
    pub fn reset(&self) {
        for folder in ["library", "photos", "out", "restored", "tmp"] {
            let _ = fs::remove_dir_all(self.path(folder));
        }
        for folder in ["out", "tmp"] {
            fs::create_dir_all(self.path(folder)).unwrap();
        }
        copy_tree(&self.path("template"), &self.scenario.library());
        self.write_photos(IMAGES);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scenario.path(name)
    }

    /// The file that an output of the last job is in: `stdout` or `stderr`.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.path().join(name)
    }

    /// A path within the scenario as an argument.
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
        self.scenario.gallery("photos", count);
    }

    /// New pictures, some changed, some removed.
    pub fn change_photos(&self) {
        let photos = self.path("photos");
        let images = gallery_images();
        let name = |at: usize| photos.join(images[at].file_name().unwrap());
        for at in 0..3 {
            // Bytes after a JPEG's end belong to no image, but make it another content.
            let mut bytes = fs::read(&images[at]).unwrap();
            bytes.extend_from_slice(b"changed");
            fs::write(name(at), bytes).unwrap();
            fs::remove_file(name(3 + at)).unwrap();
        }
        let new = photos.join("new");
        fs::create_dir_all(&new).unwrap();
        for image in &images[40..60] {
            fs::copy(image, new.join(image.file_name().unwrap())).unwrap();
        }
    }

    /// A file of captions as lines.
    pub fn write_texts(&self, name: &str, skipped: usize) {
        let lines: Vec<String> = captions()
            .into_iter()
            .skip(skipped)
            .take(60)
            .map(|(_, caption)| caption)
            .collect();
        fs::write(self.path(&format!("{name}.txt")), lines.join("\n") + "\n").unwrap();
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
        fs::write(self.path(name), lines.collect::<String>()).unwrap();
    }

    /// Words of a vocabulary of one's own.
    pub fn write_vocabulary(&self) {
        fs::write(
            self.path("words.txt"),
            "apple\nboat\ncat\ndog\nhouse\nsnow\nsea\ntree\n",
        )
        .unwrap();
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

/// The parts in which two states differ.
pub fn differences(left: &Value, right: &Value) -> Vec<String> {
    let parts = left.as_object().unwrap().keys();
    parts
        .filter(|part| left[*part] != right[*part])
        .map(|part| format!("{part}:\n  {}\n  {}", left[part], right[part]))
        .collect()
}

/// Files below a folder, none where there is no such folder.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    if folder.is_dir() {
        eidetic_tests::files_below(folder)
    } else {
        Vec::new()
    }
}
