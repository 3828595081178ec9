use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::System;
use actix_web::rt::time::sleep;
use actix_web::{App, Error, HttpServer, web};
use eidetic_library::Library;
use futures_util::future::{Either, select};

use crate::jobs::JobTask;
use crate::options::ServeOptions;
use crate::shutdown::StopSignals;
use crate::state::State;
use crate::{metrics, origin_guard, routes};

/// Threads that speak HTTP; the work is done elsewhere.
const SPEAKERS: usize = 2;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens there.
    #[error(
        "{address} is taken by another program; stop that, or listen elsewhere, such as with --listen {other}"
    )]
    AddressTaken {
        /// The address asked for.
        address: SocketAddr,
        /// The address beside it.
        other: SocketAddr,
    },
    /// The system does not let this program listen there.
    #[error(
        "cannot listen at {address} ({source}); choose another address with --listen, such as 127.0.0.1:7801"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server could not be started, or broke off.
    #[error("the server cannot go on: {0}")]
    Server(#[from] io::Error),
}

/// Serves `library` until the process is interrupted or asked to terminate; blocks until then.
///
/// `on_ready` is told the address once connections are accepted. At the end, running requests are finished and a
/// running indexing job is cancelled with everything committed kept; both get `options.limits.shutdown` of time. A
/// second signal ends at once.
pub fn serve(
    library: Arc<Library>,
    options: ServeOptions,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let listener = bind(options.listen)?;
    let address = listener.local_addr()?;
    System::new().block_on(run(State::new(library, options), listener, || on_ready(address)))
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => {
            let port = address.port().checked_add(1).unwrap_or(7801);
            ServeError::AddressTaken {
                address,
                other: SocketAddr::new(address.ip(), port),
            }
        }
        _ => ServeError::Listen { address, source },
    })
}

async fn run(state: State, listener: TcpListener, on_ready: impl FnOnce()) -> Result<(), ServeError> {
    let mut signals = StopSignals::listen()?;
    let time = state.options.limits.shutdown;
    let state = web::Data::new(state);
    let shared = state.clone();
    let server = HttpServer::new(move || application(shared.clone()))
        .workers(SPEAKERS)
        .disable_signals()
        .shutdown_timeout(time.as_secs())
        .listen(listener)?
        .run();
    let handle = server.handle();
    go_on_switching(&state);
    on_ready();
    let stopped = {
        let asked = pin!(signals.next());
        match select(server, asked).await {
            Either::Left((ended, _)) => Err(ended),
            Either::Right(((), server)) => Ok(server),
        }
    };
    match stopped {
        Err(ended) => Ok(ended?),
        Ok(server) => {
            let graceful = pin!(end_gracefully(&handle, &state, time));
            let server = actix_web::rt::spawn(server);
            if let Either::Right(_) = select(graceful, pin!(signals.next())).await {
                handle.stop(false).await;
            }
            server.await.map_err(io::Error::other)?.map_err(ServeError::from)
        }
    }
}

/// Goes on with a switch that was interrupted; the active space answers meanwhile.
fn go_on_switching(state: &State) {
    match state.library.planned_switch() {
        Ok(None) => {}
        Ok(Some(switch)) => {
            tracing::info!(model = switch.model, "going on with the switch to another model");
            // Nothing else can run yet; what goes wrong is in the job.
            let _job = state.jobs.start(&state.library, JobTask::Resume);
        }
        Err(error) => tracing::warn!("whether a switch is to go on cannot be seen: {error}"),
    }
}

/// The application as a thread that speaks HTTP runs it.
pub(crate) fn application(
    state: web::Data<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(state)
        .configure(routes::configure)
        .wrap(from_fn(origin_guard::guard))
        .wrap(from_fn(metrics::record))
}

async fn end_gracefully(handle: &ServerHandle, state: &State, time: Duration) {
    let deadline = Instant::now() + time;
    state.jobs.cancel_running();
    handle.stop(true).await;
    while state.jobs.any_running() && Instant::now() < deadline {
        sleep(Duration::from_millis(20)).await;
    }
}
