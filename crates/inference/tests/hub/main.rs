//! Models from a hub that runs on this machine: downloads, its cache, and every way in which a hub lets one down.

mod pulling;
mod server;

use eidetic_hub::HubError;
use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eidetic_encoder::Encoder;
use eidetic_hub::{DownloadProgress, HubSettings, ModelRef, Network};
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

/// A model of the hub that `settings` name.
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

/// The revision of the same files in a folder.
fn revision(name: &str) -> String {
    let encoder = load_directory(&golden(name)).expect("a golden checkpoint opens");
    encoder.space().revision.clone()
}

fn assert_is_gelu(result: Result<Box<dyn Encoder>, LoadError>) {
    let encoder = result.expect("the model opens");
    assert_eq!(encoder.space().revision, revision("gelu"));
}

/// Where the cache keeps the weights until they are complete.
fn part(cache: &TempDir) -> PathBuf {
    let weights = fs::read(golden("gelu/model.safetensors")).expect("the golden weights");
    let blobs = cache.path().join("models--golden--clip/blobs");
    fs::create_dir_all(&blobs).expect("a folder in the cache");
    blobs.join(server::etag(&weights) + ".part")
}

/// Where the downloads of the weights began, not counting questions for their size.
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

/// Files with their announced and their arrived sizes.
#[derive(Default)]
struct Heard {
    files: RefCell<Vec<(String, u64, u64)>>,
    finished: Cell<usize>,
}

impl DownloadProgress for Heard {
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
fn a_model_is_downloaded_and_its_progress_told() {
    let (hub, cache, heard) = (FakeHub::of(&golden("gelu")), new_cache(), Heard::default());
    let model: ModelRef = MODEL.parse().unwrap();
    let encoder = load(&model.to_string(), None, &settings(&hub, &cache), &heard).unwrap();
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
    assert_eq!(*heard.files.borrow(), expected);
    assert_eq!(heard.finished.get(), 4);
}

#[test]
fn the_space_has_the_hubs_name_and_a_revision_by_content() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    let space = fetch(&settings(&hub, &cache)).unwrap().space().clone();
    let mut expected = load_directory(&golden("gelu")).unwrap().space().clone();
    assert_ne!(space, expected);
    expected.model = MODEL.into();
    assert_eq!(space, expected);
}

#[test]
fn a_complete_cache_needs_no_hub() {
    let (hub, cache, heard) = (FakeHub::of(&golden("gelu")), new_cache(), Heard::default());
    let settings = settings(&hub, &cache);
    fetch(&settings).unwrap();
    drop(hub);
    assert_is_gelu(load(MODEL, None, &settings, &heard));
    assert!(heard.files.borrow().is_empty());
}

#[test]
fn only_what_the_cache_lacks_is_asked_for() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
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
fn a_missing_file_is_named_with_its_model() {
    for (file, named) in [
        ("config.json", "config.json"),
        ("preprocessor_config.json", "preprocessor_config.json"),
        ("tokenizer.json", "tokenizer.json (nor vocab.json with merges.txt"),
        ("model.safetensors", "model.safetensors"),
    ] {
        let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
        hub.remove(file);
        let error = fetch(&settings(&hub, &cache)).err().unwrap();
        let is_hubs_own = file == "config.json";
        assert_eq!(
            matches!(error, LoadError::Hub(HubError::HubRefused { .. })),
            is_hubs_own,
            "{error}"
        );
        assert_eq!(
            matches!(error, LoadError::Hub(HubError::FileMissing { .. })),
            !is_hubs_own,
            "{error}"
        );
        let error = error.to_string();
        assert!(error.contains(named) && error.contains(MODEL), "{error}");
    }
}

#[test]
fn weights_cut_short_are_an_error_and_fetched_the_next_time() {
    for health in [Health::CutsWeights, Health::CutsWeightsUnannounced] {
        let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
        let settings = settings(&hub, &cache);
        hub.turn(health);
        let error = fetch(&settings).err().unwrap();
        let LoadError::Hub(HubError::HubRefused { model, file, cause }) = &error else {
            panic!("{error}");
        };
        assert_eq!((model.as_str(), file.as_str()), (MODEL, "model.safetensors"));
        assert!(cause.contains("try again"), "{error}");
        hub.turn(Health::Sound);
        assert_is_gelu(fetch(&settings));
    }
}

#[test]
fn a_download_cut_short_goes_on_where_it_stopped() {
    let (hub, cache, heard) = (FakeHub::of(&golden("gelu")), new_cache(), Heard::default());
    let settings = settings(&hub, &cache);
    hub.turn(Health::CutsWeights);
    fetch(&settings).err().unwrap();
    let arrived = fs::metadata(part(&cache)).unwrap().len() as usize;
    assert!(arrived > 0);
    hub.turn(Health::Sound);
    assert_is_gelu(load(MODEL, None, &settings, &heard));
    assert_eq!(starts(&hub), [0, arrived]);
    let size = fs::metadata(golden("gelu/model.safetensors")).unwrap().len();
    assert_eq!(
        *heard.files.borrow(),
        [("model.safetensors".to_owned(), size, size)]
    );
}

#[test]
fn a_part_as_long_as_the_file_or_longer_is_fetched_anew() {
    let size = fs::metadata(golden("gelu/model.safetensors")).unwrap().len() as usize;
    for length in [size, size + 10] {
        let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
        fs::write(part(&cache), vec![7; length]).unwrap();
        assert_is_gelu(fetch(&settings(&hub, &cache)));
        assert_eq!(starts(&hub), [0]);
    }
}

#[test]
fn a_hub_that_cannot_resume_spoils_nothing() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    fs::write(part(&cache), [7; 1000]).unwrap();
    hub.turn(Health::IgnoresResume);
    let error = fetch(&settings).err().unwrap();
    assert!(
        matches!(&error, LoadError::Hub(HubError::HubRefused { cause, .. }) if cause.contains("more bytes")),
        "{error}"
    );
    assert_is_gelu(fetch(&settings));
}

#[test]
fn a_silent_hub_is_given_up() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    let settings = HubSettings {
        timeout: Duration::from_millis(300),
        ..settings(&hub, &cache)
    };
    hub.turn(Health::Silent);
    let start = Instant::now();
    let error = fetch(&settings).err().unwrap();
    assert!(
        matches!(error, LoadError::Hub(HubError::HubUnreachable { .. })),
        "{error}"
    );
    assert!(
        error.to_string().contains("no answer within 0.3 seconds"),
        "{error}"
    );
    // Far below any time limit of the system's own.
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_hub_that_falls_silent_in_a_file_is_given_up_and_resumed_later() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    hub.turn(Health::StallsInWeights);
    let impatient = HubSettings {
        timeout: Duration::from_secs(1),
        ..settings(&hub, &cache)
    };
    let error = fetch(&impatient).err().unwrap();
    assert!(
        matches!(error, LoadError::Hub(HubError::HubUnreachable { .. })),
        "{error}"
    );
    hub.turn(Health::Sound);
    assert_is_gelu(fetch(&settings(&hub, &cache)));
    assert!(starts(&hub)[1] > 0);
}

#[test]
fn a_hub_that_is_not_there_is_said_with_the_way_out() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    drop(hub);
    let error = fetch(&settings).err().unwrap();
    assert!(
        matches!(error, LoadError::Hub(HubError::HubUnreachable { .. })),
        "{error}"
    );
    let error = error.to_string();
    for part in [MODEL, "refused", "use --model builtin or a directory"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_model_that_does_not_exist_is_said_clearly() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    for (name, revision, said) in [
        (
            "golden/clop",
            None,
            "golden/clop: it knows no such model, or asks for an HF_TOKEN",
        ),
        (MODEL, Some("v9"), "or not its revision v9"),
        ("clip", None, "organization/name"),
        ("../clip", None, "organization/name"),
        (MODEL, Some("../../x"), "organization/name"),
    ] {
        let error = load(name, revision, &settings, &()).err().unwrap();
        assert!(
            matches!(
                error,
                LoadError::Hub(HubError::HubRefused { .. } | HubError::InvalidRepoId { .. })
            ),
            "{error}"
        );
        let error = error.to_string();
        assert!(error.contains(said) && error.contains(name), "{error}");
    }
}

#[test]
fn the_token_opens_what_is_not_public() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    hub.ask_for_token("secret");
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
fn a_revision_is_another_model() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
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
fn a_model_that_changes_while_it_is_fetched_is_fetched_whole() {
    struct Changing<'a>(&'a FakeHub);
    impl DownloadProgress for Changing<'_> {
        fn begin(&self, _file: &str, _bytes: u64) {}
        fn advance(&self, _bytes: u64) {}
        fn finish(&self) {
            self.0.publish("main", &golden("gelu"));
        }
    }
    let (hub, cache) = (FakeHub::of(&golden("quick")), new_cache());
    assert_is_gelu(load(MODEL, None, &settings(&hub, &cache), &Changing(&hub)));
}

/// A golden checkpoint of another family, without the folder of pictures in it.
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
fn models_of_every_layout_are_downloaded_with_all_that_belongs_to_them() {
    for family in [
        "open-clip",
        "open-clip-siglip",
        "siglip",
        "siglip2",
        "chinese-clip",
        "mobile-clip",
    ] {
        let (files, cache) = (files_of(family), new_cache());
        let hub = FakeHub::of(files.path());
        let found = fetch(&settings(&hub, &cache)).expect("the model opens");
        let beside = load_directory(files.path()).expect("the model opens");
        assert_eq!(found.space().revision, beside.space().revision, "{family}");
    }
}

#[test]
fn a_config_that_names_no_model_of_transformers_leads_to_open_clips() {
    let files = files_of("mobile-clip");
    fs::write(
        files.path().join("config.json"),
        r#"{"architecture":"fastvit_mci1"}"#,
    )
    .expect("a written file");
    let (hub, cache) = (FakeHub::of(files.path()), new_cache());
    let found = fetch(&settings(&hub, &cache)).expect("the model opens");
    assert_eq!(found.space().dimension, 20);
    let beside = load_directory(files.path()).expect("the model opens");
    assert_eq!(found.space().revision, beside.space().revision);
}
