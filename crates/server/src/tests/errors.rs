//! Requests that are refused.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eidetic_domain::ImageId;
use eidetic_encoder::fake::FakeEncoder;
use futures_util::future::join_all;
use serde_json::json;

use super::harness::{Part, TestServer, form};

#[actix_web::test]
async fn invalid_query_strings_are_refused() {
    let server = TestServer::new();
    let unknown = ImageId::of(b"unknown");
    let cases = [
        ("", 400, "give a text, a picture, or both"),
        ("text=++", 400, "give a text, a picture, or both"),
        ("text=a&k=0", 400, "invalid k 0: expected 1 to 1000"),
        ("text=a&k=1001", 400, "invalid k 1001"),
        (
            "text=a&limit=3",
            400,
            "unknown parameter \"limit\"; expected one of text",
        ),
        ("text=a&image_id=zz", 400, "64 hexadecimal digits"),
        ("text=a&folder=photos", 400, "expected an absolute path"),
        ("text=a&taken_from=yesterday", 400, "a date such as 2020, 2020-05"),
        (&format!("image_id={unknown}"), 404, "not in the library"),
        (
            &format!("text={}", "a".repeat(2_001)),
            400,
            "at most 2000 are allowed",
        ),
    ];
    for (query, status, expected) in cases {
        let answer = server.get(&format!("/v1/search?{query}")).await;
        assert_eq!(answer.status.as_u16(), status, "{query}");
        assert!(
            answer.problem().detail.contains(expected),
            "{query}: {}",
            answer.text()
        );
    }
}

#[actix_web::test]
async fn invalid_parameters_of_other_routes_are_refused() {
    let server = TestServer::new();
    let file = format!("/v1/images/{}/file", server.id("red.png"));
    let similar = format!("/v1/images/{}/similar", server.id("red.png"));
    let cases = [
        (
            "/v1/status?recall=maybe".to_owned(),
            "invalid recall \"maybe\": expected true or false",
        ),
        (
            "/v1/status?speed=1".to_owned(),
            "unknown parameter \"speed\"; expected one of recall",
        ),
        (
            "/v1/feedback?kind=sound".to_owned(),
            "invalid kind \"sound\": expected text or picture",
        ),
        (format!("{file}?view=2"), "invalid view \"2\": expected 0 or 1"),
        (
            format!("{similar}?text=a"),
            "unknown parameter \"text\"; expected one of cursor, sort, k, min_confidence, space, expand, folder",
        ),
    ];
    for (address, expected) in cases {
        let answer = server.get(&address).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{address}");
        assert!(answer.problem().detail.contains(expected), "{}", answer.text());
    }
}

#[actix_web::test]
async fn invalid_json_is_refused() {
    let server = TestServer::new();
    let cases = [
        (
            json!({"txt": "a"}),
            "unknown field `txt`, expected one of `target`",
        ),
        (json!({"text": 5}), "invalid type: integer `5`, expected a string"),
        (json!({"text": "a", "k": "3"}), "invalid type: string \"3\""),
        (
            json!({"text": "a", "k": 2.5}),
            "invalid type: floating point `2.5`",
        ),
        (
            json!({"text": "a", "filter": {"folder": []}}),
            "unknown field `folder`",
        ),
        (
            json!({"text": "a", "filter": {"taken": {"after": "2020"}}}),
            "unknown field `after`",
        ),
        (
            json!({"text": "a", "text_weight": 1.5}),
            "invalid text_weight 1.5: expected a number from 0 to 1",
        ),
        (json!({"image": "!"}), "not valid base64"),
        (json!(["red"]), "invalid JSON body: expected an object"),
        (json!("red"), "invalid JSON body: expected an object"),
        (
            json!({"text": "a", "filter": [["/a"]]}),
            "invalid type: sequence, expected a map",
        ),
        (
            json!({"text": "a", "filter": {"taken": ["2020-05-01"]}}),
            "invalid type: sequence, expected a map",
        ),
    ];
    for (body, expected) in cases {
        let (status, detail) = post(&server, body).await;
        assert_eq!(status, 400, "{detail}");
        assert!(detail.contains(expected), "{detail}");
    }
    let broken = TestRequest::post()
        .uri("/v1/search")
        .insert_header(("content-type", "application/json"));
    assert_eq!(
        server.send(broken.set_payload("{\"text\":")).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[actix_web::test]
async fn invalid_forms_are_refused() {
    let server = TestServer::new();
    let many: Vec<Part> = vec![("text", None, b"a"); 40];
    let cases: [(&[Part], &str); 6] = [
        (
            &[("color", None, b"red")],
            "unknown parameter \"color\"; expected one of target",
        ),
        (
            &[("text", None, b"a"), ("text", None, b"b")],
            "duplicate parameter \"text\"",
        ),
        (&many, "duplicate parameter \"text\""),
        (&[("text", None, b"\xff\xfe")], "not UTF-8"),
        (
            &[("text", None, b"a"), ("filter", None, b"{")],
            "invalid filter: ",
        ),
        (
            &[("image", Some("a"), b"x"), ("image", Some("b"), b"y")],
            "parameter \"image\"",
        ),
    ];
    for (parts, expected) in cases {
        let answer = server.send(form(parts)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{expected}");
        assert!(answer.problem().detail.contains(expected), "{}", answer.text());
    }
    let cut = TestRequest::post()
        .uri("/v1/search")
        .insert_header(("content-type", "multipart/form-data; boundary=frontier"))
        .set_payload("--frontier\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nred");
    assert_eq!(server.send(cut).await.status, StatusCode::BAD_REQUEST);
    let without = TestRequest::post()
        .uri("/v1/search")
        .insert_header(("content-type", "multipart/form-data"));
    assert_eq!(
        server.send(without.set_payload("x")).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[actix_web::test]
async fn unsupported_content_type_is_refused() {
    let server = TestServer::new();
    for (address, kind) in [
        ("/v1/search", "text/plain"),
        ("/v1/index", "text/plain"),
        ("/v1/search", ""),
    ] {
        let mut request = TestRequest::post().uri(address).set_payload("{}");
        if !kind.is_empty() {
            request = request.insert_header(("content-type", kind));
        }
        let answer = server.send(request).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(answer.problem().detail.contains("expected application/json"));
    }
}

#[actix_web::test]
async fn unreadable_image_is_refused_with_reason() {
    let server = TestServer::new();
    for bytes in [
        &b""[..],
        b"not an image",
        b"\x89PNG\r\n\x1a\n broken",
        b"DDS \x7C\0\0\0",
    ] {
        let by_form = server.send(form(&[("image", Some("a.png"), bytes)])).await;
        assert_eq!(by_form.status, StatusCode::UNPROCESSABLE_ENTITY);
        let detail = by_form.problem().detail;
        let reason = detail.strip_prefix("cannot read the image: ").unwrap();
        assert!(reason.len() > 5, "{detail}");
        let by_json = post(&server, json!({"image": STANDARD.encode(bytes)})).await;
        assert_eq!(by_json, (422, detail));
    }
}

#[actix_web::test]
async fn large_bodies_are_refused_before_reading() {
    let server = TestServer::with(FakeEncoder::default(), |options| {
        options.limits.upload_bytes = 10_000;
    });
    let large = vec![0; 10_001];
    let by_form = server.send(form(&[("image", Some("a.png"), &large)])).await;
    assert_eq!(by_form.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        by_form
            .problem()
            .detail
            .contains("larger than the 9.8 KiB allowed"),
        "{}",
        by_form.text()
    );
    assert_eq!(
        post(&server, json!({"image": STANDARD.encode(&large)})).await.0,
        413
    );
    assert_eq!(post(&server, json!({"text": "a".repeat(2 << 20)})).await.0, 413);
    let announced = TestRequest::post()
        .uri("/v1/index")
        .insert_header(("content-type", "application/json"))
        .insert_header(("content-length", "99999999999"));
    assert_eq!(server.send(announced).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let text = "a".repeat(1 << 20);
    let long_field = server.send(form(&[("text", None, text.as_bytes())])).await;
    assert_eq!(long_field.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[actix_web::test]
async fn unknown_addresses_and_methods_differ() {
    let server = TestServer::new();
    for address in [
        "/v2/search",
        "/v1",
        "/assets/nothing.js",
        "/assets/../Cargo.toml",
        "/index.php",
    ] {
        let answer = server.get(address).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{address}");
        assert!(answer.problem().detail.contains("/openapi.json"));
    }
    let cases = [
        (TestRequest::delete(), "/v1/search", "GET, HEAD, POST"),
        (TestRequest::get(), "/v1/index", "POST"),
        (TestRequest::post(), "/v1/status", "GET, HEAD"),
        (TestRequest::put(), "/v1/jobs/1", "GET, HEAD, DELETE"),
        (
            TestRequest::default().method(actix_web::http::Method::OPTIONS),
            "/v1/index",
            "POST",
        ),
    ];
    for (request, address, allowed) in cases {
        let answer = server.send(request.uri(address)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{address}");
        assert_eq!(answer.header("allow"), allowed);
        assert!(answer.problem().detail.contains(allowed));
    }
}

#[actix_web::test]
async fn foreign_host_names_are_refused() {
    let server = TestServer::new();
    for (host, status) in [
        ("localhost:7801", 200),
        ("127.0.0.1:7801", 200),
        ("evil.example:7801", 403),
    ] {
        let answer = server
            .send(TestRequest::get().uri("/v1/status").insert_header(("host", host)))
            .await;
        assert_eq!(answer.status.as_u16(), status, "{host}");
    }
    let forwarded = TestRequest::get()
        .uri("/v1/status")
        .insert_header(("host", "evil.example"))
        .insert_header(("x-forwarded-host", "localhost"))
        .insert_header(("forwarded", "host=localhost"));
    let answer = server.send(forwarded).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.problem().detail.contains("unknown host \"evil.example\""));
    let open = TestServer::with(FakeEncoder::default(), |options| {
        options.listen = ([0, 0, 0, 0], 7801).into();
    });
    let answer = open
        .send(
            TestRequest::get()
                .uri("/v1/status")
                .insert_header(("host", "photos.home")),
        )
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "on every address");
    assert!(answer.problem().detail.contains("--allow-host"));
}

#[actix_web::test]
async fn cross_site_requests_change_nothing() {
    let server = TestServer::new();
    let foreign = [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ];
    for header in foreign {
        for request in [
            TestRequest::post().uri("/v1/index"),
            TestRequest::delete().uri("/v1/jobs/1"),
            TestRequest::get().uri("/v1/status"),
            TestRequest::post().uri("/v1/search"),
        ] {
            let answer = server
                .send(
                    request
                        .insert_header(("host", "localhost:7801"))
                        .insert_header(header),
                )
                .await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header:?}");
            assert!(answer.problem().detail.contains("another site"));
        }
    }
    assert!(server.state.jobs.get("1").is_none());
    let own = TestRequest::post()
        .uri("/v1/index")
        .insert_header(("host", "localhost:7801"))
        .insert_header(("origin", "http://localhost:7801"))
        .insert_header(("sec-fetch-site", "same-origin"));
    assert_eq!(server.send(own).await.status, StatusCode::ACCEPTED);
}

#[actix_web::test]
async fn excess_requests_get_retry_after() {
    let encoder = FakeEncoder::default().with_delay(Duration::from_millis(250));
    let server = TestServer::with(encoder, |options| {
        options.limits.model_runs = 1;
        options.limits.waiting = 2;
    });
    let server = &server;
    let searches = (0..10).map(|n| async move { server.get(&format!("/v1/search?text=word{n}")).await });
    let answers = join_all(searches).await;
    let (served, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!((served.len(), refused.len()), (3, 7));
    for answer in refused {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "1");
        answer.problem();
    }
    assert_eq!(server.get("/v1/search?text=later").await.status, StatusCode::OK);
}

#[actix_web::test]
async fn concurrent_uploads_are_bounded() {
    let encoder = FakeEncoder::default().with_delay(Duration::from_millis(250));
    let server = TestServer::with(encoder, |options| {
        options.limits.uploads = 2;
        options.limits.small_body_bytes = 0;
    });
    let server = &server;
    let red = std::fs::read(server.photo("red.png")).unwrap();
    let uploads = (0..5).map(|_| server.send(form(&[("image", Some("red.png"), &red)])));
    let answers = join_all(uploads).await;
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.status == StatusCode::OK)
            .count(),
        2
    );
    assert!(
        answers
            .iter()
            .all(|answer| [200, 503].contains(&answer.status.as_u16()))
    );
}

async fn post(server: &TestServer, body: serde_json::Value) -> (u16, String) {
    let answer = server
        .send(TestRequest::post().uri("/v1/search").set_json(body))
        .await;
    let status = answer.status.as_u16();
    (
        status,
        if status == 200 {
            String::new()
        } else {
            answer.problem().detail
        },
    )
}
