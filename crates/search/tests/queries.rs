//! Queries over a small library, with an encoder that knows colors.

use std::path::PathBuf;
use std::sync::RwLock;

use eidetic_catalog::{
    Catalog, FileRecord, FileStamp, FileState, ImageTags, MemoryCatalog, NewImage, Tag, TagStore, WriteBatch,
};
use eidetic_confidence::calibration::Platt;
use eidetic_confidence::{Calibrator, ConfidenceModel};
use eidetic_domain::{DateRange, Embedding, Filter, ImageFormat, ImageId, Metadata, SpaceId, parse_date};
use eidetic_encoder::fake::FakeEncoder;
use eidetic_encoder::{EncodeError, Encoder, Pixels, ScoreCalibration};
use eidetic_search::{
    FilterCache, HitOrder, Query, QueryImage, QueryWeights, RankingCache, SearchError, SearchResults,
    Searcher, TextCache, Verdict,
};
use eidetic_vectors::{MemoryIndex, VectorIndex, VectorStore};
use image::{Rgb, RgbImage};

const COLORS: [(&str, [u8; 3]); 5] = [
    ("red", [250, 10, 10]),
    ("green", [10, 240, 20]),
    ("blue", [20, 10, 250]),
    ("yellow", [240, 240, 20]),
    ("orange", [255, 128, 10]),
];

/// One image of each color: `/a/red.jpg` taken in 2020, the others in `/b`, without a date.
struct ColorLibrary {
    encoder: FakeEncoder,
    vectors: RwLock<MemoryIndex>,
    catalog: MemoryCatalog,
    text_cache: TextCache,
    filter_cache: FilterCache,
    ranking_cache: RankingCache,
}

impl ColorLibrary {
    fn new() -> Self {
        let encoder = FakeEncoder::default();
        let library = Self {
            vectors: RwLock::new(MemoryIndex::new(encoder.space().clone())),
            encoder,
            catalog: MemoryCatalog::new(),
            text_cache: TextCache::default(),
            filter_cache: FilterCache::default(),
            ranking_cache: RankingCache::default(),
        };
        for (name, _) in COLORS {
            library.add(name);
        }
        library
    }

    fn add(&self, name: &str) {
        self.add_image(name, name);
    }

    /// Another file with the pixels of `name`.
    fn add_copy_of(&self, name: &str, number: usize) {
        self.add_image(&format!("{name}-{number}"), name);
    }

    fn add_image(&self, name: &str, color: &str) {
        let metadata = metadata(name);
        self.add_file(name, color, path(name), metadata);
    }

    fn add_file(&self, name: &str, color: &str, path: PathBuf, metadata: Metadata) {
        let embedding = self
            .encoder
            .encode_images(&[color_image(color)])
            .expect("the encoder works")
            .remove(0);
        self.add_embedding(name, embedding, path, metadata);
    }

    fn add_embedding(&self, name: &str, embedding: Embedding, path: PathBuf, metadata: Metadata) {
        let image = id(name);
        let mut vectors = self.vectors.write().expect("no writer panicked");
        let row = vectors.upsert(&[(image, embedding)]).expect("memory accepts it")[0];
        let new = NewImage {
            image,
            row,
            bytes: 1,
            metadata,
        };
        let stamp = FileStamp {
            size: 1,
            modified_ns: 1,
            ..FileStamp::default()
        };
        let file = FileRecord {
            path,
            stamp,
            state: FileState::Indexed(image),
        };
        let batch = WriteBatch {
            images: vec![new],
            files: vec![file],
            ..WriteBatch::default()
        };
        self.catalog.put_batch(&batch).expect("memory accepts it");
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
            .expect("memory accepts it");
    }

    fn results(&self, query: &Query) -> Result<SearchResults, SearchError> {
        let searcher = Searcher {
            confidence_model: None,
            encoder: &self.encoder,
            vectors: &self.vectors,
            catalog: &self.catalog,
            text_cache: &self.text_cache,
            filter_cache: &self.filter_cache,
            ranking_cache: &self.ranking_cache,
        };
        searcher.search(query)
    }

    fn search(&self, query: &Query) -> Result<Vec<(String, f32)>, SearchError> {
        let results = self.results(query)?;
        assert_eq!(results.verdict, Verdict::Uncalibrated);
        let name = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        Ok(results
            .hits
            .iter()
            .map(|hit| (name(&hit.record.paths[0]), hit.hit.score))
            .collect())
    }

    fn names(&self, query: &Query) -> Vec<String> {
        self.search(query)
            .expect("the query is valid")
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

fn color_image(name: &str) -> RgbImage {
    let (_, color) = COLORS
        .into_iter()
        .find(|(known, _)| *known == name)
        .expect("a known color");
    RgbImage::from_pixel(16, 16, Rgb(color))
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
fn text_query_ranks_named_color_first() {
    let hits = ColorLibrary::new().search(&Query::text("blue")).unwrap();
    assert_eq!(hits.len(), 5);
    assert_eq!(hits[0].0, "blue");
    assert!(hits.is_sorted_by(|a, b| a.1 >= b.1), "{hits:?}");
}

/// 300 images with vectors of their own, some with a copy, and with dates in no order.
fn varied() -> ColorLibrary {
    varied_of(300)
}

fn varied_of(count: usize) -> ColorLibrary {
    let library = ColorLibrary::new();
    let dimension = library.encoder.space().dimension;
    for (number, (_, embedding)) in eidetic_vectors::conformance::samples(count, dimension)
        .into_iter()
        .enumerate()
    {
        let copies = if number % 10 == 0 { 2 } else { 1 };
        for copy in 0..copies {
            let name = format!("{number}-{copy}");
            let mut metadata = metadata(&name);
            let year = 1900 + number * 7 % 100;
            metadata.taken = (number % 4 > 0).then(|| parse_date(&year.to_string()).expect("a date"));
            library.add_embedding(&name, embedding.clone(), path(&name), metadata);
        }
    }
    library
}

/// The results page by page, as long as there are more.
fn pages(library: &ColorLibrary, query: &Query) -> Vec<SearchResults> {
    let mut pages = Vec::new();
    let mut query = query.clone();
    loop {
        let page = library.results(&query).expect("the query is valid");
        query.after = page.next;
        pages.push(page);
        if query.after.is_none() {
            return pages;
        }
    }
}

fn images(results: &SearchResults) -> Vec<ImageId> {
    results.hits.iter().map(|hit| hit.hit.image).collect()
}

#[test]
fn pages_give_each_image_once() {
    let library = varied();
    let in_folder = Filter {
        folders: vec!["/b".into()],
        ..Filter::default()
    };
    for filter in [Filter::default(), in_folder] {
        let query = Query {
            filter,
            ..Query::text("blue")
        };
        let all = library
            .results(&Query {
                k: 1000,
                ..query.clone()
            })
            .unwrap();
        assert_eq!(all.next, None);
        let all = images(&all);
        for k in [1, 7, 50, 304] {
            let pages = pages(&library, &Query { k, ..query.clone() });
            assert!(pages.iter().rev().skip(1).all(|page| page.hits.len() == k), "{k}");
            let joined: Vec<ImageId> = pages.iter().flat_map(images).collect();
            assert_eq!(joined, all, "{k}");
        }
        // More hits than the index is asked for.
        assert_eq!(
            images(&library.results(&Query { k: 5000, ..query }).unwrap()),
            all
        );
    }
}

#[test]
fn pages_go_on_past_ranked_beginning() {
    let library = varied_of(1_300);
    let query = Query::text("blue");
    let all = images(
        &library
            .results(&Query {
                k: 5_000,
                ..query.clone()
            })
            .unwrap(),
    );
    for k in [90, 400, 1_000] {
        let pages = pages(&library, &Query { k, ..query.clone() });
        let joined: Vec<ImageId> = pages.iter().flat_map(images).collect();
        assert_eq!(joined, all, "{k}");
    }
}

#[test]
fn pages_go_on_while_images_change() {
    let library = varied();
    let query = Query {
        k: 20,
        ..Query::text("blue")
    };
    let first = library.results(&query).unwrap();
    let expected = images(
        &library
            .results(&Query {
                k: 45,
                ..query.clone()
            })
            .unwrap(),
    );
    let last = first.hits.last().unwrap().hit.image;
    library.catalog.remove(&[last]).unwrap();
    library.vectors.write().unwrap().remove(&[last]).unwrap();
    library.filter_cache.clear();
    let second = library
        .results(&Query {
            after: first.next,
            k: 25,
            ..query
        })
        .unwrap();
    assert_eq!(images(&second), expected[20..]);
}

#[test]
fn hits_are_sorted_by_date_where_asked() {
    let library = varied();
    let query = Query {
        k: 30,
        ..Query::text("blue")
    };
    let by_score = library.results(&query).unwrap();
    let by_date = library
        .results(&Query {
            order: HitOrder::Taken,
            ..query
        })
        .unwrap();
    let dates: Vec<_> = by_date.hits.iter().map(|hit| hit.record.metadata.taken).collect();
    assert!(dates.is_sorted_by(|a, b| a >= b), "{dates:?}");
    assert!(dates.contains(&None) && dates[0].is_some());
    let sorted = |results: &SearchResults| {
        let mut images = images(results);
        images.sort();
        images
    };
    assert_eq!(sorted(&by_score), sorted(&by_date));
    assert_eq!(by_score.next, by_date.next);
}

#[test]
fn only_indexed_query_image_excludes_itself() {
    let library = ColorLibrary::new();
    let hits = library
        .search(&Query::image(QueryImage::Pixels(color_image("green"))))
        .unwrap();
    assert_eq!(hits[0].0, "green");
    assert!(hits[0].1 > 0.9999, "{hits:?}");
    let others = library.names(&Query::image(QueryImage::Indexed(id("green"))));
    assert_eq!(others.len(), 4);
    assert!(!others.contains(&"green".to_owned()));
}

#[test]
fn text_share_decides_between_text_and_image() {
    let library = ColorLibrary::new();
    let mixed = |share: f32| Query {
        image: Some(QueryImage::Pixels(color_image("blue"))),
        weights: QueryWeights::with_text_share(share),
        ..Query::text("red")
    };
    assert_eq!(library.names(&mixed(0.9))[0], "red");
    assert_eq!(library.names(&mixed(0.1))[0], "blue");
    assert_eq!(QueryWeights::with_text_share(0.5), QueryWeights::default());
}

#[test]
fn negative_text_lowers_named_color() {
    let library = ColorLibrary::new();
    let plain = library.search(&Query::text("red yellow")).unwrap();
    let without = Query {
        negative: Some("yellow".into()),
        ..Query::text("red yellow")
    };
    let after = library.search(&without).unwrap();
    let lead = |hits: &[(String, f32)]| {
        let score = |name: &str| hits.iter().find(|hit| hit.0 == name).expect("a hit").1;
        score("red") - score("yellow")
    };
    assert!(lead(&after) > lead(&plain) + 0.2, "{plain:?} then {after:?}");
    assert_eq!(after[0].0, "red");
}

#[test]
fn filters_restrict_folders_and_dates() {
    let library = ColorLibrary::new();
    let in_folder = Filter {
        folders: vec!["/b".into()],
        ..Filter::default()
    };
    let names = library.names(&Query {
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
        library.names(&Query {
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
        library
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
fn tag_filter_requires_all_tags() {
    let library = ColorLibrary::new();
    library.tag("red", &["Warm", "loud"]);
    library.tag("orange", &["warm"]);
    library.tag("blue", &["loud"]);
    assert_eq!(library.names(&with_tags(&["WARM "])), ["red", "orange"]);
    assert_eq!(library.names(&with_tags(&["loud", "warm"])), ["red"]);
    assert!(library.names(&with_tags(&["cold"])).is_empty());
    assert_eq!(
        library.names(&with_tags(&["", " "])).len(),
        5,
        "blank tags are ignored"
    );
    let mut in_folder = with_tags(&["warm"]);
    in_folder.filter.folders.push("/b".into());
    assert_eq!(library.names(&in_folder), ["orange"]);
    let mut dated = with_tags(&["loud"]);
    dated.filter.taken = Some(DateRange {
        from: parse_date("2020").ok(),
        before: None,
    });
    assert_eq!(library.names(&dated), ["red"]);
}

#[test]
fn stale_cached_filter_gives_no_wrong_hits() {
    let library = ColorLibrary::new();
    library.tag("red", &["warm"]);
    library.tag("orange", &["warm"]);
    assert_eq!(library.names(&with_tags(&["warm"])), ["red", "orange"]);
    library.tag("red", &["cold"]);
    assert_eq!(
        library.names(&with_tags(&["warm"])),
        ["orange"],
        "a cached filter is checked again"
    );
    library.tag("blue", &["warm"]);
    library.filter_cache.clear();
    assert_eq!(library.names(&with_tags(&["warm"])), ["orange", "blue"]);
}

#[test]
fn removed_images_are_replaced_by_other_hits() {
    let library = ColorLibrary::new();
    library.catalog.remove(&[id("red"), id("orange")]).unwrap();
    let names = library.names(&Query {
        k: 3,
        ..Query::text("red")
    });
    assert_eq!(names.len(), 3, "three images are left: {names:?}");
    assert!(!names.contains(&"red".to_owned()) && !names.contains(&"orange".to_owned()));
}

#[test]
fn cleared_filter_cache_finds_new_images() {
    let library = ColorLibrary::new();
    let in_folder = Filter {
        folders: vec!["/b".into()],
        ..Filter::default()
    };
    let query = Query {
        filter: in_folder,
        ..Query::text("red")
    };
    library.catalog.remove(&[id("blue")]).unwrap();
    assert_eq!(library.names(&query).len(), 3);
    library.add("blue");
    library.filter_cache.clear();
    assert_eq!(library.names(&query).len(), 4);
}

#[test]
fn repeated_text_is_embedded_once() {
    let library = ColorLibrary::new();
    let before = library.encoder.batches();
    for _ in 0..3 {
        library.search(&Query::text("red")).unwrap();
    }
    assert_eq!(library.encoder.batches() - before, 1);
}

#[test]
fn empty_and_contradictory_queries_are_errors() {
    let library = ColorLibrary::new();
    let error = |query: &Query| library.search(query).unwrap_err();
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
    let unknown = Query::image(QueryImage::Indexed(id("nowhere")));
    assert!(matches!(error(&unknown), SearchError::UnknownImage(_)));
}

#[test]
fn extreme_hit_counts_are_accepted() {
    let library = ColorLibrary::new();
    assert!(
        library
            .names(&Query {
                k: 0,
                ..Query::text("red")
            })
            .is_empty()
    );
    assert_eq!(
        library
            .names(&Query {
                k: 1000,
                ..Query::text("red")
            })
            .len(),
        5
    );
}

/// Embeds a text and an image jointly as the reversed text, so that the result differs from all others.
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
        let reversed: Vec<String> = parts
            .iter()
            .map(|(text, _)| text.chars().rev().collect())
            .collect();
        let texts: Vec<&str> = reversed.iter().map(String::as_str).collect();
        self.0.encode_texts(&texts).map(Some)
    }
}

#[test]
fn joint_embedding_needs_default_weights() {
    let library = ColorLibrary::new();
    let encoder = Fusing(&library.encoder);
    let best = |query: &Query| {
        let searcher = Searcher {
            encoder: &encoder,
            vectors: &library.vectors,
            catalog: &library.catalog,
            text_cache: &library.text_cache,
            filter_cache: &library.filter_cache,
            ranking_cache: &library.ranking_cache,
            confidence_model: None,
        };
        let hits = searcher.search(query).expect("the query is valid").hits;
        hits[0].record.image
    };
    let query = |text: &str| Query {
        image: Some(QueryImage::Pixels(color_image("blue"))),
        ..Query::text(text)
    };
    assert_eq!(best(&query("wolley")), id("yellow"), "joint");
    let weighted = Query {
        weights: QueryWeights::with_text_share(0.1),
        ..query("wolley")
    };
    assert_eq!(best(&weighted), id("blue"), "weighted");
    let indexed = Query {
        image: Some(QueryImage::Indexed(id("blue"))),
        ..Query::text("red")
    };
    assert_eq!(best(&indexed), id("red"), "an indexed image has no pixels");
    let without = Query {
        negative: Some("yellow".into()),
        ..query("wolley der")
    };
    assert_eq!(
        best(&without),
        id("red"),
        "the negative text is subtracted from the joint embedding"
    );
    let alone = Query::text("yellow");
    assert_eq!(best(&alone), id("yellow"), "a text alone");
}

#[test]
fn search_reads_each_hit_row_once() {
    let library = ColorLibrary::new();
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = VectorStore::open(directory.path(), library.encoder.space(), &[]).unwrap();
    let images = COLORS.map(|(name, _)| color_image(name));
    let embeddings = library.encoder.encode_images(&images).unwrap();
    let names = COLORS.iter().map(|(name, _)| id(name));
    store.upsert(&names.zip(embeddings).collect::<Vec<_>>()).unwrap();
    let reads_before = store.row_reads();
    let calibrator = Calibrator::Platt(Platt {
        slope: 10.0,
        intercept: -5.0,
    });
    let model = ConfidenceModel {
        text: calibrator.clone(),
        surprisal: 0.0,
        unrelated: None,
        image: calibrator.clone(),
        background: None,
        library_scores: None,
    };
    let vectors = RwLock::new(store);
    let searcher = Searcher {
        encoder: &library.encoder,
        vectors: &vectors,
        catalog: &library.catalog,
        text_cache: &library.text_cache,
        filter_cache: &library.filter_cache,
        ranking_cache: &library.ranking_cache,
        confidence_model: Some(&model),
    };
    let results = searcher.search(&Query::text("red")).unwrap();
    assert_eq!(results.hits.len(), COLORS.len());
    for hit in &results.hits {
        let confidence = f64::from(hit.hit.confidence.expect("the model is calibrated"));
        let expected = calibrator.probability(f64::from(hit.hit.score)).unwrap();
        assert!(
            (confidence - expected).abs() < 1e-5,
            "{confidence} is not {expected}"
        );
    }
    assert_eq!(results.verdict, Verdict::Match);
    let reads = vectors.read().unwrap().row_reads() - reads_before;
    assert_eq!(reads, results.hits.len() as u64);
}

#[test]
fn query_of_stop_words_makes_no_claim() {
    let library = ColorLibrary::new();
    // Every score is a match.
    let certain = Calibrator::Platt(Platt {
        slope: 0.0,
        intercept: 5.0,
    });
    let model = ConfidenceModel {
        text: certain.clone(),
        surprisal: 0.0,
        unrelated: None,
        image: certain,
        background: None,
        library_scores: None,
    };
    let searcher = Searcher {
        encoder: &library.encoder,
        vectors: &library.vectors,
        catalog: &library.catalog,
        text_cache: &library.text_cache,
        filter_cache: &library.filter_cache,
        ranking_cache: &library.ranking_cache,
        confidence_model: Some(&model),
    };
    for text in ["the", "a photo of", "-", "的", "…"] {
        let results = searcher.search(&Query::text(text)).unwrap();
        assert_eq!(results.verdict, Verdict::NoMatch, "{text:?}");
        assert!(
            results.hits.iter().all(|hit| hit.hit.confidence.is_none()),
            "{text:?}"
        );
        assert_eq!(results.hits.len(), 5);
    }
    let red = Query {
        negative: Some("the".into()),
        ..Query::text("the red one")
    };
    let results = searcher.search(&red).unwrap();
    assert_eq!(results.verdict, Verdict::Match);
    let alone = searcher.search(&Query::text("the red one")).unwrap();
    assert_eq!(
        results.hits[0].hit, alone.hits[0].hit,
        "a negative text without content changes nothing"
    );
}

#[test]
fn copies_leave_room_for_other_hits() {
    let library = ColorLibrary::new();
    for number in 0..40 {
        library.add_copy_of("red", number);
    }
    let all = Query {
        k: 5,
        ..Query::text("red")
    };
    let searched = library.names(&all);
    assert_eq!(searched.len(), 5, "{searched:?}");
    assert_eq!(
        searched.iter().filter(|name| name.contains("red")).count(),
        1,
        "{searched:?}"
    );
}

#[test]
fn raw_file_and_its_jpeg_are_one_hit() {
    let library = ColorLibrary::new();
    let file = |name: &str, color: &str, path: &str, format| {
        let metadata = Metadata {
            format,
            ..metadata(name)
        };
        library.add_file(name, color, path.into(), metadata);
    };
    file("shot", "orange", "/a/IMG_1.CR2", ImageFormat::Raw);
    file("shown", "red", "/a/img_1.jpg", ImageFormat::Jpeg);
    file("elsewhere", "green", "/b/IMG_1.jpg", ImageFormat::Jpeg);
    let query = Query {
        k: 10,
        ..Query::text("orange")
    };
    let found = library.results(&query).unwrap();
    let of_shot = found.hits.iter().find(|hit| hit.hit.image == id("shown"));
    assert_eq!(of_shot.unwrap().stack, [PathBuf::from("/a/IMG_1.CR2")]);
    assert!(found.hits.iter().all(|hit| hit.hit.image != id("shot")));
    let elsewhere = found.hits.iter().find(|hit| hit.hit.image == id("elsewhere"));
    assert!(elsewhere.is_none_or(|hit| hit.stack.is_empty()));
}
