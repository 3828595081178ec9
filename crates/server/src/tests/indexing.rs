//! Indexing jobs.

use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_encoder::fake::FakeEncoder;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::harness::{TestResponse, TestServer, image_of};
use crate::options::IndexableFolders;
use crate::responses::{JobState, JobTicket};

#[actix_web::test]
async fn job_indexes_new_folders() {
    let server = TestServer::new();
    let more = server.folder.path().join("more");
    std::fs::create_dir(&more).unwrap();
    image_of([250, 5, 250]).save(more.join("magenta.png")).unwrap();
    std::fs::write(more.join("broken.jpg"), b"\xff\xd8\xff\xe0 broken").unwrap();
    let started = index(&server, json!({"folders": [more]})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED);
    let JobTicket { job } = started.json();
    assert_eq!(started.header("location"), format!("/v1/jobs/{job}"));
    let ended = server.ended(&job).await;
    assert_eq!(
        (ended.state, ended.done, ended.total),
        (JobState::Done, 2, Some(2))
    );
    let report = ended.report.unwrap();
    assert_eq!((report.indexed, report.failed.len()), (1, 1));
    assert!(report.failed[0].path.ends_with("broken.jpg"));
    assert_eq!(
        server.get("/v1/search?text=magenta&k=1").await.names(),
        ["magenta.png"]
    );
}

#[actix_web::test]
async fn job_without_folders_updates_sources() {
    let server = TestServer::new();
    std::fs::remove_file(server.photo("red.png")).unwrap();
    for request in [
        TestRequest::post().uri("/v1/index"),
        TestRequest::post().uri("/v1/index").set_json(json!({})),
    ] {
        let JobTicket { job } = server.send(request).await.json();
        let report = server.ended(&job).await.report.unwrap();
        assert_eq!(report.unchanged, 4);
    }
    assert_eq!(server.state.library.status().unwrap().images, 4);
}

#[actix_web::test]
async fn searches_work_while_job_runs() {
    let server = slow_site();
    let addresses = ["red", "green", "blue", "cyan"].map(|color| format!("/v1/search?text={color}&k=5"));
    // These texts are embedded now, so the searches below need no model run.
    for address in &addresses {
        assert_eq!(server.get(address).await.names().len(), 5);
    }
    let JobTicket { job } = index(&server, json!({"folders": [many_images(&server, 600)]}))
        .await
        .json();
    let start = Instant::now();
    let mut searched_meanwhile = 0;
    while server.state.jobs.any_running() {
        let searches = (0..24).map(|n| server.get(&addresses[n % addresses.len()]));
        for answer in join_all(searches).await {
            assert_eq!(answer.names().len(), 5);
        }
        searched_meanwhile += u32::from(server.state.jobs.any_running());
        assert!(start.elapsed() < Duration::from_mins(1), "the job does not end");
    }
    assert!(searched_meanwhile > 0, "no search completed before the job ended");
    assert_eq!(server.ended(&job).await.report.unwrap().indexed, 600);
}

#[actix_web::test]
async fn failing_model_fails_job_with_reason() {
    let server = TestServer::with(FakeEncoder::default().failing_after(5), |_| ());
    for n in 0..5 {
        // The encoder fails after five batches.
        let _ = server.get(&format!("/v1/search?text=word{n}")).await;
    }
    let search = server.get("/v1/search?text=another").await;
    assert_eq!(search.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(search.problem().detail.contains("requested failure"));
    let JobTicket { job } = index(&server, json!({"folders": [many_images(&server, 3)]}))
        .await
        .json();
    let ended = server.ended(&job).await;
    assert_eq!(ended.state, JobState::Failed);
    assert!(ended.error.unwrap().contains("requested failure"));
}

#[actix_web::test]
async fn invalid_folders_are_refused_before_job_starts() {
    let server = TestServer::new();
    let cases = [
        (json!({"folders": ["holiday"]}), "expected an absolute path"),
        (
            json!({"folders": ["/no/such/folder"]}),
            "no such folder: /no/such/folder",
        ),
        (json!({"folders": "/tmp"}), "invalid type: string"),
        (json!({"folder": []}), "unknown field `folder`"),
    ];
    for (body, expected) in cases {
        let answer = index(&server, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.problem().detail.contains(expected), "{}", answer.text());
    }
    assert!(!server.state.jobs.any_running());
}

#[actix_web::test]
async fn server_beyond_loopback_indexes_only_sources() {
    let server = TestServer::with(FakeEncoder::default(), |options| {
        options.indexable = IndexableFolders::Known;
    });
    let elsewhere = server.folder.path().to_owned();
    let around = server.photo("trip/../..");
    for folder in [elsewhere, around, "/no/such/folder".into()] {
        let answer = index(&server, json!({"folders": [folder]})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.problem().detail.contains("eidetic index FOLDER"));
    }
    for body in [json!({"folders": [server.photo("trip")]}), json!({})] {
        let JobTicket { job } = index(&server, body).await.json();
        assert_eq!(server.ended(&job).await.state, JobState::Done);
    }
}

pub(super) async fn index(server: &TestServer, body: Value) -> TestResponse {
    server
        .send(TestRequest::post().uri("/v1/index").set_json(body))
        .await
}

pub(super) fn slow_site() -> TestServer {
    TestServer::with(
        FakeEncoder::default().with_delay(Duration::from_millis(40)),
        |_| (),
    )
}

pub(super) fn many_images(server: &TestServer, count: u32) -> std::path::PathBuf {
    let folder = server.folder.path().join("many");
    std::fs::create_dir(&folder).expect("it is writable");
    for n in 0..count {
        let color = [n % 7 * 36, n % 11 * 23, n % 255].map(|c| c as u8);
        image_of(color)
            .save(folder.join(format!("{n}.png")))
            .expect("it is writable");
    }
    folder
}
