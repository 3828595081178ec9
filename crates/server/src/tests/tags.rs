//! Tags of images, and searching among those that carry some.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_confidence::tagging::{TagRule, Vocabulary};
use eidetic_indexer::{CancelToken, IndexerOptions, Observer, RunContext, RunStage};
use eidetic_library::{TagOptions, TagReport};
use serde_json::json;

use super::harness::TestServer;
use crate::responses::TagsResponse;

fn tag(server: &TestServer, words: &str) -> TagReport {
    let options = TagOptions {
        rule: TagRule {
            max_tags: 1,
            // The confidences of this model are low.
            min_confidence: 0.05,
            ..TagRule::default()
        },
        ..TagOptions::of("colours", Vocabulary::parse(words.as_bytes()).unwrap())
    };
    let report = server
        .state
        .library
        .active()
        .tag(&options, &RunContext::default());
    report.unwrap()
}

async fn tags(server: &TestServer, name: &str) -> TagsResponse {
    let address = format!("/v1/images/{}/tags", server.id(name));
    server.get(&address).await.json()
}

#[actix_web::test]
async fn stored_tags_are_returned() {
    let server = TestServer::new();
    let report = tag(&server, "Red\ngreen\nblue\nyellow\ncyan");
    assert_eq!(
        (report.tagged, report.images, report.vocabulary),
        (5, 5, 5),
        "{report:?}"
    );
    let answer = tags(&server, "red.png").await;
    assert_eq!(answer.image.to_string(), server.id("red.png"));
    assert_eq!(answer.tags.len(), 1);
    let first = &answer.tags[0];
    assert_eq!(first.tag, "Red");
    assert!(
        (0.05..=1.0).contains(&first.confidence) && first.score > 0.0,
        "{first:?}"
    );
    assert_eq!(first.low, first.confidence < 0.05);
}

#[actix_web::test]
async fn untagged_image_gets_temporary_tags() {
    let server = TestServer::new();
    let answer = tags(&server, "green.png").await;
    assert!(answer.tags.len() <= 10);
    assert!(answer.tags.is_sorted_by(|a, b| a.confidence >= b.confidence));
    assert_eq!(answer, tags(&server, "green.png").await);
    assert_eq!(server.state.library.status().unwrap().tagged, 0);
}

#[actix_web::test]
async fn tag_filter_limits_search() {
    let server = TestServer::new();
    tag(&server, "red\ngreen\nblue\nyellow\ncyan");
    let found = server.get("/v1/search?text=blue&tag=RED").await.names();
    assert_eq!(found, ["red.png"]);
    let body = json!({"text": "blue", "filter": {"tags": ["red", "green"]}});
    let none = server
        .send(TestRequest::post().uri("/v1/search").set_json(body))
        .await;
    assert_eq!(none.names(), Vec::<String>::new(), "an image needs all of them");
    let id = server.id("red.png");
    let similar = server.get(&format!("/v1/images/{id}/similar?tag=cyan")).await;
    assert_eq!(similar.names(), ["cyan.tiff"]);
    // Cached filters are invalidated by new tags.
    tag(&server, "warm red\ncyan");
    let gone = server.get("/v1/search?text=blue&tag=RED").await.problem();
    assert_eq!(gone.kind, "urn:eidetic:problem:unknown-filter-value");
}

#[actix_web::test]
async fn repeated_tagging_skips_unchanged_images() {
    let server = TestServer::new();
    tag(&server, "red\ngreen");
    let again = tag(&server, "red\ngreen");
    assert_eq!((again.tagged, again.unchanged), (0, 5), "{again:?}");
    let other = tag(&server, "red\ngreen\nblue");
    assert_eq!((other.tagged, other.unchanged), (5, 0), "{other:?}");
    assert!(
        other
            .tags
            .iter()
            .any(|count| count.tag == "blue" && count.images >= 1),
        "{other:?}"
    );
}

#[actix_web::test]
async fn cancelled_tagging_and_excess_tags_are_reported() {
    let server = TestServer::new();
    let cancel = CancelToken::default();
    cancel.cancel();
    let report = server
        .state
        .library
        .active()
        .tag(&TagOptions::default(), &RunContext::new(&(), &cancel))
        .unwrap();
    assert!(report.cancelled && report.tagged == 0);
    let body = json!({"text": "blue", "filter": {"tags": vec!["a"; 101]}});
    let refused = server
        .send(TestRequest::post().uri("/v1/search").set_json(body))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(
        refused
            .problem()
            .detail
            .contains("too many tags in the filter: 101; at most 100 are allowed")
    );
}

/// Cancels once the first images are tagged.
struct CancelWhileTagging {
    cancel: CancelToken,
    is_tagging: AtomicBool,
}

impl Observer for CancelWhileTagging {
    fn stage(&self, stage: RunStage) {
        self.is_tagging
            .store(stage == RunStage::Tagging, Ordering::Relaxed);
    }

    fn done(&self, _images: u64) {
        if self.is_tagging.load(Ordering::Relaxed) {
            self.cancel.cancel();
        }
    }
}

#[actix_web::test]
async fn interrupted_tagging_resumes() {
    let server = TestServer::new();
    let folder = server.photo("many");
    std::fs::create_dir(&folder).unwrap();
    for n in 0..400_u32 {
        let color = image::Rgb([(n % 256) as u8, (n / 2) as u8, 9]);
        let path = folder.join(format!("{n}.png"));
        image::RgbImage::from_pixel(8, 8, color).save(path).unwrap();
    }
    let library = &server.state.library;
    library
        .index(&[], &IndexerOptions::default(), &RunContext::default())
        .unwrap();
    let cancel = CancelToken::default();
    let stop = CancelWhileTagging {
        cancel: cancel.clone(),
        is_tagging: AtomicBool::new(false),
    };
    let first = library
        .active()
        .tag(&TagOptions::default(), &RunContext::new(&stop, &cancel))
        .unwrap();
    let images = library.counts().unwrap().images;
    assert!(first.cancelled, "{first:?}");
    assert!((1..images).contains(&first.tagged), "{first:?}");
    let second = library
        .active()
        .tag(&TagOptions::default(), &RunContext::default())
        .unwrap();
    assert_eq!(second.unchanged, first.tagged);
    assert_eq!(second.tagged, images - first.tagged);
}
