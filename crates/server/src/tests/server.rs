//! The page, and what the server says about itself.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{LabelledPair, Pair};
use eidetic_library::Keep;
use serde_json::Value;

use super::harness::TestServer;
use crate::routes::endpoints;

#[actix_web::test]
async fn the_page_comes_with_its_files_and_a_policy() {
    let server = TestServer::new();
    let page = server.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'self'; img-src 'self' blob: data:")
    );
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cross-origin-resource-policy"), "same-origin");
    let text = page.text();
    let assets: Vec<&str> = text
        .split(['"', '\''])
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    for address in assets {
        let file = server.get(address).await;
        assert_eq!(file.status, StatusCode::OK, "{address}");
        assert!(!file.header("content-type").is_empty());
        let tag = file.header("etag").to_owned();
        let again = server
            .send(
                TestRequest::get()
                    .uri(address)
                    .insert_header(("if-none-match", tag)),
            )
            .await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        assert!(again.body.is_empty());
    }
}

#[actix_web::test]
async fn every_route_is_described() {
    let server = TestServer::new();
    let document: Value = server.get("/openapi.json").await.json();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    let mut described = 0;
    for endpoint in endpoints() {
        let path = endpoint.pattern.replace(":.*", "");
        for (method, _) in &endpoint.methods {
            let operation = &document["paths"][&path][method.as_str().to_lowercase()];
            assert!(
                operation["responses"].is_object(),
                "{method} {path} is not described"
            );
            described += 1;
        }
    }
    let written = document["paths"].as_object().unwrap().values();
    assert_eq!(
        written.map(|path| path.as_object().unwrap().len()).sum::<usize>(),
        described
    );
}

#[actix_web::test]
async fn every_type_that_the_description_names_is_in_it() {
    let server = TestServer::new();
    let text = server.get("/openapi.json").await.text();
    let document: Value = serde_json::from_str(&text).unwrap();
    let named = text
        .split("#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let mut count = 0;
    for name in named {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[actix_web::test]
async fn answers_have_the_fields_that_are_described() {
    let server = TestServer::new();
    calibrate(&server);
    let id = server.id("red.png");
    let document: Value = server.get("/openapi.json").await.json();
    let cases = [
        ("Status", "/v1/status?recall=true".to_owned(), ""),
        ("RecallStatus", "/v1/status?recall=true".to_owned(), "/recall"),
        (
            "RecallEntry",
            "/v1/status?recall=true".to_owned(),
            "/recall/measured/0",
        ),
        ("IndexStatus", "/v1/status".to_owned(), "/index"),
        ("BytesOnDisk", "/v1/status".to_owned(), "/bytes"),
        ("SpaceStatus", "/v1/status".to_owned(), "/spaces/0"),
        ("SearchResponse", "/v1/search?text=red".to_owned(), ""),
        ("SearchHit", "/v1/search?text=red".to_owned(), "/hits/0"),
        ("ImageResponse", format!("/v1/images/{id}"), ""),
        ("CalibrationsResponse", "/v1/calibration".to_owned(), ""),
        (
            "CalibrationSummary",
            "/v1/calibration".to_owned(),
            "/calibrations/0",
        ),
        (
            "ThresholdSummary",
            "/v1/calibration".to_owned(),
            "/calibrations/0/thresholds/0",
        ),
        (
            "CalibrationHistoryEntry",
            "/v1/calibration".to_owned(),
            "/history/0",
        ),
        ("TagsResponse", format!("/v1/images/{id}/tags"), ""),
        ("HealthResponse", "/healthz".to_owned(), ""),
    ];
    for (schema, address, pointer) in cases {
        let answer: Value = server.get(&address).await.json();
        let answer = answer.pointer(pointer).unwrap();
        let described = &document["components"]["schemas"][schema]["properties"];
        assert_eq!(keys(answer), keys(described), "{schema}");
    }
}

#[actix_web::test]
async fn the_server_says_how_it_stands() {
    let server = TestServer::new();
    assert_eq!(server.get("/healthz").await.text(), r#"{"status":"ok"}"#);
    let status: eidetic_library::Status = server.get("/v1/status").await.json();
    assert_eq!((status.images, status.paths), (5, 5));
    server.get("/v1/search?text=red").await;
    server.get(&format!("/v1/images/{}", "0".repeat(64))).await;
    server.get("/nothing/here").await;
    let metrics = server.get("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = metrics.text();
    for line in [
        "eidetic_images 5",
        "eidetic_requests_total{route=\"/v1/search\",method=\"GET\",status=\"200\"} 1",
        "eidetic_requests_total{route=\"/v1/images/{id}\",method=\"GET\",status=\"404\"} 1",
        "eidetic_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"} 1",
        "eidetic_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
    }
}

#[actix_web::test]
async fn what_can_be_fetched_can_be_asked_about() {
    let server = TestServer::new();
    for address in ["/", "/healthz", "/v1/status", "/v1/search?text=red"] {
        let request = TestRequest::default()
            .method(actix_web::http::Method::HEAD)
            .uri(address);
        assert_eq!(server.send(request).await.status, StatusCode::OK, "{address}");
    }
}

/// Learns from colours and their names.
fn calibrate(server: &TestServer) {
    let colours = ["red", "green", "blue", "yellow", "cyan"];
    let files = [
        "red.png",
        "green.png",
        "blue.jpg",
        "trip/yellow ü.png",
        "trip/cyan.tiff",
    ];
    let mut pairs = Vec::new();
    for (colour, file) in colours.iter().zip(files) {
        for text in colours {
            pairs.push(LabelledPair {
                pair: Pair {
                    image: server.photo(file).to_str().expect("it is UTF-8").to_owned(),
                    text: text.to_owned(),
                },
                matches: *colour == text,
                line: pairs.len() + 1,
            });
        }
    }
    let library = &server.state.library;
    let scored = library
        .score_pairs(QueryKind::Text, &pairs, &())
        .expect("the fake encodes");
    library
        .calibrate(QueryKind::Text, &scored, Keep::Stored)
        .expect("the pairs suffice");
}

#[actix_web::test]
async fn the_report_of_thresholds_runs_its_own_scripts_and_no_others() {
    let server = TestServer::new();
    let empty = server.get("/v1/calibration/report").await;
    assert!(empty.text().contains("Not calibrated yet"));
    calibrate(&server);
    let report = server.get("/v1/calibration/report").await;
    assert_eq!(report.header("content-type"), "text/html; charset=utf-8");
    let policy = report.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; img-src data:; style-src 'sha256-"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && !policy.contains("'self'"),
        "{policy}"
    );
    assert!(report.text().contains("data:image/jpeg;base64,"));
}

fn keys(value: &Value) -> Vec<&String> {
    let mut keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    keys.sort();
    keys
}
