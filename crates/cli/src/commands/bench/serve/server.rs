//! The server that is measured: the one of `eidetic serve`, in this process, on a free port of loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use eidetic_library::Library;
use eidetic_server::{ServeError, ServeOptions};

use crate::failure::Failure;

/// A running server; it ends with the process, or by Ctrl-C.
pub(super) struct LocalServer {
    address: String,
    thread: JoinHandle<Result<(), ServeError>>,
}

impl LocalServer {
    /// Serves `library` without watching its folders.
    pub(super) fn start(library: Arc<Library>) -> Result<Self, Failure> {
        let (sender, receiver) = mpsc::channel();
        let options = ServeOptions::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let thread = thread::spawn(move || {
            eidetic_server::serve(library, options, |address| {
                // The receiver is gone only if starting was given up.
                let _ = sender.send(address);
            })
        });
        match receiver.recv() {
            Ok(address) => Ok(Self {
                address: format!("http://{address}"),
                thread,
            }),
            Err(_) => Err(match thread.join() {
                Ok(Err(error)) => Failure::CouldNotRun(error.into()),
                _ => Failure::could_not_run("the server ended before it served"),
            }),
        }
    }

    /// Such as `http://127.0.0.1:40123`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Whether it was told to stop, or failed.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}
