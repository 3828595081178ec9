//! Jobs of a server: listed, followed, cancelled, and continued after a kill.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use eidetic_tests::{Scenario, Server, copy_tree, ended_job, get, post, text};
use serde_json::{Value, json};

/// Folders of many copies of the gallery, each picture different, so that indexing them takes seconds.
fn many_pictures(scenario: &Scenario, name: &str, copies: usize) -> std::path::PathBuf {
    let gallery = scenario.gallery("gallery", 40);
    let folder = scenario.path(name);
    for copy in 0..copies {
        let to = folder.join(copy.to_string());
        copy_tree(&gallery, &to);
        for entry in fs::read_dir(&to).unwrap() {
            let path = entry.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            // Behind the end of a picture, any bytes may follow.
            bytes.extend(format!("{name}{copy}").bytes());
            fs::write(path, bytes).unwrap();
        }
    }
    folder
}

fn jobs(scenario: &Scenario) -> Vec<Value> {
    let listed = scenario.run(&["jobs", "--json"]).expect_code(0).json();
    listed["jobs"].as_array().unwrap().clone()
}

/// Waits until a job has done something.
fn under_way(server: &Server, ticket: &Value) {
    let path = format!("/v1/jobs/{}", ticket["job"].as_str().unwrap());
    let start = Instant::now();
    while get(&server.address, &path)["done"] == 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "the job does not start");
        thread::sleep(Duration::from_millis(20));
    }
}

fn index(server: &Server, folders: &[&Path]) -> Value {
    let folders: Vec<&str> = folders.iter().map(|folder| text(folder)).collect();
    post(&server.address, "/v1/index", &json!({"folders": folders}))
}

#[test]
fn killed_server_goes_on_with_its_jobs() {
    let scenario = Scenario::new();
    let many = many_pictures(&scenario, "many", 12);
    let other = many_pictures(&scenario, "other", 1);
    scenario.index(&scenario.gallery("first", 3));
    let server = scenario.serve();
    let running = index(&server, &[&many]);
    let waiting = index(&server, &[&other]);
    under_way(&server, &running);
    let listed = jobs(&scenario);
    assert_eq!(
        (&listed[0]["state"], &listed[0]["waits_for"]),
        (&json!("queued"), &running["job"])
    );
    assert_eq!(listed[1]["state"], "running");
    assert_eq!(listed[1]["subject"], text(&many));
    // Dropping it kills it.
    drop(server);
    let left = scenario.run(&["jobs"]).expect_code(0);
    assert_eq!(
        left.stdout.lines().filter(|line| line.contains("waits")).count(),
        2,
        "{}",
        left.stdout
    );
    assert!(
        left.stderr.contains("the next `eidetic serve`"),
        "{}",
        left.stderr
    );
    let server = scenario.serve();
    for ticket in [&running, &waiting] {
        let ended = ended_job(&server.address, ticket);
        assert_eq!(ended["state"], "done", "{ended}");
    }
    assert_eq!(scenario.status()["images"], 3 + 12 * 40 + 40);
    let listed = scenario.run(&["jobs"]).expect_code(0);
    assert!(
        listed
            .stdout
            .lines()
            .all(|line| line.contains("done") && line.chars().count() <= 200)
    );
}

#[test]
fn waiting_job_is_cancelled_without_server() {
    let scenario = Scenario::new();
    let many = many_pictures(&scenario, "many", 6);
    let other = many_pictures(&scenario, "other", 1);
    scenario.index(&scenario.gallery("first", 3));
    let server = scenario.serve();
    let running = index(&server, &[&many]);
    let waiting = index(&server, &[&other]);
    let (running, waiting) = (running["job"].as_str().unwrap(), waiting["job"].as_str().unwrap());
    let cancelled = scenario.run(&["jobs", "cancel", waiting]).expect_code(0);
    assert_eq!(cancelled.stdout.trim(), format!("job {waiting} cancelled"));
    drop(server);
    scenario.run(&["jobs", "cancel", running]).assert_code(0);
    let refused = scenario.run(&["jobs", "cancel", "77"]).expect_code(3);
    assert!(
        refused.stderr.contains("no job 77 is known"),
        "{}",
        refused.stderr
    );
    let refused = scenario.run(&["jobs", "follow", running]).expect_code(3);
    assert!(refused.stderr.contains("eidetic serve"), "{}", refused.stderr);
    let server = scenario.serve();
    let states: Vec<Value> = jobs(&scenario).iter().map(|job| job["state"].clone()).collect();
    assert_eq!(states, ["cancelled", "cancelled"]);
    let next = index(&server, &[&other]);
    assert_eq!(ended_job(&server.address, &next)["report"]["indexed"], 40);
}

#[test]
fn commands_wait_for_running_job() {
    let scenario = Scenario::new();
    let many = many_pictures(&scenario, "many", 8);
    let other = many_pictures(&scenario, "other", 1);
    scenario.index(&scenario.gallery("first", 3));
    let server = scenario.serve();
    let running = index(&server, &[&many]);
    under_way(&server, &running);
    let indexed = scenario.run(&["index", text(&other), "--json"]).expect_code(0);
    assert_eq!(indexed.json()["indexed"], 40);
    let message = format!("starts when job {} has ended", running["job"].as_str().unwrap());
    assert!(indexed.stderr.contains(&message), "{}", indexed.stderr);
    let followed = scenario
        .run(&["jobs", "follow", running["job"].as_str().unwrap(), "--json"])
        .expect_code(0);
    assert_eq!(followed.json()["report"]["indexed"], 8 * 40);
    let found = scenario.run(&["duplicates", "--exact", "--json"]).expect_code(0);
    assert!(found.stderr.contains("looks for duplicates"), "{}", found.stderr);
    assert!(found.json()["groups"].is_array());
}
