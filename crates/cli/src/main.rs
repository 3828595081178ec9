//! `eidetic`: finds pictures by words or by another picture, on your own machine.
//!
//! Parse, run the command, print, exit. Results go to standard output, everything about the run to standard error.
#![expect(clippy::print_stderr, reason = "a command line speaks through it")]

mod arguments;
mod commands;
mod failure;
mod gallery;
mod interrupt;
mod output;
mod pictures;
mod progress;
mod remote;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

/// What a command that ran says about its end; see "Exit codes" in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything worked: exit code 0.
    Done,
    /// Done, but some inputs failed or the run was stopped early: exit code 1.
    DoneWithFailures,
}

/// Whether an indexing run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    No,
    /// By Ctrl-C, or by whoever cancelled the server's job.
    Early,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.verbose);
    match run(&arguments) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::DoneWithFailures) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("eidetic: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Demo(demo) => commands::demo::run(global, demo),
        Command::Index(index) => commands::index::run(global, index),
        Command::Search(search) => commands::search::run(global, search),
        Command::Match(matched) => commands::matching::run(global, matched),
        Command::Screen(screen) => commands::screen::run(global, screen),
        Command::Calibrate(calibrate) => commands::calibrate::run(global, calibrate),
        Command::Serve(serve) => commands::serve::run(global, serve),
        Command::Embed(embed) => commands::embed::run(global, embed),
        Command::Bench(bench) => commands::bench::run(bench),
        Command::Tag(tag) => commands::tag::run(global, tag),
        Command::Feedback(feedback) => commands::feedback::run(global, feedback),
        Command::Models(models) => commands::models::run(global, models),
        Command::Verify(verify) => commands::verify::run(global, verify),
        Command::Align(align) => commands::align::run(global, align),
        Command::Space(space) => commands::space::run(global, space),
        Command::Model(space) => {
            eprintln!("eidetic: `eidetic model` is deprecated; use `eidetic space`");
            commands::space::run(global, space)
        }
        Command::Status(arguments) => commands::status::run(global, arguments),
    }
}

/// `-v` shows what the crates log; otherwise only warnings, or what `RUST_LOG` asks for.
fn start_log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .init();
}
