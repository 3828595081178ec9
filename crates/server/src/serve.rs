//! Runs the server: binding, signals, graceful shutdown.

use std::future::ready;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::GracefulShutdownSignal;
use actix_service::{ServiceFactoryExt, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{
    AppConfig, Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse, fn_service,
};
use actix_web::middleware::from_fn;
use actix_web::rt::System;
use actix_web::rt::net::TcpStream;
use actix_web::rt::time::sleep;
use actix_web::{App, Error, web};
use eidetic_library::Library;
use futures_util::future::{Either, select};
use utoipa::openapi::OpenApi as Document;

use crate::connection::Connection;
use crate::options::ServeOptions;
use crate::record_requests::record_request;
use crate::shutdown::StopSignals;
use crate::state::AppState;
use crate::watch::WatchThread;
use crate::{authentication, openapi, origin_guard, routes};

/// Threads that serve connections; blocking work runs on others.
const WORKERS: usize = 2;

/// Why a library is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens on the address.
    #[error(
        "address {address} is in use by another program; stop that program, or choose another address, such as --listen {other}"
    )]
    AddressTaken {
        /// The requested address.
        address: SocketAddr,
        /// An address with the next port.
        other: SocketAddr,
    },
    /// The system does not allow listening on the address.
    #[error("cannot listen on {address} ({source}); choose another address, such as --listen 127.0.0.1:7801")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The server could not be started, or stopped with an error.
    #[error("the server failed: {0}")]
    Server(#[from] io::Error),
}

/// Serves `library` until the process receives an interrupt or termination signal; blocks until then.
///
/// `on_ready` is called with the address once connections are accepted. At shutdown, running requests are
/// finished, and running jobs and the watch are cancelled, with everything committed kept; both get the time
/// `options.limits.shutdown`. The next server goes on with the jobs. A second signal stops the server at once.
pub fn serve(
    library: Arc<Library>,
    options: ServeOptions,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let listener = bind(options.listen)?;
    let address = listener.local_addr()?;
    System::new().block_on(run(AppState::new(library, options), listener, || {
        on_ready(address);
    }))
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

async fn run(state: AppState, listener: TcpListener, on_ready: impl FnOnce()) -> Result<(), ServeError> {
    let mut signals = StopSignals::listen()?;
    let time = state.options.limits.shutdown;
    let state = web::Data::new(state);
    let builder = Server::build()
        .workers(WORKERS)
        .disable_signals()
        .shutdown_timeout(time.as_secs());
    let (shared, ending) = (state.clone(), builder.graceful_shutdown_signal());
    let server = builder
        .listen("eidetic", listener, move || connections(&shared, &ending))?
        .run();
    let handle = server.handle();
    state.jobs.resume(|request| request.prepare(&state));
    let watch = WatchThread::start(&state);
    on_ready();
    let stopped = {
        let signal = pin!(signals.next());
        match select(server, signal).await {
            Either::Left((ended, _)) => Err(ended),
            Either::Right(((), server)) => Ok(server),
        }
    };
    match stopped {
        Err(ended) => {
            watch.stop();
            Ok(ended?)
        }
        Ok(server) => {
            let graceful = pin!(end_gracefully(&handle, (&state, &watch), time));
            let server = actix_web::rt::spawn(server);
            if let Either::Right(_) = select(graceful, pin!(signals.next())).await {
                handle.stop(false).await;
            }
            server.await.map_err(io::Error::other)?.map_err(ServeError::from)
        }
    }
}

/// What each worker thread does with a connection. Connections without a request end at shutdown.
fn connections(
    state: &web::Data<AppState>,
    ending: &GracefulShutdownSignal,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<>
{
    let ending = ending.clone();
    let http = HttpService::build()
        .graceful_shutdown_signal(move || {
            let ending = ending.clone();
            async move { ending.notified().await }
        })
        .on_connect_ext(|connection: &Connection, data| {
            if let Some(address) = connection.local_address() {
                data.insert(address);
            }
        })
        .h1(map_config(application(state.clone()), |()| AppConfig::default()));
    let accept = fn_service(|stream: TcpStream| {
        let client = stream.peer_addr().ok();
        ready(Ok::<_, DispatchError>((Connection::new(stream), client)))
    });
    accept.and_then(http)
}

/// The application that each worker thread runs.
pub(crate) fn application(
    state: web::Data<AppState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    // Built when it is first asked for.
    let document: LazyLock<Document> = LazyLock::new(openapi::document);
    App::new()
        .app_data(state)
        .app_data(web::Data::new(document))
        .configure(routes::configure)
        .wrap(from_fn(authentication::require_token))
        .wrap(from_fn(origin_guard::guard))
        .wrap(from_fn(record_request))
}

async fn end_gracefully(handle: &ServerHandle, (state, watch): (&AppState, &WatchThread), time: Duration) {
    let deadline = Instant::now() + time;
    state.jobs.stop();
    watch.stop();
    handle.stop(true).await;
    while (state.jobs.any_running() || watch.is_running()) && Instant::now() < deadline {
        sleep(Duration::from_millis(20)).await;
    }
}
