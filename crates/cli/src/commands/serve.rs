//! `eidetic serve`

pub(crate) mod admission;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use eidetic_indexer::RunContext;
use eidetic_indexer::watch::WatchOptions;
use eidetic_library::{Library, Owner};
use eidetic_server::{AccessToken, Authentication, ServeOptions};

use super::{note_better_model, open_local, profile};
use crate::arguments::{Global, ServeArgs};
use crate::failure::Failure;
use crate::progress::DownloadBar;
use crate::server_key::{self, ServerKey, ServerKeyFile};
use crate::{Outcome, output};

/// `eidetic serve`
pub(crate) fn run(global: &Global, arguments: &ServeArgs) -> Result<Outcome, Failure> {
    let admission = admission::options(&arguments.listening)?;
    let options = ServeOptions {
        profiles: profile::all(arguments.profiles.as_deref())?,
        watch: (!arguments.no_watch).then(|| WatchOptions::from(&arguments.watching)),
        ..admission
    };
    let library = open_local(global, "eidetic serve")?;
    note_better_model(&library);
    arguments.options.apply_to(&library);
    serve(Arc::new(library), options)
}

/// Serves until interrupted. The model is loaded before the address is announced, so that the first query
/// is fast and load errors are reported here.
pub(crate) fn serve(library: Arc<Library>, mut options: ServeOptions) -> Result<Outcome, Failure> {
    library.active().load_encoder(&DownloadBar::default())?;
    admission::warn(&options);
    let key = add_key(&mut options)?;
    refresh_graph_in_background(&library);
    let announced = Arc::clone(&library);
    let mut key_file = None;
    eidetic_server::serve(library, options, |address| {
        key_file = write_key(key.as_ref(), announced.directory());
        announce(&announced, &format!("http://{}", reachable(address)));
    })
    .map_err(anyhow::Error::from)?;
    drop(key_file);
    Ok(Outcome::Done)
}

/// Tells other commands and the user where the server is.
fn announce(library: &Library, address: &str) {
    let owner = Owner {
        address: Some(address.to_owned()),
        ..Owner::this_process("eidetic serve")
    };
    if let Err(error) = library.announce(&owner) {
        eprintln!("eidetic: other commands cannot find this server: {error}");
    }
    eprintln!(
        "eidetic: serving {} at {address}   (Ctrl-C stops)",
        output::path(library.directory())
    );
}

/// Where a token is required, lets in a key of this process too.
fn add_key(options: &mut ServeOptions) -> Result<Option<ServerKey>, Failure> {
    let Authentication::Required(tokens) = &mut options.authentication else {
        return Ok(None);
    };
    let key = ServerKey::random().map_err(anyhow::Error::from)?;
    tokens.push(AccessToken::new(&key.text).map_err(anyhow::Error::from)?);
    Ok(Some(key))
}

/// Writes the key for other commands, or removes that of an earlier server.
fn write_key(key: Option<&ServerKey>, library: &Path) -> Option<ServerKeyFile> {
    let Some(key) = key else {
        // Where the library cannot be written, the key stays, and opens nothing.
        let _ = server_key::remove(library);
        return None;
    };
    match key.write(library) {
        Ok(file) => Some(file),
        Err(error) => {
            eprintln!(
                "eidetic: other commands need {} to use this server: {error}",
                admission::TOKEN_VARIABLE
            );
            None
        }
    }
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
        if let Err(error) = library.refresh_graphs(&RunContext::default()) {
            eprintln!("eidetic: searching without the graph: {error}");
        }
    });
}
