use std::net::SocketAddr;
use std::time::Duration;

use eidetic_confidence::profile::NamedProfile;

/// How to serve a library.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeOptions {
    /// Where to listen. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Names besides the loopback ones under which a server on a loopback address may be asked, such as a proxy's.
    ///
    /// Without this check, any web site could give its own name the address 127.0.0.1 and read the library
    /// (DNS rebinding).
    pub host_names: Vec<String>,
    /// Which folders a request may have indexed.
    pub indexable: IndexableFolders,
    /// What requests may cost.
    pub limits: Limits,
    /// The profiles that requests may name.
    pub profiles: Vec<NamedProfile>,
}

/// Which folders a request may have indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexableFolders {
    /// Any: whoever can ask has this machine anyway.
    Any,
    /// Only folders that the library indexes already, or folders in them: an indexed picture can be looked at, so a
    /// request from elsewhere must not widen what is indexed.
    Known,
}

/// What requests may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest picture sent with a query, in bytes.
    pub upload_bytes: usize,
    /// Time for a request's body to arrive.
    pub upload_time: Duration,
    /// Bodies that may be arriving at once.
    pub uploads: usize,
    /// Model runs at once. One run uses several processors, so more runs make each slower and take memory.
    pub model_runs: usize,
    /// Pictures read or converted at once.
    pub pictures: usize,
    /// Requests that may wait for a model run or for a picture before further ones are told to come back.
    pub waiting: usize,
    /// Time that running requests, and an indexing run's last batch, get at shutdown.
    pub shutdown: Duration,
}

impl ServeOptions {
    /// Serving at `listen`. Off the loopback addresses, only known folders can be indexed.
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
            indexable,
            limits: Limits::default(),
            profiles: NamedProfile::builtin(),
        }
    }
}

impl Default for Limits {
    /// Pictures to 32 MiB; memory for uploads and decoding then stays in the hundreds of megabytes.
    fn default() -> Self {
        Self {
            upload_bytes: 32 << 20,
            upload_time: Duration::from_secs(60),
            uploads: 8,
            model_runs: 2,
            pictures: 4,
            waiting: 128,
            shutdown: Duration::from_secs(8),
        }
    }
}
