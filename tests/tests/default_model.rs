//! The model of a new library: by name, without the hub, and what owners of older libraries are told.

use std::fs;
use std::path::PathBuf;

use eidetic_tests::{Scenario, repository, text};
use serde_json::Value;

const COMMIT: &str = "0123456789012345678901234567890123456789";

/// Puts the files of a golden model into the scenario's cache as those of the model `id`; returns their folder.
fn cache(scenario: &Scenario, golden: &str, id: &str) -> PathBuf {
    let model = scenario
        .path("hub/hub")
        .join(format!("models--{}", id.replace('/', "--")));
    let folder = model.join("snapshots").join(COMMIT);
    fs::create_dir_all(&folder).expect("a folder can be made");
    fs::create_dir_all(model.join("refs")).expect("a folder can be made");
    fs::write(model.join("refs/main"), COMMIT).expect("a file can be written");
    for entry in fs::read_dir(repository().join("data/golden").join(golden)).expect("a golden model") {
        let file = entry.expect("a golden file").path();
        if file.is_file() {
            let name = file.file_name().expect("a file has a name");
            fs::copy(&file, folder.join(name)).expect("a file can be copied");
        }
    }
    folder
}

/// What a name stands for on the machine that runs this test.
fn stands_for(scenario: &Scenario, name: &str) -> String {
    let models = scenario.run(&["models", "--json"]).expect_code(0).json();
    let names = models["names"].as_array().expect("names").clone();
    let found = names
        .iter()
        .find(|entry| entry["name"] == name)
        .expect("the name");
    found["model"].as_str().expect("a model").to_owned()
}

#[test]
fn unreachable_hub_uses_best_cached_model() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 2);
    cache(&scenario, "clip/gelu", "openai/clip-vit-base-patch32");
    cache(&scenario, "families/siglip2", "google/siglip-base-patch16-224");
    // Finds more than the first and less than the second.
    cache(&scenario, "clip/quick", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K");
    for more in [&[][..], &["--offline"]] {
        let _ = fs::remove_dir_all(scenario.library());
        let arguments = [&["index", text(&folder), "--json"], more].concat();
        let finished = scenario.run(&arguments).expect_code(0);
        let said = &finished.stderr;
        let wanted = stands_for(&scenario, "default");
        for part in [
            "using google/siglip-base-patch16-224, the best model on this disk",
            &format!("{wanted} is unavailable"),
            &format!("eidetic space switch {wanted}"),
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let space = finished.json()["space"].as_str().expect("a space").to_owned();
        assert!(space.starts_with("google/siglip-base-patch16-224@"), "{space}");
    }
}

#[test]
fn damaged_cached_model_is_passed_over() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 1);
    cache(&scenario, "clip/gelu", "openai/clip-vit-base-patch32");
    let damaged = cache(&scenario, "families/siglip2", "google/siglip-base-patch16-224");
    fs::write(damaged.join("model.safetensors"), "no weights").expect("a file can be written");
    let finished = scenario.run(&["index", text(&folder)]).expect_code(0);
    assert!(
        finished.stderr.contains("using openai/clip-vit-base-patch32"),
        "{finished:?}"
    );
    assert_eq!(scenario.status()["model"], "openai/clip-vit-base-patch32");
}

#[test]
fn restricted_models_are_no_fallback() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 1);
    cache(&scenario, "families/mobile-clip", "apple/MobileCLIP-S2-OpenCLIP");
    cache(&scenario, "clip/gelu", "someone/model");
    let finished = scenario.run(&["index", text(&folder)]).expect_code(0);
    assert!(
        finished.stderr.contains("using the small built-in model"),
        "{finished:?}"
    );
    assert_eq!(scenario.status()["model"], "builtin");
}

#[test]
fn cached_default_model_needs_no_hub() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 2);
    let default = stands_for(&scenario, "default");
    cache(&scenario, "families/siglip2", &default);
    let finished = scenario.run(&["index", text(&folder)]).expect_code(0);
    assert!(!finished.stderr.contains("unavailable"), "{finished:?}");
    assert_eq!(scenario.status()["model"], default.as_str());
}

#[test]
fn names_are_accepted_and_stored_resolved() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 1);
    let default = stands_for(&scenario, "default");
    let cached = cache(&scenario, "families/siglip2", &default);
    let path = scenario.run(&["models", "path", "default"]).expect_code(0);
    assert_eq!(path.stdout.trim(), text(&cached));
    let pulled = scenario
        .run(&["models", "pull", "default", "--offline", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(pulled["model"], default.as_str());
    let embedded = scenario.run(&["embed", "--model", "default", "--text", "a cat"]);
    assert_eq!(embedded.expect_code(0).json()["dimension"], 36);
    let verified = scenario.run(&["verify", "default"]).expect_code(3);
    assert!(verified.stderr.contains(&default), "{verified:?}");
    let best = scenario.run(&["models", "path", "best"]).expect_code(3);
    assert!(
        best.stderr.contains(&stands_for(&scenario, "best")),
        "the real name is named: {best:?}"
    );
    let _ = scenario
        .run(&["index", text(&folder), "--model", "default"])
        .expect_code(0);
    assert_eq!(scenario.status()["model"], default.as_str());
    // The name is not stored, and means the same space.
    let _ = scenario
        .run(&["search", "a cat", "--space", "default"])
        .expect_code(0);
    let _ = scenario.run(&["space", "switch", "builtin"]).expect_code(0);
    let _ = scenario.run(&["space", "switch", "default"]).expect_code(0);
    assert_eq!(scenario.status()["model"], default.as_str());
}

#[test]
fn table_explains_names() {
    let scenario = Scenario::new();
    let table = scenario.run(&["models"]).expect_code(0).stdout;
    for name in ["small", "default", "best"] {
        let line = format!("  {name:<8} {}", stands_for(&scenario, name));
        assert!(table.contains(&line), "{line}:\n{table}");
    }
    assert!(
        table.contains("of memory available") || table.contains("any memory"),
        "{table}"
    );
}

/// Makes the library one of an earlier build, with the model `id`.
fn make_old(scenario: &Scenario, id: &str) {
    let path = scenario.library().join("library.json");
    let json = fs::read(&path).expect("a manifest");
    let mut manifest: Value = serde_json::from_slice(&json).expect("JSON");
    let fields = manifest.as_object_mut().expect("an object");
    fields.remove("checksum");
    assert!(fields.remove("told_of").is_some());
    fields["model"] = id.into();
    fields["space"]["model"] = id.into();
    fs::write(&path, manifest.to_string()).expect("a file can be written");
}

/// A library of an earlier build, with an image in the model that was then the default one.
fn old_library(scenario: &Scenario) {
    let id = "openai/clip-vit-base-patch32";
    let folder = scenario.gallery("photos", 1);
    cache(scenario, "clip/gelu", id);
    let _ = scenario
        .run(&["index", text(&folder), "--model", id])
        .expect_code(0);
    make_old(scenario, id);
}

#[test]
fn owner_is_told_of_better_model_once() {
    let scenario = Scenario::new();
    old_library(&scenario);
    let told = scenario.run(&["status", "--json"]).expect_code(0);
    assert!(told.json()["images"].is_number(), "the note is not in the JSON");
    for part in [
        "openai/clip-vit-base-patch32",
        "30.4",
        "finds more",
        &stands_for(&scenario, "default"),
        "eidetic space switch default",
    ] {
        assert!(told.stderr.contains(part), "{part}: {told:?}");
    }
    for command in [&["search", "a cat"][..], &["status"], &["index"]] {
        let again = scenario.run(command).expect_code(0);
        assert!(!again.stderr.contains("finds more"), "{again:?}");
    }
}

#[test]
fn owner_of_better_model_is_told_nothing() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", 1);
    let id = "google/siglip2-so400m-patch14-384";
    cache(&scenario, "families/siglip2", id);
    let _ = scenario
        .run(&["index", text(&folder), "--model", id])
        .expect_code(0);
    make_old(&scenario, id);
    for command in [&["status"][..], &["search", "a cat"]] {
        let finished = scenario.run(command).expect_code(0);
        assert!(!finished.stderr.contains("finds more"), "{finished:?}");
    }
}
