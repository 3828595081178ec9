//! Models from a local server in place of the Hugging Face Hub: downloads, the cache, and failures of the server.

mod pulling;
mod server;

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, HubError, HubSettings, ModelRef, Network};
use eidetic_inference::{LoadError, LoadOptions, load_encoder};
use server::{FakeHub, Health, MODEL};
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../data/golden/clip")
        .join(name)
}

fn settings(hub: &FakeHub, cache: &TempDir) -> HubSettings {
    HubSettings {
        endpoint: hub.endpoint(),
        cache: cache.path().to_owned(),
        token: None,
        // More than hf-hub's five seconds of waiting for its lock.
        timeout: Duration::from_secs(30),
        network: Network::Allowed,
    }
}

fn new_cache() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// Loads a model of the Hub.
fn load(
    id: &str,
    revision: Option<&str>,
    settings: &HubSettings,
    progress: &dyn DownloadProgress,
) -> Result<Box<dyn Encoder>, LoadError> {
    let model = ModelRef::Hub {
        id: id.to_owned(),
        revision: revision.map(str::to_owned),
    };
    let options = LoadOptions {
        hub: settings.clone(),
        ..LoadOptions::default()
    };
    load_encoder(&model, &options, progress)
}

fn load_directory(folder: &Path) -> Result<Box<dyn Encoder>, LoadError> {
    load_encoder(
        &ModelRef::Directory(folder.to_owned()),
        &LoadOptions::default(),
        &(),
    )
}

fn fetch(settings: &HubSettings) -> Result<Box<dyn Encoder>, LoadError> {
    load(MODEL, None, settings, &())
}

/// The revision of a golden checkpoint, loaded from its folder.
fn revision(name: &str) -> String {
    let encoder = load_directory(&golden(name)).expect("a golden checkpoint opens");
    encoder.space().revision.clone()
}

fn assert_is_gelu(result: Result<Box<dyn Encoder>, LoadError>) {
    let encoder = result.expect("the model opens");
    assert_eq!(encoder.space().revision, revision("gelu"));
}

/// The path of incomplete weights in the cache.
fn part(cache: &TempDir) -> PathBuf {
    let weights = fs::read(golden("gelu/model.safetensors")).expect("the golden weights");
    let blobs = cache.path().join("models--golden--clip/blobs");
    fs::create_dir_all(&blobs).expect("a folder in the cache");
    blobs.join(server::etag(&weights) + ".part")
}

/// The offsets at which downloads of the weights began, without requests for their size.
fn starts(hub: &FakeHub) -> Vec<usize> {
    let requests = hub.requests().into_iter();
    requests
        .filter(|request| request.path.starts_with("/storage/"))
        .filter_map(|request| {
            request
                .range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .collect()
}

/// Files with their announced and received bytes.
#[derive(Default)]
struct RecordedProgress {
    files: RefCell<Vec<(String, u64, u64)>>,
    finished: Cell<usize>,
}

impl DownloadProgress for RecordedProgress {
    fn begin(&self, file: &str, bytes: u64) {
        self.files.borrow_mut().push((file.to_owned(), bytes, 0));
    }

    fn advance(&self, bytes: u64) {
        let mut files = self.files.borrow_mut();
        files.last_mut().expect("a file that began").2 += bytes;
    }

    fn finish(&self) {
        self.finished.set(self.finished.get() + 1);
    }
}

#[test]
fn download_reports_progress_of_all_files() {
    let (hub, cache, progress) = (
        FakeHub::serving(&golden("gelu")),
        new_cache(),
        RecordedProgress::default(),
    );
    let model: ModelRef = MODEL.parse().unwrap();
    let encoder = load(&model.to_string(), None, &settings(&hub, &cache), &progress).unwrap();
    assert_eq!(encoder.encode_texts(&["a cat"]).unwrap()[0].dimension(), 40);
    let files = [
        "config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "model.safetensors",
    ];
    let sizes = files.map(|file| fs::metadata(golden("gelu").join(file)).unwrap().len());
    let expected: Vec<_> = std::iter::zip(files, sizes)
        .map(|(file, size)| (file.to_owned(), size, size))
        .collect();
    assert_eq!(*progress.files.borrow(), expected);
    assert_eq!(progress.finished.get(), 4);
}

#[test]
fn multilingual_model_downloads_only_needed_files() {
    let files = TempDir::new().expect("a temporary folder");
    let source = golden("../families/siglip2");
    for file in fs::read_dir(source).expect("a golden model").flatten() {
        if file.path().is_file() {
            fs::copy(file.path(), files.path().join(file.file_name())).expect("a copied file");
        }
    }
    for other in [
        "README.md",
        "tokenizer.model",
        "special_tokens_map.json",
        "pytorch_model.bin",
    ] {
        fs::write(files.path().join(other), "not needed").expect("a written file");
    }
    let (hub, cache, progress) = (
        FakeHub::serving(files.path()),
        new_cache(),
        RecordedProgress::default(),
    );
    load(MODEL, None, &settings(&hub, &cache), &progress).expect("the model opens");
    let names: Vec<String> = progress
        .files
        .borrow()
        .iter()
        .map(|file| file.0.clone())
        .collect();
    assert_eq!(
        names,
        [
            "config.json",
            "preprocessor_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "model.safetensors"
        ]
    );
}

#[test]
fn space_has_hub_id_and_content_revision() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let space = fetch(&settings(&hub, &cache)).unwrap().space().clone();
    let mut expected = load_directory(&golden("gelu")).unwrap().space().clone();
    assert_ne!(space, expected);
    expected.model = MODEL.into();
    assert_eq!(space, expected);
}

#[test]
fn complete_cache_needs_no_connection() {
    let (hub, cache, progress) = (
        FakeHub::serving(&golden("gelu")),
        new_cache(),
        RecordedProgress::default(),
    );
    let settings = settings(&hub, &cache);
    fetch(&settings).unwrap();
    drop(hub);
    assert_is_gelu(load(MODEL, None, &settings, &progress));
    assert!(progress.files.borrow().is_empty());
}

#[test]
fn only_missing_files_are_requested() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    fetch(&settings).unwrap();
    let before = hub.requests().len();
    let snapshots = cache.path().join("models--golden--clip/snapshots");
    let snapshot = fs::read_dir(snapshots).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(snapshot.join("tokenizer.json")).unwrap();
    assert_is_gelu(fetch(&settings));
    let after = hub.requests().split_off(before);
    assert!(!after.is_empty());
    assert!(
        after
            .iter()
            .all(|request| request.path.ends_with("/tokenizer.json"))
    );
}

#[test]
fn missing_file_is_named_with_model() {
    for (file, named) in [
        ("config.json", "config.json"),
        ("preprocessor_config.json", "preprocessor_config.json"),
        ("tokenizer.json", "tokenizer.json (nor vocab.json with merges.txt"),
        ("model.safetensors", "model.safetensors"),
    ] {
        let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
        hub.remove(file);
        let error = fetch(&settings(&hub, &cache)).err().unwrap();
        // Every model has a config, so without one the model does not exist.
        let is_unknown_model = file == "config.json";
        assert_eq!(
            matches!(error, LoadError::Hub(HubError::DownloadFailed { .. })),
            is_unknown_model,
            "{error}"
        );
        assert_eq!(
            matches!(error, LoadError::Hub(HubError::FileMissing { .. })),
            !is_unknown_model,
            "{error}"
        );
        let error = error.to_string();
        assert!(error.contains(named) && error.contains(MODEL), "{error}");
    }
}

#[test]
fn truncated_weights_are_error_and_downloaded_again() {
    for health in [Health::CutsWeights, Health::CutsWeightsUnannounced] {
        let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
        let settings = settings(&hub, &cache);
        hub.set_health(health);
        let error = fetch(&settings).err().unwrap();
        let LoadError::Hub(HubError::DownloadFailed { model, file, cause }) = &error else {
            panic!("{error}");
        };
        assert_eq!((model.as_str(), file.as_str()), (MODEL, "model.safetensors"));
        assert!(cause.contains("try again"), "{error}");
        hub.set_health(Health::Healthy);
        assert_is_gelu(fetch(&settings));
    }
}

#[test]
fn interrupted_download_resumes_where_it_stopped() {
    let (hub, cache, progress) = (
        FakeHub::serving(&golden("gelu")),
        new_cache(),
        RecordedProgress::default(),
    );
    let settings = settings(&hub, &cache);
    hub.set_health(Health::CutsWeights);
    fetch(&settings).err().unwrap();
    let arrived = fs::metadata(part(&cache)).unwrap().len() as usize;
    assert!(arrived > 0);
    hub.set_health(Health::Healthy);
    assert_is_gelu(load(MODEL, None, &settings, &progress));
    assert_eq!(starts(&hub), [0, arrived]);
    let size = fs::metadata(golden("gelu/model.safetensors")).unwrap().len();
    assert_eq!(
        *progress.files.borrow(),
        [("model.safetensors".to_owned(), size, size)]
    );
}

#[test]
fn part_of_full_length_is_downloaded_again() {
    let size = fs::metadata(golden("gelu/model.safetensors")).unwrap().len() as usize;
    for length in [size, size + 10] {
        let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
        fs::write(part(&cache), vec![7; length]).unwrap();
        assert_is_gelu(fetch(&settings(&hub, &cache)));
        assert_eq!(starts(&hub), [0]);
    }
}

#[test]
fn server_without_resume_damages_nothing() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    fs::write(part(&cache), [7; 1000]).unwrap();
    hub.set_health(Health::IgnoresResume);
    let error = fetch(&settings).err().unwrap();
    assert!(
        matches!(&error, LoadError::Hub(HubError::DownloadFailed { cause, .. }) if cause.contains("more bytes")),
        "{error}"
    );
    assert_is_gelu(fetch(&settings));
}

#[test]
fn silent_server_times_out() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = HubSettings {
        timeout: Duration::from_millis(300),
        ..settings(&hub, &cache)
    };
    hub.set_health(Health::Silent);
    let start = Instant::now();
    let error = fetch(&settings).err().unwrap();
    assert!(
        matches!(error, LoadError::Hub(HubError::Unreachable { .. })),
        "{error}"
    );
    assert!(
        error.to_string().contains("no answer within 0.3 seconds"),
        "{error}"
    );
    // Far below the timeouts of the operating system.
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn stalled_download_times_out_and_resumes_later() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    hub.set_health(Health::StallsInWeights);
    let impatient = HubSettings {
        timeout: Duration::from_secs(1),
        ..settings(&hub, &cache)
    };
    let error = fetch(&impatient).err().unwrap();
    assert!(
        matches!(error, LoadError::Hub(HubError::Unreachable { .. })),
        "{error}"
    );
    hub.set_health(Health::Healthy);
    assert_is_gelu(fetch(&settings(&hub, &cache)));
    assert!(starts(&hub)[1] > 0);
}

#[test]
fn unreachable_server_error_names_way_out() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    drop(hub);
    let error = fetch(&settings).err().unwrap();
    assert!(
        matches!(error, LoadError::Hub(HubError::Unreachable { .. })),
        "{error}"
    );
    let error = error.to_string();
    for part in [MODEL, "refused", "use --model builtin or a directory"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn unknown_or_invalid_model_is_named() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    for (name, revision, expected_text) in [
        (
            "golden/clop",
            None,
            "golden/clop: model not found, or not public: set HF_TOKEN",
        ),
        (MODEL, Some("v9"), "model or revision not found (revision v9)"),
        ("clip", None, "organization/name"),
        ("../clip", None, "organization/name"),
        (MODEL, Some("../../x"), "organization/name"),
    ] {
        let error = load(name, revision, &settings, &()).err().unwrap();
        assert!(
            matches!(
                error,
                LoadError::Hub(HubError::DownloadFailed { .. } | HubError::InvalidRepoId { .. })
            ),
            "{error}"
        );
        let error = error.to_string();
        assert!(error.contains(expected_text) && error.contains(name), "{error}");
    }
}

#[test]
fn token_gives_access_to_private_model() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    hub.require_token("secret");
    let mut settings = settings(&hub, &cache);
    let error = fetch(&settings).err().unwrap().to_string();
    assert!(error.contains("HF_TOKEN"), "{error}");
    assert!(
        hub.requests()
            .iter()
            .all(|request| request.authorization.is_empty())
    );
    settings.token = Some("secret".into());
    assert_is_gelu(fetch(&settings));
}

#[test]
fn revisions_are_different_models() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    hub.publish("refs/pr/1", &golden("quick"));
    let settings = settings(&hub, &cache);
    let changed = load(MODEL, Some("refs/pr/1"), &settings, &()).unwrap();
    assert_eq!(changed.space().revision, revision("quick"));
    assert_is_gelu(fetch(&settings));
    drop(hub);
    let changed = load(MODEL, Some("refs/pr/1"), &settings, &()).unwrap();
    assert_eq!(changed.space().revision, revision("quick"));
}

#[test]
fn model_updated_during_download_is_one_commit() {
    struct Changing<'a>(&'a FakeHub);
    impl DownloadProgress for Changing<'_> {
        fn begin(&self, _file: &str, _bytes: u64) {}
        fn advance(&self, _bytes: u64) {}
        fn finish(&self) {
            self.0.publish("main", &golden("gelu"));
        }
    }
    let (hub, cache) = (FakeHub::serving(&golden("quick")), new_cache());
    assert_is_gelu(load(MODEL, None, &settings(&hub, &cache), &Changing(&hub)));
}

/// A golden checkpoint of another family, without its folder of images.
fn files_of(family: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../data/golden/families")
        .join(family);
    for file in fs::read_dir(source).expect("a golden folder").flatten() {
        if file.path().is_file() {
            fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copied file");
        }
    }
    folder
}

#[test]
fn every_layout_downloads_completely() {
    for family in [
        "open-clip",
        "open-clip-siglip",
        "siglip",
        "siglip2",
        "chinese-clip",
        "mobile-clip",
    ] {
        let (files, cache) = (files_of(family), new_cache());
        let hub = FakeHub::serving(files.path());
        let found = fetch(&settings(&hub, &cache)).expect("the model opens");
        let expected = load_directory(files.path()).expect("the model opens");
        assert_eq!(found.space().revision, expected.space().revision, "{family}");
    }
}

#[test]
fn timm_config_selects_open_clip_layout() {
    let files = files_of("mobile-clip");
    fs::write(
        files.path().join("config.json"),
        r#"{"architecture":"fastvit_mci1"}"#,
    )
    .expect("a written file");
    let (hub, cache) = (FakeHub::serving(files.path()), new_cache());
    let found = fetch(&settings(&hub, &cache)).expect("the model opens");
    assert_eq!(found.space().dimension, 20);
    let expected = load_directory(files.path()).expect("the model opens");
    assert_eq!(found.space().revision, expected.space().revision);
}
