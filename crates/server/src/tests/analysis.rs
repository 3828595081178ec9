//! Jobs that tag, screen and calibrate, and the list of images with their tags.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_encoder::fake::FakeEncoder;
use serde_json::{Value, json};

use super::harness::{TestResponse, TestServer};
use crate::options::IndexableFolders;
use crate::responses::{AlbumResponse, JobKind, JobResponse, JobState, JobTicket};

async fn post(server: &TestServer, address: &str, body: Value) -> TestResponse {
    server.send(TestRequest::post().uri(address).set_json(body)).await
}

async fn ended(server: &TestServer, address: &str, body: Value) -> JobResponse {
    let started = post(server, address, body).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text());
    let JobTicket { job } = started.json();
    assert_eq!(started.header("location"), format!("/v1/jobs/{job}"));
    server.ended(&job).await
}

fn colours() -> Value {
    json!({"vocabularies": [{"name": "colours", "words": ["red", "green", "blue", "yellow", "cyan"]}], "min_confidence": 0.05})
}

#[actix_web::test]
async fn tagged_images_are_listed_in_pages() {
    let server = TestServer::new();
    let job = ended(&server, "/v1/tag", colours()).await;
    assert_eq!((job.kind, job.state), (JobKind::Tag, JobState::Done), "{job:?}");
    let report = job.tag_report.unwrap();
    assert_eq!(
        (report.tagged, report.vocabularies[0].name.as_str()),
        (5, "colours")
    );
    let mut address = "/v1/images?fields=tags&k=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page: AlbumResponse = server.get(&address).await.json();
        assert_eq!((page.total, page.tagging.is_some()), (5, seen.is_empty()));
        assert!(page.images.iter().all(|image| image.taggability.is_some()));
        seen.extend(page.images.into_iter().map(|image| image.image));
        match page.next_cursor {
            Some(cursor) => address = format!("/v1/images?fields=tags&k=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a < b));
}

#[actix_web::test]
async fn vocabulary_is_not_replaced_silently() {
    let server = TestServer::new();
    ended(&server, "/v1/tag", colours()).await;
    let other =
        |replace| json!({"vocabularies": [{"name": "colours", "words": ["warm"]}], "replace": replace});
    let refused = post(&server, "/v1/tag", other(false)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.problem().kind, "urn:eidetic:problem:vocabulary-exists");
    let replaced = ended(&server, "/v1/tag", other(true)).await.tag_report.unwrap();
    assert_eq!((replaced.vocabularies.len(), replaced.vocabulary), (1, 1));
    let added = json!({"vocabularies": [{"name": "everyday"}]});
    let added = ended(&server, "/v1/tag", added).await.tag_report.unwrap();
    assert_eq!(added.vocabularies.len(), 2);
    let removed = ended(&server, "/v1/tag", json!({"remove": ["colours"]})).await;
    assert_eq!(removed.tag_report.unwrap().vocabularies[0].name, "everyday");
}

#[actix_web::test]
async fn tags_alone_are_searched() {
    let server = TestServer::new();
    ended(&server, "/v1/tag", colours()).await;
    let found = server.get("/v1/search?tag=RED").await;
    assert!(found.names().contains(&"red.png".to_owned()), "{}", found.text());
    let nothing = server.get("/v1/search").await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
}

#[actix_web::test]
async fn screening_returns_counts_and_images() {
    let server = TestServer::new();
    let job = ended(&server, "/v1/screen", json!({"profile": "moderation"})).await;
    assert_eq!(
        (job.kind, job.state),
        (JobKind::Screen, JobState::Done),
        "{job:?}"
    );
    let report = job.screen_report.unwrap();
    assert_eq!((report.images, report.flagged), (5, report.pictures.len() as u64));
    for (body, says) in [
        (json!({"profile": "nothing"}), "unknown profile"),
        (json!({"profile": "product"}), "no patterns"),
        (json!({}), "profile"),
    ] {
        let refused = post(&server, "/v1/screen", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.problem().detail.contains(says), "{}", refused.text());
    }
}

fn pairs(server: &TestServer) -> Value {
    let files = ["red.png", "green.png", "blue.jpg"];
    let pair = |file: &str, other: &str| {
        let text = other.split('.').next();
        json!({"image": server.photo(file), "text": text, "matches": file == other})
    };
    let pairs = files
        .iter()
        .flat_map(|file| files.iter().map(|other| pair(file, other)));
    // Each pair several times: a calibration needs some of both kinds.
    let pairs: Vec<Value> = pairs.collect();
    Value::from(vec![pairs; 6].concat())
}

#[actix_web::test]
async fn calibration_job_stores_unless_dry() {
    let server = TestServer::new();
    let stored = || async {
        let answer: Value = server.get("/v1/calibration").await.json();
        answer["calibrations"].as_array().map(Vec::len)
    };
    let dry = json!({"pairs": pairs(&server), "dry_run": true, "report": true});
    let job = ended(&server, "/v1/calibrate", dry).await;
    assert_eq!(
        (job.kind, job.state),
        (JobKind::Calibrate, JobState::Done),
        "{job:?}"
    );
    let report = job.calibrate_report.unwrap();
    assert!(
        !report.stored
            && report
                .report
                .is_some_and(|html| html.starts_with("<!doctype html>"))
    );
    assert_eq!(stored().await, Some(0));
    let job = ended(&server, "/v1/calibrate", json!({"pairs": pairs(&server)})).await;
    let report = job.calibrate_report.unwrap();
    assert!(report.stored && report.report.is_none());
    assert_eq!(stored().await, Some(1));
    let few = ended(&server, "/v1/calibrate", json!({"pairs": []})).await;
    assert_eq!(few.state, JobState::Failed);
    assert!(few.error.is_some_and(|error| error.contains("pairs")));
}

#[actix_web::test]
async fn calibration_reads_allowed_files_only() {
    let server = TestServer::with(FakeEncoder::default(), |options| {
        options.indexable = IndexableFolders::Known;
    });
    let outside = tempfile::NamedTempFile::new().unwrap();
    let pair = |image: Value| json!({"pairs": [{"image": image, "text": "red", "matches": true}]});
    let refused = post(&server, "/v1/calibrate", pair(json!(outside.path()))).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    let relative = post(&server, "/v1/calibrate", pair(json!("red.png"))).await;
    assert_eq!(relative.status, StatusCode::BAD_REQUEST);
    let within = post(&server, "/v1/calibrate", pair(json!(server.photo("red.png")))).await;
    assert_eq!(within.status, StatusCode::ACCEPTED, "{}", within.text());
}

#[actix_web::test]
async fn invalid_requests_name_what_is_wrong() {
    let server = TestServer::new();
    for (body, says) in [
        (
            json!({"vocabularies": [{"name": "a=b", "words": ["red"]}]}),
            "name of a vocabulary",
        ),
        (json!({"vocabularies": [{"name": "colours"}]}), "no words"),
        (
            json!({"vocabularies": [{"name": "colours", "words": []}]}),
            "empty",
        ),
        (json!({"max_tags": 0}), "max_tags"),
        (json!({"min_confidence": 2}), "min_confidence"),
        (json!({"remove": ["colours"]}), "no vocabulary"),
        (json!({"words": ["red"]}), "words"),
    ] {
        let refused = post(&server, "/v1/tag", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{says}");
        assert!(refused.problem().detail.contains(says), "{}", refused.text());
    }
    for (query, says) in [
        ("?fields=faces", "faces"),
        ("?fields=tags&k=0", "k 0"),
        ("?fields=tags&cursor=x", "cursor"),
        ("?sort=name&cursor=eA", "cursor"),
        ("?sort=beauty", "beauty"),
        ("?seed=4", "seed"),
        ("?fields=tags&colour=red", "colour"),
        ("?folder=photos", "photos"),
        ("?taken_from=yesterday", "yesterday"),
    ] {
        let refused = server.get(&format!("/v1/images{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(refused.problem().detail.contains(says), "{}", refused.text());
    }
}
