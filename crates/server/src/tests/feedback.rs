//! Answers to hits: kept, listed, learnt from.

use std::time::Duration;

use actix_web::test::TestRequest;
use eidetic_confidence::QueryKind;
use serde_json::{Value, json};

use super::harness::{TestResponse, TestServer};
use crate::responses::{CalibrationsResponse, FeedbackCount, FeedbackList};

const PICTURES: [(&str, &str); 5] = [
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

async fn answers(server: &TestServer, kind: &str) -> FeedbackList {
    server.get(&format!("/v1/feedback?kind={kind}")).await.json()
}

#[actix_web::test]
async fn an_answer_is_kept_replaced_and_taken_back() {
    let server = TestServer::new();
    let (red, green) = (server.id("red.png"), server.id("green.png"));
    let say = |right: Value| json!({"text": " a  red\tthing ", "image": red, "right": right});
    let count: FeedbackCount = post(&server, say(json!(true))).await.json();
    assert_eq!((count.answers, count.needed), (1, 50));
    let count: FeedbackCount = post(&server, say(json!(false))).await.json();
    assert_eq!(count.answers, 1);
    let kept = answers(&server, "text").await.answers;
    assert_eq!(
        (kept[0].query.as_str(), kept[0].right, kept[0].image.to_string()),
        ("a red thing", false, red.clone())
    );
    assert_eq!(kept[0].path, server.photo("red.png").display().to_string());
    post(&server, json!({"like": green, "image": red, "right": false}))
        .await
        .json::<FeedbackCount>();
    let kept = answers(&server, "picture").await.answers;
    assert_eq!((kept.len(), kept[0].query.as_str()), (1, green.as_str()));
    let count: FeedbackCount = post(&server, say(Value::Null)).await.json();
    assert_eq!(count.answers, 0);
    assert!(answers(&server, "text").await.answers.is_empty());
    assert_eq!(answers(&server, "picture").await.answers.len(), 1);
}

#[actix_web::test]
async fn answers_that_say_nothing_are_refused_with_a_sentence() {
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

/// Every picture against shades of every colour's name: sixty questions of which twelve are answered with yes.
async fn answer_sixty(server: &TestServer, lie: bool) {
    for (picture, colour) in PICTURES {
        for n in 0..12 {
            let asked = PICTURES[n % 5].1;
            let text = format!("{asked} {n}");
            let body = json!({"text": text, "image": server.id(picture), "right": (asked == colour) != lie});
            post(server, body).await.json::<FeedbackCount>();
        }
    }
}

async fn learnt(server: &TestServer) -> Option<u32> {
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
async fn after_fifty_answers_confidences_move_and_the_history_says_so() {
    let server = TestServer::new();
    answer_sixty(&server, false).await;
    assert!(learnt(&server).await.is_some(), "sixty answers teach nothing");
    let made = server
        .state
        .library
        .active()
        .calibration(QueryKind::Text)
        .unwrap()
        .unwrap();
    assert!(made.labelled.len() >= 50, "{}", made.labelled.len());
    assert!(made.even_score().is_some());
}

#[actix_web::test]
async fn answers_of_one_mind_move_nothing() {
    let server = TestServer::new();
    for (picture, _) in PICTURES {
        for n in 0..12 {
            let body = json!({"text": format!("red {n}"), "image": server.id(picture), "right": true});
            post(&server, body).await.json::<FeedbackCount>();
        }
    }
    // Learning runs in the background: its permit is back once it has ended.
    let permit = server.state.learning.acquire().await;
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
