//! The precision of a library: measured when it is made, and remembered.

use eidetic_tests::{Scenario, repository};

#[test]
fn new_library_remembers_measured_precision() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("gallery", 3);
    scenario.index(&folder);
    let before = scenario.status();
    let choice = &before["precision_choice"];
    // Which one is faster depends on the machine; that the built-in model may be int8 does not.
    assert!(choice["similarity"].as_f64() >= Some(0.99), "{before}");
    assert_eq!(choice["precision"], before["precision"]);
    assert_eq!(before["precisions"][0], before["precision"]);
    let text = scenario.run(&["status"]).expect_code(0).stdout;
    assert!(text.contains("chosen by measuring"), "{text}");
    let folder = folder.to_str().expect("test paths are UTF-8");
    for arguments in [
        &["index"][..],
        &["index", folder, "--precision", "auto"],
        &["search", "dog"],
    ] {
        let _ = scenario.run(arguments).expect_code(0);
        assert_eq!(scenario.status()["precision_choice"], *choice);
    }
}

#[test]
fn named_precision_is_kept_without_measuring() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("gallery", 3);
    let folder = folder.to_str().expect("test paths are UTF-8");
    for (precision, expected) in [
        ("f32", "f32"),
        ("auto", "f32"),
        ("bf16", "bf16"),
        ("auto", "bf16"),
    ] {
        let _ = scenario
            .run(&["index", folder, "--model", "builtin", "--precision", precision])
            .expect_code(0);
        let status = scenario.status();
        assert_eq!(status["precision"], expected, "{precision}");
        assert!(status["precision_choice"].is_null(), "{status}");
    }
}

#[test]
fn switch_measures_new_model() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("gallery", 3));
    let model = repository().join("data/golden/families/mobile-clip");
    let model = model.to_str().expect("test paths are UTF-8");
    let _ = scenario.run(&["space", "switch", model]).expect_code(0);
    let status = scenario.status();
    assert!(status["precision_choice"].is_object(), "{status}");
    assert_ne!(status["precision"], "int8", "int8 changes too much: {status}");
}
