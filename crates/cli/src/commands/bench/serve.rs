//! `eidetic bench serve`: latencies of a server over HTTP.

mod client;
mod filters;
mod latency;
mod library;
mod machine;
mod measure;
mod report;
mod server;
mod texts;
mod workload;

use std::time::{Duration, Instant};

use self::client::Client;
use self::library::MeasuredLibrary;
use self::machine::Machine;
use self::measure::{Bounds, Measured, measure};
use self::report::BenchServeAnswer;
use self::server::LocalServer;
use self::workload::{Material, Workload};
use crate::Outcome;
use crate::arguments::{BenchServeArgs, Global};
use crate::failure::Failure;
use crate::interrupt::cancel_on_interrupt;
use crate::output;

/// `eidetic bench serve`
pub(super) fn run(global: &Global, arguments: &BenchServeArgs) -> Result<Outcome, Failure> {
    let cancel = cancel_on_interrupt()?;
    let measured = MeasuredLibrary::open(global, arguments, &cancel)?;
    if cancel.is_cancelled() {
        return Err(Failure::could_not_run("interrupted before anything was measured"));
    }
    let machine = Machine::now();
    let server = LocalServer::start(measured.library.clone())?;
    let client = Client::new(server.address());
    let material = Material::gather(&client, &measured)?;
    let bounds = Bounds {
        requests: arguments.requests as usize,
        time: Duration::from_secs(arguments.seconds.into()),
    };
    let at_once: &[u16] = match arguments.concurrency {
        1 => &[1],
        more => &[1, more],
    };
    let start = Instant::now();
    let mut rows: Vec<Measured> = Vec::new();
    for workload in Workload::all(&material) {
        for &clients in at_once {
            if cancel.is_cancelled() || server.has_ended() {
                break;
            }
            eprintln!("eidetic: measuring {} with {clients} at once", workload.name());
            rows.push(measure(
                server.address(),
                &workload,
                &material,
                clients,
                &bounds,
                &cancel,
            ));
        }
    }
    let status = measured.library.status()?;
    let answer = BenchServeAnswer::new(&measured, status, machine, &material, rows, start.elapsed());
    if global.json {
        output::json(&answer)?;
    } else {
        output::line(&answer.to_string())?;
    }
    Ok(if answer.is_whole() && !cancel.is_cancelled() {
        Outcome::Done
    } else {
        Outcome::DoneWithFailures
    })
}
