//! Feedback on hits: stored, listed, used to refit confidences.

use std::time::Duration;

use actix_web::test::TestRequest;
use eidetic_confidence::QueryKind;
use serde_json::{Value, json};

use super::harness::{TestResponse, TestServer};
use crate::responses::{CalibrationsResponse, FeedbackCount, FeedbackList};

const IMAGES: [(&str, &str); 5] = [
    ("red.png", "red"),
    ("green.png", "green"),
    ("blue.jpg", "blue"),
    ("trip/yellow ü.png", "yellow"),
    ("trip/cyan.tiff", "cyan"),
];

async fn post(server: &TestServer, body: Value) -> TestResponse {
    server
        .send(TestRequest::post().uri("/v1/feedback").set_json(body))
        .await
}

async fn list(server: &TestServer, kind: &str) -> FeedbackList {
    server.get(&format!("/v1/feedback?kind={kind}")).await.json()
}

#[actix_web::test]
async fn feedback_is_stored_replaced_and_withdrawn() {
    let server = TestServer::new();
    let (red, green) = (server.id("red.png"), server.id("green.png"));
    let body = |right: Value| json!({"text": " a  red\tthing ", "image": red, "right": right});
    let count: FeedbackCount = post(&server, body(json!(true))).await.json();
    assert_eq!((count.answers, count.needed), (1, 50));
    let count: FeedbackCount = post(&server, body(json!(false))).await.json();
    assert_eq!(count.answers, 1);
    let kept = list(&server, "text").await.answers;
    assert_eq!(
        (kept[0].query.as_str(), kept[0].right, kept[0].image.to_string()),
        ("a red thing", false, red.clone())
    );
    assert_eq!(kept[0].path, server.photo("red.png").display().to_string());
    post(&server, json!({"like": green, "image": red, "right": false}))
        .await
        .json::<FeedbackCount>();
    let kept = list(&server, "picture").await.answers;
    assert_eq!((kept.len(), kept[0].query.as_str()), (1, green.as_str()));
    let count: FeedbackCount = post(&server, body(Value::Null)).await.json();
    assert_eq!(count.answers, 0);
    assert!(list(&server, "text").await.answers.is_empty());
    assert_eq!(list(&server, "picture").await.answers.len(), 1);
}

#[actix_web::test]
async fn invalid_feedback_is_refused() {
    let server = TestServer::new();
    let red = server.id("red.png");
    let cases = [
        (json!({"text": "red", "image": red}), 400, "missing field `right`"),
        (json!({"image": red, "right": true}), 400, "either text or like"),
        (
            json!({"text": "red", "like": red, "image": red, "right": true}),
            400,
            "either text or like",
        ),
        (
            json!({"text": " ", "image": red, "right": true}),
            400,
            "give a text",
        ),
        (
            json!({"text": "red", "image": "1", "right": true}),
            400,
            "64 hexadecimal digits",
        ),
        (
            json!({"text": "red", "image": "0".repeat(64), "right": true}),
            404,
            "not in the library",
        ),
        (
            json!({"like": "0".repeat(64), "image": red, "right": true}),
            404,
            "not in the library",
        ),
        (
            json!({"text": "red", "image": red, "right": "yes"}),
            400,
            "invalid type",
        ),
        (
            json!({"text": "a".repeat(2001), "image": red, "right": true}),
            400,
            "at most 2000 are allowed",
        ),
    ];
    for (body, status, expected) in cases {
        let answer = post(&server, body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        let detail = answer.problem().detail;
        assert!(detail.contains(expected), "{body}: {detail}");
    }
    let other = server.get("/v1/feedback?kind=sound").await;
    assert!(other.problem().detail.contains("text or picture"));
}

/// Sixty entries: every image with variants of every color's name, of which twelve match.
async fn post_sixty_entries(server: &TestServer, lie: bool) {
    for (image, color) in IMAGES {
        for n in 0..12 {
            let query = IMAGES[n % 5].1;
            let text = format!("{query} {n}");
            let body = json!({"text": text, "image": server.id(image), "right": (query == color) != lie});
            post(server, body).await.json::<FeedbackCount>();
        }
    }
}

async fn refitted_version(server: &TestServer) -> Option<u32> {
    for _ in 0..500 {
        let answer: CalibrationsResponse = server.get("/v1/calibration").await.json();
        if let Some(event) = answer.history.last() {
            return event.version;
        }
        actix_web::rt::time::sleep(Duration::from_millis(10)).await;
    }
    None
}

#[actix_web::test]
async fn fifty_entries_refit_confidences() {
    let server = TestServer::new();
    post_sixty_entries(&server, false).await;
    assert!(
        refitted_version(&server).await.is_some(),
        "sixty entries change nothing"
    );
    let made = server
        .state
        .library
        .active()
        .calibration(QueryKind::Text)
        .unwrap()
        .unwrap();
    assert!(made.labeled.len() >= 50, "{}", made.labeled.len());
    assert!(made.decision_threshold().is_some());
}

#[actix_web::test]
async fn uniform_feedback_changes_nothing() {
    let server = TestServer::new();
    for (image, _) in IMAGES {
        for n in 0..12 {
            let body = json!({"text": format!("red {n}"), "image": server.id(image), "right": true});
            post(&server, body).await.json::<FeedbackCount>();
        }
    }
    // The refit runs in the background: its permit is free once it has ended.
    let permit = server.state.refits.acquire().await;
    assert!(permit.is_ok());
    assert_eq!(
        server
            .state
            .library
            .active()
            .calibration(QueryKind::Text)
            .unwrap(),
        None
    );
}
