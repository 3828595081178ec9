//! Three hundred damages over all files of a small library: none is silent, and none costs more than what it hit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use eidetic_confidence::calibration::{ImageTextPair, LabeledPair};
use eidetic_confidence::{Calibrator, QueryKind};
use eidetic_domain::{ImageId, SplitMix64};
use eidetic_encoder::fake::FakeEncoder;
use eidetic_indexer::{IndexerOptions, RunContext};
use eidetic_library::{CalibrationMode, Library, LibraryError, Owner, Subject, TagOptions, check, repair};
use eidetic_search::Query;
use eidetic_tests::{copy_tree, files_below};
use image::{Rgb, RgbImage};

const DAMAGES: u64 = 300;
const IMAGES: usize = 40;
/// Records that damage of one page may cost: those of some neighbouring pages of the tree.
const MOST_LOST: usize = 24;
const THREADS: u64 = 2;

fn owner() -> Owner {
    Owner::this_process("a test")
}

fn open(directory: &Path) -> Result<Library, LibraryError> {
    Library::with_encoder(directory, Box::new(FakeEncoder::new(16)), &owner())
}

/// Everything that an owner would miss.
#[derive(Debug, Clone, PartialEq)]
struct Content {
    images: BTreeSet<ImageId>,
    found: usize,
    tagged: usize,
    answers: usize,
    calibrator: Calibrator,
    sources: Vec<PathBuf>,
    model: String,
}

fn content(library: &Library) -> Result<Content, LibraryError> {
    let space = library.active();
    let mut query = Query::text("red");
    query.k = 1000;
    let hits = space.search(&query)?.hits;
    let status = library.status()?;
    Ok(Content {
        found: hits.len(),
        images: hits.iter().map(|ranked| ranked.hit.image).collect(),
        tagged: status.tagged as usize,
        answers: library.feedback(QueryKind::Text)?.len(),
        calibrator: space.calibrator(QueryKind::Text)?,
        sources: library.sources(),
        model: status.model,
    })
}

/// A library of small images with tags, answers and a calibration, and the folder of its images.
fn make(folder: &Path) -> PathBuf {
    let photos = folder.join("photos");
    fs::create_dir(&photos).expect("a folder can be made");
    let mut random = SplitMix64::new(2);
    for number in 0..IMAGES {
        let color = [0; 3].map(|_| random.below(256) as u8);
        let image = RgbImage::from_fn(24, 24, |x, y| Rgb(color.map(|c| c ^ (x * y) as u8)));
        image
            .save(photos.join(format!("{number:02}.png")))
            .expect("an image can be saved");
    }
    let path = folder.join("library");
    let library = open(&path).expect("a new library opens");
    let options = IndexerOptions {
        commit_every: 8,
        ..IndexerOptions::default()
    };
    library
        .index(std::slice::from_ref(&photos), &options, &RunContext::default())
        .expect("images are indexed");
    let space = library.active();
    let mut options = TagOptions::default();
    options.rule.min_confidence = 0.0;
    space
        .tag(&options, &RunContext::default())
        .expect("images are tagged");
    let mut query = Query::text("red");
    query.k = 1000;
    let hits = space.search(&query).expect("a search answers").hits;
    let images: Vec<ImageId> = hits.iter().map(|ranked| ranked.hit.image).collect();
    // The better half of the hits matches, with exceptions.
    let matches = |number: usize| (number < IMAGES / 2) != number.is_multiple_of(9);
    for (number, image) in images.iter().enumerate() {
        library
            .put_feedback(&Subject::Text("red".into()), None, *image, Some(matches(number)))
            .expect("an answer is stored");
    }
    let pair = |(number, image): (usize, &ImageId)| LabeledPair {
        pair: ImageTextPair {
            image: image.to_string(),
            text: "red".to_owned(),
        },
        matches: matches(number),
        line: number + 1,
    };
    let pairs: Vec<LabeledPair> = images.iter().enumerate().map(pair).collect();
    let scored = space
        .score_pairs(QueryKind::Text, &pairs, &())
        .expect("pairs are scored");
    space
        .calibrate(QueryKind::Text, &scored, CalibrationMode::Store)
        .expect("pairs can be fitted");
    path
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Flip,
    ZeroPage,
    Truncate,
    Delete,
    Swap,
}

const KINDS: [Damage; 5] = [
    Damage::Flip,
    Damage::ZeroPage,
    Damage::Truncate,
    Damage::Delete,
    Damage::Swap,
];

/// Damages one file of the library; every kind of file in turn, since there are many more thumbnails than others.
fn damage(library: &Path, number: u64) -> (Damage, PathBuf) {
    let mut random = SplitMix64::new(1000 + number);
    let files = files_below(library);
    let (thumbnails, mut others): (Vec<PathBuf>, Vec<PathBuf>) = files
        .into_iter()
        .partition(|path| path.extension().is_some_and(|e| e == "thumb"));
    others.retain(|path| path.file_name().is_some_and(|name| name != "lock"));
    others.extend(thumbnails.first().cloned());
    let path = others[number as usize % others.len()].clone();
    let kind = KINDS[(number as usize / others.len()) % KINDS.len()];
    let mut bytes = fs::read(&path).expect("a file can be read");
    let used = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    let at = random.below(used.max(1));
    match kind {
        Damage::Flip if used > 0 => bytes[at] ^= 1 << random.below(8),
        Damage::Flip | Damage::Truncate => bytes.truncate(at),
        Damage::ZeroPage => {
            let start = at / 4096 * 4096;
            let end = (start + 4096).min(bytes.len());
            bytes[start..end].fill(0);
        }
        Damage::Delete => {
            fs::remove_file(&path).expect("a file can be removed");
            return (kind, path);
        }
        Damage::Swap => {
            let other = &others[(number as usize + 1) % others.len()];
            let content = fs::read(other).expect("a file can be read");
            fs::write(other, &bytes).expect("a file can be written");
            bytes = content;
        }
    }
    fs::write(&path, bytes).expect("a file can be written");
    (kind, path)
}

/// Reads the damaged library as `search` and `status` do. Returns what it said.
fn assert_not_silent(directory: &Path, good: &Content, what: &str) -> &'static str {
    let library = match open(directory) {
        Ok(library) => library,
        Err(error) => {
            let message = error.to_string();
            assert!(
                !message.contains("index again"),
                "advises to start over: {message}: {what}"
            );
            return "refused";
        }
    };
    let found = content(&library);
    let warnings = library.warnings();
    match found {
        Ok(found) if found == *good && warnings.is_empty() => "unaffected",
        Ok(found) => {
            assert!(!warnings.is_empty(), "silent: {what}\n{found:?}\n{good:?}");
            "answered with a warning"
        }
        Err(error) => {
            assert!(!error.to_string().contains("index again"), "{error}: {what}");
            "failed to answer"
        }
    }
}

fn assert_repaired(directory: &Path, good: &Content, (kind, path): (Damage, &Path), what: &str) {
    let before = check(directory, &owner());
    let report = repair(directory, &owner()).unwrap_or_else(|error| panic!("{error}: {what}"));
    let library = open(directory).unwrap_or_else(|error| panic!("{error}: {what}"));
    assert_eq!(library.read_only(), None, "{what}");
    let repaired = content(&library).unwrap_or_else(|error| panic!("{error}: {what}"));
    if repaired != *good {
        assert!(
            before.is_ok_and(|before| !before.sound),
            "check calls it sound: {what}\n{repaired:?}"
        );
    }
    let in_catalog = path.starts_with(directory.join("catalog")) || kind == Damage::Swap;
    let is_small = matches!(kind, Damage::Flip | Damage::ZeroPage);
    if !in_catalog || is_small {
        let least = if in_catalog { IMAGES - MOST_LOST } else { IMAGES };
        assert!(repaired.answers >= least, "{} answers: {what}", repaired.answers);
        assert!(
            repaired.tagged + MOST_LOST >= good.tagged,
            "{} tagged: {what}",
            repaired.tagged
        );
    }
    let run = library
        .index(&[], &IndexerOptions::default(), &RunContext::default())
        .unwrap_or_else(|error| panic!("{error}: {what}"));
    assert!(run.failed.is_empty(), "{:?}: {what}", run.failed);
    let vectors_hit = path.ends_with("vectors.bin") || kind == Damage::Swap;
    assert!(
        vectors_hit || run.encoded == 0,
        "{} embedded again: {what}\n{report:?}",
        run.encoded
    );
    let after = content(&library).unwrap_or_else(|error| panic!("{error}: {what}"));
    assert_eq!(after.images, good.images, "{what}");
    assert_eq!(
        (&after.sources, &after.model),
        (&good.sources, &good.model),
        "{what}"
    );
    drop(library);
    let last = check(directory, &owner()).unwrap_or_else(|error| panic!("{error}: {what}"));
    assert_eq!(last.findings, [], "{what}\n{report:?}");
}

#[test]
fn no_damage_is_silent_or_costs_more() {
    let folder = tempfile::tempdir().unwrap();
    let library = make(folder.path());
    let good = content(&open(&library).unwrap()).unwrap();
    assert_eq!((good.images.len(), good.answers), (IMAGES, IMAGES));
    assert_eq!(good.tagged, IMAGES);
    assert_ne!(good.calibrator, Calibrator::Background);
    let found = check(&library, &owner()).unwrap();
    assert!(found.sound, "{found:?}");
    let count: u64 = std::env::var("EIDETIC_DAMAGES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(DAMAGES);
    let outcomes = Mutex::new(BTreeMap::<&str, u64>::new());
    let trial = |number: u64| {
        let copy = tempfile::tempdir().unwrap();
        let directory = copy.path().join("library");
        copy_tree(&library, &directory);
        let (kind, path) = damage(&directory, number);
        let name = path.strip_prefix(&directory).unwrap().display().to_string();
        let what = format!("damage {number}: {kind:?} of {name}");
        let outcome = assert_not_silent(&directory, &good, &what);
        *outcomes.lock().unwrap().entry(outcome).or_default() += 1;
        assert_repaired(&directory, &good, (kind, &path), &what);
    };
    thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || (first..count).step_by(THREADS as usize).for_each(trial));
        }
    });
    println!("{count} damages: {:?}", outcomes.into_inner().unwrap());
}
