//! One client of the server, which keeps its connection open.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::Agent;

use crate::failure::Failure;

/// After this time a request counts as failed.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Separates the parts of a form; in no JPEG file by chance.
const BOUNDARY: &str = "eidetic-bench-3f1c9a7e5d";

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// A path with parameters of the query string.
    Get(String, Vec<(&'static str, String)>),
    /// A search by an image, as a form.
    Upload(Arc<[u8]>),
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::Get(path.into(), Vec::new())
    }

    /// The same with another parameter; a form has none.
    pub(super) fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Get(path, mut parameters) => {
                parameters.push((name, value.into()));
                Self::Get(path, parameters)
            }
            form @ Self::Upload(_) => form,
        }
    }

    /// A search by the image in these bytes of a JPEG file.
    pub(super) fn search_by(image: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\
             content-type: image/jpeg\r\n\r\n"
        );
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        Self::Upload([head.as_bytes(), image, end.as_bytes()].concat().into())
    }
}

/// A client with one connection.
pub(super) struct Client {
    agent: Agent,
    address: String,
}

impl Client {
    pub(super) fn new(address: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_idle_connections_per_host(1)
            .timeout_global(Some(TIMEOUT));
        Self {
            agent: config.build().into(),
            address: address.to_owned(),
        }
    }

    /// The whole body of a successful response.
    ///
    /// Errors: the server cannot be reached, or answers with a problem; in a sentence.
    pub(super) fn send(&self, request: &Request) -> Result<Vec<u8>, String> {
        let sent = match request {
            Request::Get(path, parameters) => self
                .agent
                .get(format!("{}{path}", self.address))
                .query_pairs(parameters.iter().map(|(name, value)| (*name, value.as_str())))
                .call(),
            Request::Upload(body) => self
                .agent
                .post(format!("{}/v1/search", self.address))
                .content_type(format!("multipart/form-data; boundary={BOUNDARY}"))
                .send(&body[..]),
        };
        let mut response = sent.map_err(|error| error.to_string())?;
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec();
        let body = body.map_err(|error| error.to_string())?;
        if response.status().is_success() {
            return Ok(body);
        }
        let status = response.status().as_u16();
        Err(format!("status {status}: {}", String::from_utf8_lossy(&body)))
    }

    /// The answer to a request that no measurement is made of.
    pub(super) fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Failure> {
        let unusable = |error: String| {
            Failure::could_not_run(format!("the server did not respond as expected: {error}"))
        };
        let body = self.send(request).map_err(unusable)?;
        serde_json::from_slice(&body).map_err(|error| unusable(error.to_string()))
    }
}
