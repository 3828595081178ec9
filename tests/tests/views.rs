//! Views of a match, wordings of texts, and searches of all spaces.

use std::fmt::Write;
use std::fs;

use eidetic_tests::{Scenario, captions, gallery_images, repository, text};
use serde_json::Value;

fn picture(name: &str) -> String {
    let path = repository().join("data/gallery").join(name);
    path.to_str().expect("test paths are UTF-8").to_owned()
}

#[test]
fn breakdown_shows_views_of_each_text() {
    let scenario = Scenario::new();
    let folder = scenario.gallery("photos", usize::MAX);
    scenario.index(&folder);
    scenario.run(&["tag"]).assert_code(0);
    let apple = folder.join("red-apple-on-table.jpg");
    let arguments = [
        "match",
        text(&apple),
        "a red apple",
        "a lighthouse",
        "--breakdown",
    ];
    let answer = scenario
        .run(&[&arguments[..], &["--json"]].concat())
        .expect_code(0)
        .json();
    let views = |at: usize| answer["results"][at]["breakdown"].clone();
    let number = |view: &Value, name: &str| view[name].as_f64().expect("a number");
    let (apple_views, other) = (views(0), views(1));
    assert!((number(&apple_views, "keywords") - 1.0).abs() < 1e-6, "{answer}");
    assert!(number(&apple_views, "reverse") > 0.9, "{answer}");
    assert!(number(&other, "keywords") < 1e-6, "{answer}");
    for view in [&apple_views, &other] {
        let parts =
            0.6 * number(view, "direct") + 0.3 * number(view, "reverse") + 0.1 * number(view, "keywords");
        assert!((parts - number(view, "fused")).abs() < 1e-5, "{view}");
    }
    let table = scenario.run(&arguments).expect_code(0);
    assert!(
        table.stdout.contains("fused 0.") && table.stdout.contains("reverse "),
        "{}",
        table.stdout
    );
    let server = scenario.serve();
    let there = scenario
        .run(&[&arguments[..], &["--json"]].concat())
        .expect_code(0)
        .json();
    // The file's name is known to the command only, but the library has the same file.
    assert_eq!(there["results"][0]["breakdown"], apple_views);
    drop(server);
    let weights = scenario.path("weights.toml");
    fs::write(&weights, "direct = 0\nreverse = 0\nkeywords = 1\n").expect("it is writable");
    let only = scenario.run(&[&arguments[..], &["--weights", text(&weights), "--json"]].concat());
    let only = only.expect_code(0).json();
    assert!(
        (number(&only["results"][0]["breakdown"], "fused") - 1.0).abs() < 1e-6,
        "{only}"
    );
    let refused = scenario
        .run(&[&arguments[..], &["--instruction", "Find it."]].concat())
        .expect_code(2);
    assert!(
        refused.stderr.contains("takes no instruction"),
        "{}",
        refused.stderr
    );
}

/// The weights are random: only that the instruction reaches the model can be seen.
#[test]
fn instruction_reaches_models_that_take_one() {
    let scenario = Scenario::new();
    let apple = picture("red-apple-on-table.jpg");
    for model in ["gme", "qwen3"] {
        let model = repository().join("data/golden/qwen").join(model);
        let arguments = [
            "match",
            &apple,
            "a red apple",
            "a lighthouse",
            "--model",
            text(&model),
            "--json",
        ];
        let views = |more: &[&str]| {
            let answer = scenario
                .run(&[&arguments[..], more].concat())
                .expect_code(0)
                .json();
            let view = |at: usize| answer["results"][at]["breakdown"].clone();
            [view(0), view(1)]
        };
        let own = views(&["--breakdown"]);
        let other = views(&["--instruction", "Find animals in the picture."]);
        let again = views(&["--instruction", "Find animals in the picture."]);
        assert_eq!(other, again);
        for (own, other) in own.iter().zip(&other) {
            assert!(
                own["reverse"].is_number() && other["reverse"].is_number(),
                "{own} {other}"
            );
            assert_eq!(own["keywords"], other["keywords"]);
        }
        assert!(
            own.iter()
                .zip(&other)
                .any(|(own, other)| own["direct"] != other["direct"]),
            "{own:?}"
        );
    }
    let table = scenario.run(&[
        "match",
        &apple,
        "a red apple",
        "--model",
        text(&repository().join("data/golden/qwen/gme")),
        "--instruction",
        "Find animals in the picture.",
    ]);
    assert!(table.expect_code(0).stdout.contains("fused 0."));
}

/// Pairs of the gallery's captions, right and wrong in turn.
fn pairs(scenario: &Scenario) -> std::path::PathBuf {
    let captions = captions();
    let mut pairs = String::new();
    for (at, (name, own)) in captions.iter().enumerate() {
        let other = &captions[(at * 7 + 3) % captions.len()].1;
        let _ = writeln!(pairs, "{}\t{own}\t1", picture(name));
        if other != own {
            let _ = writeln!(pairs, "{}\t{other}\t0", picture(name));
        }
    }
    let file = scenario.path("pairs.tsv");
    fs::write(&file, pairs).expect("it is writable");
    file
}

#[test]
fn weights_of_views_are_learned_from_labels() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", usize::MAX));
    let (pairs, weights) = (pairs(&scenario), scenario.path("weights.toml"));
    let learned = scenario.run(&[
        "match",
        "--pairs",
        text(&pairs),
        "--breakdown",
        "--learn-weights",
        text(&weights),
    ]);
    assert!(learned.expect_code(0).stderr.contains("weights learned from"));
    let written = fs::read_to_string(&weights).expect("it was written");
    let number = |line: &str| {
        line.split_once(" = ")
            .and_then(|(_, number)| number.parse::<f64>().ok())
    };
    let sum: f64 = written.lines().filter_map(number).sum();
    assert!((sum - 1.0).abs() < 1e-3, "{written}");
    let apple = picture("red-apple-on-table.jpg");
    let arguments = [
        "match",
        &apple,
        "a red apple",
        "--breakdown",
        "--weights",
        text(&weights),
    ];
    scenario.run(&arguments).assert_code(0);
}

#[test]
fn wordings_are_measured_before_use() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("photos", 5));
    let pairs = pairs(&scenario);
    let templates = scenario.path("templates.txt");
    // Words of another thing in every text leave less of its own.
    fs::write(
        &templates,
        "{}\na lighthouse and {}\na cat and a lighthouse and {}\n",
    )
    .expect("it is writable");
    let variants = format!("--variants={}", text(&templates));
    let measured = scenario
        .run(&["calibrate", text(&pairs), &variants])
        .expect_code(0);
    for part in [
        "the text itself",
        "mean of wordings",
        "learned weights",
        "area under ROC",
    ] {
        assert!(measured.stdout.contains(part), "{part}: {}", measured.stdout);
    }
    let used = measured
        .stdout
        .lines()
        .find(|line| line.ends_with("used"))
        .expect("one is used");
    assert!(
        used.starts_with("the text itself") || used.starts_with("learned weights"),
        "{}",
        measured.stdout
    );
    let apple = picture("red-apple-on-table.jpg");
    let score = |more: &[&str]| {
        let arguments = [&["match", &apple, "a red apple", "--json"][..], more].concat();
        let answer = scenario.run(&arguments).expect_code(0).json();
        answer["results"][0]["score"].as_f64().expect("a score")
    };
    let plain = score(&["--variants=off"]);
    assert!((score(&[&variants]) - plain).abs() > 1e-4);
    assert!(score(&[&variants, "--combine", "best"]) >= plain - 1e-6);
    fs::write(&templates, "a photo\n").expect("it is writable");
    let refused = scenario.run(&["match", &apple, "a", &variants]).expect_code(2);
    assert!(refused.stderr.contains("line 1"), "{}", refused.stderr);
}

#[test]
fn all_spaces_are_searched_together() {
    let scenario = Scenario::new();
    assert!(!gallery_images().is_empty());
    scenario.index(&scenario.gallery("photos", 20));
    let words = ["search", "a", "red", "bicycle", "-k", "3", "--json"];
    let one = scenario.run(&words).expect_code(0).json();
    let all = scenario.run(&[&words[..], &["--spaces", "all"]].concat());
    let all = all.expect_code(0).json();
    assert_eq!(all["hits"][0]["image"], one["hits"][0]["image"], "{all}");
    assert_eq!(all["verdict"], one["verdict"]);
    let server = scenario.serve();
    let there = scenario.run(&[&words[..], &["--space", "all"]].concat());
    let there = there.expect_code(0).json();
    assert_eq!(there["hits"], all["hits"]);
    drop(server);
}
