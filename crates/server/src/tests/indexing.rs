//! Indexing jobs.

use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_encoder::fake::FakeEncoder;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::site::{Answer, Site, picture};
use crate::json::{JobState, JobTicket};
use crate::options::IndexableFolders;

#[actix_web::test]
async fn a_job_indexes_new_folders_and_can_be_asked_for() {
    let site = Site::new();
    let more = site.folder.path().join("more");
    std::fs::create_dir(&more).unwrap();
    picture([250, 5, 250]).save(more.join("magenta.png")).unwrap();
    std::fs::write(more.join("broken.jpg"), b"\xff\xd8\xff\xe0 broken").unwrap();
    let started = index(&site, json!({"folders": [more]})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED);
    let JobTicket { job } = started.json();
    assert_eq!(started.header("location"), format!("/v1/jobs/{job}"));
    let ended = site.ended(&job).await;
    assert_eq!(
        (ended.state, ended.done, ended.total),
        (JobState::Done, 2, Some(2))
    );
    let report = ended.report.unwrap();
    assert_eq!((report.indexed, report.failed.len()), (1, 1));
    assert!(report.failed[0].path.ends_with("broken.jpg"));
    assert_eq!(
        site.get("/v1/search?text=magenta&k=1").await.names(),
        ["magenta.png"]
    );
}

#[actix_web::test]
async fn a_job_without_folders_refreshes_those_that_there_are() {
    let site = Site::new();
    std::fs::remove_file(site.photo("red.png")).unwrap();
    for request in [
        TestRequest::post().uri("/v1/index"),
        TestRequest::post().uri("/v1/index").set_json(json!({})),
    ] {
        let JobTicket { job } = site.ask(request).await.json();
        let report = site.ended(&job).await.report.unwrap();
        assert_eq!(report.unchanged, 4);
    }
    assert_eq!(site.state.library.status().unwrap().images, 4);
}

#[actix_web::test]
async fn a_second_job_has_to_wait_and_the_first_can_be_cancelled() {
    let site = slow_site();
    let JobTicket { job } = index(&site, json!({"folders": [many_pictures(&site, 400)]}))
        .await
        .json();
    let second = index(&site, json!({})).await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert!(second.problem().detail.contains(&format!("/v1/jobs/{job}")));
    let cancelled = site
        .ask(TestRequest::delete().uri(&format!("/v1/jobs/{job}")))
        .await;
    assert_eq!(cancelled.status, StatusCode::ACCEPTED);
    assert_eq!(site.ended(&job).await.state, JobState::Cancelled);
    let again = site
        .ask(TestRequest::delete().uri(&format!("/v1/jobs/{job}")))
        .await;
    assert_eq!(again.json::<Value>()["state"], "cancelled");
    assert_eq!(
        index(&site, json!({"folders": [site.photo("trip")]}))
            .await
            .status,
        StatusCode::ACCEPTED
    );
}

#[actix_web::test]
async fn searches_are_answered_while_a_job_runs() {
    let site = slow_site();
    let addresses = ["red", "green", "blue", "cyan"].map(|colour| format!("/v1/search?text={colour}&k=5"));
    // The model has seen the words, so that what follows waits for no model run.
    for address in &addresses {
        assert_eq!(site.get(address).await.names().len(), 5);
    }
    let JobTicket { job } = index(&site, json!({"folders": [many_pictures(&site, 600)]}))
        .await
        .json();
    let start = Instant::now();
    let mut answered_meanwhile = 0;
    while site.state.jobs.any_running() {
        let searches = (0..24).map(|n| site.get(&addresses[n % addresses.len()]));
        for answer in join_all(searches).await {
            assert_eq!(answer.names().len(), 5);
        }
        answered_meanwhile += u32::from(site.state.jobs.any_running());
        assert!(start.elapsed() < Duration::from_secs(60), "the job does not end");
    }
    assert!(
        answered_meanwhile > 0,
        "no search was answered before the job ended"
    );
    assert_eq!(site.ended(&job).await.report.unwrap().indexed, 600);
}

#[actix_web::test]
async fn a_model_that_fails_fails_the_job_with_its_reason() {
    let site = Site::with(FakeEncoder::default().failing_after(5), |_| ());
    for n in 0..5 {
        // Uses up the batches that work.
        let _ = site.get(&format!("/v1/search?text=word{n}")).await;
    }
    let search = site.get("/v1/search?text=another").await;
    assert_eq!(search.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(search.problem().detail.contains("requested failure"));
    let JobTicket { job } = index(&site, json!({"folders": [many_pictures(&site, 3)]}))
        .await
        .json();
    let ended = site.ended(&job).await;
    assert_eq!(ended.state, JobState::Failed);
    assert!(ended.error.unwrap().contains("requested failure"));
}

#[actix_web::test]
async fn the_last_twenty_jobs_are_remembered() {
    let site = Site::new();
    for _ in 0..21 {
        let JobTicket { job } = index(&site, json!({})).await.json();
        site.ended(&job).await;
    }
    assert_eq!(site.get("/v1/jobs/2").await.status, StatusCode::OK);
    for unknown in ["1", "22", "x", "-1"] {
        let answer = site.get(&format!("/v1/jobs/{unknown}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.problem().detail.contains("no job"));
    }
}

#[actix_web::test]
async fn folders_that_make_no_sense_are_refused_before_a_job_starts() {
    let site = Site::new();
    let cases = [
        (json!({"folders": ["holiday"]}), "absolute paths"),
        (
            json!({"folders": ["/no/such/folder"]}),
            "there is nothing at /no/such/folder",
        ),
        (json!({"folders": "/tmp"}), "invalid type: string"),
        (json!({"folder": []}), "unknown field `folder`"),
    ];
    for (body, expected) in cases {
        let answer = index(&site, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.problem().detail.contains(expected), "{}", answer.text());
    }
    assert!(!site.state.jobs.any_running());
}

#[actix_web::test]
async fn where_strangers_can_ask_only_known_folders_are_indexed() {
    let site = Site::with(FakeEncoder::default(), |options| {
        options.indexable = IndexableFolders::Known;
    });
    let elsewhere = site.folder.path().to_owned();
    let around = site.photo("trip/../..");
    for folder in [elsewhere, around, "/no/such/folder".into()] {
        let answer = index(&site, json!({"folders": [folder]})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.problem().detail.contains("eidetic index FOLDER"));
    }
    for body in [json!({"folders": [site.photo("trip")]}), json!({})] {
        let JobTicket { job } = index(&site, body).await.json();
        assert_eq!(site.ended(&job).await.state, JobState::Done);
    }
}

async fn index(site: &Site, body: Value) -> Answer {
    site.ask(TestRequest::post().uri("/v1/index").set_json(body))
        .await
}

fn slow_site() -> Site {
    Site::with(
        FakeEncoder::default().with_delay(Duration::from_millis(40)),
        |_| (),
    )
}

fn many_pictures(site: &Site, count: u32) -> std::path::PathBuf {
    let folder = site.folder.path().join("many");
    std::fs::create_dir(&folder).expect("it is writable");
    for n in 0..count {
        let colour = [n % 7 * 36, n % 11 * 23, n % 255].map(|c| c as u8);
        picture(colour)
            .save(folder.join(format!("{n}.png")))
            .expect("it is writable");
    }
    folder
}
