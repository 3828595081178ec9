//! Bodies that are compressed, that stall, or that are no text; filters that name what the library does not have.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use serde_json::json;

use super::harness::{TestServer, form};
use crate::responses::SearchResponse;

#[actix_web::test]
async fn compressed_bodies_are_named_as_such() {
    let server = TestServer::new();
    for address in ["/v1/search", "/v1/match", "/v1/feedback", "/v1/index"] {
        let named = TestRequest::post()
            .uri(address)
            .insert_header(("content-type", "application/json"))
            .insert_header(("content-encoding", "gzip"))
            .set_payload("{}");
        let unnamed = TestRequest::post()
            .uri(address)
            .insert_header(("content-type", "application/json"))
            .set_payload(&b"\x1f\x8b\x08\x00\x00"[..]);
        for request in [named, unnamed] {
            let answer = server.send(request).await;
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{address}");
            assert_eq!(answer.header("accept-encoding"), "identity");
            let detail = answer.problem().detail;
            assert!(detail.contains("compressed (gzip)"), "{detail}");
        }
    }
    let plain = TestRequest::post()
        .uri("/v1/search")
        .insert_header(("content-encoding", "identity"))
        .set_json(json!({"text": "red"}));
    assert_eq!(server.send(plain).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn nul_and_invalid_utf8_are_refused() {
    let server = TestServer::new();
    for query in [
        "text=a%00b",
        "text=a%FFb",
        "text=%E2%82",
        "text=a&negative=%00",
        "text=a&folder=/a%00b",
        "text=a&folder=/%C0%AF",
        "text=a&tag=a%00",
        "text=a&space=%00",
        "%FF=a",
    ] {
        let answer = server.get(&format!("/v1/search?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        let detail = answer.problem().detail;
        assert!(
            detail.contains("NUL") || detail.contains("UTF-8"),
            "{query}: {detail}"
        );
    }
    let bodies = [
        ("/v1/search", json!({"text": "a\0b"})),
        (
            "/v1/search",
            json!({"text": "a", "filter": {"folders": ["/a\0"]}}),
        ),
        (
            "/v1/match",
            json!({"image_id": server.id("red.png"), "texts": ["a", "b\0"]}),
        ),
        (
            "/v1/feedback",
            json!({"image": server.id("red.png"), "text": "\0", "right": true}),
        ),
        ("/v1/index", json!({"folders": ["/a\0"]})),
        ("/v1/model/switch", json!({"model": "a\0"})),
    ];
    for (address, body) in bodies {
        let answer = server.send(TestRequest::post().uri(address).set_json(body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{address}");
        assert!(answer.problem().detail.contains("NUL"), "{}", answer.text());
    }
    let field = server.send(form(&[("text", None, b"a\0")])).await;
    assert!(field.problem().detail.contains("NUL"));
    let line = TestRequest::post()
        .uri("/v1/match")
        .insert_header(("content-type", "text/tab-separated-values"))
        .set_payload(format!("{}\ta\0b\n", server.id("red.png")));
    assert!(server.send(line).await.problem().detail.contains("NUL"));
}

#[actix_web::test]
async fn filter_of_unknown_things_is_mistake() {
    let server = TestServer::new();
    let photos = server.photo("");
    let photos = photos.to_str().unwrap().trim_end_matches('/');
    let above = server.folder.path().to_str().unwrap();
    for known in [
        photos.to_owned(),
        format!("{photos}/trip"),
        above.to_owned(),
        format!("{photos}/red.png"),
    ] {
        let answer = server.get(&format!("/v1/search?text=red&folder={known}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{known}");
    }
    for unknown in [
        "/nowhere".to_owned(),
        format!("{photos}/tirp"),
        format!("{above}/library"),
    ] {
        let address = format!("/v1/search?text=red&folder={photos}/trip&folder={unknown}");
        let problem = server.get(&address).await.problem();
        assert_eq!(problem.status, 400);
        assert_eq!(problem.kind, "urn:eidetic:problem:unknown-filter-value");
        assert!(
            problem.detail.contains(&unknown) && problem.detail.contains(photos),
            "{problem:?}"
        );
    }
    let problem = server.get("/v1/search?text=red&tag=zebra").await.problem();
    assert_eq!(problem.status, 400);
    assert!(
        problem.detail.contains("\"zebra\"") && problem.detail.contains("eidetic tag"),
        "{problem:?}"
    );
}

#[actix_web::test]
async fn dates_are_read_as_command_line_does() {
    let server = TestServer::new();
    for dates in [
        "taken_from=2019",
        "taken_from=2019-05&taken_before=2020",
        "taken_before=2019-05-01T08:30",
    ] {
        let answer = server.get(&format!("/v1/search?text=red&{dates}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    let empty = server
        .get("/v1/search?text=red&taken_from=2020&taken_before=2019")
        .await;
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
    assert!(empty.problem().detail.contains("no time lies between"));
}

#[actix_web::test]
async fn picture_itself_is_marked_among_hits() {
    let server = TestServer::new();
    let red = std::fs::read(server.photo("red.png")).unwrap();
    let found: SearchResponse = server.send(form(&[("image", Some("a.png"), &red)])).await.json();
    let marked: Vec<bool> = found.hits.iter().map(|hit| hit.is_query).collect();
    assert_eq!(marked, [true, false, false, false, false]);
    let text = server.get("/v1/search?text=red").await.text();
    assert!(!text.contains("is_query"), "{text}");
}
