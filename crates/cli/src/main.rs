//! `eidetic`: search your pictures by words or by example, on your own machine.
//!
//! Parses the arguments, runs the command, and exits. Results go to standard output, everything else to
//! standard error.
#![expect(clippy::print_stderr, reason = "a command line reports on standard error")]

mod arguments;
mod commands;
mod escape;
mod failure;
mod gallery;
mod interrupt;
mod load_model;
mod open_pictures;
mod output;
mod progress;
mod read_image;
mod remote;
mod server_key;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

/// How a command that could run ended; see "Exit codes" in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    Done,
    /// Some inputs failed or the run was interrupted: exit code 1.
    DoneWithFailures,
}

/// Whether an indexing run ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completion {
    Completed,
    /// By Ctrl-C, or because the server's job was cancelled.
    Interrupted,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.global.verbose);
    match run(&arguments) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::DoneWithFailures) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("eidetic: {}", output::message(&failure.to_string()));
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Demo(demo) => commands::demo::run(global, demo),
        Command::Index(index) => commands::index::run(global, index),
        Command::Watch(watch) => commands::watch::run(global, watch),
        Command::Search(search) => commands::search::run(global, search),
        Command::List(list) => commands::list::run(global, list),
        Command::Duplicates(duplicates) => commands::duplicates::run(global, duplicates),
        Command::Map(map) => commands::map::run(global, map),
        Command::Events(events) => commands::events::run(global, events),
        Command::Show(show) => commands::show::run(global, show),
        Command::Match(matching) => commands::matching::run(global, matching),
        Command::Screen(screen) => commands::screen::run(global, screen),
        Command::Calibrate(calibrate) => commands::calibrate::run(global, calibrate),
        Command::Serve(serve) => commands::serve::run(global, serve),
        Command::Embed(embed) => commands::embed::run(embed),
        Command::Bench(bench) => commands::bench::run(global, bench),
        Command::Tag(tag) => commands::tag::run(global, tag),
        Command::Texts(texts) => commands::texts::run(global, texts),
        Command::Feedback(feedback) => commands::feedback::run(global, feedback),
        Command::Models(models) => commands::models::run(global, models),
        Command::Verify(verify) => commands::verify::run(global, verify),
        Command::Align(align) => commands::align::run(global, align),
        Command::Space(space) => commands::space::run(global, space),
        Command::Model(space) => {
            eprintln!("eidetic: `eidetic model` is deprecated; use `eidetic space`");
            commands::space::run(global, space)
        }
        Command::Status(status) => commands::status::run(global, status),
        Command::Check(check) => commands::check::run(global, check),
        Command::Export(export) => commands::export::run(global, export),
        Command::Jobs(jobs) => commands::jobs::run(global, jobs),
        Command::Vectors(vectors) => commands::vectors::run(global, vectors),
        Command::Backup(backup) => commands::backup::run(global, backup),
        Command::Restore(restore) => commands::backup::restore(global, restore),
    }
}

/// Warnings as sentences, such as every other message is.
struct Sentence;

impl<S, N> FormatEvent<S, N> for Sentence
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        writer.write_str("eidetic: ")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Logs warnings, more with `-v`, or what `RUST_LOG` selects.
fn start_log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let level = match verbose {
        // notify warns of watches that ended by themselves.
        0 => "warn,notify=error",
        1 => "info",
        _ => "debug",
    };
    let chosen = EnvFilter::try_from_default_env();
    let is_log = verbose > 0 || chosen.is_ok();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(chosen.unwrap_or_else(|_| EnvFilter::new(level)))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if is_log {
        subscriber.init();
    } else {
        subscriber.event_format(Sentence).init();
    }
}
