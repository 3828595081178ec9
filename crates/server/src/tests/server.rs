//! The web page, status, metrics and the OpenAPI document.

use std::collections::BTreeSet;

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_confidence::QueryKind;
use eidetic_confidence::calibration::{ImageTextPair, LabeledPair};
use eidetic_library::CalibrationMode;
use serde_json::Value;

use super::harness::TestServer;
use crate::routes::endpoints;

#[actix_web::test]
async fn page_assets_have_types_tags_and_policy() {
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
async fn openapi_describes_every_route() {
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
async fn openapi_operations_are_unique_and_described() {
    let document = serde_json::to_value(crate::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations: Vec<&Value> = paths
        .flat_map(|path| path.as_object().unwrap().values())
        .collect();
    let ids: BTreeSet<&str> = operations
        .iter()
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    assert_eq!(ids.len(), operations.len(), "{ids:?}");
    for operation in operations {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let description = response["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{} {status}", operation["operationId"]);
        }
    }
}

#[actix_web::test]
async fn openapi_references_resolve() {
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

/// Fields that most responses leave out.
const ONLY_WHERE_NEEDED: [&str; 17] = [
    "job",
    "error",
    "watch",
    "as_of",
    "omitted",
    "path_bytes",
    "paths_bytes",
    "is_query",
    "missing_changes",
    "quality",
    "texts",
    "read_only",
    "warnings",
    "weak_dates",
    "stack",
    "part",
    "damage",
];

#[actix_web::test]
async fn responses_have_documented_fields() {
    let server = TestServer::new();
    calibrate(&server);
    super::map::computed(&server, "").await;
    let id = server.id("red.png");
    let document: Value = server.get("/openapi.json").await.json();
    let cases = [
        ("Status", "/v1/status?recall=true&failed=true".to_owned(), ""),
        ("SourceStatus", "/v1/status".to_owned(), "/sources/0"),
        ("IndexingSettings", "/v1/status".to_owned(), "/indexing"),
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
        ("FacetsResponse", "/v1/facets".to_owned(), ""),
        ("FacetValue", "/v1/facets".to_owned(), "/types/0"),
        ("FolderFacet", "/v1/facets".to_owned(), "/folders/0"),
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
        ("DuplicatesResponse", "/v1/duplicates".to_owned(), ""),
        ("MapResponse", "/v1/map".to_owned(), ""),
        ("EventsResponse", "/v1/events".to_owned(), ""),
        ("HealthResponse", "/healthz".to_owned(), ""),
    ];
    for (schema, address, pointer) in cases {
        let answer: Value = server.get(&address).await.json();
        let answer = answer.pointer(pointer).unwrap();
        let described = &document["components"]["schemas"][schema]["properties"];
        let mut expected = keys(described);
        expected.retain(|key| !ONLY_WHERE_NEEDED.contains(&key.as_str()) || answer.get(key).is_some());
        assert_eq!(keys(answer), expected, "{schema}");
    }
}

#[actix_web::test]
async fn status_and_metrics_report_requests() {
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
async fn get_routes_accept_head() {
    let server = TestServer::new();
    for address in ["/", "/healthz", "/v1/status", "/v1/search?text=red"] {
        let request = TestRequest::default()
            .method(actix_web::http::Method::HEAD)
            .uri(address);
        assert_eq!(server.send(request).await.status, StatusCode::OK, "{address}");
    }
}

/// Calibrates with colors and their names.
fn calibrate(server: &TestServer) {
    let colors = ["red", "green", "blue", "yellow", "cyan"];
    let files = [
        "red.png",
        "green.png",
        "blue.jpg",
        "trip/yellow ü.png",
        "trip/cyan.tiff",
    ];
    let mut pairs = Vec::new();
    for (color, file) in colors.iter().zip(files) {
        for text in colors {
            pairs.push(LabeledPair {
                pair: ImageTextPair {
                    image: server.photo(file).to_str().expect("it is UTF-8").to_owned(),
                    text: text.to_owned(),
                },
                matches: *color == text,
                line: pairs.len() + 1,
            });
        }
    }
    let library = &server.state.library;
    let scored = library
        .active()
        .score_pairs(QueryKind::Text, &pairs, &())
        .expect("the fake encodes");
    library
        .active()
        .calibrate(QueryKind::Text, &scored, CalibrationMode::Store)
        .expect("the pairs suffice");
}

#[actix_web::test]
async fn calibration_report_allows_only_inlined_scripts() {
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
