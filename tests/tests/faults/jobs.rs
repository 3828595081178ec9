//! The jobs: how each is started, and what must hold wherever it ended.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use eidetic_tests::{Finished, text};

use crate::place::{IMAGES, Known, NEW_TEXTS, OLD_TEXTS, Place, TEXTS, captions_from, images_by_path, tiny};

/// A command that changes the library, or writes something from it.
pub struct Job {
    pub name: &'static str,
    /// What is done before it, such as changing photos.
    prepare: fn(&Place),
    arguments: fn(&Place) -> Vec<String>,
    /// Done beside it, as soon as it runs.
    beside: fn(&Place),
    /// The same as a command that ends by itself; the job's own where `None`.
    completion: Option<fn(&Place) -> Vec<String>>,
    /// Whether it may take changed and removed pictures out of the library.
    takes_changes: bool,
    /// Looks at what an ended job left, whole or not.
    verify: fn(&Place, &Left),
}

/// A job that runs; killed when dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How much a job says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// As for a user.
    Usual,
    /// Each commit too.
    Commits,
}

/// What is known of the library after a job ended in some way.
pub struct Left {
    pub before: Known,
    pub now: Known,
    /// Images that the job had reported as committed.
    pub committed: u64,
}

/// All of them.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn all() -> Vec<Job> {
    vec![
        Job {
            prepare: Place::change_photos,
            takes_changes: true,
            verify: verify_index,
            ..job("index", |_| words("index --batch 4 --commit-every 4"))
        },
        job("switch", |_| {
            [
                words("space switch --batch 4 --commit-every 4"),
                vec![text(&tiny()).to_owned()],
            ]
            .concat()
        }),
        Job {
            prepare: Place::write_vocabulary,
            ..job("tag", |place| {
                [
                    words("tag --vocabulary"),
                    vec![format!("own={}", place.input("words.txt"))],
                ]
                .concat()
            })
        },
        Job {
            prepare: forget_fingerprints,
            ..job("duplicates", |_| words("duplicates"))
        },
        Job {
            prepare: |place| place.write_pairs("more.tsv", 20),
            ..job("calibrate", |place| {
                vec!["calibrate".to_owned(), place.input("more.tsv")]
            })
        },
        Job {
            prepare: |place| place.write_texts(NEW_TEXTS),
            verify: verify_texts,
            ..job("texts", |place| {
                [words("texts add"), vec![place.input("one.txt")]].concat()
            })
        },
        Job {
            prepare: |_| {},
            verify: verify_backup,
            ..job("backup", |place| {
                vec![
                    "backup".to_owned(),
                    place.name("out/backup.zip"),
                    "--thumbnails".to_owned(),
                ]
            })
        },
        Job {
            verify: verify_export,
            ..job("export", |place| {
                [words("export --to"), vec![place.name("out/export")]].concat()
            })
        },
        Job {
            beside: change_slowly,
            completion: Some(|_| words("index")),
            takes_changes: true,
            verify: verify_index,
            ..job("watch", |_| words("watch --json --batch 4 --commit-every 4"))
        },
    ]
}

fn job(name: &'static str, arguments: fn(&Place) -> Vec<String>) -> Job {
    Job {
        name,
        prepare: |_| {},
        arguments,
        beside: |_| {},
        completion: None,
        takes_changes: false,
        verify: |_, _| {},
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

impl Job {
    /// Puts everything back and prepares the job.
    pub fn reset(&self, place: &Place) {
        place.reset();
        (self.prepare)(place);
    }

    /// Starts it; standard output and error go to files.
    pub fn start(&self, place: &Place, log: Log) -> Running {
        let arguments = (self.arguments)(place);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let create = |name| fs::File::create(place.log(name)).unwrap();
        let mut command = place.scenario.command(&arguments);
        command
            .env("TMPDIR", place.path("tmp"))
            .stdout(Stdio::from(create("stdout")))
            .stderr(Stdio::from(create("stderr")));
        if log == Log::Commits {
            command.env("RUST_LOG", "warn,eidetic_indexer=debug");
        }
        let child = Running(command.spawn().unwrap());
        (self.beside)(place);
        child
    }

    /// Runs it, or what stands for it, to its end.
    pub fn complete(&self, place: &Place) -> Finished {
        let _ = fs::remove_file(place.path("out/backup.zip"));
        if self.completion.is_some() {
            (self.beside)(place);
        }
        let arguments = self.completion.unwrap_or(self.arguments)(place);
        place.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Verifies what an ended job left. The disk is not full.
    pub fn verify(&self, place: &Place, left: &Left) {
        let (before, now) = (&left.before, &left.now);
        // Each space has its own.
        assert!(
            self.name == "switch" || now.calibrations.starts_with(&before.calibrations),
            "{}",
            self.name
        );
        for (path, image) in &before.images {
            let may_go = self.takes_changes && is_touched(path);
            assert!(
                may_go || now.images.get(path) == Some(image),
                "{}: {path} is lost",
                self.name
            );
        }
        (self.verify)(place, left);
    }
}

/// The running total in a log line such as `committed … total=64`.
fn committed_in(line: &str) -> Option<u64> {
    let rest = line.split("committed").nth(1)?.split("total=").nth(1)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Whether `change_photos` changes or removes this picture.
fn is_touched(path: &str) -> bool {
    let images = eidetic_tests::gallery_images();
    images[..6]
        .iter()
        .any(|image| path.ends_with(image.file_name().unwrap().to_str().unwrap()))
}

fn verify_index(_: &Place, left: &Left) {
    let new = left
        .now
        .images
        .iter()
        .filter(|(path, image)| left.before.images.get(*path) != Some(image))
        .count() as u64;
    assert!(new >= left.committed, "{} committed, {new} there", left.committed);
}

/// While the watch runs: first a few, then all changes.
fn change_slowly(place: &Place) {
    if place.photos().join("new").exists() {
        return;
    }
    thread::sleep(Duration::from_millis(300));
    place.change_photos();
}

fn forget_fingerprints(place: &Place) {
    let _ = fs::remove_file(place.scenario.library().join("duplicates.bin"));
}

/// All texts are of the file before, or all of the new one.
fn verify_texts(place: &Place, _: &Left) {
    let sets = place.succeed(&["texts", "list", "--json"]).json();
    assert_eq!(sets["sets"][0]["texts"], TEXTS, "{sets}");
    let search = ["search", "--texts", "a boat", "--json", "-k", "1000"];
    let found = place.succeed(&search).json();
    let hits = found["hits"].as_array().unwrap();
    let is_whole = [OLD_TEXTS, NEW_TEXTS].into_iter().any(|first| {
        let texts = captions_from(first);
        hits.len() == TEXTS
            && hits
                .iter()
                .all(|hit| texts.iter().any(|text| hit["text"] == **text))
    });
    assert!(is_whole, "a set is replaced as a whole: {found}");
}

fn verify_backup(place: &Place, left: &Left) {
    let file = place.path("out/backup.zip");
    if !file.exists() {
        return;
    }
    let restored: PathBuf = place.path("restored");
    let _ = fs::remove_dir_all(&restored);
    place.succeed(&["restore", text(&file), "--library", text(&restored)]);
    let list = place
        .succeed(&["list", "-k", "all", "--json", "--library", text(&restored)])
        .json();
    assert_eq!(images_by_path(&list), left.before.images);
}

/// Every file with the name of a picture is whole.
fn verify_export(place: &Place, left: &Left) {
    let photos = crate::place::files_in(&place.photos());
    let contents: Vec<Vec<u8>> = photos.iter().map(|path| fs::read(path).unwrap()).collect();
    let exported = crate::place::files_in(&place.path("out/export"));
    let pictures = exported
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "jpg"));
    for path in pictures {
        let bytes = fs::read(path).unwrap();
        assert!(contents.contains(&bytes), "{} is not whole", path.display());
    }
    assert_eq!(left.now.images.len(), IMAGES);
}

/// Images that the ended job had reported as committed.
pub fn committed(place: &Place) -> u64 {
    let log = fs::read_to_string(place.log("stderr")).unwrap_or_default();
    // Each round of a watch counts anew.
    let totals: Vec<u64> = log.lines().filter_map(committed_in).collect();
    let last_of_rounds = totals
        .windows(2)
        .filter(|pair| pair[1] < pair[0])
        .map(|pair| pair[0]);
    last_of_rounds.sum::<u64>() + totals.last().unwrap_or(&0)
}
