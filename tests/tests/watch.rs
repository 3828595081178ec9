//! A library that is kept current while files come, change and go: `eidetic watch`, and the server.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use eidetic_tests::{Scenario, Server, ended_job, gallery_images, get, post, search, text};
use serde_json::{Value, json};

/// Time after which what should have happened counts as missing.
const DEADLINE: Duration = Duration::from_mins(2);

/// A running `eidetic watch --json`; killed when dropped.
struct Watch {
    child: Child,
    rounds: Receiver<Value>,
    /// What all rounds so far did.
    totals: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    indexed: u64,
    moved: u64,
    removed: u64,
    details_read: u64,
    failed: Vec<String>,
    unreachable: Vec<String>,
}

impl Watch {
    /// Starts it, and waits for its first round.
    fn start(scenario: &Scenario, options: &[&str]) -> Self {
        Self::of(scenario.command(&[&["watch", "--json"], options].concat()))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, rounds) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).expect("each line is JSON"));
            }
        });
        let mut watch = Self {
            child,
            rounds,
            totals: Totals::default(),
        };
        let first = watch.round();
        assert!(!first["whole"].as_array().unwrap().is_empty(), "{first}");
        watch
    }

    fn round(&mut self) -> Value {
        let round: Value = self.rounds.recv_timeout(DEADLINE).expect("a round is printed");
        let number = |field: &str| round[field].as_u64().unwrap();
        let texts = |list: &str, field: &str| -> Vec<String> {
            let entries = round[list].as_array().unwrap().iter();
            entries
                .map(|entry| entry[field].as_str().unwrap().to_owned())
                .collect()
        };
        self.totals.indexed += number("indexed");
        self.totals.moved += number("moved");
        self.totals.removed += number("removed");
        self.totals.details_read += number("details_read");
        self.totals.failed.extend(texts("failed", "path"));
        self.totals.unreachable.extend(texts("unreachable", "path"));
        round
    }

    /// Waits for rounds until they have done this much in all since the last call.
    fn until(&mut self, is_enough: impl Fn(&Totals) -> bool) -> Totals {
        while !is_enough(&self.totals) {
            self.round();
        }
        std::mem::take(&mut self.totals)
    }

    /// Sends a signal and returns the exit code.
    fn stop(mut self, signal: &str) -> Option<i32> {
        send_signal(signal, self.child.id());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send_signal(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The names of all pictures of the library.
fn names(scenario: &Scenario) -> BTreeSet<String> {
    let listed = scenario.run(&["list", "--paths", "-k", "all"]).expect_code(0);
    let paths = listed.stdout.lines().map(PathBuf::from);
    let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.map(name).collect()
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not happen");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Copies the picture `number` of the gallery.
fn add(number: usize, target: &Path) {
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(&gallery_images()[number], target).unwrap();
}

/// Whether a search of the server finds this file.
fn finds(server: &Server, name: &str) -> bool {
    let found = search(&server.address, &[("text", "apple"), ("k", "1000")]);
    let hits = found["hits"].as_array().unwrap().iter();
    let paths = hits.flat_map(|hit| hit["paths"].as_array().unwrap().clone());
    paths
        .into_iter()
        .any(|path| Path::new(path.as_str().unwrap()).ends_with(name))
}

/// An indexed folder of some pictures.
fn photos(count: usize) -> (Scenario, PathBuf) {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", count);
    assert_eq!(scenario.index(&folder)["indexed"], count);
    (scenario, folder)
}

#[test]
fn server_finds_new_pictures() {
    let (scenario, folder) = photos(3);
    let server = scenario.serve_with(&[]);
    add(10, &folder.join("new.jpg"));
    wait_until(|| finds(&server, "new.jpg"));
    let status = get(&server.address, "/v1/status");
    let source = &status["watch"]["sources"][0];
    assert_eq!(
        (&source["path"], &source["mode"]),
        (&json!(text(&folder)), &"notifications".into()),
        "{status}"
    );
    assert!(
        source["looked_at"].is_string() && source["changed_at"].is_string(),
        "{source}"
    );
    assert_eq!(status["sources"][0]["images"], 4, "{status}");
    let shown = scenario.run(&["status"]).expect_code(0).stdout;
    assert!(shown.contains("by notifications"), "{shown}");
    fs::remove_file(folder.join("new.jpg")).unwrap();
    wait_until(|| !finds(&server, "new.jpg"));
    send_signal("TERM", server.process());
    assert_eq!(server.wait(), Some(0));
    assert!(!scenario.library().join("watch.json").exists());
}

#[test]
fn server_without_watch_changes_by_requests_only() {
    let (scenario, folder) = photos(3);
    let server = scenario.serve_with(&["--no-watch"]);
    add(10, &folder.join("new.jpg"));
    thread::sleep(Duration::from_secs(5));
    assert!(!finds(&server, "new.jpg"));
    assert!(get(&server.address, "/v1/status").get("watch").is_none());
    assert!(scenario.run(&["status"]).stdout.contains("watch    off"));
    let refused = scenario.run(&["watch"]).expect_code(3);
    assert!(refused.stderr.contains("--no-watch"), "{refused:?}");
    let job = ended_job(&server.address, &post(&server.address, "/v1/index", &json!({})));
    assert_eq!(job["report"]["indexed"], 1, "{job}");
}

#[test]
fn changes_of_every_kind_are_followed() {
    let (scenario, folder) = photos(5);
    let mut watch = Watch::start(&scenario, &[]);
    watch.until(|_| true);
    // What is there before its folder is watched.
    add(20, &folder.join("trip/day 1/a.jpg"));
    add(21, &folder.join("trip/day 1/b.jpg"));
    add(22, &folder.join("c.jpg"));
    watch.until(|totals| totals.indexed == 3);
    // And after.
    add(23, &folder.join("trip/day 1/d.jpg"));
    watch.until(|totals| totals.indexed == 1);
    // Another content.
    add(24, &folder.join("c.jpg"));
    watch.until(|totals| totals.indexed == 1);
    fs::rename(folder.join("c.jpg"), folder.join("trip/c2.jpg")).unwrap();
    let moved = watch.until(|totals| totals.moved == 1);
    assert_eq!((moved.indexed, moved.removed), (0, 0), "{moved:?}");
    fs::rename(folder.join("trip/day 1"), folder.join("first day")).unwrap();
    let moved = watch.until(|totals| totals.moved == 3);
    assert_eq!((moved.indexed, moved.removed), (0, 0), "{moved:?}");
    // The folder is watched at its new place.
    add(25, &folder.join("first day/e.jpg"));
    watch.until(|totals| totals.indexed == 1);
    fs::remove_file(folder.join("trip/c2.jpg")).unwrap();
    fs::remove_dir_all(folder.join("first day")).unwrap();
    let removed = watch.until(|totals| totals.removed == 5);
    assert!(
        removed.failed.is_empty() && removed.unreachable.is_empty(),
        "{removed:?}"
    );
    let found = names(&scenario);
    assert_eq!(found.len(), 5, "{found:?}");
    assert_eq!(watch.stop("INT"), Some(0));
}

#[test]
fn files_being_written_are_left() {
    let (scenario, folder) = photos(3);
    let mut watch = Watch::start(&scenario, &[]);
    let bytes = fs::read(&gallery_images()[30]).unwrap();
    let mut file = fs::File::create(folder.join("slow.jpg")).unwrap();
    for part in bytes.chunks(bytes.len().div_ceil(12)) {
        file.write_all(part).unwrap();
        file.flush().unwrap();
        assert!(!names(&scenario).contains("slow.jpg"), "it is not complete");
        thread::sleep(Duration::from_millis(400));
    }
    drop(file);
    let totals = watch.until(|totals| totals.indexed == 1);
    assert!(totals.failed.is_empty(), "{totals:?}");
    assert!(names(&scenario).contains("slow.jpg"));
    assert_eq!(watch.stop("TERM"), Some(0));
}

#[test]
fn broken_file_is_named_once() {
    let (scenario, folder) = photos(3);
    let mut watch = Watch::start(&scenario, &["--rescan-every", "1s"]);
    fs::write(folder.join("broken.jpg"), b"\xff\xd8\xff\xe0 no picture").unwrap();
    let totals = watch.until(|totals| !totals.failed.is_empty());
    assert!(totals.failed[0].ends_with("broken.jpg"), "{totals:?}");
    add(10, &folder.join("good.jpg"));
    let totals = watch.until(|totals| totals.indexed == 1);
    assert!(totals.failed.is_empty(), "{totals:?}");
}

#[test]
fn burst_of_files_is_indexed() {
    let (scenario, folder) = photos(3);
    let mut watch = Watch::start(&scenario, &[]);
    let gallery = gallery_images();
    for number in 0..300 {
        let mut bytes = fs::read(&gallery[number % gallery.len()]).unwrap();
        // Bytes after a picture's end make it another content.
        bytes.extend_from_slice(format!("copy {number}").as_bytes());
        let part = folder.join(format!("part {}", number / 100));
        fs::create_dir_all(&part).unwrap();
        fs::write(part.join(format!("{number:03}.jpg")), bytes).unwrap();
    }
    let totals = watch.until(|totals| totals.indexed >= 300);
    assert_eq!((totals.indexed, totals.failed.len()), (300, 0), "{totals:?}");
    assert_eq!(scenario.status()["paths"], 303);
}

#[test]
fn rules_and_side_cars_are_followed() {
    let (scenario, folder) = photos(3);
    add(20, &folder.join("drafts/a.jpg"));
    add(21, &folder.join("drafts/b.jpg"));
    scenario.run(&["index"]).assert_code(0);
    let mut watch = Watch::start(&scenario, &[]);
    fs::write(folder.join("drafts/.eideticignore"), "b.jpg\n").unwrap();
    watch.until(|totals| totals.removed == 1);
    assert!(!names(&scenario).contains("b.jpg"));
    fs::remove_file(folder.join("drafts/.eideticignore")).unwrap();
    watch.until(|totals| totals.indexed == 1);
    fs::write(folder.join(".eideticignore"), "drafts/\n").unwrap();
    watch.until(|totals| totals.removed == 2);
    fs::remove_file(folder.join(".eideticignore")).unwrap();
    watch.until(|totals| totals.indexed == 2);
    let title = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
        <rdf:Description xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title><rdf:Alt>\
        <rdf:li xml:lang=\"x-default\">Harbor</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta>";
    fs::write(folder.join("drafts/a.xmp"), title).unwrap();
    let totals = watch.until(|totals| totals.details_read > 0);
    assert_eq!((totals.details_read, totals.indexed), (1, 0), "{totals:?}");
    let shown = scenario
        .run(&["show", text(&folder.join("drafts/a.jpg"))])
        .expect_code(0);
    assert!(shown.stdout.contains("Harbor"), "{shown:?}");
}

#[test]
fn source_that_disappears_is_unreachable() {
    let (scenario, folder) = photos(4);
    let mut watch = Watch::start(&scenario, &[]);
    let off = scenario.path("off");
    fs::rename(&folder, &off).unwrap();
    let lost = watch.until(|totals| !totals.unreachable.is_empty());
    assert_eq!(
        (lost.removed, &*lost.unreachable[0]),
        (0, text(&folder)),
        "{lost:?}"
    );
    fs::create_dir(&folder).unwrap();
    let empty = watch.until(|totals| !totals.unreachable.is_empty());
    assert_eq!(empty.removed, 0, "{empty:?}");
    assert_eq!(names(&scenario).len(), 4);
    fs::remove_dir(&folder).unwrap();
    fs::rename(&off, &folder).unwrap();
    wait_until(|| scenario.status()["sources"][0]["state"] == "present");
    add(20, &folder.join("new.jpg"));
    let back = watch.until(|totals| totals.indexed == 1);
    assert_eq!(back.removed, 0, "{back:?}");
}

/// A folder that is mounted at another one; unmounted when dropped.
struct BindMount {
    at: PathBuf,
}

impl BindMount {
    /// `None` where this user may not mount.
    fn new(folder: &Path, at: &Path) -> Option<Self> {
        let mount = Self { at: at.to_owned() };
        let mounted = Command::new("mount")
            .arg("--bind")
            .args([folder, at])
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(mount)
    }
}

impl Drop for BindMount {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.at).status();
        assert!(unmounted.unwrap().success(), "watches do not keep a disk busy");
    }
}

#[test]
fn unmounted_disk_keeps_its_pictures() {
    let scenario = Scenario::new();
    let disk = scenario.gallery("disk", 4);
    let folder = scenario.path("photos");
    fs::create_dir(&folder).unwrap();
    let Some(mount) = BindMount::new(&disk, &folder) else {
        eprintln!("skipped: this user may not mount");
        return;
    };
    scenario.index(&folder);
    let mut watch = Watch::start(&scenario, &[]);
    add(20, &folder.join("a.jpg"));
    watch.until(|totals| totals.indexed == 1);
    // Changes that are not looked at yet when the disk goes.
    fs::remove_file(folder.join("a.jpg")).unwrap();
    fs::rename(gallery_copy(&folder), folder.join("renamed.jpg")).unwrap();
    drop(mount);
    let lost = watch.until(|totals| !totals.unreachable.is_empty());
    assert_eq!((lost.removed, lost.moved), (0, 0), "{lost:?}");
    assert_eq!(names(&scenario).len(), 5);
    // A file that was renamed just now would not rest yet.
    thread::sleep(Duration::from_secs(3));
    let _mount = BindMount::new(&disk, &folder).unwrap();
    let back = watch.until(|totals| totals.removed == 1 && totals.moved == 1);
    assert_eq!(back.indexed, 0, "{back:?}");
    add(21, &folder.join("b.jpg"));
    watch.until(|totals| totals.indexed == 1);
    drop(watch);
}

/// One of the pictures in a folder of the gallery's.
fn gallery_copy(folder: &Path) -> PathBuf {
    folder.join(gallery_images()[0].file_name().unwrap())
}

#[test]
fn polling_finds_the_same() {
    let (scenario, folder) = photos(3);
    let mut watch = Watch::start(&scenario, &["--poll", "--poll-every", "1s"]);
    let status = scenario.status();
    assert_eq!(status["watch"]["sources"][0]["mode"], "polling", "{status}");
    add(10, &folder.join("trip/new.jpg"));
    watch.until(|totals| totals.indexed == 1);
    let shown = scenario.run(&["status"]).expect_code(0).stdout;
    assert!(shown.contains("by polling every 1 s"), "{shown}");
    fs::rename(folder.join("trip"), folder.join("journey")).unwrap();
    watch.until(|totals| totals.moved == 1);
    fs::remove_dir_all(folder.join("journey")).unwrap();
    watch.until(|totals| totals.removed == 1);
    assert_eq!(watch.stop("INT"), Some(0));
}

#[test]
fn second_watch_is_refused_or_redirected() {
    let (scenario, _) = photos(3);
    let watch = Watch::start(&scenario, &[]);
    for command in [&["watch"][..], &["index"]] {
        let refused = scenario.run(command).expect_code(3);
        assert!(refused.stderr.contains("in use by eidetic watch"), "{refused:?}");
    }
    assert_eq!(watch.stop("INT"), Some(0));
    let server = scenario.serve_with(&[]);
    wait_until(|| get(&server.address, "/v1/status").get("watch").is_some());
    let redirected = scenario.run(&["watch"]).expect_code(0);
    assert!(redirected.stdout.contains(&server.address), "{redirected:?}");
    let redirected = scenario.run(&["watch", "--json"]).expect_code(0).json();
    assert_eq!(redirected["watched_by"], server.address);
    assert_eq!(Scenario::new().run(&["watch"]).code, Some(3), "no library");
}

#[test]
fn jobs_and_sources_go_beside_watch() {
    let (scenario, folder) = photos(3);
    let server = scenario.serve_with(&[]);
    let other = scenario.path("other");
    add(20, &other.join("a.jpg"));
    for number in 30..36 {
        add(number, &folder.join(format!("{number}.jpg")));
        let body = json!({"folders": [text(&other)]});
        let job = ended_job(&server.address, &post(&server.address, "/v1/index", &body));
        assert_eq!(job["state"], "done", "{job}");
    }
    wait_until(|| (30..36).all(|number| finds(&server, &format!("{number}.jpg"))));
    add(21, &other.join("b.jpg"));
    wait_until(|| finds(&server, "b.jpg"));
    // While a round may run.
    add(22, &other.join("c.jpg"));
    thread::sleep(Duration::from_secs(2));
    let forgotten = ureq::delete(format!("{}/v1/sources", server.address))
        .query("folder", text(&other))
        .call();
    assert_eq!(forgotten.unwrap().status(), 200);
    wait_until(|| {
        let watch = get(&server.address, "/v1/status")["watch"].clone();
        watch["sources"].as_array().map_or(0, Vec::len) == 1
    });
    assert!(!finds(&server, "b.jpg"));
    let status = get(&server.address, "/v1/status");
    assert_eq!(status["paths"], 9, "{status}");
}

#[test]
fn limit_of_watches_leads_to_polling() {
    let (scenario, folder) = photos(3);
    add(20, &folder.join("a/b/c.jpg"));
    // A user namespace has a limit of its own.
    let limited = |command: &Command| {
        let mut limited = Command::new("unshare");
        let script = "echo 2 > /proc/sys/user/max_inotify_watches && exec \"$0\" \"$@\"";
        limited.args(["--user", "--map-root-user", "sh", "-c", script]);
        limited.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        limited.stdin(Stdio::null());
        limited
    };
    let trial = limited(Command::new("sh").args(["-c", "exit 7"])).output();
    if trial.is_ok_and(|trial| trial.status.code() != Some(7)) {
        eprintln!("skipped: this user may not make namespaces");
        return;
    }
    let errors = scenario.path("errors");
    let mut command = limited(&scenario.command(&["watch", "--json", "--poll-every", "1s"]));
    command.stderr(fs::File::create(&errors).unwrap());
    let mut watch = Watch::of(command);
    add(21, &folder.join("a/b/d.jpg"));
    watch.until(|totals| totals.indexed == 2);
    let status = scenario.status();
    assert_eq!(status["watch"]["sources"][0]["mode"], "polling", "{status}");
    let said = fs::read_to_string(&errors).unwrap();
    assert_eq!(said.matches("fs.inotify.max_user_watches").count(), 1, "{said}");
    assert_eq!(watch.stop("INT"), Some(0));
}
