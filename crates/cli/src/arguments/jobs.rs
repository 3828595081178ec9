//! Arguments of `jobs`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<JobsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the jobs that wait or run, and the last ones that ended [the default]
    List,
    /// Show the progress of a job until it ends; Ctrl-C ends only the showing
    Follow {
        /// Its number in the list
        job: u64,
    },
    /// Cancel a job: one that waits never starts, and what one has committed is kept
    Cancel {
        /// Its number in the list
        job: u64,
    },
}
