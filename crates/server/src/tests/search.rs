//! Searches that find something.

use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::harness::{Part, TestServer, form};
use crate::responses::SearchResponse;

#[actix_web::test]
async fn text_search_returns_best_hit_first() {
    let server = TestServer::new();
    let answer = server.get("/v1/search?text=something+green&k=3").await;
    assert_eq!(answer.names().len(), 3);
    assert_eq!(answer.names()[0], "green.png");
    let found: SearchResponse = answer.json();
    assert!(found.space.starts_with("fake@1/"), "{}", found.space);
    assert!(found.hits.is_sorted_by(|a, b| a.score >= b.score));
    let first = &found.hits[0];
    assert_eq!(first.image.to_string(), server.id("green.png"));
    assert_eq!((first.width, first.height), (60, 40));
    assert!(first.confidence.is_some_and(|p| p > 0.5), "{first:?}");
    assert_eq!(first.paths, std::slice::from_ref(&first.path));
    assert!(found.took_ms.encode > 0.0);
}

#[actix_web::test]
async fn search_response_has_documented_keys() {
    let server = TestServer::new();
    let answer: serde_json::Value = server.get("/v1/search?text=red&k=1").await.json();
    assert_eq!(answer["verdict"], "match");
    assert_eq!(
        sorted_keys(&answer),
        [
            "hits",
            "missing",
            "next_cursor",
            "space",
            "took_ms",
            "unknown_words",
            "verdict"
        ]
    );
    assert_eq!(
        sorted_keys(&answer["hits"][0]),
        [
            "confidence",
            "copies",
            "height",
            "image",
            "path",
            "paths",
            "reachable",
            "score",
            "similarity",
            "similarity_level",
            "taken",
            "taken_source",
            "width"
        ]
    );
    assert_eq!(answer["hits"][0]["taken_source"], "file_time");
}

#[actix_web::test]
async fn json_body_combines_text_image_and_filter() {
    let server = TestServer::new();
    let red = std::fs::read(server.photo("red.png")).unwrap();
    let body = json!({
        "text": "yellow",
        "image": STANDARD.encode(red),
        "k": 5,
        "filter": {"folders": [server.photo("trip")]},
        "text_weight": 0.9,
    });
    let answer = server
        .send(TestRequest::post().uri("/v1/search").set_json(body))
        .await;
    assert_eq!(answer.names(), ["yellow ü.png", "cyan.tiff"]);
}

#[actix_web::test]
async fn uploaded_image_is_its_own_first_hit() {
    let server = TestServer::new();
    for name in ["red.png", "blue.jpg", "trip/cyan.tiff"] {
        let file = std::fs::read(server.photo(name)).unwrap();
        let answer = server
            .send(form(&[("image", Some(name), &file), ("k", None, b"2")]))
            .await;
        let found: SearchResponse = answer.json();
        assert_eq!(found.hits.len(), 2);
        assert_eq!(found.hits[0].image.to_string(), server.id(name));
        assert!(found.hits[0].score >= 0.999, "{}", found.hits[0].score);
    }
}

#[actix_web::test]
async fn form_with_empty_file_searches_by_text() {
    let server = TestServer::new();
    let filter = json!({"folders": [server.photo("trip")]}).to_string();
    let parts: [Part; 4] = [
        ("text", None, b"cyan"),
        ("negative", None, b""),
        ("image", Some(""), b""),
        ("filter", None, filter.as_bytes()),
    ];
    assert_eq!(
        server.send(form(&parts)).await.names(),
        ["cyan.tiff", "yellow ü.png"]
    );
}

#[actix_web::test]
async fn text_weight_shifts_between_text_and_image() {
    let server = TestServer::new();
    let red = server.id("red.png");
    let first = async |weight: &str| {
        let address = format!("/v1/search?text=blue&image_id={red}&text_weight={weight}&k=4");
        server.get(&address).await.names()
    };
    assert_eq!(first("1").await[0], "blue.jpg");
    let by_image = first("0").await;
    assert_eq!(
        by_image,
        server.get(&format!("/v1/images/{red}/similar?k=4")).await.names()
    );
}

#[actix_web::test]
async fn similar_images_exclude_image_itself() {
    let server = TestServer::new();
    let id = server.id("red.png");
    let names = server.get(&format!("/v1/images/{id}/similar")).await.names();
    assert_eq!(names.len(), 4);
    assert!(!names.contains(&"red.png".into()));
    let trip = server.photo("trip");
    let names = server
        .get(&format!("/v1/images/{id}/similar?folder={}", trip.display()))
        .await
        .names();
    assert_eq!(names.len(), 2);
}

#[actix_web::test]
async fn date_filter_counts_weak_dates() {
    let server = TestServer::new();
    let found: SearchResponse = server
        .get("/v1/search?text=red&taken_from=1990-01-01")
        .await
        .json();
    assert_eq!((found.hits.len(), found.weak_dates), (5, Some(5)));
    let found: SearchResponse = server.get("/v1/search?text=red&taken_before=1990").await.json();
    assert_eq!((found.hits.len(), found.weak_dates), (0, Some(0)));
    let found: SearchResponse = server.get("/v1/search?text=red").await.json();
    assert_eq!(found.weak_dates, None);
}

#[actix_web::test]
async fn repeated_text_is_not_embedded_again() {
    let encoder =
        eidetic_encoder::fake::FakeEncoder::default().with_delay(std::time::Duration::from_millis(30));
    let server = TestServer::with(encoder, |_| ());
    let took = async || {
        server
            .get("/v1/search?text=red")
            .await
            .json::<SearchResponse>()
            .took_ms
            .encode
    };
    assert!(took().await >= 30.0);
    assert!(took().await < 30.0);
}

fn sorted_keys(value: &serde_json::Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    keys.sort_unstable();
    keys
}
