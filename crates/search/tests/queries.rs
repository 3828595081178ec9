//! Queries over a small library in memory, with an encoder that knows colours.

use std::path::PathBuf;
use std::sync::RwLock;

use eidetic_catalog::{
    Catalog, FileRecord, FileStamp, FileState, ImageTags, MemoryCatalog, NewImage, Tag, TagStore, WriteBatch,
};
use eidetic_domain::{DateRange, Embedding, Filter, ImageFormat, ImageId, Metadata, SpaceId, parse_date};
use eidetic_encoder::fake::FakeEncoder;
use eidetic_encoder::{EncodeError, Encoder, Pixels, ScoreCalibration};
use eidetic_search::{
    FilterCache, Query, QueryImage, QueryWeights, SearchError, Searcher, TextCache, Verdict,
};
use eidetic_vectors::{MemoryIndex, VectorIndex};
use image::{Rgb, RgbImage};

const COLOURS: [(&str, [u8; 3]); 5] = [
    ("red", [250, 10, 10]),
    ("green", [10, 240, 20]),
    ("blue", [20, 10, 250]),
    ("yellow", [240, 240, 20]),
    ("orange", [255, 128, 10]),
];

/// One picture a colour: `/a/red.jpg` taken in 2020, the others in `/b`, without a date.
struct World {
    encoder: FakeEncoder,
    vectors: RwLock<MemoryIndex>,
    catalog: MemoryCatalog,
    texts: TextCache,
    admissions: FilterCache,
}

impl World {
    fn new() -> Self {
        let encoder = FakeEncoder::default();
        let world = Self {
            vectors: RwLock::new(MemoryIndex::new(encoder.space().clone())),
            encoder,
            catalog: MemoryCatalog::new(),
            texts: TextCache::default(),
            admissions: FilterCache::default(),
        };
        for (name, _) in COLOURS {
            world.add(name);
        }
        world
    }

    fn add(&self, name: &str) {
        let image = id(name);
        let embedding = self
            .encoder
            .encode_images(&[picture(name)])
            .expect("it encodes")
            .remove(0);
        let mut vectors = self.vectors.write().expect("no writer panicked");
        let row = vectors.upsert(&[(image, embedding)]).expect("memory takes it")[0];
        let new = NewImage {
            image,
            row,
            bytes: 1,
            metadata: metadata(name),
        };
        let stamp = FileStamp {
            size: 1,
            modified_ns: 1,
        };
        let file = FileRecord {
            path: path(name),
            stamp,
            state: FileState::Indexed(image),
        };
        let batch = WriteBatch {
            images: vec![new],
            files: vec![file],
            removed: Vec::new(),
        };
        self.catalog.put_batch(&batch).expect("memory takes it");
    }

    fn tag(&self, name: &str, tags: &[&str]) {
        let tag = |tag: &&str| Tag {
            name: (*tag).to_owned(),
            confidence: 0.9,
            score: 0.3,
            low: false,
        };
        let tags = ImageTags {
            fingerprint: [1; 32],
            tags: tags.iter().map(tag).collect(),
        };
        self.catalog
            .put_tags(&[(id(name), tags)])
            .expect("memory takes it");
    }

    fn search(&self, query: &Query) -> Result<Vec<(String, f32)>, SearchError> {
        let searcher = Searcher {
            judge: None,
            encoder: &self.encoder,
            vectors: &self.vectors,
            catalog: &self.catalog,
            texts: &self.texts,
            admissions: &self.admissions,
        };
        let answer = searcher.search(query)?;
        assert_eq!(answer.verdict, Verdict::Uncalibrated);
        let name = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        Ok(answer
            .hits
            .iter()
            .map(|hit| (name(&hit.record.paths[0]), hit.hit.score))
            .collect())
    }

    fn names(&self, query: &Query) -> Vec<String> {
        self.search(query)
            .expect("it answers")
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }
}

fn id(name: &str) -> ImageId {
    ImageId::of(name.as_bytes())
}

fn path(name: &str) -> PathBuf {
    let folder = if name == "red" { "/a" } else { "/b" };
    PathBuf::from(format!("{folder}/{name}.jpg"))
}

fn picture(name: &str) -> RgbImage {
    let (_, colour) = COLOURS
        .into_iter()
        .find(|(known, _)| *known == name)
        .expect("a known colour");
    RgbImage::from_pixel(16, 16, Rgb(colour))
}

fn metadata(name: &str) -> Metadata {
    Metadata {
        width: 16,
        height: 16,
        format: ImageFormat::Jpeg,
        taken: (name == "red").then(|| parse_date("2020-05-17").expect("a date")),
        camera: None,
        position: None,
    }
}

#[test]
fn words_find_what_they_name_best_first() {
    let hits = World::new().search(&Query::text("blue")).unwrap();
    assert_eq!(hits.len(), 5);
    assert_eq!(hits[0].0, "blue");
    assert!(hits.is_sorted_by(|a, b| a.1 >= b.1), "{hits:?}");
}

#[test]
fn a_picture_finds_itself_and_an_indexed_one_only_others() {
    let world = World::new();
    let hits = world
        .search(&Query::picture(QueryImage::Pixels(picture("green"))))
        .unwrap();
    assert_eq!(hits[0].0, "green");
    assert!(hits[0].1 > 0.9999, "{hits:?}");
    let others = world.names(&Query::picture(QueryImage::Indexed(id("green"))));
    assert_eq!(others.len(), 4);
    assert!(!others.contains(&"green".to_owned()));
}

#[test]
fn both_together_lie_between_and_the_share_decides() {
    let world = World::new();
    let mixed = |share: f32| Query {
        picture: Some(QueryImage::Pixels(picture("blue"))),
        weights: QueryWeights::with_text_share(share),
        ..Query::text("red")
    };
    assert_eq!(world.names(&mixed(0.9))[0], "red");
    assert_eq!(world.names(&mixed(0.1))[0], "blue");
    assert_eq!(QueryWeights::with_text_share(0.5), QueryWeights::default());
}

#[test]
fn negative_words_push_down_what_they_name() {
    let world = World::new();
    let plain = world.search(&Query::text("red yellow")).unwrap();
    let without = Query {
        negative: Some("yellow".into()),
        ..Query::text("red yellow")
    };
    let after = world.search(&without).unwrap();
    let lead = |hits: &[(String, f32)]| {
        let score = |name: &str| hits.iter().find(|hit| hit.0 == name).expect("it is a hit").1;
        score("red") - score("yellow")
    };
    assert!(lead(&after) > lead(&plain) + 0.2, "{plain:?} then {after:?}");
    assert_eq!(after[0].0, "red");
}

#[test]
fn filters_keep_folders_and_dates() {
    let world = World::new();
    let in_folder = Filter {
        folders: vec!["/b".into()],
        ..Filter::default()
    };
    let names = world.names(&Query {
        filter: in_folder,
        ..Query::text("red")
    });
    assert_eq!(names.len(), 4);
    assert!(!names.contains(&"red".to_owned()));
    let range = DateRange {
        from: parse_date("2020").ok(),
        before: parse_date("2021").ok(),
    };
    let dated = Filter {
        taken: Some(range),
        ..Filter::default()
    };
    assert_eq!(
        world.names(&Query {
            filter: dated.clone(),
            ..Query::text("blue")
        }),
        ["red"]
    );
    let both = Filter {
        folders: vec!["/b".into()],
        ..dated
    };
    assert!(
        world
            .names(&Query {
                filter: both,
                ..Query::text("blue")
            })
            .is_empty()
    );
}

fn with_tags(tags: &[&str]) -> Query {
    Query {
        filter: Filter {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..Filter::default()
        },
        ..Query::text("red")
    }
}

#[test]
fn a_filter_by_tags_keeps_what_carries_all_of_them() {
    let world = World::new();
    world.tag("red", &["Warm", "loud"]);
    world.tag("orange", &["warm"]);
    world.tag("blue", &["loud"]);
    assert_eq!(world.names(&with_tags(&["WARM "])), ["red", "orange"]);
    assert_eq!(world.names(&with_tags(&["loud", "warm"])), ["red"]);
    assert!(world.names(&with_tags(&["cold"])).is_empty());
    assert_eq!(
        world.names(&with_tags(&["", " "])).len(),
        5,
        "blank tags ask for nothing"
    );
    let mut in_folder = with_tags(&["warm"]);
    in_folder.filter.folders.push("/b".into());
    assert_eq!(world.names(&in_folder), ["orange"]);
    let mut dated = with_tags(&["loud"]);
    dated.filter.taken = Some(DateRange {
        from: parse_date("2020").ok(),
        before: None,
    });
    assert_eq!(world.names(&dated), ["red"]);
}

#[test]
fn a_hit_that_lost_its_tag_since_the_filter_was_resolved_is_none() {
    let world = World::new();
    world.tag("red", &["warm"]);
    world.tag("orange", &["warm"]);
    assert_eq!(world.names(&with_tags(&["warm"])), ["red", "orange"]);
    world.tag("red", &["cold"]);
    assert_eq!(
        world.names(&with_tags(&["warm"])),
        ["orange"],
        "from the cache, checked again"
    );
    world.tag("blue", &["warm"]);
    world.admissions.clear();
    assert_eq!(world.names(&with_tags(&["warm"])), ["orange", "blue"]);
}

#[test]
fn images_that_the_catalog_forgot_are_no_hits_and_take_no_place() {
    let world = World::new();
    world.catalog.remove(&[id("red"), id("orange")]).unwrap();
    let names = world.names(&Query {
        k: 3,
        ..Query::text("red")
    });
    assert_eq!(names.len(), 3, "three live ones are there: {names:?}");
    assert!(!names.contains(&"red".to_owned()) && !names.contains(&"orange".to_owned()));
}

#[test]
fn a_cleared_admission_cache_sees_new_images() {
    let world = World::new();
    let in_folder = Filter {
        folders: vec!["/b".into()],
        ..Filter::default()
    };
    let query = Query {
        filter: in_folder,
        ..Query::text("red")
    };
    world.catalog.remove(&[id("blue")]).unwrap();
    assert_eq!(world.names(&query).len(), 3);
    world.add("blue");
    world.admissions.clear();
    assert_eq!(world.names(&query).len(), 4);
}

#[test]
fn a_text_is_encoded_once() {
    let world = World::new();
    let before = world.encoder.batches();
    for _ in 0..3 {
        world.search(&Query::text("red")).unwrap();
    }
    assert_eq!(world.encoder.batches() - before, 1);
}

#[test]
fn queries_without_sense_are_errors() {
    let world = World::new();
    let error = |query: &Query| world.search(query).unwrap_err();
    assert!(matches!(error(&Query::empty()), SearchError::EmptyQuery));
    assert!(matches!(error(&Query::text("  ")), SearchError::EmptyQuery));
    let only_negative = Query {
        negative: Some("red".into()),
        ..Query::empty()
    };
    assert!(matches!(error(&only_negative), SearchError::EmptyQuery));
    let weights = QueryWeights {
        negative: 1.0,
        ..QueryWeights::default()
    };
    let nothing = Query {
        negative: Some("red".into()),
        weights,
        ..Query::text("red")
    };
    assert!(matches!(error(&nothing), SearchError::NoDirection(_)));
    let unknown = Query::picture(QueryImage::Indexed(id("nowhere")));
    assert!(matches!(error(&unknown), SearchError::UnknownImage(_)));
}

#[test]
fn asking_for_nothing_or_for_more_than_there_is_ends() {
    let world = World::new();
    assert!(
        world
            .names(&Query {
                k: 0,
                ..Query::text("red")
            })
            .is_empty()
    );
    assert_eq!(
        world
            .names(&Query {
                k: 1000,
                ..Query::text("red")
            })
            .len(),
        5
    );
}

/// Embeds a text and a picture together as what the text says backwards, so that nothing else gives the same.
struct Fusing<'a>(&'a FakeEncoder);

impl Encoder for Fusing<'_> {
    fn space(&self) -> &SpaceId {
        self.0.space()
    }

    fn score_calibration(&self) -> ScoreCalibration {
        self.0.score_calibration()
    }

    fn preprocess(&self, image: &RgbImage) -> Pixels {
        self.0.preprocess(image)
    }

    fn encode_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncodeError> {
        self.0.encode_texts(texts)
    }

    fn encode_pixels(&self, batch: &[Pixels]) -> Result<Vec<Embedding>, EncodeError> {
        self.0.encode_pixels(batch)
    }

    fn encode_fused(&self, parts: &[(&str, &Pixels)]) -> Result<Option<Vec<Embedding>>, EncodeError> {
        let backwards: Vec<String> = parts
            .iter()
            .map(|(text, _)| text.chars().rev().collect())
            .collect();
        let texts: Vec<&str> = backwards.iter().map(String::as_str).collect();
        self.0.encode_texts(&texts).map(Some)
    }
}

#[test]
fn an_encoder_that_can_embeds_both_as_one_unless_weights_are_given() {
    let world = World::new();
    let encoder = Fusing(&world.encoder);
    let best = |query: &Query| {
        let searcher = Searcher {
            encoder: &encoder,
            vectors: &world.vectors,
            catalog: &world.catalog,
            texts: &world.texts,
            admissions: &world.admissions,
            judge: None,
        };
        let hits = searcher.search(query).expect("it searches").hits;
        hits[0].record.image
    };
    let query = |text: &str| Query {
        picture: Some(QueryImage::Pixels(picture("blue"))),
        ..Query::text(text)
    };
    assert_eq!(best(&query("wolley")), id("yellow"), "as one");
    let weighed = Query {
        weights: QueryWeights::with_text_share(0.1),
        ..query("wolley")
    };
    assert_eq!(best(&weighed), id("blue"), "weighed");
    let indexed = Query {
        picture: Some(QueryImage::Indexed(id("blue"))),
        ..Query::text("red")
    };
    assert_eq!(best(&indexed), id("red"), "an indexed picture has no pixels");
    let without = Query {
        negative: Some("yellow".into()),
        ..query("wolley der")
    };
    assert_eq!(
        best(&without),
        id("red"),
        "the negative text is taken off the joint vector"
    );
    let alone = Query::text("yellow");
    assert_eq!(best(&alone), id("yellow"), "a text alone");
}
