//! The README's first command on the bundled gallery.

use std::fs;

use eidetic_tests::{Scenario, repository, search};

#[test]
fn demo_answers_query_in_documented_form() {
    let answer = Scenario::new().run(&["demo", "--query", "red apple", "--json", "-k", "3"]);
    let answer = answer.expect_code(0).json();
    assert_eq!(answer["verdict"], "match");
    assert!(
        answer["space"]
            .as_str()
            .is_some_and(|space| space.starts_with("builtin@")),
        "{answer}"
    );
    assert!(answer["took_ms"]["encode"].as_f64().is_some() && answer["took_ms"]["search"].as_f64().is_some());
    let hits = answer["hits"].as_array().expect("hits are a list");
    assert_eq!(hits.len(), 3);
    for hit in hits {
        assert!(
            hit["path"]
                .as_str()
                .is_some_and(|path| path.starts_with('/') && path.contains("/gallery/")),
            "{hit}"
        );
        assert_eq!(hit["paths"].as_array().map(Vec::len), Some(1));
        assert_eq!(hit["image"].as_str().map(str::len), Some(64));
        assert!(
            hit["score"]
                .as_f64()
                .is_some_and(|score| (-1.0..=1.0).contains(&score))
        );
        assert!(
            hit["confidence"]
                .as_f64()
                .is_some_and(|confidence| (0.0..=1.0).contains(&confidence))
        );
    }
}

/// Indexes the gallery once and asks every query that data/gallery/queries.tsv lists with its right answers.
#[test]
fn gallery_queries_find_matching_images() {
    let scenario = Scenario::new();
    let gallery = scenario.gallery("gallery", usize::MAX);
    scenario.index(&gallery);
    let server = scenario.serve();
    let queries =
        fs::read_to_string(repository().join("data/gallery/queries.tsv")).expect("queries are there");
    let mut asked = 0;
    for (query, right) in queries.lines().filter_map(|line| line.split_once('\t')) {
        if query == "query" {
            continue;
        }
        let answer = search(&server.address, &[("text", query), ("k", "1")]);
        let path = answer["hits"][0]["path"].as_str().expect("there is a hit");
        let name = path.rsplit('/').next().expect("a path has a name");
        assert!(
            right.split(' ').any(|file| file == name),
            "{query:?} found {name}, not one of {right}"
        );
        asked += 1;
    }
    assert!(asked >= 10, "only {asked} queries");
}
