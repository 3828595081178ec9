//! A hub on this machine that answers as huggingface.co does: small files by a redirect within the hub, weights by one
//! to a storage; sizes by `Content-Range`; 401 for unknown models, 404 for unknown files.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub const MODEL: &str = "golden/clip";

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Sound,
    /// Accepts and says nothing.
    Silent,
    /// Sends half of the weights and then nothing.
    StallsInWeights,
    /// Sends half of the weights and hangs up.
    CutsWeights,
    /// Does so without having said how much is to come.
    CutsWeightsUnannounced,
    /// Sends weights from the start wherever it is asked to resume.
    IgnoresResume,
    /// Sends as many bytes of weights as announced, the last of them wrong.
    SpoilsWeights,
    Stopped,
}

/// What a client asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub path: String,
    pub range: String,
    pub authorization: String,
}

struct State {
    endpoint: String,
    health: Health,
    token: Option<String>,
    /// Commit and files by revision.
    revisions: HashMap<String, (String, HashMap<String, Vec<u8>>)>,
    requests: Vec<Request>,
    /// What people talk about, as the hub's API tells it.
    discussions: Vec<u8>,
}

pub struct FakeHub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: Option<JoinHandle<()>>,
}

impl FakeHub {
    /// Serves the folder's files as the revision `main`.
    pub fn of(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            endpoint: format!("http://{address}"),
            health: Health::Sound,
            token: None,
            revisions: HashMap::new(),
            requests: Vec::new(),
            discussions: Vec::new(),
        }));
        let hub = Self {
            address,
            state: Arc::clone(&state),
            accepting: Some(std::thread::spawn(move || accept(&listener, &state))),
        };
        hub.publish("main", folder);
        hub
    }

    pub fn endpoint(&self) -> String {
        lock(&self.state).endpoint.clone()
    }

    /// Makes the folder's files those of `revision`, under a commit of their own.
    pub fn publish(&self, revision: &str, folder: &Path) {
        let files: HashMap<String, Vec<u8>> = fs::read_dir(folder)
            .expect("a golden folder")
            .map(|entry| entry.expect("a golden file"))
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read(entry.path()).expect("a golden file's bytes"))
            })
            .collect();
        let commit = commit_of(&files);
        lock(&self.state)
            .revisions
            .insert(revision.to_owned(), (commit, files));
    }

    /// Adds a file to every revision, or replaces it.
    pub fn add(&self, file: &str, content: &[u8]) {
        for (_, files) in lock(&self.state).revisions.values_mut() {
            files.insert(file.to_owned(), content.to_vec());
        }
    }

    pub fn remove(&self, file: &str) {
        for (_, files) in lock(&self.state).revisions.values_mut() {
            files.remove(file);
        }
    }

    /// Lists a pull request of this account, by its number.
    pub fn list_pull_request(&self, number: u32, author: &str) {
        let list = format!(
            r#"{{"discussions":[{{"num":{number},"title":"Adding `safetensors` variant","status":"open","isPullRequest":true,"author":{{"name":"{author}"}}}}]}}"#
        );
        lock(&self.state).discussions = list.into_bytes();
    }

    pub fn ask_for_token(&self, token: &str) {
        lock(&self.state).token = Some(token.to_owned());
    }

    pub fn turn(&self, health: Health) {
        lock(&self.state).health = health;
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.turn(Health::Stopped);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// The name under which the cache keeps weights: their SHA-256.
pub fn etag(content: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(content) {
        write!(digits, "{byte:02x}").expect("a string can be written to");
    }
    digits
}

/// That of a small file: as long as git's hashes, and as opaque.
fn small_etag(content: &[u8]) -> String {
    blake3::hash(content).to_hex()[..40].to_owned()
}

fn is_large(file: &str) -> bool {
    file.ends_with(".safetensors")
}

/// Changes with every file.
fn commit_of(files: &HashMap<String, Vec<u8>>) -> String {
    let mut names: Vec<&String> = files.keys().collect();
    names.sort();
    let mut hasher = blake3::Hasher::new();
    for name in names {
        hasher.update(name.as_bytes()).update(&files[name]);
    }
    hasher.finalize().to_hex()[..40].to_owned()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no thread of the server panics")
}

fn accept(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    for stream in listener.incoming() {
        if lock(state).health == Health::Stopped {
            return;
        }
        let state = Arc::clone(state);
        std::thread::spawn(move || {
            // Clients hang up when they please.
            let _ = stream.and_then(|stream| converse(stream, &state));
        });
    }
}

/// One request a connection.
fn converse(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let request = read_request(&stream)?;
    let health = lock(state).health;
    if health == Health::Silent {
        hold(state, health);
        return Ok(());
    }
    let mut answer = answer(&mut lock(state), &request);
    let announced = health != Health::CutsWeightsUnannounced;
    write_head(&mut stream, &answer, announced.then_some(answer.body.len()))?;
    // A body of one byte is the answer to a question for the size.
    let is_weights = is_large(&request.path) && answer.body.len() > 1;
    if is_weights && health == Health::SpoilsWeights {
        *answer.body.last_mut().expect("weights are not empty") ^= 1;
    }
    if !is_weights
        || matches!(
            health,
            Health::Sound | Health::IgnoresResume | Health::SpoilsWeights
        )
    {
        return stream.write_all(&answer.body);
    }
    stream.write_all(&answer.body[..answer.body.len() / 2])?;
    if health == Health::StallsInWeights {
        hold(state, health);
    }
    Ok(())
}

fn write_head(stream: &mut TcpStream, answer: &Answer, length: Option<usize>) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {}\r\nConnection: close\r\n", answer.status)?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if let Some(length) = length {
        write!(stream, "Content-Length: {length}\r\n")?;
    }
    stream.write_all(b"\r\n")
}

/// Waits until the server changes its ways.
fn hold(state: &Mutex<State>, health: Health) {
    while lock(state).health == health {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<Request> {
    let mut request = Request::default();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            if line.is_empty() {
                break;
            }
            request.path.extend(line.split(' ').nth(1));
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "range" => value.clone_into(&mut request.range),
            "authorization" => value.clone_into(&mut request.authorization),
            _ => {}
        }
    }
    Ok(request)
}

#[derive(Default)]
struct Answer {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn of(status: &'static str) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

fn answer(state: &mut State, request: &Request) -> Answer {
    state.requests.push(request.clone());
    let asked = |prefix: &str| {
        let (revision, file) = request.path.strip_prefix(prefix)?.split_once('/')?;
        Some((revision.replace("%2F", "/"), file))
    };
    if let Some((revision, file)) = asked("/storage/").or_else(|| asked("/api/resolve-cache/")) {
        return content(state, request, &revision, file);
    }
    if request.path == format!("/api/models/{MODEL}/discussions") {
        return Answer {
            body: state.discussions.clone(),
            ..Answer::of("200 OK")
        };
    }
    let wanted = state.token.as_ref().map(|token| format!("Bearer {token}"));
    let Some((revision, file)) = asked(&format!("/{MODEL}/resolve/")) else {
        return Answer::of("401 Unauthorized");
    };
    if wanted.is_some_and(|wanted| wanted != request.authorization) {
        return Answer::of("401 Unauthorized");
    }
    redirect(state, &revision, file)
}

fn redirect(state: &State, revision: &str, file: &str) -> Answer {
    let Some((commit, content)) = find(state, revision, file) else {
        return Answer::of("404 Not Found");
    };
    let escaped = revision.replace('/', "%2F");
    if !is_large(file) {
        let mut answer = Answer::of("307 Temporary Redirect");
        let place = format!("/api/resolve-cache/{escaped}/{file}");
        answer.headers.push(("Location", place));
        return answer;
    }
    let mut answer = Answer::of("302 Found");
    answer.headers = vec![
        ("X-Repo-Commit", commit.to_owned()),
        ("X-Linked-ETag", format!("\"{}\"", etag(content))),
        ("ETag", "\"of the redirect\"".into()),
        ("Location", format!("{}/storage/{escaped}/{file}", state.endpoint)),
    ];
    answer
}

/// The bytes from where the request's range begins to where it ends.
fn content(state: &State, request: &Request, revision: &str, file: &str) -> Answer {
    let Some((commit, content)) = find(state, revision, file) else {
        return Answer::of("404 Not Found");
    };
    let range = request.range.strip_prefix("bytes=").unwrap_or("0-");
    let (start, end) = range.split_once('-').expect("a range");
    let start: usize = start.parse().expect("where the range begins");
    let end = end.parse().map_or(content.len(), |last: usize| last + 1);
    let Some(body) = content.get(start..end).filter(|body| !body.is_empty()) else {
        return Answer::of("416 Range Not Satisfiable");
    };
    let mut answer = Answer::of("206 Partial Content");
    if state.health == Health::IgnoresResume && start > 0 {
        answer.body = content.to_vec();
    } else {
        answer.body = body.to_vec();
    }
    let described = format!("bytes {start}-{}/{}", end - 1, content.len());
    let tag = if is_large(file) {
        etag(content)
    } else {
        small_etag(content)
    };
    answer.headers = vec![
        ("X-Repo-Commit", commit.to_owned()),
        ("ETag", format!("\"{tag}\"")),
        ("Content-Range", described),
    ];
    answer
}

fn find<'a>(state: &'a State, revision: &str, file: &str) -> Option<(&'a str, &'a [u8])> {
    let (commit, files) = state.revisions.get(revision)?;
    Some((commit, files.get(file)?))
}
