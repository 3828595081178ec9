//! `pull` and `on_disk`: interrupted connections, checksums, layouts, disabled downloads.

use std::fs;
use std::path::PathBuf;

use eidetic_hub::{Checksum, HubError, HubSettings, Network, OnDisk, Pulled, on_disk, pull};
use eidetic_inference::LoadError;
use tempfile::TempDir;

use super::server::{FakeHub, Health, MODEL, etag};
use super::{RecordedProgress, golden, load, new_cache, settings, starts};

fn pulled(settings: &HubSettings) -> Result<Pulled, HubError> {
    pull(MODEL, None, settings, &())
}

fn offline(settings: &HubSettings) -> HubSettings {
    HubSettings {
        network: Network::Off,
        ..settings.clone()
    }
}

fn weights() -> Vec<u8> {
    fs::read(golden("gelu/model.safetensors")).expect("the golden weights")
}

/// The path of complete weights in the cache.
fn blob(cache: &TempDir) -> PathBuf {
    cache
        .path()
        .join("models--golden--clip/blobs")
        .join(etag(&weights()))
}

#[test]
fn pulled_model_is_complete_verified_counted() {
    let (hub, cache, progress) = (
        FakeHub::serving(&golden("gelu")),
        new_cache(),
        RecordedProgress::default(),
    );
    let settings = settings(&hub, &cache);
    assert_eq!(on_disk(MODEL, None, &settings), OnDisk::Nothing);
    let pulled = pull(MODEL, None, &settings, &progress).unwrap();
    let total: u64 = pulled.files.iter().map(|file| file.bytes).sum();
    assert_eq!((pulled.downloaded, pulled.revision.as_str()), (total, "main"));
    let last = pulled.files.last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.bytes, last.checksum),
        ("model.safetensors", weights().len() as u64, Checksum::Verified)
    );
    assert_eq!(pulled.files[0].checksum, Checksum::NotPublished);
    assert_eq!(progress.finished.get(), pulled.files.len());
    assert_eq!(
        on_disk(MODEL, None, &settings),
        OnDisk::Complete {
            folder: pulled.folder.clone(),
            bytes: total
        }
    );
    // A second pull downloads nothing, and needs no connection.
    drop(hub);
    let again = super::pulling::pulled(&settings).unwrap();
    assert_eq!((again.downloaded, again.files), (0, pulled.files));
}

#[test]
fn resumed_pull_counts_only_new_bytes() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    for health in [Health::CutsWeights, Health::CutsWeightsUnannounced] {
        hub.set_health(health);
        pulled(&settings).err().unwrap();
    }
    let OnDisk::Partial { bytes } = on_disk(MODEL, None, &settings) else {
        panic!("{:?}", on_disk(MODEL, None, &settings));
    };
    assert!(bytes >= weights().len() as u64 / 2);
    hub.set_health(Health::Healthy);
    let pulled = pulled(&settings).unwrap();
    let begun = *starts(&hub).last().unwrap();
    assert!(begun > 0, "{:?}", starts(&hub));
    assert!(pulled.downloaded <= (weights().len() - begun) as u64);
}

#[test]
fn weights_with_wrong_checksum_are_removed() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    hub.set_health(Health::CorruptsWeights);
    let error = pulled(&settings).err().unwrap().to_string();
    for part in ["model.safetensors", "SHA-256", &etag(&weights()), "try again"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!blob(&cache).exists());
    // Loading a model without pulling it verifies the checksum too.
    assert!(load(MODEL, None, &settings, &()).is_err());
    hub.set_health(Health::Healthy);
    pulled(&settings).unwrap();
}

#[test]
fn weights_damaged_on_disk_are_downloaded_again() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    pulled(&settings).unwrap();
    let mut damaged = weights();
    damaged[9000] ^= 1;
    fs::write(blob(&cache), &damaged).unwrap();
    let error = pulled(&offline(&settings)).err().unwrap().to_string();
    assert!(error.contains("SHA-256"), "{error}");
    assert_eq!(fs::read(blob(&cache)).unwrap(), damaged, "there is no other copy");
    let pulled = pulled(&settings).unwrap();
    assert_eq!(pulled.downloaded, weights().len() as u64);
    assert_eq!(fs::read(blob(&cache)).unwrap(), weights());
}

#[test]
fn offline_pull_makes_no_request() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    let error = pulled(&offline(&settings)).err().unwrap();
    assert!(
        matches!(&error, HubError::Offline { file, .. } if file == "config.json"),
        "{error}"
    );
    assert!(
        error.to_string().contains("eidetic models pull golden/clip"),
        "{error}"
    );
    assert!(hub.requests().is_empty());
    pulled(&settings).unwrap();
    let before = hub.requests().len();
    pulled(&offline(&settings)).unwrap();
    load(MODEL, None, &offline(&settings), &()).unwrap();
    assert_eq!(hub.requests().len(), before);
}

#[test]
fn shards_are_downloaded_by_index() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    hub.remove("model.safetensors");
    hub.add(
        "model.safetensors.index.json",
        br#"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#,
    );
    hub.add("model-1.safetensors", b"one");
    let settings = settings(&hub, &cache);
    let error = pulled(&settings).err().unwrap().to_string();
    assert!(error.contains("no shard"), "{error}");
    assert!(matches!(on_disk(MODEL, None, &settings), OnDisk::Partial { .. }));
    hub.add("model-2.safetensors", b"two");
    let names: Vec<String> = pulled(&settings)
        .unwrap()
        .files
        .into_iter()
        .map(|file| file.name)
        .collect();
    assert_eq!(
        names[3..],
        [
            "model.safetensors.index.json",
            "model-1.safetensors",
            "model-2.safetensors"
        ]
    );
}

#[test]
fn open_clip_layout_is_downloaded() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    for file in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        hub.remove(file);
    }
    hub.add("open_clip_config.json", b"{}");
    hub.add("open_clip_model.safetensors", b"weights");
    let files = pulled(&settings(&hub, &cache)).unwrap().files;
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "open_clip_config.json",
            "tokenizer.json",
            "open_clip_model.safetensors"
        ]
    );
}

#[test]
fn text_model_is_pulled_but_not_loaded() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    hub.remove("preprocessor_config.json");
    hub.add("config.json", br#"{"model_type":"qwen2"}"#);
    let settings = settings(&hub, &cache);
    let error = load(MODEL, None, &settings, &()).err().unwrap();
    assert!(
        matches!(&error, LoadError::Hub(HubError::TextOnly { family, .. }) if family == "qwen2"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("eidetic align --text-model golden/clip"),
        "{error}"
    );
    assert_eq!(pulled(&settings).unwrap().files.len(), 3);
    assert!(matches!(on_disk(MODEL, None, &settings), OnDisk::Complete { .. }));
}

#[test]
fn model_with_pickled_weights_has_no_weights() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    hub.remove("model.safetensors");
    hub.add("pytorch_model.bin", b"pickled");
    let error = pulled(&settings(&hub, &cache)).err().unwrap();
    assert!(matches!(error, HubError::FileMissing { .. }), "{error}");
    assert!(error.to_string().contains("no model.safetensors"), "{error}");
}

#[test]
fn private_model_needs_token() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    hub.require_token("secret");
    let mut settings = settings(&hub, &cache);
    let error = pulled(&settings).err().unwrap().to_string();
    assert!(error.contains("HF_TOKEN"), "{error}");
    settings.token = Some("secret".into());
    pulled(&settings).unwrap();
}

#[test]
fn invalid_names_are_refused_without_requests() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    for (name, revision) in [("../x", None), ("clip", None), (MODEL, Some("../x"))] {
        assert!(pull(name, revision, &settings, &()).is_err());
        assert_eq!(on_disk(name, revision, &settings), OnDisk::Nothing);
    }
    assert!(hub.requests().is_empty());
}

#[test]
fn converter_pull_request_is_found_and_stored() {
    let (hub, cache) = (FakeHub::serving(&golden("gelu")), new_cache());
    hub.remove("model.safetensors");
    hub.publish("refs/pr/7", &golden("quick"));
    let settings = settings(&hub, &cache);
    hub.list_pull_request(7, "other-account");
    assert!(matches!(pulled(&settings), Err(HubError::FileMissing { .. })));
    hub.list_pull_request(7, "SFconvertbot");
    let first = pulled(&settings).unwrap();
    assert_eq!(first.revision, "refs/pr/7");
    drop(hub);
    let again = pulled(&offline(&settings)).unwrap();
    assert_eq!((again.folder, again.downloaded), (first.folder, 0));
    load(MODEL, None, &settings, &()).unwrap();
}
