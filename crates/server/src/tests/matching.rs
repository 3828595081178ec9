//! Images compared with texts.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::harness::{TestResponse, TestServer, form};
use crate::responses::{MatchLine, MatchResponse};

async fn post(server: &TestServer, body: serde_json::Value) -> TestResponse {
    server
        .send(TestRequest::post().uri("/v1/match").set_json(body))
        .await
}

#[actix_web::test]
async fn matching_texts_come_first() {
    let server = TestServer::new();
    let texts = ["blue", " red ", "", "red", "a green one"];
    let red = STANDARD.encode(std::fs::read(server.photo("red.png")).unwrap());
    let by_file: MatchResponse = post(&server, json!({"image": red, "texts": texts})).await.json();
    let by_id: MatchResponse = post(&server, json!({"image_id": server.id("red.png"), "texts": texts}))
        .await
        .json();
    assert_eq!(by_file.image, None);
    assert_eq!(by_id.image, Some(server.id("red.png")));
    for answer in [&by_file, &by_id] {
        let found: Vec<&str> = answer.results.iter().map(|result| result.text.as_str()).collect();
        assert_eq!((found.len(), found[0]), (3, "red"), "{found:?}");
        let first = &answer.results[0];
        assert!(first.confidence.unwrap() > 0.8 && first.score > 0.9, "{first:?}");
        assert_eq!((first.level.name(), first.normalized), ("high", 1.0));
        assert!(answer.results[1].confidence < first.confidence);
    }
}

#[actix_web::test]
async fn form_has_one_text_per_line() {
    let server = TestServer::new();
    let file = std::fs::read(server.photo("blue.jpg")).unwrap();
    let parts = [
        ("image", Some("blue.jpg"), &file[..]),
        ("texts", None, "green\r\n\nblue\n蓝色".as_bytes()),
    ];
    let answer: MatchResponse = server.send(form(&parts).uri("/v1/match")).await.json();
    let texts: Vec<&str> = answer.results.iter().map(|result| result.text.as_str()).collect();
    assert_eq!((texts.len(), texts[0]), (3, "blue"), "{texts:?}");
}

#[actix_web::test]
async fn invalid_match_requests_are_refused() {
    let server = TestServer::new();
    let id = server.id("red.png");
    let many: Vec<String> = (0..1001).map(|i| i.to_string()).collect();
    let cases = [
        (json!({"texts": ["a"]}), 400, "no image given"),
        (json!({"image_id": id, "texts": []}), 400, "no texts"),
        (json!({"image_id": id, "texts": [" "]}), 400, "no texts"),
        (
            json!({"image_id": id, "image": "", "texts": ["a"]}),
            400,
            "cannot be given together",
        ),
        (
            json!({"image_id": id, "texts": many}),
            400,
            "too many texts: 1001; at most 1000 are allowed",
        ),
        (
            json!({"image_id": id, "texts": ["a".repeat(2001)]}),
            400,
            "too long: 2001 characters",
        ),
        (
            json!({"image_id": "x", "texts": ["a"]}),
            400,
            "64 hexadecimal digits",
        ),
        (
            json!({"image_id": "0".repeat(64), "texts": ["a"]}),
            404,
            "not in the library",
        ),
        (
            json!({"image": "bm8=", "texts": ["a"]}),
            422,
            "cannot read the image",
        ),
        (json!({"image_id": id, "text": "a"}), 400, "unknown field"),
    ];
    for (body, status, expected) in cases {
        let answer = post(&server, body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        assert!(answer.problem().detail.contains(expected), "{}", answer.text());
    }
    let twice = form(&[("texts", None, b"a"), ("texts", None, b"b")]).uri("/v1/match");
    assert_eq!(server.send(twice).await.status, StatusCode::BAD_REQUEST);
}

#[actix_web::test]
async fn profile_adds_verdicts_and_patterns() {
    let server = TestServer::new();
    let id = server.id("red.png");
    let say = |body: serde_json::Value| post(&server, body);
    let answer: MatchResponse = say(json!({"image_id": id, "texts": ["red", "blue"], "profile": "product"}))
        .await
        .json();
    let verdicts: Vec<_> = answer
        .results
        .iter()
        .map(|result| (result.text.as_str(), result.verdict.clone().unwrap().level))
        .collect();
    assert_eq!(verdicts[0].0, "red");
    assert!(
        verdicts
            .iter()
            .all(|(_, level)| ["use", "review", "exclude"].contains(&level.as_str()))
    );
    let patterns: MatchResponse =
        say(json!({"image_id": id, "profile": "moderation", "criticality": "high"}))
            .await
            .json();
    assert!(patterns.results.len() >= 30 && patterns.results.iter().all(|result| result.verdict.is_some()));
    let as_form = form(&[
        ("image_id", None, id.as_bytes()),
        ("texts", None, b"red\nblue"),
        ("profile", None, b"product"),
        ("criticality", None, b"normal"),
    ]);
    let by_form: MatchResponse = server.send(as_form.uri("/v1/match")).await.json();
    assert_eq!(by_form.results, answer.results);
    let cases = [
        (
            json!({"image_id": id, "texts": ["a"], "profile": "shop"}),
            "album, moderation, product",
        ),
        (json!({"image_id": id, "profile": "product"}), "no patterns"),
        (
            json!({"image_id": id, "texts": ["a"], "profile": "product", "criticality": "dire"}),
            "unknown variant",
        ),
    ];
    for (body, expected) in cases {
        let answer = say(body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.problem().detail.contains(expected), "{}", answer.text());
    }
}

async fn post_pairs(server: &TestServer, body: String, accept: &str) -> TestResponse {
    let request = TestRequest::post()
        .uri("/v1/match")
        .insert_header(("content-type", "text/tab-separated-values"))
        .insert_header(("accept", accept));
    server.send(request.set_payload(body)).await
}

#[actix_web::test]
async fn pair_batch_returns_result_per_line() {
    let server = TestServer::new();
    let (red, blue, unknown) = (server.id("red.png"), server.id("blue.jpg"), "0".repeat(64));
    let body =
        format!("{red}\tred\n\n{blue}\t red \nno tab\n{unknown}\ta\n{red}\tblue\nred.png\ta\n{red}\tred\n");
    let answer = post_pairs(&server, body.clone(), "*/*").await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let lines: Vec<MatchLine> = answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let numbers: Vec<usize> = lines.iter().map(|line| line.line).collect();
    assert_eq!(numbers, [1, 3, 4, 5, 6, 7, 8]);
    let alone: MatchResponse = self::post(&server, json!({"image_id": red, "texts": ["red"]}))
        .await
        .json();
    assert_eq!(lines[0].result.as_ref(), Some(&alone.results[0]));
    assert_eq!(lines[6].result, lines[0].result);
    assert_eq!(lines[1].image, Some(blue));
    for (place, expected) in [
        (2, "line 4: 1 column instead of two"),
        (3, "line 5: image"),
        (5, "expected an image id, or an absolute path"),
    ] {
        let error = lines[place].error.clone().unwrap();
        assert!(error.contains(expected), "{error}");
    }
    let table = post_pairs(&server, body, "text/tab-separated-values")
        .await
        .text();
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split('\t').collect()).collect();
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row.len() == 11), "{table}");
    assert_eq!(
        (rows[0][0], rows[1][2], rows[3][7].is_empty()),
        ("line", "red", false)
    );
    let broken = post_pairs(&server, "\u{feff}".into(), "*/*").await;
    assert_eq!(broken.text(), "");
}

#[actix_web::test]
async fn min_confidence_excludes_hits() {
    let server = TestServer::new();
    let all: crate::responses::SearchResponse = server.get("/v1/search?text=red").await.json();
    assert_eq!(all.verdict, eidetic_search::Verdict::Match);
    let limit = all.hits[1].confidence.unwrap() + 1e-4;
    let sure: crate::responses::SearchResponse = server
        .get(&format!("/v1/search?text=red&min_confidence={limit}"))
        .await
        .json();
    assert_eq!(sure.hits.len(), 1);
    assert_eq!(sure.verdict, all.verdict);
    let nothing: crate::responses::SearchResponse = server
        .get("/v1/search?text=%E4%B8%80%E5%8F%AA%E7%8C%AB")
        .await
        .json();
    assert_eq!(nothing.verdict, eidetic_search::Verdict::NoMatch);
    // No pairs of images are labelled, so there is no verdict.
    let like = format!("/v1/search?image_id={}", server.id("red.png"));
    let similar: crate::responses::SearchResponse = server.get(&like).await.json();
    assert_eq!(similar.verdict, eidetic_search::Verdict::Uncalibrated);
    assert!(similar.hits.iter().all(|hit| hit.confidence.is_some()));
    let refused = server.get("/v1/search?text=red&min_confidence=1.5").await;
    assert!(refused.problem().detail.contains("expected a number from 0 to 1"));
}
