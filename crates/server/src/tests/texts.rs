//! Stored texts over HTTP.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::harness::{TestResponse, TestServer, form};
use crate::responses::{
    JobKind, JobState, JobTicket, TextSearchResponse, TextSetsResponse, TextsReportResponse,
};

const SHOP: &str = "id,text,price\n1,a red shirt,10\n2,a blue shirt,12\n3,a green shirt,9\n";

async fn add(server: &TestServer, set: &str, media_type: &str, body: impl Into<String>) -> TestResponse {
    let request = TestRequest::post()
        .uri(&format!("/v1/texts/{set}"))
        .insert_header(("content-type", media_type))
        .set_payload(body.into());
    server.send(request).await
}

async fn search(server: &TestServer, body: &Value) -> TestResponse {
    server
        .send(TestRequest::post().uri("/v1/search").set_json(body))
        .await
}

#[actix_web::test]
async fn texts_are_found_by_image_and_words() {
    let server = TestServer::new();
    let report: TextsReportResponse = add(&server, "shop", "text/csv", SHOP).await.json();
    assert_eq!((report.added, report.embedded), (3, 3), "{report:?}");
    let by_id = json!({"target": "texts", "image_id": server.id("blue.jpg"), "k": 2});
    let found: TextSearchResponse = search(&server, &by_id).await.json();
    assert_eq!((&*found.hits[0].id, found.hits.len()), ("2", 2), "{found:?}");
    assert_eq!(found.hits[0].fields["price"], "12");
    assert!(found.hits[0].confidence.is_some());

    let image = std::fs::read(server.photo("red.png")).unwrap();
    let parts = [
        ("image", Some("a.png"), &image[..]),
        ("target", None, &b"texts"[..]),
        ("set", None, &b"shop"[..]),
    ];
    let found: TextSearchResponse = server.send(form(&parts)).await.json();
    assert_eq!(found.hits[0].text, "a red shirt");

    let words = json!({"target": "texts", "text": "green"});
    let found: TextSearchResponse = search(&server, &words).await.json();
    assert_eq!(found.hits[0].id, "3");
    assert_eq!(found.hits[0].confidence, None);

    let sets: TextSetsResponse = server.get("/v1/texts").await.json();
    assert_eq!((sets.sets.len(), sets.sets[0].texts), (1, 3));
    let removed = server.send(TestRequest::delete().uri("/v1/texts/shop")).await;
    assert_eq!(removed.json::<Value>(), json!({"set": "shop", "removed": 3}));
    assert_eq!(search(&server, &words).await.problem().status, 404);
    let unknown = server.send(TestRequest::delete().uri("/v1/texts/shop")).await;
    assert!(unknown.problem().kind.ends_with(":unknown-text-set"));
}

#[actix_web::test]
async fn large_bodies_are_jobs() {
    let server = TestServer::new();
    let many: Vec<String> = (0..8_000).map(|n| format!("thing number {n}\n")).collect();
    let many = many.concat();
    let started = add(&server, "many", "application/octet-stream", many).await;
    assert_eq!(started.status, StatusCode::ACCEPTED);
    let ticket: JobTicket = started.json();
    let ended = server.ended(&ticket.job).await;
    assert_eq!(
        (ended.kind, ended.state),
        (JobKind::Texts, JobState::Done),
        "{ended:?}"
    );
    let report = ended.texts_report.expect("a job that adds texts reports them");
    assert_eq!((report.texts, report.embedded), (8_000, 8_000));

    let wrong: Vec<String> = (0..8_000)
        .map(|n| format!("{{\"id\":{n},\"text\":\"thing\"}}\n"))
        .collect();
    let wrong = wrong.concat();
    let ticket: JobTicket = add(&server, "many", "application/x-ndjson", wrong + "{}\n")
        .await
        .json();
    let ended = server.ended(&ticket.job).await;
    let error = ended.error.expect("the last line is wrong");
    assert_eq!(error, "line 8001: the object has no \"text\"");
    let sets: TextSetsResponse = server.get("/v1/texts").await.json();
    assert_eq!(sets.sets[0].distinct, 8_000);
}

#[actix_web::test]
async fn errors_name_line_and_parameter() {
    let server = TestServer::new();
    let wrong = add(&server, "shop", "text/csv", "id,text\n1,a\n1,b\n")
        .await
        .problem();
    assert_eq!(wrong.status, 400);
    assert!(wrong.detail.starts_with("line 3: id \"1\""), "{wrong:?}");
    assert_eq!(
        add(&server, "shop", "application/json", "{}")
            .await
            .problem()
            .status,
        415
    );
    assert_eq!(add(&server, "%20", "text/plain", "a").await.problem().status, 400);
    add(&server, "shop", "text/csv", SHOP).await.json::<Value>();
    let id = server.id("red.png");
    let cases = [
        (
            json!({"target": "texts", "text": "red", "filter": {"tags": ["x"]}}),
            "filter",
        ),
        (
            json!({"target": "texts", "text": "red", "negative": "blue"}),
            "negative",
        ),
        (
            json!({"target": "texts", "text": "red", "text_weight": 0.5}),
            "text_weight",
        ),
        (
            json!({"target": "texts", "text": "red", "min_confidence": 0.5}),
            "min_confidence",
        ),
        (
            json!({"target": "texts", "text": "red", "image_id": id}),
            "not by both",
        ),
        (json!({"target": "texts"}), "empty"),
        (json!({"target": "captions", "text": "red"}), "captions"),
        (json!({"text": "red", "set": "shop"}), "set"),
    ];
    for (body, expected) in cases {
        let problem = search(&server, &body).await.problem();
        assert_eq!(problem.status, 400, "{body}");
        assert!(problem.detail.contains(expected), "{problem:?}");
    }
    let unknown = search(&server, &json!({"target": "texts", "text": "red", "set": "x"})).await;
    assert!(unknown.problem().detail.contains("\"shop\""));
}
