//! Single images: metadata, files, thumbnails.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use eidetic_domain::ImageId;

use super::harness::{TestResponse, TestServer};
use crate::responses::ImageResponse;

#[actix_web::test]
async fn image_metadata_is_returned() {
    let server = TestServer::new();
    let id = server.id("trip/cyan.tiff");
    let answer = server.get(&format!("/v1/images/{id}")).await;
    let image: ImageResponse = answer.json();
    assert_eq!(image.image.to_string(), id);
    assert!(image.path.ends_with("cyan.tiff"));
    assert_eq!((image.width, image.height), (60, 40));
    assert_eq!(
        image.bytes,
        std::fs::metadata(server.photo("trip/cyan.tiff")).unwrap().len()
    );
    let value: serde_json::Value = answer.json();
    assert_eq!(value["format"], "tiff");
    for unknown in ["camera", "position", "title", "rating", "place", "lens"] {
        assert!(value[unknown].is_null(), "{value}");
    }
    assert_eq!(
        (&value["taken_source"], &value["keywords"]),
        (&"file_time".into(), &serde_json::json!([]))
    );
}

#[actix_web::test]
async fn original_file_has_type_and_name() {
    let server = TestServer::new();
    let id = server.id("trip/yellow ü.png");
    let answer = server.get(&format!("/v1/images/{id}/file")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.body,
        std::fs::read(server.photo("trip/yellow ü.png")).unwrap()
    );
    assert_eq!(answer.header("content-type"), "image/png");
    assert_eq!(answer.header("etag"), format!("\"{id}\""));
    assert_eq!(
        answer.header("cache-control"),
        "private, max-age=31536000, immutable"
    );
    assert_eq!(
        answer.header("content-disposition"),
        "inline; filename*=UTF-8''yellow%20%C3%BC.png"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[actix_web::test]
async fn unshowable_formats_are_converted_on_request() {
    let server = TestServer::new();
    let id = server.id("trip/cyan.tiff");
    assert_eq!(
        server
            .get(&format!("/v1/images/{id}/file"))
            .await
            .header("content-type"),
        "image/tiff"
    );
    let view = server.get(&format!("/v1/images/{id}/file?view=1")).await;
    assert_eq!(view.header("content-type"), "image/jpeg");
    assert_ne!(view.header("etag"), format!("\"{id}\""));
    assert!(view.header("content-disposition").ends_with("cyan.jpg"));
    let pixel = *image::load_from_memory(&view.body)
        .unwrap()
        .to_rgb8()
        .get_pixel(30, 20);
    assert!(pixel[0] < 20 && pixel[1] > 235 && pixel[2] > 235, "{pixel:?}");
    // A format that browsers show is not converted.
    let blue = server.id("blue.jpg");
    let view = server.get(&format!("/v1/images/{blue}/file?view=1")).await;
    assert_eq!(view.body, std::fs::read(server.photo("blue.jpg")).unwrap());
}

#[actix_web::test]
async fn scripts_in_drawings_never_run() {
    let server = TestServer::new();
    let drawing =
        "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'><script>alert(1)</script></svg>";
    std::fs::write(server.photo("drawing.svg"), drawing).unwrap();
    let index = server.state.library.index(
        &[],
        &eidetic_indexer::IndexerOptions::default(),
        &eidetic_indexer::RunContext::default(),
    );
    assert_eq!(index.unwrap().indexed, 1);
    let address = format!("/v1/images/{}/file", server.id("drawing.svg"));
    let original = server.get(&address).await;
    assert_eq!(original.header("content-type"), "image/svg+xml");
    assert!(
        original
            .header("content-security-policy")
            .starts_with("sandbox; default-src 'none'")
    );
    let view = server.get(&format!("{address}?view=1")).await;
    assert_eq!(view.header("content-type"), "image/jpeg");
}

#[actix_web::test]
async fn large_image_is_shrunk_for_viewing() {
    let server = TestServer::new();
    let wide = server.photo("wide.tiff");
    image::RgbImage::new(5_000, 10).save(&wide).unwrap();
    let index = server.state.library.index(
        &[],
        &eidetic_indexer::IndexerOptions::default(),
        &eidetic_indexer::RunContext::default(),
    );
    assert_eq!(index.unwrap().indexed, 1);
    let view = server
        .get(&format!("/v1/images/{}/file?view=1", server.id("wide.tiff")))
        .await;
    let decoded = image::load_from_memory(&view.body).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (4_096, 8));
}

#[actix_web::test]
async fn lost_thumbnail_is_made_again() {
    let server = TestServer::new();
    let id = server.id("red.png");
    let address = format!("/v1/images/{id}/thumbnail");
    let before = server.get(&address).await;
    assert_eq!(before.header("content-type"), "image/jpeg");
    assert!(image::load_from_memory(&before.body).unwrap().width() <= 60);
    std::fs::remove_dir_all(server.folder.path().join("library/thumbnails")).unwrap();
    std::fs::create_dir(server.folder.path().join("library/thumbnails")).unwrap();
    assert_eq!(server.get(&address).await.body, before.body);
}

#[actix_web::test]
async fn cached_content_is_not_sent_again() {
    let server = TestServer::new();
    let id = server.id("red.png");
    for kind in ["file", "file?view=1", "thumbnail"] {
        let address = format!("/v1/images/{id}/{kind}");
        let tag = server.get(&address).await.header("etag").to_owned();
        for header in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            "*".into(),
        ] {
            let again = with_tag(&server, &address, &header).await;
            assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{kind} {header}");
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), tag);
        }
        assert_eq!(
            with_tag(&server, &address, "\"other\"").await.status,
            StatusCode::OK
        );
    }
    // An image that is not in the library is unknown, whatever the client has in its cache.
    let unknown = ImageId::of(b"unknown");
    let answer = with_tag(
        &server,
        &format!("/v1/images/{unknown}/file"),
        &format!("\"{unknown}\""),
    )
    .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn replaced_file_is_never_served() {
    let server = TestServer::new();
    let id = server.id("red.png");
    let length = std::fs::metadata(server.photo("red.png")).unwrap().len();
    std::fs::write(server.photo("red.png"), vec![b'x'; length as usize]).unwrap();
    let answer = server.get(&format!("/v1/images/{id}/file")).await;
    assert_eq!(answer.status, StatusCode::GONE);
    assert!(answer.problem().detail.contains("index its folder again"));
    std::fs::remove_file(server.photo("red.png")).unwrap();
    assert_eq!(
        server.get(&format!("/v1/images/{id}/file")).await.status,
        StatusCode::GONE
    );
}

#[actix_web::test]
async fn unknown_and_malformed_ids_differ() {
    let server = TestServer::new();
    let unknown = ImageId::of(b"unknown").to_string();
    for kind in ["", "/file", "/thumbnail", "/similar", "/tags"] {
        let missing = server.get(&format!("/v1/images/{unknown}{kind}")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{kind}");
        assert!(missing.problem().detail.contains(&unknown));
        for malformed in ["abc", "..%2f..%2fetc%2fpasswd", &unknown[1..]] {
            let refused = server.get(&format!("/v1/images/{malformed}{kind}")).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{malformed} {kind}");
            assert!(refused.problem().detail.contains("64 hexadecimal digits"));
        }
    }
    let refused = server
        .get(&format!("/v1/images/{}/file?size=big", server.id("red.png")))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

async fn with_tag(server: &TestServer, address: &str, tag: &str) -> TestResponse {
    server
        .send(
            TestRequest::get()
                .uri(address)
                .insert_header(("if-none-match", tag)),
        )
        .await
}
