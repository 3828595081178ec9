//! Several spaces: switching to the built-in model, searching in a named space, dropping one.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_encoder::fake::FakeEncoder;
use serde_json::{Value, json};

use super::harness::{TestResponse, TestServer};
use crate::options::IndexableFolders;
use crate::responses::{DropResponse, JobKind, JobState, JobTicket, SearchResponse};

async fn post(server: &TestServer, address: &str, body: Value) -> TestResponse {
    server.send(TestRequest::post().uri(address).set_json(body)).await
}

#[actix_web::test]
async fn switched_and_previous_space_can_be_named() {
    let server = TestServer::new();
    let before: SearchResponse = server.get("/v1/search?text=red").await.json();
    assert_eq!(before.missing, 0);
    let started = post(&server, "/v1/model/switch", json!({"model": "builtin"})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED);
    let JobTicket { job } = started.json();
    let ended = server.ended(&job).await;
    assert_eq!(
        (ended.kind, ended.state),
        (JobKind::Switch, JobState::Done),
        "{ended:?}"
    );
    let report = ended.space_report.unwrap();
    assert_eq!(
        (report.embedded, report.active, report.kept.as_deref()),
        (5, true, Some("fake"))
    );
    let after: SearchResponse = server.get("/v1/search?text=red").await.json();
    assert_eq!((after.hits.len(), &after.space), (5, &report.space));
    assert_ne!(after.space, before.space);
    let status: Value = server.get("/v1/status").await.json();
    assert_eq!(
        (&status["spaces"][1]["model"], &status["switch"]),
        (&json!("fake"), &Value::Null)
    );
    let named: SearchResponse = post(&server, "/v1/search", json!({"text": "red", "space": "builtin"}))
        .await
        .json();
    assert_eq!((named.space, named.hits.len()), (after.space, 5));
    // The previous space's model cannot be loaded: the request fails, and the active space is still searched.
    let unloadable = post(&server, "/v1/search", json!({"text": "red", "space": "fake"})).await;
    assert_eq!(unloadable.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(unloadable.problem().detail.contains("fake"));
    let JobTicket { job } = post(&server, "/v1/model/catch-up", json!({"space": "builtin"}))
        .await
        .json();
    let caught_up = server.ended(&job).await;
    assert_eq!(
        (caught_up.kind, caught_up.state),
        (JobKind::Backfill, JobState::Done)
    );
    let gone: DropResponse = post(&server, "/v1/model/drop", json!({"space": "0"}))
        .await
        .json();
    assert_eq!(gone.dropped, "fake");
    assert_eq!(
        server.get("/v1/search?text=red&space=fake").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(server.get("/v1/search?text=red").await.names().len(), 5);
}

#[actix_web::test]
async fn invalid_space_operations_are_refused() {
    let server = TestServer::new();
    for (address, body, status, says) in [
        (
            "/v1/model/switch",
            json!({"model": "no model"}),
            400,
            "unknown model",
        ),
        ("/v1/model/switch", json!({"model": ""}), 400, "empty"),
        (
            "/v1/model/switch",
            json!({"model": "builtin", "old": "burn"}),
            400,
            "burn",
        ),
        ("/v1/model/switch", json!({}), 400, "model"),
        ("/v1/model/switch", Value::Null, 400, "expected an object"),
        ("/v1/model/drop", json!({"space": "other"}), 404, "0 fake"),
        (
            "/v1/model/drop",
            json!({"space": "fake"}),
            409,
            "switch to another first",
        ),
        ("/v1/search", json!({"text": "red", "space": "9"}), 404, "0 fake"),
        (
            "/v1/search",
            json!({"text": "red", "space": "x".repeat(2001)}),
            400,
            "too long: 2001 characters",
        ),
    ] {
        let answer = post(&server, address, body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
        assert!(
            answer.problem().detail.contains(says),
            "{body}: {}",
            answer.text()
        );
    }
    let JobTicket { job } = post(&server, "/v1/model/switch", json!({"model": "/no/such/model"}))
        .await
        .json();
    let failed = server.ended(&job).await;
    assert_eq!(failed.state, JobState::Failed);
    assert!(failed.error.unwrap().contains("/no/such/model"));
    assert_eq!(server.state.library.planned_switch().unwrap(), None);
}

#[actix_web::test]
async fn server_beyond_loopback_refuses_switch_and_drop() {
    let server = TestServer::with(FakeEncoder::default(), |options| {
        options.indexable = IndexableFolders::Known;
    });
    for (address, body) in [
        ("/v1/model/switch", json!({"model": "builtin"})),
        ("/v1/model/drop", json!({"space": "0"})),
    ] {
        let refused = post(&server, address, body).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.problem().detail.contains("eidetic space"));
    }
}
