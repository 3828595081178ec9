//! The queue of jobs: order, cancellation, events, and what the next server goes on with.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use actix_web::web::Data;
use eidetic_encoder::fake::FakeEncoder;
use serde_json::{Value, json};

use super::harness::{TestResponse, TestServer, open};
use super::indexing::{index, many_images, slow_site};
use crate::options::{IndexableFolders, ServeOptions};
use crate::responses::{JobKind, JobResponse, JobState, JobTicket, JobsResponse};
use crate::state::AppState;

async fn job(server: &TestServer, id: &str) -> JobResponse {
    server.get(&format!("/v1/jobs/{id}")).await.json()
}

async fn cancel(server: &TestServer, id: &str) -> TestResponse {
    let request = TestRequest::delete().uri(&format!("/v1/jobs/{id}"));
    server.send(request).await
}

async fn post(server: &TestServer, address: &str, body: Value) -> TestResponse {
    server.send(TestRequest::post().uri(address).set_json(body)).await
}

fn started(response: &TestResponse) -> String {
    assert_eq!(response.status, StatusCode::ACCEPTED, "{}", response.text());
    response.json::<JobTicket>().job
}

/// Waits until a job has processed something.
async fn under_way(server: &TestServer, id: &str) {
    let start = Instant::now();
    while job(server, id).await.done == 0 {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "job {id} does not start"
        );
        actix_web::rt::time::sleep(Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn second_job_waits_for_first() {
    let server = slow_site();
    let many = many_images(&server, 400);
    let first = started(&index(&server, json!({"folders": [many]})).await);
    let second = started(&index(&server, json!({})).await);
    let waiting = job(&server, &second).await;
    assert_eq!(waiting.state, JobState::Queued);
    assert_eq!(waiting.waits_for.as_deref(), Some(first.as_str()));
    assert!(waiting.queued_ms.is_some() && waiting.started_ms.is_none());
    let same = started(&index(&server, json!({})).await);
    assert_eq!(same, second, "one that waits for the same is enough");
    let tag = started(&post(&server, "/v1/tag", json!({})).await);
    assert_ne!(
        job(&server, &tag).await.state,
        JobState::Queued,
        "it needs another lane"
    );
    let cancelled = cancel(&server, &first).await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED);
    assert_eq!(server.ended(&first).await.state, JobState::Cancelled);
    let ended = server.ended(&second).await;
    assert_eq!(ended.state, JobState::Done);
    assert!(ended.started_ms >= ended.queued_ms && ended.ended_ms >= ended.started_ms);
    let again = cancel(&server, &first).await;
    assert_eq!(again.json::<Value>()["state"], "cancelled");
}

#[actix_web::test]
async fn cancelled_job_that_waits_never_starts() {
    let server = slow_site();
    let many = many_images(&server, 200);
    let first = started(&index(&server, json!({"folders": [many]})).await);
    let second = started(&index(&server, json!({"folders": [server.photo("trip")]})).await);
    let answer: JobResponse = cancel(&server, &second).await.json();
    assert_eq!(answer.state, JobState::Cancelled);
    cancel(&server, &first).await;
    server.ended(&first).await;
    let cancelled = job(&server, &second).await;
    assert_eq!(
        (cancelled.state, cancelled.started_ms),
        (JobState::Cancelled, None)
    );
    assert_eq!(cancelled.report, None);
}

#[actix_web::test]
async fn jobs_are_listed_newest_first() {
    let server = TestServer::new();
    assert_eq!(
        server.get("/v1/jobs").await.json::<JobsResponse>(),
        JobsResponse::default()
    );
    let folder = server.photo("trip").to_string_lossy().into_owned();
    let first = started(&index(&server, json!({"folders": [folder]})).await);
    server.ended(&first).await;
    let second = started(&post(&server, "/v1/screen", json!({"profile": "moderation"})).await);
    assert!(server.ended(&second).await.screen_report.is_some());
    let list: JobsResponse = server.get("/v1/jobs").await.json();
    let jobs: Vec<_> = list
        .jobs
        .iter()
        .map(|job| (job.job.as_str(), job.kind, job.subject.as_deref()))
        .collect();
    let screen = (second.as_str(), JobKind::Screen, Some("moderation"));
    assert_eq!(
        jobs,
        [screen, (first.as_str(), JobKind::Index, Some(folder.as_str()))]
    );
    assert!(
        list.jobs
            .iter()
            .all(|job| job.report.is_none() && job.screen_report.is_none())
    );
}

#[actix_web::test]
async fn last_twenty_jobs_are_kept() {
    let server = TestServer::new();
    for _ in 0..21 {
        let JobTicket { job } = index(&server, json!({})).await.json();
        server.ended(&job).await;
    }
    assert_eq!(server.get("/v1/jobs/2").await.status, StatusCode::OK);
    for unknown in ["1", "22", "x", "-1"] {
        let answer = server.get(&format!("/v1/jobs/{unknown}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.problem().detail.contains("unknown job"));
    }
}

#[actix_web::test]
async fn events_follow_job_to_its_end() {
    let server = slow_site();
    let many = many_images(&server, 60);
    let id = started(&index(&server, json!({"folders": [many]})).await);
    let events = server.get(&format!("/v1/jobs/{id}/events")).await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    let text = events.text();
    let parsed: Vec<(&str, JobResponse)> = text
        .split_terminator("\n\n")
        .filter_map(|event| event.strip_prefix("event: ")?.split_once("\ndata: "))
        .map(|(name, data)| (name, serde_json::from_str(data).unwrap()))
        .collect();
    let (last, progress) = parsed.split_last().unwrap();
    assert!(!progress.is_empty() && progress.iter().all(|(name, _)| *name == "progress"));
    assert!(progress.is_sorted_by_key(|(_, job)| job.done), "{text}");
    assert_eq!((last.0, last.1.state), ("end", JobState::Done));
    assert_eq!(last.1.report.as_ref().unwrap().indexed, 60);
    let unknown = server.get("/v1/jobs/99/events").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

/// Serves the library of an ended server again.
fn restarted(server: TestServer, encoder: FakeEncoder) -> TestServer {
    let TestServer { folder, state } = server;
    let start = Instant::now();
    // Threads of jobs hold the library until they have ended.
    while Arc::strong_count(&state.library) > 2 && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(state);
    let library = open(&folder.path().join("library"), encoder);
    let options = ServeOptions::new(([127, 0, 0, 1], 7801).into());
    let state = Data::new(AppState::new(Arc::new(library), options));
    state.jobs.resume(|request| request.prepare(&state));
    TestServer { folder, state }
}

#[actix_web::test]
async fn next_server_goes_on_with_jobs() {
    let server = slow_site();
    let done = started(&post(&server, "/v1/duplicates", json!({"kind": "exact"})).await);
    server.ended(&done).await;
    let many = many_images(&server, 300);
    let first = started(&index(&server, json!({"folders": [many]})).await);
    let second = started(&index(&server, json!({"folders": [server.photo("trip")]})).await);
    let third = started(&index(&server, json!({"rescan": true})).await);
    cancel(&server, &third).await;
    under_way(&server, &first).await;
    server.state.jobs.stop();
    server.ended(&first).await;
    let server = restarted(server, FakeEncoder::default());
    let (again, next) = (server.ended(&first).await, server.ended(&second).await);
    assert_eq!((again.state, next.state), (JobState::Done, JobState::Done));
    let report = again.report.unwrap();
    assert_eq!(report.indexed + report.unchanged, 300);
    assert_eq!(next.report.unwrap().unchanged, 2);
    assert_eq!(job(&server, &third).await.state, JobState::Cancelled);
    let kept = job(&server, &done).await;
    assert_eq!(kept.state, JobState::Done);
    assert_eq!(kept.duplicates_report.unwrap().groups, []);
    let new = started(&index(&server, json!({})).await);
    assert_eq!(new, "5", "ids go on");
}

/// The stored job, changed as a server that was killed while it ran would have left it.
fn leave_running(library: &Path, id: &str, attempts: u32) {
    let path = library.join(format!("jobs/{id}.json"));
    let mut stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    stored["attempts"] = attempts.into();
    stored["job"]["state"] = "running".into();
    std::fs::write(path, stored.to_string()).unwrap();
}

#[actix_web::test]
async fn job_that_ends_servers_is_given_up() {
    let server = TestServer::new();
    let ids = [json!({}), json!({"rescan": true})];
    let mut jobs = Vec::new();
    for body in ids {
        let id = started(&index(&server, body).await);
        server.ended(&id).await;
        jobs.push(id);
    }
    let library = server.folder.path().join("library");
    leave_running(&library, &jobs[0], 2);
    leave_running(&library, &jobs[1], 3);
    std::fs::write(library.join("jobs/9.json"), "damaged").unwrap();
    let server = restarted(server, FakeEncoder::default());
    assert_eq!(server.ended(&jobs[0]).await.state, JobState::Done);
    let given_up = server.ended(&jobs[1]).await;
    assert_eq!(given_up.state, JobState::Failed);
    assert!(given_up.error.unwrap().contains("ended 3 times"));
    assert_eq!(server.get("/v1/jobs/9").await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn uploaded_texts_survive_restart() {
    let server = slow_site();
    let texts: Vec<String> = (0..4000).map(|n| format!("a text of number {n}")).collect();
    let texts = texts.join("\n");
    let request = |set: &str| {
        TestRequest::post()
            .uri(&format!("/v1/texts/{set}"))
            .insert_header(("content-type", "text/plain"))
            .set_payload(texts.clone())
    };
    let first = started(&server.send(request("one")).await);
    let second = started(&server.send(request("two")).await);
    server.state.jobs.stop();
    server.ended(&first).await;
    let server = restarted(server, FakeEncoder::default());
    for id in [first, second] {
        let ended = server.ended(&id).await;
        assert_eq!(ended.texts_report.unwrap().texts, 4000, "{:?}", ended.error);
    }
    let left = std::fs::read_dir(server.folder.path().join("library/jobs")).unwrap();
    let uploads = left.filter(|file| file.as_ref().unwrap().path().extension() != Some("json".as_ref()));
    assert_eq!(uploads.count(), 0, "what was uploaded is removed");
}

#[actix_web::test]
async fn backup_job_writes_file_once() {
    let server = TestServer::new();
    let file = server.folder.path().join("library.zip");
    let body = json!({"file": file});
    let id = started(&post(&server, "/v1/backup", body.clone()).await);
    let ended = server.ended(&id).await;
    let report = ended.backup_report.unwrap_or_else(|| panic!("{:?}", ended.error));
    assert_eq!((report.images, report.paths), (5, 5));
    assert_eq!(report.bytes, std::fs::metadata(&file).unwrap().len());
    for (body, expected) in [
        (body, "exists already"),
        (json!({"file": "library.zip"}), "expected an absolute path"),
    ] {
        let refused = post(&server, "/v1/backup", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.problem().detail.contains(expected), "{}", refused.text());
    }
}

#[actix_web::test]
async fn server_beyond_loopback_writes_no_backup() {
    let server = TestServer::with(FakeEncoder::default(), |options| {
        options.indexable = IndexableFolders::Known;
    });
    let file = server.folder.path().join("library.zip");
    let refused = post(&server, "/v1/backup", json!({"file": file})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.problem().detail.contains("eidetic backup FILE") && !file.exists());
}

#[actix_web::test]
async fn duplicates_job_finds_what_route_finds() {
    let server = TestServer::new();
    std::fs::copy(server.photo("red.png"), server.photo("trip/copy.png")).unwrap();
    let indexed = started(&index(&server, json!({})).await);
    server.ended(&indexed).await;
    let id = started(&post(&server, "/v1/duplicates", json!({"kind": "exact"})).await);
    let found = server.ended(&id).await.duplicates_report.unwrap();
    assert_eq!(found.groups.len(), 1);
    assert_eq!(found, server.get("/v1/duplicates?kind=exact").await.json());
    let refused = post(&server, "/v1/duplicates", json!({"kind": "same"})).await;
    assert!(refused.problem().detail.contains("unknown kind"));
}

#[actix_web::test]
async fn queue_has_bounded_length() {
    let server = slow_site();
    let first = started(&index(&server, json!({"folders": [many_images(&server, 500)]})).await);
    let folders: Vec<_> = (0..101)
        .map(|n| {
            let folder = server.folder.path().join(format!("empty{n}"));
            std::fs::create_dir(&folder).unwrap();
            folder
        })
        .collect();
    for folder in &folders[..100] {
        started(&index(&server, json!({"folders": [folder]})).await);
    }
    let refused = index(&server, json!({"folders": [folders[100]]})).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.problem().detail.contains("100 jobs are waiting"));
    server.state.jobs.stop();
    server.ended(&first).await;
}
