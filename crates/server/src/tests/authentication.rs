//! Who is let in by a server that requires a token.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_encoder::fake::FakeEncoder;
use serde_json::json;

use super::harness::TestServer;
use crate::routes::endpoints;
use crate::{AccessToken, Authentication};

const TOKEN: &str = "correct-horse-battery-staple";

fn locked() -> TestServer {
    TestServer::with(FakeEncoder::default(), |options| {
        let token = AccessToken::new(TOKEN).unwrap();
        options.listen = ([0, 0, 0, 0], 7801).into();
        options.authentication = Authentication::Required(vec![token]);
    })
}

#[actix_web::test]
async fn every_route_of_library_needs_token() {
    let server = locked();
    let mut refused = 0;
    for endpoint in endpoints() {
        let address = endpoint
            .pattern
            .replace("{id}", "1")
            .replace("{path:.*}", "app.js");
        for (method, _) in &endpoint.methods {
            let request = TestRequest::default().method(method.clone()).uri(&address);
            let answer = server.send(request).await;
            if ["/", "/assets/app.js", "/healthz", "/v1/session"].contains(&address.as_str()) {
                assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {address}");
                continue;
            }
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {address}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"eidetic\"");
            assert!(answer.problem().detail.contains("Bearer"));
            refused += 1;
        }
    }
    assert!(refused > 15, "{refused}");
    assert_eq!(server.get("/no/such/page").await.status, StatusCode::UNAUTHORIZED);
}

#[actix_web::test]
async fn token_in_header_lets_in() {
    let server = locked();
    let with = |value: &str| {
        TestRequest::get()
            .uri("/v1/status")
            .insert_header(("authorization", value.to_owned()))
    };
    for right in [format!("Bearer {TOKEN}"), format!("bearer  {TOKEN}")] {
        assert_eq!(server.send(with(&right)).await.status, StatusCode::OK, "{right}");
    }
    for wrong in [
        "Bearer",
        "Bearer ",
        "Bearer wrong-horse-battery-staple",
        &format!("Basic {TOKEN}"),
        TOKEN,
    ] {
        let answer = server.send(with(wrong)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
        assert!(!answer.text().contains(TOKEN), "no answer tells the token");
    }
    let in_address = server.get(&format!("/v1/status?token={TOKEN}")).await;
    assert_eq!(
        in_address.status,
        StatusCode::UNAUTHORIZED,
        "addresses are logged"
    );
}

#[actix_web::test]
async fn session_lets_page_and_images_in() {
    let server = locked();
    let open = |token: &str, origin: &'static str| {
        TestRequest::post()
            .uri("/v1/session")
            .insert_header(("host", "localhost:7801"))
            .insert_header(("origin", origin))
            .set_json(json!({ "token": token }))
    };
    let refused = server
        .send(open("wrong-horse-battery-staple", "http://localhost:7801"))
        .await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.header("set-cookie"), "");
    let opened = server.send(open(TOKEN, "http://localhost:7801")).await;
    assert_eq!(opened.status, StatusCode::NO_CONTENT);
    let cookie = opened.header("set-cookie");
    assert!(cookie.starts_with("eidetic-session-7801="), "{cookie}");
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains("Secure") && !cookie.contains(TOKEN), "{cookie}");
    let secure = server.send(open(TOKEN, "https://localhost:7801")).await;
    assert!(secure.header("set-cookie").ends_with("; Secure"));
    let session = cookie.split(';').next().unwrap();
    let image = format!("/v1/images/{}/thumbnail", server.id("red.png"));
    let with = |cookie: &str| {
        TestRequest::get()
            .uri(&image)
            .insert_header(("cookie", cookie.to_owned()))
    };
    assert_eq!(
        server.send(with(&format!("a=b; {session}"))).await.status,
        StatusCode::OK
    );
    for wrong in [
        "eidetic-session-7801=",
        "eidetic-session-7801=00",
        &session.replace("7801", "7802"),
    ] {
        assert_eq!(
            server.send(with(wrong)).await.status,
            StatusCode::UNAUTHORIZED,
            "{wrong}"
        );
    }
    let foreign = server.send(open(TOKEN, "http://evil.example")).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let closed = server.send(TestRequest::delete().uri("/v1/session")).await;
    assert!(closed.header("set-cookie").contains("Max-Age=0"));
}

#[actix_web::test]
async fn open_server_needs_no_session() {
    let server = TestServer::new();
    let request = TestRequest::post()
        .uri("/v1/session")
        .set_json(json!({ "token": "anything" }));
    let answer = server.send(request).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("set-cookie"), "");
}
