//! Sets of texts in small libraries, with fake encoders.

use std::fs;
use std::path::PathBuf;

use eidetic_encoder::fake::FakeEncoder;
use eidetic_indexer::{CancelToken, IndexerOptions, Observer, RunContext};
use eidetic_search::{QueryImage, Verdict};
use image::{Rgb, RgbImage};
use tempfile::TempDir;

use super::sets::set_files;
use super::*;
use crate::{Owner, PreviousSpace, SwitchOptions, check, repair};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn directory(&self) -> PathBuf {
        self.0.path().join("library")
    }

    fn open(&self) -> Library {
        self.open_with(encoder("old"))
    }

    fn open_with(&self, encoder: FakeEncoder) -> Library {
        Library::with_encoder(&self.directory(), Box::new(encoder), &owner()).unwrap()
    }

    fn vectors(&self) -> PathBuf {
        self.directory().join("text-vectors/vectors.bin")
    }
}

fn owner() -> Owner {
    Owner::this_process("a test")
}

fn encoder(model: &str) -> FakeEncoder {
    FakeEncoder::new(61 + model.len()).named(model)
}

fn add(library: &Library, set: &str, content: &str) -> TextsReport {
    add_with(library, set, content, &RunContext::default()).unwrap()
}

fn add_with(
    library: &Library,
    set: &str,
    content: &str,
    context: &RunContext<'_>,
) -> Result<TextsReport, LibraryError> {
    let reader = TextReader::new(content.as_bytes(), None)?;
    library.add_texts(set, reader, context)
}

/// Added, changed, unchanged, removed, embedded.
fn counts(report: &TextsReport) -> [u64; 5] {
    [
        report.added,
        report.changed,
        report.unchanged,
        report.removed,
        report.embedded,
    ]
}

fn by_color(color: [u8; 3], k: usize) -> TextQuery {
    TextQuery {
        by: TextQueryBy::Image(QueryImage::Pixels(RgbImage::from_pixel(9, 9, Rgb(color)))),
        k,
        set: None,
        min_confidence: None,
    }
}

fn search(library: &Library, query: &TextQuery) -> TextResults {
    library.search_texts(&library.active(), query).unwrap()
}

fn ids(results: &TextResults) -> Vec<&str> {
    results.hits.iter().map(|hit| &*hit.id).collect()
}

const RED: [u8; 3] = [250, 5, 5];
const BLUE: [u8; 3] = [5, 5, 250];
const SHOP: &str = "id,text,price\n1,a red shirt,10\n2,a blue shirt,12\n3,a green shirt,9\n";

fn many(count: usize) -> String {
    let texts = (0..count).map(|n| format!("thing number {n}\n"));
    texts.collect::<String>() + "red\n"
}

#[test]
fn image_finds_texts_with_their_fields() {
    let place = Place::new();
    let library = place.open();
    assert_eq!(counts(&add(&library, "shop", SHOP)), [3, 0, 0, 0, 3]);
    let found = search(&library, &by_color(RED, 2));
    assert_eq!(ids(&found)[0], "1");
    let best = &found.hits[0];
    assert_eq!((&*best.text, &*best.set), ("a red shirt", "shop"));
    assert_eq!(best.fields["price"], "10");
    assert_eq!((found.hits.len(), found.missing), (2, 0));
    let pair = library
        .active()
        .match_texts(
            &QueryImage::Pixels(RgbImage::from_pixel(9, 9, Rgb(RED))),
            &["a red shirt"],
        )
        .unwrap();
    assert_eq!(best.confidence, pair[0].confidence, "the same pair");
    assert!((best.score - pair[0].score).abs() < 1e-5);
    let words = TextQuery {
        by: TextQueryBy::Words("blue".into()),
        ..by_color(RED, 3)
    };
    let found = search(&library, &words);
    assert_eq!((ids(&found)[0], found.verdict), ("2", Verdict::Uncalibrated));
    assert!(found.hits.iter().all(|hit| hit.confidence.is_none()));
}

#[test]
fn second_add_embeds_only_what_is_new() {
    let place = Place::new();
    let library = place.open();
    add(&library, "shop", SHOP);
    assert_eq!(counts(&add(&library, "shop", SHOP)), [0, 0, 3, 0, 0]);
    let changed = "id,text,price\n4,a blue shirt,12\n1,a red shirt,11\n3,a grey shirt,9\n";
    // The text of 4 is known, that of 1 too: only the grey shirt is new.
    assert_eq!(counts(&add(&library, "shop", changed)), [1, 2, 0, 1, 1]);
    assert_eq!(ids(&search(&library, &by_color(BLUE, 1))), ["4"]);
    drop(library);
    let library = place.open();
    assert_eq!(counts(&add(&library, "shop", changed)), [0, 0, 3, 0, 0]);
    assert_eq!(search(&library, &by_color(RED, 9)).hits.len(), 3);
}

#[test]
fn equal_texts_share_one_vector() {
    let place = Place::new();
    let library = place.open();
    let twice = "id,text\n1,red\n2,red\n";
    assert_eq!(add(&library, "a", twice).embedded, 1);
    assert_eq!(add(&library, "b", "red\nblue\n").embedded, 1);
    let found = search(&library, &by_color(RED, 3));
    let sets: Vec<&str> = found.hits.iter().map(|hit| &*hit.set).collect();
    assert_eq!(sets, ["a", "a", "b"]);
    let only = |set: &str| TextQuery {
        set: Some(set.into()),
        ..by_color(RED, 9)
    };
    assert_eq!(search(&library, &only("b")).hits.len(), 2);
    assert_eq!(ids(&search(&library, &only("a"))), ["1", "2"]);
    let sets = library.text_sets().unwrap();
    let numbers: Vec<_> = sets
        .iter()
        .map(|set| (set.texts, set.distinct, set.missing))
        .collect();
    assert_eq!(numbers, [(2, 1, 0), (2, 2, 0)]);

    assert_eq!(library.remove_texts("a").unwrap(), 2);
    assert_eq!(search(&library, &by_color(RED, 9)).hits.len(), 2);
    assert!(matches!(
        library.search_texts(&library.active(), &only("a")),
        Err(LibraryError::UnknownTextSet { .. })
    ));
    library.remove_texts("b").unwrap();
    let none = library.search_texts(&library.active(), &by_color(RED, 9));
    assert!(matches!(none, Err(LibraryError::NoTexts)));
    assert_eq!(library.texts_in(&library.active()).unwrap(), 0);
}

#[test]
fn invalid_line_leaves_set_as_it_was() {
    let place = Place::new();
    let library = place.open();
    add(&library, "shop", SHOP);
    let wrong = "id,text,price\n1,a grey shirt,1\n1,a blue shirt,1\n";
    let refused = add_with(&library, "shop", wrong, &RunContext::default()).unwrap_err();
    assert!(refused.to_string().starts_with("line 3: id \"1\""), "{refused}");
    assert_eq!(ids(&search(&library, &by_color(RED, 1))), ["1"]);
    assert_eq!(fs::read_dir(place.directory().join("texts")).unwrap().count(), 1);
    for name in ["", " a", "a\nb", &"x".repeat(201)] {
        assert!(matches!(
            add_with(&library, name, SHOP, &RunContext::default()),
            Err(LibraryError::Texts(TextsError::Name { .. }))
        ));
    }
}

#[test]
fn texts_that_say_nothing_are_no_hits() {
    let place = Place::new();
    let library = place.open();
    let report = add(&library, "a", "the\nred\n- and -\n");
    assert_eq!((report.texts, report.embedded, report.unreadable), (3, 1, 2));
    assert_eq!(search(&library, &by_color(RED, 9)).hits.len(), 1);
    let sets = library.text_sets().unwrap();
    assert_eq!((sets[0].missing, sets[0].unreadable), (0, 2));
    drop(library);
    let library = place.open();
    assert_eq!(add(&library, "a", "the\nred\n- and -\n").embedded, 0);
    assert_eq!(library.text_sets().unwrap(), sets);
}

#[test]
fn failed_run_continues_where_it_stopped() {
    let place = Place::new();
    add(&place.open(), "a", "red\n");
    // The first batch is embedded, the second one fails.
    let library = place.open_with(encoder("old").failing_after(1));
    let failed = add_with(&library, "a", &many(600), &RunContext::default());
    assert!(matches!(failed, Err(LibraryError::Encode(_))), "{failed:?}");
    assert_eq!(library.text_sets().unwrap()[0].texts, 1);
    drop(library);
    let library = place.open();
    assert_eq!(library.texts_in(&library.active()).unwrap(), 1);
    let report = add(&library, "a", &many(600));
    assert_eq!(report.embedded, 600 - 256, "{report:?}");
    assert_eq!(library.text_sets().unwrap()[0].missing, 0);
    assert_eq!(search(&library, &by_color(RED, 1)).hits[0].text, "red");
}

/// Cancels when texts begin to be embedded.
struct CancelAtTotal(CancelToken);

impl Observer for CancelAtTotal {
    fn done(&self, _: u64) {
        self.0.cancel();
    }
}

#[test]
fn cancelled_run_keeps_old_set() {
    let place = Place::new();
    let library = place.open();
    add(&library, "a", "red\n");
    let cancel = CancelToken::default();
    let observer = CancelAtTotal(cancel.clone());
    let report = add_with(&library, "a", &many(2000), &RunContext::new(&observer, &cancel)).unwrap();
    assert!(report.cancelled && report.embedded < 2000, "{report:?}");
    assert_eq!(search(&library, &by_color(RED, 9)).hits.len(), 1);
    let again = add(&library, "a", &many(2000));
    assert_eq!(report.embedded + again.embedded, 2000, "{again:?}");
    assert_eq!(again.unchanged, 1);
}

#[test]
fn switch_embeds_texts_in_new_space() {
    let place = Place::new();
    let library = place.open();
    add(&library, "shop", SHOP);
    let switch = |library: &Library, model: &str, old: PreviousSpace| {
        let options = SwitchOptions {
            old,
            ..SwitchOptions::default()
        };
        library
            .switch_to_encoder(Box::new(encoder(model)), &options, &RunContext::default())
            .unwrap()
    };
    let report = switch(&library, "newer", PreviousSpace::Keep);
    assert!(report.active && report.texts == 3, "{report:?}");
    assert_eq!(ids(&search(&library, &by_color(BLUE, 1))), ["2"]);
    // The old space is kept, and lacks only what is added now.
    add(&library, "colors", "red\n");
    let report = switch(&library, "old", PreviousSpace::Drop);
    assert_eq!(report.texts, 4, "{report:?}");
    assert_eq!(search(&library, &by_color(RED, 9)).hits.len(), 4);
    assert!(!place.directory().join("spaces/1").exists());
    drop(library);
    assert_eq!(search(&place.open(), &by_color(RED, 9)).hits.len(), 4);
}

#[test]
fn damaged_vectors_cost_embedding_again() {
    let place = Place::new();
    add(&place.open(), "shop", SHOP);
    assert!(check(&place.directory(), &owner()).unwrap().sound);
    let mut bytes = fs::read(place.vectors()).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(place.vectors(), bytes).unwrap();
    let report = check(&place.directory(), &owner()).unwrap();
    assert_eq!((report.sound, report.texts), (false, 3));
    assert!(report.findings[0].what.contains("1 text"), "{report:?}");
    let library = place.open();
    assert_eq!(search(&library, &by_color(RED, 9)).missing, 1);
    assert_eq!(counts(&add(&library, "shop", SHOP)), [0, 0, 3, 0, 1]);
    drop(library);
    assert!(check(&place.directory(), &owner()).unwrap().sound);

    // Without the file of the set at hand: repair, then index.
    fs::remove_file(place.vectors()).unwrap();
    assert!(!check(&place.directory(), &owner()).unwrap().sound);
    repair(&place.directory(), &owner()).unwrap();
    let library = place.open();
    library
        .index(&[], &IndexerOptions::default(), &RunContext::default())
        .unwrap();
    assert_eq!(search(&library, &by_color(RED, 9)).hits.len(), 3);
    drop(library);
    assert!(check(&place.directory(), &owner()).unwrap().sound);
}

#[test]
fn lost_log_is_made_again_from_vectors() {
    let place = Place::new();
    add(&place.open(), "shop", SHOP);
    let log = place.directory().join("text-vectors/rows.bin");
    let whole = fs::read(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert_eq!(add(&place.open(), "shop", SHOP).embedded, 0);
    let mut damaged = whole;
    damaged[70] ^= 1;
    fs::write(&log, damaged).unwrap();
    assert!(!check(&place.directory(), &owner()).unwrap().sound);
    assert_eq!(search(&place.open(), &by_color(RED, 9)).hits.len(), 3);
    assert!(check(&place.directory(), &owner()).unwrap().sound);
}

#[test]
fn repair_saves_whole_texts_of_damaged_set() {
    let place = Place::new();
    add(&place.open(), "shop", SHOP);
    let files = set_files(&place.directory().join("texts")).unwrap();
    let mut bytes = fs::read(&files[0]).unwrap();
    let at = bytes.windows(9).position(|part| part == b"a green s").unwrap();
    bytes[at] ^= 1;
    fs::write(&files[0], bytes).unwrap();
    let library = place.open();
    assert_eq!(search(&library, &by_color(RED, 9)).hits.len(), 2);
    drop(library);
    let report = check(&place.directory(), &owner()).unwrap();
    assert!(report.findings[0].what.contains("\"shop\""), "{report:?}");
    let repaired = repair(&place.directory(), &owner()).unwrap();
    assert_eq!(
        (repaired.kept.len(), repaired.check.texts),
        (1, 2),
        "{repaired:?}"
    );
    assert!(repaired.kept[0].exists());
    assert!(check(&place.directory(), &owner()).unwrap().sound);
    let library = place.open();
    // The vector of the lost text is still there.
    assert_eq!(counts(&add(&library, "shop", SHOP)), [1, 0, 2, 0, 0]);
}
