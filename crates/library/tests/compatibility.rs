//! Opens a library that an earlier release made; see `tests/data/library-0.1.0/README.md`.

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_catalog::Feedback;
use eidetic_confidence::tagging::TagRule;
use eidetic_confidence::{Calibrator, QueryKind};
use eidetic_domain::{Filter, ImageId};
use eidetic_indexer::{IndexerOptions, RunContext};
use eidetic_library::{Library, Owner, VocabularyChange};
use eidetic_search::{Query, QueryImage, SearchResults};
use eidetic_tests::copy_tree;
use serde_json::Value;
use tempfile::TempDir;

/// Scores differ in the last digits between processors.
const TOLERANCE: f64 = 1e-4;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn stored() -> PathBuf {
    repository().join("tests/data/library-0.1.0")
}

fn expected(name: &str) -> Value {
    let text = fs::read_to_string(stored().join("expected").join(name)).expect("valid test data");
    serde_json::from_str(&text).expect("valid test data")
}

/// A copy of the stored library, opened with its own model.
fn open() -> (TempDir, Library) {
    let directory = tempfile::tempdir().expect("valid test data");
    copy_tree(&stored().join("library"), directory.path());
    let library = Library::open(directory.path(), &Owner::this_process("a test")).expect("valid test data");
    (directory, library)
}

fn image(text: &Value) -> ImageId {
    text.as_str()
        .expect("valid test data")
        .parse()
        .expect("valid test data")
}

fn close(found: impl Into<f64>, expected: &Value) -> bool {
    (found.into() - expected.as_f64().expect("valid test data")).abs() < TOLERANCE
}

fn assert_same_hits(answer: &SearchResults, expected: &Value) {
    assert_eq!(
        answer.space.to_string(),
        expected["space"].as_str().expect("valid test data")
    );
    let hits = expected["hits"].as_array().expect("valid test data");
    assert_eq!(answer.hits.len(), hits.len());
    for (found, expected) in answer.hits.iter().zip(hits) {
        assert_eq!(found.hit.image, image(&expected["image"]));
        assert!(close(found.hit.score, &expected["score"]), "{found:?} {expected}");
        let confidence = found.hit.confidence.expect("valid test data");
        assert!(close(confidence, &expected["confidence"]), "{found:?} {expected}");
        assert_eq!(
            serde_json::to_value(&found.record.paths).expect("valid test data"),
            expected["paths"]
        );
    }
}

#[test]
fn status_matches_that_of_earlier_release() {
    let (_directory, library) = open();
    let mut status = serde_json::to_value(library.status().unwrap()).unwrap();
    let mut expected = expected("status.json");
    for status in [&mut status, &mut expected] {
        status["library"] = Value::Null;
        // Sources were strings.
        for source in status["sources"].as_array_mut().expect("a list") {
            if let Some(path) = source.get("path").cloned() {
                *source = path;
            }
        }
        // Thumbnails and vectors are files of fixed sizes, the catalog's depends on its own upkeep.
        status["bytes"]["catalog"] = Value::Null;
    }
    // Fields that the earlier release did not have: an existing library keeps its precision.
    let mut taken = |pointer: &str, key: &str| {
        let object = status.pointer_mut(pointer).and_then(Value::as_object_mut);
        object.and_then(|object| object.remove(key))
    };
    assert_eq!(taken("", "precision"), Some("f32".into()));
    assert_eq!(taken("", "precision_choice"), Some(Value::Null));
    for space in ["/spaces/0", "/spaces/1"] {
        assert_eq!(taken(space, "precision_choice"), Some(Value::Null), "{space}");
    }
    for added in ["excluded", "removed", "indexing"] {
        assert!(taken("", added).is_some(), "{added}");
    }
    assert_eq!(status, expected);
}

#[test]
fn searches_give_recorded_scores_and_confidences() {
    let (_directory, library) = open();
    let space = library.active();
    let query = |query: Query| space.search(&Query { k: 10, ..query }).unwrap();
    assert_same_hits(
        &query(Query::text("a red bicycle")),
        &expected("search-text.json"),
    );
    let tagged = Query {
        filter: Filter {
            tags: vec!["snow".into()],
            ..Filter::default()
        },
        ..Query::text("snow")
    };
    assert_same_hits(&query(tagged), &expected("search-tag.json"));
    let bicycle = fs::read(repository().join("data/gallery/red-bicycle-in-the-snow.jpg")).unwrap();
    let alike = Query::image(QueryImage::Indexed(ImageId::of(&bicycle)));
    // The recorded query was a file, which finds itself first; a query by an image of the library leaves it out.
    let mut expected = expected("search-image.json");
    let first = expected["hits"].as_array_mut().unwrap().remove(0);
    assert_eq!(image(&first["image"]), ImageId::of(&bicycle));
    assert_same_hits(&query(alike), &expected);
}

#[test]
fn tags_thumbnails_and_tagging_options_are_kept() {
    let (directory, library) = open();
    let space = library.active();
    let hits = expected("search-text.json");
    let mut counts = std::collections::BTreeMap::new();
    for hit in hits["hits"].as_array().unwrap() {
        let image = image(&hit["image"]);
        assert!(library.thumbnail(&image).unwrap().starts_with(b"\xff\xd8\xff"));
        for tag in space.get_tags(&image).unwrap() {
            *counts.entry(tag.name).or_insert(0) += 1;
        }
    }
    let expected = expected("tags.json");
    for count in expected.as_array().unwrap() {
        let tag = count["tag"].as_str().unwrap();
        assert_eq!(counts.remove(tag), count["images"].as_u64(), "{tag}");
    }
    assert!(counts.is_empty(), "{counts:?}");
    let words: Value =
        serde_json::from_slice(&fs::read(directory.path().join("tagging.json")).unwrap()).unwrap();
    let words = words["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap());
    let vocabulary = words.collect::<Vec<_>>().join("\n");
    let words = eidetic_confidence::tagging::Vocabulary::parse(vocabulary.as_bytes()).unwrap();
    let stored = space
        .changed_tag_options(VocabularyChange::default(), TagRule::default())
        .unwrap();
    assert_eq!(stored.vocabularies.len(), 1);
    assert_eq!(stored.vocabularies[0].words, words);
    // The rule for low tags has changed since, so all images are tagged again, once.
    let report = space.tag(&stored, &RunContext::default()).unwrap();
    assert_eq!((report.tagged, report.unchanged), (6, 0));
    let report = space.tag(&stored, &RunContext::default()).unwrap();
    assert_eq!((report.tagged, report.unchanged), (0, 6));
}

#[test]
fn calibrations_and_feedback_are_kept() {
    let (_directory, library) = open();
    let history = library.active().calibration_history().unwrap();
    let expected = expected("calibration.json");
    assert_eq!(
        history.events.len(),
        expected["history"].as_array().unwrap().len()
    );
    for (kind, expected) in [QueryKind::Text, QueryKind::Image]
        .into_iter()
        .zip(expected["calibrations"].as_array().unwrap())
    {
        let current = history.current(kind).unwrap();
        assert_eq!(
            Some(u64::from(current.origin.version)),
            expected["version"].as_u64()
        );
        assert_eq!(current.labeled.len(), 36);
        let Calibrator::Platt(curve) = current.calibrator else {
            panic!("{:?}", current.calibrator)
        };
        assert!(close(curve.slope, &expected["fit"]["platt"]["slope"]));
        assert!(close(curve.intercept, &expected["fit"]["platt"]["intercept"]));
        assert_eq!(
            library.active().calibration(kind).unwrap().as_ref(),
            Some(current)
        );
    }
    let answers = library.feedback(QueryKind::Text).unwrap();
    let line = |answer: &Feedback| {
        format!(
            "{}\t{}\t{}\n",
            answer.path.display(),
            answer.query,
            i32::from(answer.right)
        )
    };
    let lines: String = answers.iter().map(line).collect();
    assert_eq!(
        lines,
        fs::read_to_string(stored().join("expected/feedback.tsv")).unwrap()
    );
}

#[test]
fn second_space_opens_and_can_be_dropped() {
    let (directory, library) = open();
    let other = library.space_named("1").unwrap();
    assert_eq!(other.model(), "/tmp/eidetic-model");
    assert_eq!(other.id().dimension, 24);
    assert_eq!(library.spaces().unwrap()[1].images, 6);
    drop(other);
    assert_eq!(
        library.drop_space("/tmp/eidetic-model").unwrap(),
        "/tmp/eidetic-model"
    );
    assert!(!directory.path().join("spaces/1").exists());
    assert_eq!(library.spaces().unwrap().len(), 1);
}

#[test]
fn indexing_again_embeds_nothing() {
    let (_directory, library) = open();
    let gallery = tempfile::tempdir().unwrap();
    let hits = expected("search-text.json");
    for hit in hits["hits"].as_array().unwrap() {
        for path in hit["paths"].as_array().unwrap() {
            let name = Path::new(path.as_str().unwrap()).file_name().unwrap();
            let original = repository().join("data/gallery").join(name);
            if original.exists() {
                fs::copy(original, gallery.path().join(name)).unwrap();
            }
        }
    }
    let folders = [gallery.path().to_owned()];
    let report = library
        .index(&folders, &IndexerOptions::default(), &RunContext::default())
        .unwrap();
    assert_eq!((report.encoded, report.failed.len()), (0, 0), "{report:?}");
    let status = library.status().unwrap();
    assert_eq!((status.images, status.paths, status.index.vectors), (6, 13, 6));
    let again = library
        .index(&folders, &IndexerOptions::default(), &RunContext::default())
        .unwrap();
    assert_eq!((again.unchanged, again.encoded), (6, 0), "{again:?}");
}
