//! `eidetic serve`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use eidetic_library::{Library, Owner};
use eidetic_server::ServeOptions;

use super::{open_local, profile};
use crate::Outcome;
use crate::arguments::{Global, ServeArgs};
use crate::failure::Failure;
use crate::progress::DownloadBar;

/// `eidetic serve`
pub(crate) fn run(global: &Global, arguments: &ServeArgs) -> Result<Outcome, Failure> {
    let library = open_local(global, "eidetic serve")?;
    arguments.options.apply_to(&library);
    let options = ServeOptions {
        profiles: profile::all(arguments.profiles.as_deref())?,
        ..ServeOptions::new(arguments.listen)
    };
    serve(Arc::new(library), options)
}

/// Serves until interrupted. The model is loaded before the address is announced, so that the first query
/// is fast and load errors are reported here.
pub(crate) fn serve(library: Arc<Library>, options: ServeOptions) -> Result<Outcome, Failure> {
    library.active().load_encoder(&DownloadBar::default())?;
    let listen = options.listen;
    if !listen.ip().is_loopback() {
        eprintln!("eidetic: anyone who can reach {listen} can search this library and see its pictures");
    }
    refresh_graph_in_background(&library);
    let announced = Arc::clone(&library);
    eidetic_server::serve(library, options, move |address| {
        let address = format!("http://{}", reachable(address));
        let owner = Owner {
            address: Some(address.clone()),
            ..Owner::this_process("eidetic serve")
        };
        if let Err(error) = announced.announce(&owner) {
            eprintln!("eidetic: other commands cannot find this server: {error}");
        }
        eprintln!(
            "eidetic: serving {} at {address}   (Ctrl-C stops)",
            announced.directory().display()
        );
    })
    .map_err(anyhow::Error::from)?;
    Ok(Outcome::Done)
}

/// A loopback address in place of an unspecified one, which cannot be connected to everywhere.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Searches are exact until the graph is ready.
fn refresh_graph_in_background(library: &Arc<Library>) {
    let library = Arc::clone(library);
    std::thread::spawn(move || {
        if let Err(error) = library.active().refresh_graph() {
            eprintln!("eidetic: searching without the graph: {error}");
        }
    });
}
