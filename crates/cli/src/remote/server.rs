//! The connection to the server that owns a library.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, RequestBuilder};

use crate::commands::serve::admission::TOKEN_VARIABLE;
use crate::failure::Failure;
use crate::server_key;

/// Time to connect; servers of a library are near.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Time without an answer after which the server is asked whether it is healthy.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time for the answer to that question, which costs the server next to nothing.
const HEALTH_TIME: Duration = Duration::from_secs(5);
/// So often it may fail to say that it is healthy.
const MAX_UNHEALTHY: u32 = 2;

/// The server that owns a library.
#[derive(Debug, Clone)]
pub(crate) struct RemoteServer {
    /// Such as `http://127.0.0.1:7801`.
    address: String,
    /// Its process id.
    process: u32,
    /// What lets this command in, where the server requires a token.
    token: Option<Secret>,
}

#[derive(Clone)]
struct Secret(String);

/// A response with its whole body.
struct Reply {
    status: u16,
    body: Vec<u8>,
}

/// A request that any thread can send.
#[derive(Clone)]
struct Request {
    address: String,
    token: Option<Secret>,
    method: Method,
}

#[derive(Clone)]
enum Method {
    Get,
    /// With a parameter of the query string.
    GetWith(String, String),
    /// With a body of JSON.
    Post(Vec<u8>),
    /// The content of a file, of this media type.
    Upload(&'static str, Arc<File>),
    /// With a parameter of the query string, where there is one.
    Delete(Option<(String, String)>),
}

impl RemoteServer {
    /// The server at `address` that owns the library at `directory`.
    pub(crate) fn new(address: String, process: u32, directory: &Path) -> Self {
        // The key is that of this very server; a variable may be meant for another one.
        let token = server_key::read(directory).or_else(|| std::env::var(TOKEN_VARIABLE).ok());
        Self {
            address,
            process,
            token: token.map(|text| Secret(text.trim().to_owned())),
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.parse(&self.send(path, Method::Get)?)
    }

    pub(super) fn get_with<T: DeserializeOwned>(
        &self,
        path: &str,
        (name, value): (&str, &str),
    ) -> Result<T, Failure> {
        self.parse(&self.send(path, Method::GetWith(name.to_owned(), value.to_owned()))?)
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(anyhow::Error::from)?;
        self.parse(&self.send(path, Method::Post(body))?)
    }

    pub(super) fn delete<T: DeserializeOwned>(
        &self,
        path: &str,
        (name, value): (&str, &str),
    ) -> Result<T, Failure> {
        let parameter = (name.to_owned(), value.to_owned());
        self.parse(&self.send(path, Method::Delete(Some(parameter)))?)
    }

    /// Deletes what the path names.
    pub(super) fn delete_path<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.parse(&self.send(path, Method::Delete(None))?)
    }

    /// Sends a file from where it stands to its end.
    pub(super) fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &'static str,
        file: File,
    ) -> Result<T, Failure> {
        self.parse(&self.send(path, Method::Upload(media_type, Arc::new(file)))?)
    }

    /// The body of a response as text.
    pub(super) fn get_text(&self, path: &str) -> Result<String, Failure> {
        String::from_utf8(self.send(path, Method::Get)?).map_err(|error| self.unusable(error))
    }

    fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|error| self.unusable(error))
    }

    /// The body of a successful response. Gives up on a server that does not say that it is healthy; one
    /// that is busy may take its time.
    fn send(&self, path: &str, method: Method) -> Result<Vec<u8>, Failure> {
        let request = Request {
            address: format!("{}{path}", self.address),
            token: self.token.clone(),
            method,
        };
        let (sender, receiver) = mpsc::channel();
        // If the server hangs, the thread ends with the process.
        thread::spawn(move || sender.send(request.send(None)));
        let mut unhealthy = 0;
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(Ok(reply)) => return self.body(reply),
                Ok(Err(error)) => return Err(self.unusable(error)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.unusable("the request was interrupted"));
                }
                Err(RecvTimeoutError::Timeout) if self.is_healthy() => unhealthy = 0,
                Err(RecvTimeoutError::Timeout) => unhealthy += 1,
            }
            if unhealthy == MAX_UNHEALTHY {
                return Err(self.hung());
            }
        }
    }

    fn is_healthy(&self) -> bool {
        let request = Request {
            address: format!("{}/healthz", self.address),
            token: None,
            method: Method::Get,
        };
        request
            .send(Some(HEALTH_TIME))
            .is_ok_and(|reply| reply.status == 200)
    }

    fn body(&self, reply: Reply) -> Result<Vec<u8>, Failure> {
        if (200..300).contains(&reply.status) {
            return Ok(reply.body);
        }
        let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let detail = problem["detail"].as_str().or(problem["title"].as_str());
        let message = match detail {
            Some(detail) => format!("the server at {self} reports: {detail}"),
            None => format!("the server at {self} answers with status {}", reply.status),
        };
        let kind = problem["type"].as_str().unwrap_or_default();
        let names_unknown = [
            ":unknown-space",
            ":active-space",
            ":unknown-image",
            ":unknown-text-set",
            ":vocabulary-exists",
        ]
        .iter()
        .any(|known| kind.ends_with(known));
        // The same exit codes as without a server.
        match reply.status {
            401 => Err(Failure::could_not_run(format!(
                "the server at {self} requires its token; set {TOKEN_VARIABLE} to it"
            ))),
            400 | 413 | 422 => Err(Failure::arguments(message)),
            _ if names_unknown => Err(Failure::arguments(message)),
            _ => Err(Failure::could_not_run(message)),
        }
    }

    fn hung(&self) -> Failure {
        Failure::could_not_run(format!(
            "the server at {self} does not respond; end its process {} and try again, everything that it committed is kept",
            self.process
        ))
    }

    fn unusable(&self, error: impl fmt::Display) -> Failure {
        Failure::could_not_run(format!(
            "the server at {self} did not respond as expected: {error}"
        ))
    }
}

impl Request {
    fn send(self, time: Option<Duration>) -> Result<Reply, ureq::Error> {
        // Problem documents have more detail than a status.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIME))
            .timeout_global(time);
        let agent: Agent = config.build().into();
        let bearer = self.token.map(|token| format!("Bearer {}", token.0));
        let mut response: Response<ureq::Body> = match self.method {
            Method::Get => authorized(agent.get(&self.address), bearer).call()?,
            Method::GetWith(name, value) => {
                authorized(agent.get(&self.address).query(name, value), bearer).call()?
            }
            Method::Delete(parameter) => {
                let mut request = agent.delete(&self.address);
                if let Some((name, value)) = parameter {
                    request = request.query(name, value);
                }
                authorized(request, bearer).call()?
            }
            Method::Upload(media_type, file) => {
                let request = agent.post(&self.address).content_type(media_type);
                authorized(request, bearer).send(&*file)?
            }
            Method::Post(body) => {
                let request = agent.post(&self.address).content_type("application/json");
                authorized(request, bearer).send(&body[..])?
            }
        };
        Ok(Reply {
            status: response.status().as_u16(),
            body: response.body_mut().with_config().limit(u64::MAX).read_to_vec()?,
        })
    }
}

fn authorized<B>(request: RequestBuilder<B>, bearer: Option<String>) -> RequestBuilder<B> {
    match bearer {
        Some(bearer) => request.header("Authorization", bearer),
        None => request,
    }
}

impl fmt::Display for RemoteServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
