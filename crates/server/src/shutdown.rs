//! The signals that stop a server.

use std::io;

#[cfg(unix)]
use actix_web::rt::signal::unix::{Signal, SignalKind, signal};

/// Interrupt and termination signals.
#[cfg(unix)]
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl StopSignals {
    /// From now on, the signals no longer end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        use futures_util::future::select;
        let (interrupt, terminate) = (self.interrupt.recv(), self.terminate.recv());
        select(std::pin::pin!(interrupt), std::pin::pin!(terminate)).await;
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    /// From now on, Ctrl-C no longer ends the process by itself.
    #[expect(clippy::unnecessary_wraps, reason = "the Unix variant can fail")]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if actix_web::rt::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
