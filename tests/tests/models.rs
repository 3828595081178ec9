//! Models by name: the table, what is on disk, published values, and text models aligned with image models.

use std::fs;
use std::path::{Path, PathBuf};

use eidetic_tests::{Scenario, repository, text};

fn golden(name: &str) -> PathBuf {
    repository().join("data/golden/clip").join(name)
}

const MODEL: &str = "golden/clip";

/// The files of a golden model, in a folder that is made if need be.
fn copy_golden(name: &str, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder can be made");
    for entry in fs::read_dir(golden(name)).expect("a golden model") {
        let file = entry.expect("a golden file");
        fs::copy(file.path(), folder.join(file.file_name())).expect("a file can be copied");
    }
}

const COMMIT: &str = "0123456789012345678901234567890123456789";

/// Puts a model into the scenario's cache as downloads leave it; returns its folder there.
fn cached(scenario: &Scenario) -> PathBuf {
    let repository = scenario.path("hub").join("hub/models--golden--clip");
    for folder in ["refs", "blobs"] {
        fs::create_dir_all(repository.join(folder)).expect("a folder can be made");
    }
    fs::write(repository.join("refs/main"), COMMIT).expect("a file can be written");
    let folder = repository.join("snapshots").join(COMMIT);
    copy_golden("gelu", &folder);
    folder
}

#[test]
fn table_lists_families_and_cached_models() {
    let scenario = Scenario::new();
    let table = scenario.run(&["models"]).expect_code(0).stdout;
    for part in [
        "OpenAI CLIP",
        "SigLIP 2",
        "research only",
        "openai/clip-vit-base-patch32",
        "+ builtin",
    ] {
        assert!(table.contains(part), "{part} is missing in:\n{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let models = scenario.run(&["models", "--json"]).expect_code(0).json();
    let models = models["models"].as_array().unwrap();
    assert!(models.len() > 30);
    let clip = models
        .iter()
        .find(|model| model["id"] == "openai/clip-vit-base-patch32")
        .unwrap();
    assert_eq!(clip["on_disk"], "no");
    assert_eq!(clip["dimension"], 512);
    assert!(clip["retrieval"][0]["source"].is_string());
}

#[test]
fn cached_model_has_path_others_show_download() {
    let scenario = Scenario::new();
    let missing = scenario.run(&["models", "path", MODEL]).expect_code(3);
    assert!(
        missing.stderr.contains("not on disk") && missing.stderr.contains("eidetic models pull golden/clip")
    );
    let folder = cached(&scenario);
    let found = scenario.run(&["models", "path", MODEL]).expect_code(0);
    assert_eq!(found.stdout.trim(), text(&folder));
    fs::remove_file(folder.join("tokenizer.json")).unwrap();
    fs::write(scenario.path("hub/hub/models--golden--clip/blobs/x.part"), [0; 9]).unwrap();
    let partly = scenario.run(&["models", "path", MODEL]).expect_code(3);
    assert!(partly.stderr.contains("only partly on disk"), "{partly:?}");
    let _ = scenario.run(&["models", "path", "no model"]).expect_code(2);
}

#[test]
fn complete_model_is_pulled_and_used_offline() {
    let scenario = Scenario::new();
    let error = scenario.run(&["models", "pull", MODEL]).expect_code(3).stderr;
    assert!(error.contains("cannot reach the Hugging Face Hub"), "{error}");
    let error = scenario
        .run(&["models", "pull", MODEL, "--offline"])
        .expect_code(3)
        .stderr;
    assert!(error.contains("downloads are disabled"), "{error}");
    cached(&scenario);
    let pulled = scenario
        .run(&["models", "pull", MODEL, "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (
            pulled["downloaded"].as_u64(),
            pulled["files"].as_array().map(Vec::len)
        ),
        (Some(0), Some(4))
    );
    let embed = ["embed", "--model", MODEL, "--text", "a cat", "--offline"];
    assert_eq!(scenario.run(&embed).expect_code(0).json()["dimension"], 40);
}

#[test]
fn builtin_model_matches_published_values() {
    let scenario = Scenario::new();
    let verified = scenario
        .run(&["verify", "builtin", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(verified["equal"], true, "{verified}");
    assert_eq!(verified["checks"][0]["values"].as_array().map(Vec::len), Some(12));
    let shown = scenario.run(&["verify", "builtin"]).expect_code(0).stdout;
    assert!(
        shown.contains("0.51490") && shown.ends_with("\nequal\n"),
        "{shown}"
    );
}

#[test]
fn wrong_values_and_missing_images_differ() {
    let scenario = Scenario::new();
    let model = scenario.path("model");
    copy_golden("gelu", &model);
    let none = scenario.run(&["verify", text(&model)]).expect_code(3);
    assert!(none.stderr.contains("verify.toml"), "{none:?}");
    let check = |tolerance: &str| {
        format!(
            "[[check]]\nname = \"own\"\ncompare = \"cosines\"\ntexts = [\"a cat\"]\nexpected = [[0.0]]\n\
             tolerance = {tolerance}\nsource = \"this test\"\n[[check.picture]]\nfile = \"cat.jpg\"\n"
        )
    };
    fs::write(model.join("verify.toml"), check("2.0")).unwrap();
    let missing = scenario.run(&["verify", text(&model)]).expect_code(3);
    assert!(missing.stderr.contains("--image FILE: cat.jpg"), "{missing:?}");
    let image = eidetic_tests::gallery_images()[0].clone();
    let _ = scenario
        .run(&["verify", text(&model), "--image", text(&image)])
        .expect_code(0);
    fs::copy(&image, model.join("cat.jpg")).unwrap();
    let _ = scenario.run(&["verify", text(&model)]).expect_code(0);
    fs::write(model.join("verify.toml"), check("1e-9")).unwrap();
    let other = scenario
        .run(&["verify", text(&model), "--json"])
        .expect_code(1)
        .json();
    assert_eq!(other["checks"][0]["values"][0]["equal"], false);
    let unknown = scenario
        .run(&["verify", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"])
        .expect_code(3);
    assert!(unknown.stderr.contains("no published values"), "{unknown:?}");
}

#[test]
fn aligned_model_works_like_any_other() {
    let scenario = Scenario::new();
    let captions = repository().join("data/gallery/captions.tsv");
    let (gelu, aligned) = (golden("gelu"), scenario.path("aligned"));
    let align = |out: &Path| {
        let arguments = [
            "align",
            "--text-model",
            text(&gelu),
            "--image-model",
            "builtin",
            "--pairs",
            text(&captions),
            "--out",
            text(out),
            "--json",
        ];
        scenario.run(&arguments)
    };
    let report = align(&aligned).expect_code(0).json();
    assert_eq!(
        (report["pictures"].as_u64(), report["held_out_pictures"].as_u64()),
        (Some(104), Some(26))
    );
    assert!(report["recall"]["before"].is_null());
    let (after, chance) = (
        &report["recall"]["after"]["at_10"],
        &report["recall"]["chance"]["at_10"],
    );
    assert!(after.as_f64() > chance.as_f64(), "{report}");
    // The same pairs make the same model, also over an earlier one.
    let revision = |out: &Path| {
        let embedded = scenario
            .run(&["embed", "--model", text(out), "--text", "a red apple"])
            .expect_code(0)
            .json();
        assert_eq!(embedded["dimension"], 256);
        embedded["texts"].to_string()
    };
    let first = revision(&aligned);
    let _ = align(&aligned).expect_code(0);
    assert_eq!(revision(&aligned), first);
    let folder = scenario.gallery("photos", 3);
    let _ = scenario
        .run(&["index", text(&folder), "--model", text(&aligned)])
        .expect_code(0);
    let hits = scenario
        .run(&["search", "an apple", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(hits["hits"].as_array().map(Vec::len), Some(3));
    // Another directory is somebody's.
    let taken = align(&folder).expect_code(2);
    assert!(taken.stderr.contains("--out"), "{taken:?}");
}

#[test]
fn aligned_model_with_changed_text_model_refused() {
    let scenario = Scenario::new();
    let captions = repository().join("data/gallery/captions.tsv");
    let (texts, aligned) = (scenario.path("texts"), scenario.path("aligned"));
    copy_golden("gelu", &texts);
    let arguments = [
        "align",
        "--text-model",
        text(&texts),
        "--image-model",
        "builtin",
        "--pairs",
        text(&captions),
        "--out",
        text(&aligned),
    ];
    let shown = scenario.run(&arguments).expect_code(0).stdout;
    assert!(shown.contains("chance") && shown.contains("--model"), "{shown}");
    copy_golden("quick", &texts);
    let changed = scenario
        .run(&["embed", "--model", text(&aligned), "--text", "x"])
        .expect_code(3);
    assert!(changed.stderr.contains("run eidetic align again"), "{changed:?}");
}

#[test]
fn text_only_model_error_suggests_align() {
    let scenario = Scenario::new();
    let model = scenario.path("language-model");
    fs::create_dir(&model).unwrap();
    fs::write(model.join("config.json"), r#"{"model_type":"qwen2"}"#).unwrap();
    let refused = scenario
        .run(&["embed", "--model", text(&model), "--text", "x"])
        .expect_code(3);
    for part in [
        "reads texts only",
        "eidetic align --text-model",
        text(&model),
        "--pairs CAPTIONS.tsv",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
}

#[test]
fn unusable_captions_are_named_by_line() {
    let scenario = Scenario::new();
    let file = scenario.path("captions.tsv");
    let arguments = [
        "align",
        "--text-model",
        "builtin",
        "--image-model",
        "builtin",
        "--pairs",
        text(&file),
    ];
    let _ = scenario.run(&arguments).expect_code(2);
    fs::write(&file, "a.jpg\ta cat\nb.jpg a dog\n").unwrap();
    let malformed = scenario.run(&arguments).expect_code(2);
    assert!(
        malformed.stderr.contains("line 2: 1 column instead of two"),
        "{malformed:?}"
    );
    fs::write(&file, "a.jpg\ta cat\n").unwrap();
    let unreadable = scenario.run(&arguments).expect_code(3);
    assert!(unreadable.stderr.contains("line 1: a.jpg"), "{unreadable:?}");
}

#[test]
fn missing_device_is_one_sentence() {
    let scenario = Scenario::new();
    let refused = scenario.run(&["embed", "--model", "builtin", "--text", "x", "--device", "metal"]);
    if !cfg!(target_os = "macos") {
        assert_eq!(refused.code, Some(3), "{refused:?}");
        assert!(refused.stderr.contains("--features metal"), "{refused:?}");
    }
    let _ = scenario
        .run(&[
            "embed", "--model", "builtin", "--text", "x", "--device", "toaster",
        ])
        .expect_code(2);
    let _ = scenario
        .run(&["embed", "--model", "builtin", "--text", "x", "--device", "cpu"])
        .expect_code(0);
}

/// A weight file whose header claims two terabytes.
#[cfg(target_os = "linux")]
#[test]
fn too_large_model_is_refused_before_reading() {
    let scenario = Scenario::new();
    let model = scenario.path("model");
    copy_golden("gelu", &model);
    let header = r#"{"x.weight":{"dtype":"F16","shape":[1000000,1000000],"data_offsets":[0,2000000000000]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    fs::write(model.join("model.safetensors"), bytes).unwrap();
    let embed = ["embed", "--model", text(&model), "--text", "x"];
    let refused = scenario.run(&embed).expect_code(3);
    for part in [
        "of memory in f32",
        "are available",
        "smaller model",
        "int8",
        "--ignore-memory",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    let forced = scenario
        .run(&[&embed[..], &["--ignore-memory"]].concat())
        .expect_code(3);
    assert!(forced.stderr.contains("damaged"), "{forced:?}");
}
