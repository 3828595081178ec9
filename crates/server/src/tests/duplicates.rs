//! Groups of duplicates.

use actix_web::http::StatusCode;
use eidetic_indexer::{IndexerOptions, RunContext};
use eidetic_library::DuplicateKind;

use super::harness::TestServer;
use crate::responses::DuplicatesResponse;

/// The server of five plain images, of which one now has a copy.
fn server_with_copy() -> TestServer {
    let server = TestServer::new();
    std::fs::copy(server.photo("red.png"), server.photo("trip/red copy.png")).unwrap();
    let report = server
        .state
        .library
        .index(&[], &IndexerOptions::default(), &RunContext::default());
    assert!(report.unwrap().failed.is_empty());
    server
}

#[actix_web::test]
async fn duplicates_have_best_copy_first() {
    let server = server_with_copy();
    let found: DuplicatesResponse = server.get("/v1/duplicates").await.json();
    assert_eq!(
        found.groups.len(),
        1,
        "plain pictures do not resemble each other: {found:?}"
    );
    let group = &found.groups[0];
    assert_eq!(group.kind, DuplicateKind::Exact);
    let files: Vec<(bool, bool)> = group
        .images
        .iter()
        .map(|file| (file.best, file.path.ends_with("copy.png")))
        .collect();
    assert_eq!(files, [(true, false), (false, true)]);
    assert!(
        group
            .images
            .iter()
            .all(|file| file.image.to_string() == server.id("red.png"))
    );
    let value: serde_json::Value = server.get("/v1/duplicates").await.json();
    assert_eq!(value["groups"][0]["kind"], "exact");
    assert_eq!(value["groups"][0]["images"][0].get("path_bytes"), None);
}

#[actix_web::test]
async fn kind_and_folder_restrict_groups() {
    let server = server_with_copy();
    let folder = server.photo("trip").to_string_lossy().into_owned();
    for nothing in [
        "kind=near".to_owned(),
        "kind=burst&threshold=0.1".to_owned(),
        format!("folder={folder}"),
    ] {
        let found: DuplicatesResponse = server.get(&format!("/v1/duplicates?{nothing}")).await.json();
        assert_eq!(found, DuplicatesResponse::default(), "{nothing}");
    }
    let exact: DuplicatesResponse = server.get("/v1/duplicates?kind=exact").await.json();
    assert_eq!(exact.groups.len(), 1);
}

#[actix_web::test]
async fn invalid_parameters_are_refused() {
    let server = TestServer::new();
    for (query, names) in [
        ("kind=all", "kind"),
        ("threshold=1.5", "threshold"),
        ("threshold=high", "threshold"),
        ("folder=photos", "folder"),
        ("k=3", "k"),
        ("taken_from=2021&taken_before=2020", "taken_from"),
    ] {
        let answer = server.get(&format!("/v1/duplicates?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text().contains(names), "{query}: {}", answer.text());
    }
}
