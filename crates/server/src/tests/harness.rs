//! A server over a library of five images, and its responses.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::web::{Bytes, Data};
use eidetic_domain::ImageId;
use eidetic_encoder::fake::FakeEncoder;
use eidetic_indexer::{IndexerOptions, RunContext};
use eidetic_library::{Library, Owner};
use image::{Rgb, RgbImage};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::options::ServeOptions;
use crate::responses::{JobResponse, ProblemDocument, SearchResponse};
use crate::serve::application;
use crate::state::AppState;

/// A library of five images, and the application that serves it.
pub(super) struct TestServer {
    pub(super) folder: TempDir,
    pub(super) state: Data<AppState>,
}

/// A response with its whole body.
#[derive(Debug)]
pub(super) struct TestResponse {
    pub(super) status: StatusCode,
    pub(super) headers: actix_web::http::header::HeaderMap,
    pub(super) body: Bytes,
}

impl TestServer {
    pub(super) fn new() -> Self {
        Self::with(FakeEncoder::default(), |_| ())
    }

    pub(super) fn with(encoder: FakeEncoder, adapt: impl FnOnce(&mut ServeOptions)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let photos = folder.path().join("photos");
        std::fs::create_dir_all(photos.join("trip")).expect("it is writable");
        image_of([250, 5, 5])
            .save(photos.join("red.png"))
            .expect("it is writable");
        image_of([5, 250, 5])
            .save(photos.join("green.png"))
            .expect("it is writable");
        image_of([5, 5, 250])
            .save(photos.join("blue.jpg"))
            .expect("it is writable");
        image_of([250, 250, 5])
            .save(photos.join("trip/yellow ü.png"))
            .expect("it is writable");
        image_of([5, 250, 250])
            .save(photos.join("trip/cyan.tiff"))
            .expect("it is writable");
        let library = open(&folder.path().join("library"), encoder);
        let report = library.index(&[photos], &IndexerOptions::default(), &RunContext::default());
        assert_eq!(report.expect("the run succeeds").indexed, 5);
        let mut options = ServeOptions::new(([127, 0, 0, 1], 7801).into());
        adapt(&mut options);
        Self {
            folder,
            state: Data::new(AppState::new(Arc::new(library), options)),
        }
    }

    /// The path of an image.
    pub(super) fn photo(&self, name: &str) -> PathBuf {
        self.folder.path().join("photos").join(name)
    }

    /// The id of an image as text.
    pub(super) fn id(&self, name: &str) -> String {
        let bytes = std::fs::read(self.photo(name)).expect("the image exists");
        ImageId::of(&bytes).to_string()
    }

    pub(super) async fn send(&self, request: TestRequest) -> TestResponse {
        let service = init_service(application(self.state.clone())).await;
        let response = try_call_service(&service, request.to_request()).await;
        read(response.expect("every error is a response")).await
    }

    pub(super) async fn get(&self, address: &str) -> TestResponse {
        self.send(TestRequest::get().uri(address)).await
    }

    /// Polls a job until it has ended.
    pub(super) async fn ended(&self, job: &str) -> JobResponse {
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(1) {
            let answer: JobResponse = self.get(&format!("/v1/jobs/{job}")).await.json();
            if answer.state.has_ended() {
                return answer;
            }
            actix_web::rt::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("job {job} does not end");
    }
}

impl TestResponse {
    pub(super) fn json<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("it is text"))
    }

    /// The response as a problem document, with its form verified.
    pub(super) fn problem(&self) -> ProblemDocument {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let problem: ProblemDocument = serde_json::from_slice(&self.body).expect("it is a problem document");
        assert_eq!(problem.status, self.status.as_u16());
        assert!(problem.kind.starts_with("urn:eidetic:problem:"), "{problem:?}");
        assert!(
            !problem.title.is_empty() && problem.detail.len() > 10,
            "{problem:?}"
        );
        problem
    }

    /// The names of the files found, best first.
    pub(super) fn names(&self) -> Vec<String> {
        let answer: SearchResponse = self.json();
        let name = |path: &String| {
            Path::new(path)
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        answer.hits.iter().filter_map(|hit| name(&hit.path)).collect()
    }
}

pub(super) fn open(directory: &Path, encoder: FakeEncoder) -> Library {
    Library::with_encoder(directory, Box::new(encoder), &Owner::this_process("a test"))
        .expect("the library opens")
}

/// An image of almost one color.
pub(super) fn image_of(color: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(60, 40, |x, y| {
        Rgb(color.map(|c| c.saturating_sub(((x + y) % 5) as u8)))
    })
}

/// A field of a form: name, file name, content.
pub(super) type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// A search as a form.
pub(super) fn form(parts: &[Part]) -> TestRequest {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file
            .map(|file| format!("; filename=\"{file}\""))
            .unwrap_or_default();
        body.extend(
            format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes(),
        );
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--frontier--\r\n");
    TestRequest::post()
        .uri("/v1/search")
        .insert_header(("content-type", "multipart/form-data; boundary=frontier"))
        .set_payload(body)
}

async fn read(response: ServiceResponse<impl MessageBody>) -> TestResponse {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body()).await;
    TestResponse {
        status,
        headers,
        body: body.unwrap_or_else(|_| panic!("the body can be read")),
    }
}
