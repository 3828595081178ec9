//! Whole-program scenarios: the binary, run as a person would run it. This library holds what they share.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

#[cfg(target_os = "linux")]
pub mod mount;

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .to_owned()
}

/// The folder of real photos for local runs, where there is one.
pub fn shared_data() -> Option<PathBuf> {
    let data = repository().parent()?.join("shared/data");
    data.is_dir().then_some(data)
}

/// The binary that this build of the workspace made: `cargo test --workspace` builds it, because the command line's
/// package has a test that runs it.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/test");
    let binary = profile.join(format!("eidetic{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.is_file(),
        "{} is missing; run: cargo test --workspace",
        binary.display()
    );
    binary
}

/// A library in a temporary directory, and the binary at work on it.
pub struct Scenario {
    directory: tempfile::TempDir,
}

/// What a finished command left.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    /// Standard output as the one JSON object it must be.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON object ({error}): {self:?}"))
    }

    /// Asserts the exit code, showing everything where it differs.
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{self:?}");
    }

    /// The same, for more assertions.
    #[must_use = "chain it"]
    pub fn expect_code(self, code: i32) -> Self {
        self.assert_code(code);
        self
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Scenario {
    /// An empty place.
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a temporary directory can be made"),
        }
    }

    /// A path within the scenario's own directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The library's directory.
    pub fn library(&self) -> PathBuf {
        self.path("library")
    }

    /// The binary with this scenario's library and no way to a hub.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("--library").arg(self.library()).args(arguments);
        command
            .env("HF_HOME", self.path("hub"))
            .env("HF_ENDPOINT", "http://127.0.0.1:9");
        command
            .env_remove("RUST_LOG")
            .env_remove("EIDETIC_LIBRARY")
            .env_remove("EIDETIC_TOKEN")
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.command(arguments)
            .output()
            .expect("the binary starts")
            .into()
    }

    /// Runs the binary to its end and says the largest memory in bytes that it held, as far as the system tells (0
    /// where it does not).
    pub fn run_watching_memory(&self, arguments: &[&str]) -> (Finished, u64) {
        let output = self.path("output");
        let errors = self.path("errors");
        let create = |path: &Path| fs::File::create(path).expect("a file can be made");
        let mut command = self.command(arguments);
        let mut child = command
            .stdout(create(&output))
            .stderr(create(&errors))
            .spawn()
            .expect("the binary starts");
        let mut peak = 0;
        let status = loop {
            // The system keeps the high-water mark, so looking now and then misses at most the last moment's growth.
            peak = peak_memory(child.id()).unwrap_or(peak);
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                break status;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let read = |path: &Path| fs::read_to_string(path).expect("output is text");
        (
            Finished {
                code: status.code(),
                stdout: read(&output),
                stderr: read(&errors),
            },
            peak,
        )
    }

    /// Indexes `folder` with the built-in model and returns the report, whatever became of single files.
    pub fn index(&self, folder: &Path) -> Value {
        let folder = folder.to_str().expect("test paths are UTF-8");
        self.run(&["index", folder, "--model", "builtin", "--json"])
            .json()
    }

    /// A folder with the first `count` images of the bundled gallery.
    pub fn gallery(&self, name: &str, count: usize) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        for image in gallery_images().into_iter().take(count) {
            let target = folder.join(image.file_name().expect("pictures have names"));
            fs::copy(&image, target).expect("a picture can be copied");
        }
        folder
    }

    /// The answer of `status --json`.
    pub fn status(&self) -> Value {
        self.run(&["status", "--json"]).expect_code(0).json()
    }

    /// Starts the server on a free port, with a library that changes only by requests.
    pub fn serve(&self) -> Server {
        self.serve_with(&["--no-watch"])
    }

    /// Starts the server on a free port with these options.
    pub fn serve_with(&self, options: &[&str]) -> Server {
        let arguments = ["serve", "--listen", "127.0.0.1:0"];
        Server::start(self.command(&[&arguments, options].concat()))
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self::new()
    }
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// The bundled gallery's images, in order of name.
pub fn gallery_images() -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("data/gallery")).expect("the gallery is in the repository");
    let paths = entries.map(|entry| entry.expect("the gallery can be read").path());
    let mut images: Vec<PathBuf> = paths
        .filter(|p| p.extension().is_some_and(|e| e == "jpg"))
        .collect();
    images.sort();
    images
}

/// File names and captions of the bundled gallery.
pub fn captions() -> Vec<(String, String)> {
    let table = repository().join("data/gallery/captions.tsv");
    let table = fs::read_to_string(table).expect("the gallery has captions");
    let pair = |line: &str| {
        let (file, caption) = line.split_once('\t').expect("a file and a caption");
        (file.to_owned(), caption.to_owned())
    };
    table.lines().map(pair).collect()
}

/// The files below a folder, sorted.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Copies a folder with everything below it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("an entry can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// The JSON that a server answers to GET.
pub fn get(address: &str, path: &str) -> Value {
    json_of(ureq::get(format!("{address}{path}")).call())
}

/// The JSON that a server answers to POST.
pub fn post(address: &str, path: &str, body: &Value) -> Value {
    json_of(ureq::post(format!("{address}{path}")).send_json(body))
}

/// Waits for the end of the job that `ticket` names, and returns it.
pub fn ended_job(address: &str, ticket: &Value) -> Value {
    let path = format!("/v1/jobs/{}", ticket["job"].as_str().expect("the id of a job"));
    let deadline = Instant::now() + Duration::from_mins(5);
    loop {
        let job = get(address, &path);
        if job["state"] != "running" && job["state"] != "queued" {
            return job;
        }
        assert!(Instant::now() < deadline, "{job}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The answer of a server to a search with these parameters.
pub fn search(address: &str, parameters: &[(&str, &str)]) -> Value {
    let request = ureq::get(format!("{address}/v1/search"));
    json_of(request.query_pairs(parameters.iter().copied()).call())
}

fn json_of(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let mut answer = answer.expect("the server answers");
    answer.body_mut().read_json().expect("it is JSON")
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Such as `http://127.0.0.1:40123`.
    pub address: String,
}

impl Server {
    /// Starts `command`, a serving one, and waits for its address on standard error.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| address_in(&line));
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: address.expect("the server says its address"),
        }
    }

    /// The process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end that a signal asked for.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().expect("a child can be waited for").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The high-water mark of a process's resident memory, from Linux's /proc.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn address_in(line: &str) -> Option<String> {
    let start = line.find("http://")?;
    line[start..].split_whitespace().next().map(str::to_owned)
}
