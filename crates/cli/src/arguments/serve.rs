//! Arguments of the commands that serve: `serve`, `demo`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{ModelOptions, PrecisionArg, hit_count};

const DEFAULT_LISTEN: &str = "127.0.0.1:7801";

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; anything but loopback exposes the library to the network
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Read your own profiles from a file, for requests to use
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) profiles: Option<PathBuf>,
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
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Compute precision
    #[arg(long, value_enum, default_value_t = PrecisionArg::Auto)]
    pub(crate) precision: PrecisionArg,
}
