//! Options of a server.

use std::net::SocketAddr;
use std::time::Duration;

use eidetic_confidence::profile::NamedProfile;
use eidetic_indexer::watch::WatchOptions;

use crate::access_token::AccessToken;
use crate::params::shortened;
use crate::problem::Problem;

/// How to serve a library.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeOptions {
    /// Address to listen on. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Host names, such as that of a proxy, under which the server may be addressed beside loopback names
    /// and the address it listens on; with a port if that is not the default one of the scheme.
    ///
    /// Without this check, any web site could point its own name to the server's address and read the
    /// library (DNS rebinding).
    pub host_names: Vec<String>,
    /// Who is let in.
    pub authentication: Authentication,
    /// Folders that a request may index.
    pub indexable: IndexableFolders,
    /// Bounds of what requests may cost.
    pub limits: Limits,
    /// Profiles that requests may name.
    pub profiles: Vec<NamedProfile>,
    /// How the library's sources are kept current; `None`: jobs alone index.
    pub watch: Option<WatchOptions>,
}

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// Anyone who can connect.
    Disabled,
    /// Requests that carry one of these tokens.
    Required(Vec<AccessToken>),
}

/// Folders that a request may index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexableFolders {
    /// Any folder: only users of this machine can send requests.
    Any,
    /// Only sources of the library and folders in them: an indexed image can be viewed, so a request from
    /// elsewhere must not extend what is indexed.
    Known,
}

/// Bounds of what requests may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size in bytes of an image that is sent with a query.
    pub upload_bytes: usize,
    /// Maximum size in bytes of the texts of one set.
    pub texts_bytes: u64,
    /// Time for the body of a request to arrive.
    pub upload_time: Duration,
    /// Time in which `upload_window_bytes` of a body must arrive, or its end; then the next such time begins.
    pub upload_window: Duration,
    /// What must arrive in each `upload_window`.
    pub upload_window_bytes: usize,
    /// Size in bytes above which a body counts as an upload. Smaller ones never wait for uploads.
    pub small_body_bytes: usize,
    /// Uploads at once.
    pub uploads: usize,
    /// Uploads at once from one address.
    pub uploads_per_client: usize,
    /// Model runs at once. One run uses several processors, so more runs make each slower and take memory.
    pub model_runs: usize,
    /// Images read or converted at once.
    pub image_reads: usize,
    /// Requests that may wait for a model run or for an image before further ones are rejected.
    pub waiting: usize,
    /// Time that running requests and the last batch of an indexing job get at shutdown.
    pub shutdown: Duration,
}

impl ServeOptions {
    /// Serves at `listen` whoever can connect, without watching. Beyond loopback addresses, only the library's sources can be
    /// indexed.
    pub fn new(listen: SocketAddr) -> Self {
        let loopback = listen.ip().is_loopback();
        let indexable = if loopback {
            IndexableFolders::Any
        } else {
            IndexableFolders::Known
        };
        Self {
            listen,
            host_names: Vec::new(),
            authentication: Authentication::Disabled,
            indexable,
            limits: Limits::default(),
            profiles: NamedProfile::builtin(),
            watch: None,
        }
    }

    /// The profile with this name.
    pub(crate) fn profile(&self, name: &str) -> Result<NamedProfile, Problem> {
        let found = self.profiles.iter().find(|profile| profile.name == name);
        found.cloned().ok_or_else(|| {
            let known: Vec<&str> = self
                .profiles
                .iter()
                .map(|profile| profile.name.as_str())
                .collect();
            Problem::invalid(format!(
                "unknown profile {:?}; expected one of {}",
                shortened(name),
                known.join(", ")
            ))
        })
    }
}

impl Default for Limits {
    /// Images up to 32 MiB, at 8 KiB/s or more; memory for uploads and decoding then stays in the hundreds of
    /// megabytes.
    fn default() -> Self {
        Self {
            upload_bytes: 32 << 20,
            texts_bytes: 1 << 30,
            upload_time: Duration::from_mins(1),
            upload_window: Duration::from_secs(5),
            upload_window_bytes: 40 << 10,
            small_body_bytes: 64 << 10,
            uploads: 8,
            uploads_per_client: 4,
            model_runs: 2,
            image_reads: 4,
            waiting: 128,
            shutdown: Duration::from_secs(8),
        }
    }
}
