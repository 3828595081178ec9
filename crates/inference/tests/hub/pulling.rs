//! Fetching models on purpose: what is on disk, cut connections, checksums, layouts, switched-off downloads.

use eidetic_hub::HubError;
use std::fs;
use std::path::PathBuf;

use eidetic_hub::{Checksum, HubSettings, Network, OnDisk, Pulled, on_disk, pull};
use eidetic_inference::LoadError;
use tempfile::TempDir;

use super::server::{FakeHub, Health, MODEL, etag};
use super::{Heard, golden, load, new_cache, settings, starts};

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

/// Where the cache keeps the weights when they are complete.
fn blob(cache: &TempDir) -> PathBuf {
    cache
        .path()
        .join("models--golden--clip/blobs")
        .join(etag(&weights()))
}

#[test]
fn a_pulled_model_is_whole_checked_and_counted() {
    let (hub, cache, heard) = (FakeHub::of(&golden("gelu")), new_cache(), Heard::default());
    let settings = settings(&hub, &cache);
    assert_eq!(on_disk(MODEL, None, &settings), OnDisk::Nothing);
    let pulled = pull(MODEL, None, &settings, &heard).unwrap();
    let total: u64 = pulled.files.iter().map(|file| file.bytes).sum();
    assert_eq!((pulled.downloaded, pulled.revision.as_str()), (total, "main"));
    let last = pulled.files.last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.bytes, last.checksum),
        ("model.safetensors", weights().len() as u64, Checksum::Equal)
    );
    assert_eq!(pulled.files[0].checksum, Checksum::NotAnnounced);
    assert_eq!(heard.finished.get(), pulled.files.len());
    assert_eq!(
        on_disk(MODEL, None, &settings),
        OnDisk::Complete {
            folder: pulled.folder.clone(),
            bytes: total
        }
    );
    // The second time nothing is left to do, and no hub is needed.
    drop(hub);
    let again = super::pulling::pulled(&settings).unwrap();
    assert_eq!((again.downloaded, again.files), (0, pulled.files));
}

#[test]
fn a_cut_connection_is_resumed_and_only_the_rest_counted() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    for health in [Health::CutsWeights, Health::CutsWeightsUnannounced] {
        hub.turn(health);
        pulled(&settings).err().unwrap();
    }
    let OnDisk::Partly { bytes } = on_disk(MODEL, None, &settings) else {
        panic!("{:?}", on_disk(MODEL, None, &settings));
    };
    assert!(bytes >= weights().len() as u64 / 2);
    hub.turn(Health::Sound);
    let pulled = pulled(&settings).unwrap();
    let begun = *starts(&hub).last().unwrap();
    assert!(begun > 0, "{:?}", starts(&hub));
    assert!(pulled.downloaded <= (weights().len() - begun) as u64);
}

#[test]
fn weights_with_a_wrong_checksum_are_refused_and_not_kept() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    hub.turn(Health::SpoilsWeights);
    let error = pulled(&settings).err().unwrap().to_string();
    for part in ["model.safetensors", "SHA-256", &etag(&weights()), "try again"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!blob(&cache).exists());
    // Opening a model without pulling it first is no way around.
    assert!(load(MODEL, None, &settings, &()).is_err());
    hub.turn(Health::Sound);
    pulled(&settings).unwrap();
}

#[test]
fn weights_that_were_damaged_on_disk_are_noticed_and_fetched_anew() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
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
fn with_downloads_switched_off_nothing_is_asked() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
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
    let asked = hub.requests().len();
    pulled(&offline(&settings)).unwrap();
    load(MODEL, None, &offline(&settings), &()).unwrap();
    assert_eq!(hub.requests().len(), asked);
}

#[test]
fn shards_are_fetched_by_their_index() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    hub.remove("model.safetensors");
    hub.add(
        "model.safetensors.index.json",
        br#"{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#,
    );
    hub.add("model-1.safetensors", b"one");
    let settings = settings(&hub, &cache);
    let error = pulled(&settings).err().unwrap().to_string();
    assert!(error.contains("no shard"), "{error}");
    assert!(matches!(on_disk(MODEL, None, &settings), OnDisk::Partly { .. }));
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
fn the_layout_of_open_clip_is_fetched() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
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
fn a_text_model_is_fetched_without_a_picture_processor_but_not_opened() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
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
fn a_model_without_readable_weights_is_said_to_have_none() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    hub.remove("model.safetensors");
    hub.add("pytorch_model.bin", b"pickled");
    let error = pulled(&settings(&hub, &cache)).err().unwrap();
    assert!(matches!(error, HubError::FileMissing { .. }), "{error}");
    assert!(error.to_string().contains("no model.safetensors"), "{error}");
}

#[test]
fn a_model_that_is_not_public_asks_for_a_token() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    hub.ask_for_token("secret");
    let mut settings = settings(&hub, &cache);
    let error = pulled(&settings).err().unwrap().to_string();
    assert!(error.contains("HF_TOKEN"), "{error}");
    settings.token = Some("secret".into());
    pulled(&settings).unwrap();
}

#[test]
fn strange_names_are_refused_before_anything_else() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    let settings = settings(&hub, &cache);
    for (name, revision) in [("../x", None), ("clip", None), (MODEL, Some("../x"))] {
        assert!(pull(name, revision, &settings, &()).is_err());
        assert_eq!(on_disk(name, revision, &settings), OnDisk::Nothing);
    }
    assert!(hub.requests().is_empty());
}

#[test]
fn weights_of_the_hubs_converter_are_found_and_stay_found() {
    let (hub, cache) = (FakeHub::of(&golden("gelu")), new_cache());
    hub.remove("model.safetensors");
    hub.publish("refs/pr/7", &golden("quick"));
    let settings = settings(&hub, &cache);
    hub.list_pull_request(7, "somebody");
    assert!(matches!(pulled(&settings), Err(HubError::FileMissing { .. })));
    hub.list_pull_request(7, "SFconvertbot");
    let first = pulled(&settings).unwrap();
    assert_eq!(first.revision, "refs/pr/7");
    drop(hub);
    let again = pulled(&offline(&settings)).unwrap();
    assert_eq!((again.folder, again.downloaded), (first.folder, 0));
    load(MODEL, None, &settings, &()).unwrap();
}
