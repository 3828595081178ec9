//! Arguments of the commands that serve: `serve`, `demo`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{ModelOptions, PrecisionArg, WatchingOptions, hit_count};

const DEFAULT_LISTEN: &str = "127.0.0.1:7801";

/// Where a server listens, and who is let in.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Address to listen on; anything but loopback needs a token
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Let in only requests with the token in this file, or with that in the variable `EIDETIC_TOKEN`
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Let in anyone who can connect, also off loopback: to search, to see every picture, to start index runs
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) no_auth: bool,
    /// Accept requests for this host name too, such as that of a proxy; repeatable
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_host: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) listening: ListenArgs,
    /// Read your own profiles from a file, for requests to use
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) profiles: Option<PathBuf>,
    /// Leave the library as it is until a request asks to index
    #[arg(long, conflicts_with_all = ["poll", "poll_every", "rescan_every"])]
    pub(crate) no_watch: bool,
    #[command(flatten)]
    pub(crate) watching: WatchingOptions,
    #[command(flatten)]
    pub(crate) options: ModelOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Print the hits of this query instead of serving
    #[arg(long, value_name = "TEXT")]
    pub(crate) query: Option<String>,
    /// Maximum number of hits
    #[arg(short, value_name = "N", default_value_t = 5, value_parser = hit_count())]
    pub(crate) k: u16,
    #[command(flatten)]
    pub(crate) listening: ListenArgs,
    /// Compute precision
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub(crate) precision: PrecisionArg,
}
