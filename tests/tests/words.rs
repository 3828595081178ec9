//! Queries as people write them: spellings, words that the model does not know, and queries that say nothing.

use eidetic_tests::{Scenario, repository, search};
use serde_json::{Value, json};

fn first(answer: &Value) -> &str {
    let path = answer["hits"][0]["path"].as_str().expect("there is a hit");
    path.rsplit('/').next().expect("a path has a name")
}

/// A query, the query that it must be answered like, and the words that are named as unknown.
const ALIKE: [(&str, &str, &[&str]); 27] = [
    ("Dog", "dog", &[]),
    ("DOG", "dog", &[]),
    ("\"dog\"", "dog", &[]),
    ("“dog”", "dog", &[]),
    ("(dog)", "dog", &[]),
    ("*dog*", "dog", &[]),
    ("ｄｏｇ", "dog", &[]),
    ("dog's", "dog", &[]),
    ("cute dog", "dog", &["cute"]),
    ("my dog", "dog", &[]),
    ("a photo of a dog", "a dog", &[]),
    ("big dog", "dog", &["big"]),
    ("dog skateboarding", "dog", &["skateboarding"]),
    ("zebra and dog", "dog", &["zebra"]),
    ("red-apple", "red apple", &[]),
    ("Red, Apple!", "red apple", &[]),
    ("gray elephant", "grey elephant", &[]),
    ("accordions", "accordion", &[]),
    ("T-Shirts", "t-shirt", &[]),
    ("狗。", "狗", &[]),
    ("可爱的狗", "狗", &["可爱"]),
    ("小狗", "狗", &[]),
    ("我的狗", "狗", &[]),
    ("蘋果", "苹果", &[]),
    ("熱氣球", "热气球", &[]),
    ("紅蘋果", "红色苹果", &[]),
    ("一張蘋果的照片", "苹果", &[]),
];

/// Queries without a word that the built-in model could find, and the words that it names.
const EMPTY: [(&str, &[&str]); 14] = [
    ("a", &[]),
    ("the", &[]),
    ("of", &[]),
    ("picture", &[]),
    ("a photo of a", &[]),
    ("show me a picture", &[]),
    ("的", &[]),
    ("一张照片", &[]),
    ("-", &[]),
    ("!?", &[]),
    ("qwerty", &["qwerty"]),
    ("zebra", &["zebra"]),
    ("hot dog", &["hot dog"]),
    ("花生", &["花生"]),
];

#[test]
fn spellings_and_unknown_words_cost_nothing() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("gallery", usize::MAX));
    let server = scenario.serve();
    for (query, plain, unknown) in ALIKE {
        let answer = search(&server.address, &[("text", query), ("k", "3")]);
        let expected = search(&server.address, &[("text", plain), ("k", "3")]);
        assert_eq!(answer["hits"], expected["hits"], "{query:?} and {plain:?}");
        assert_eq!(answer["verdict"], expected["verdict"], "{query:?}");
        assert_eq!(answer["unknown_words"], json!(unknown), "{query:?}");
    }
    let dog = search(&server.address, &[("text", "cute dog"), ("k", "1")]);
    assert_eq!(dog["verdict"], "match");
    assert!(first(&dog).contains("dog"), "{dog}");
    let dogs = search(&server.address, &[("text", "dogs"), ("k", "1")]);
    assert!(
        first(&dogs).contains("dog") && dogs["verdict"] == "match",
        "{dogs}"
    );
}

#[test]
fn queries_without_content_make_no_claim() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("gallery", 30));
    let server = scenario.serve();
    for (query, unknown) in EMPTY {
        let answer = search(&server.address, &[("text", query), ("k", "5")]);
        assert_eq!(answer["verdict"], "no_match", "{query:?}: {answer}");
        assert_eq!(answer["unknown_words"], json!(unknown), "{query:?}");
        let hits = answer["hits"].as_array().expect("hits are a list");
        assert!(
            hits.iter().all(|hit| hit["confidence"].is_null()),
            "{query:?}: {answer}"
        );
        let certain = search(&server.address, &[("text", query), ("min_confidence", "0.1")]);
        assert_eq!(certain["hits"], json!([]), "{query:?}");
    }
    let only_negative = search(&server.address, &[("text", "the"), ("negative", "dog")]);
    assert_eq!(only_negative["verdict"], "no_match");
    // Beside an image, a text that says nothing changes nothing.
    let image = search(&server.address, &[("text", "red apple"), ("k", "1")])["hits"][0]["image"].clone();
    let image = image.as_str().expect("an id");
    let alone = search(&server.address, &[("image_id", image)]);
    let with_text = search(
        &server.address,
        &[("image_id", image), ("text", "the"), ("negative", "-")],
    );
    assert_eq!(with_text["hits"], alone["hits"]);
}

#[test]
fn unknown_words_are_named_on_terminal() {
    let scenario = Scenario::new();
    scenario.index(&scenario.gallery("gallery", 30));
    let found = scenario.run(&["search", "cute", "dog", "-k", "1"]).expect_code(0);
    assert!(found.stderr.contains("does not know \"cute\""), "{found:?}");
    let nothing = scenario
        .run(&["search", "--json", "--", "-"])
        .expect_code(0)
        .json();
    assert_eq!(nothing["verdict"], "no_match");
    let picture = repository().join("data/gallery/brown-dog-on-the-beach.jpg");
    let picture = picture.to_str().expect("test paths are UTF-8");
    let matched = scenario.run(&["match", picture, "the", "cute dog", "dog", "--json"]);
    let matched = matched.expect_code(0).json();
    let result = |text: &str| {
        let results = matched["results"].as_array().expect("results are a list");
        results
            .iter()
            .find(|result| result["text"] == text)
            .expect("every text has a result")
            .clone()
    };
    assert_eq!(result("cute dog")["unknown_words"], json!(["cute"]));
    assert_eq!(result("cute dog")["score"], result("dog")["score"]);
    assert_eq!(
        (&result("the")["confidence"], &result("the")["level"]),
        (&Value::Null, &json!("none"))
    );
    assert_eq!(matched["results"][2]["text"], "the", "it comes last: {matched}");
}
