//! A local server with the protocol of huggingface.co: small files redirect within the Hub, weights redirect to a storage;
//! sizes are in `Content-Range`; the status is 401 for unknown models, 404 for unknown files.

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

/// How the server responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Healthy,
    /// Accepts connections, but sends nothing.
    Silent,
    /// Sends half of the weights, then nothing.
    StallsInWeights,
    /// Sends half of the weights, then closes the connection.
    CutsWeights,
    /// The same, without a `Content-Length`.
    CutsWeightsUnannounced,
    /// Ignores the range of a request and sends weights from the start.
    IgnoresResume,
    /// Sends all bytes of the weights, but the last one is wrong.
    CorruptsWeights,
    Stopped,
}

/// A received request.
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
    /// The response of the API for discussions, in JSON.
    discussions: Vec<u8>,
}

pub struct FakeHub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: Option<JoinHandle<()>>,
}

impl FakeHub {
    /// Serves the folder's files as the revision `main`.
    pub fn serving(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            endpoint: format!("http://{address}"),
            health: Health::Healthy,
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

    /// Replaces the files of `revision` by those of the folder, as a new commit.
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

    /// Adds or replaces a file in every revision.
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

    /// Lists a pull request of this account.
    pub fn list_pull_request(&self, number: u32, author: &str) {
        let list = format!(
            r#"{{"discussions":[{{"num":{number},"title":"Adding `safetensors` variant","status":"open","isPullRequest":true,"author":{{"name":"{author}"}}}}]}}"#
        );
        lock(&self.state).discussions = list.into_bytes();
    }

    pub fn require_token(&self, token: &str) {
        lock(&self.state).token = Some(token.to_owned());
    }

    pub fn set_health(&self, health: Health) {
        lock(&self.state).health = health;
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state).requests.clone()
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.set_health(Health::Stopped);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// The name of weights in the cache: their SHA-256.
pub fn etag(content: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(content) {
        write!(digits, "{byte:02x}").expect("a string can be written to");
    }
    digits
}

/// The name of a small file in the cache: as long as a Git hash.
fn small_etag(content: &[u8]) -> String {
    blake3::hash(content).to_hex()[..40].to_owned()
}

fn is_large(file: &str) -> bool {
    file.ends_with(".safetensors")
}

/// A commit id that depends on all files.
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
            // A client may close the connection at any time.
            let _ = stream.and_then(|stream| converse(stream, &state));
        });
    }
}

/// Handles one request per connection.
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
    // A body of one byte answers a request for the size.
    let is_weights = is_large(&request.path) && answer.body.len() > 1;
    if is_weights && health == Health::CorruptsWeights {
        *answer.body.last_mut().expect("weights are not empty") ^= 1;
    }
    if !is_weights
        || matches!(
            health,
            Health::Healthy | Health::IgnoresResume | Health::CorruptsWeights
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

/// Waits until the health changes.
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

/// The bytes in the range of the request.
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
