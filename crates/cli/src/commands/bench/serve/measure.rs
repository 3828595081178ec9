//! Measures one kind of request in a closed loop: each client sends its next request when it has the answer to the last one.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use eidetic_indexer::CancelToken;
use serde::Deserialize;

use super::client::{Client, Request};
use super::latency::Latencies;
use super::workload::{Material, Workload};

/// Requests that are sent before the measured ones, and for how long at most.
const WARM_UP: usize = 20;
const WARM_UP_TIME: Duration = Duration::from_secs(1);

/// When a measurement ends: after so many requests, or after so long, whichever comes first.
pub(super) struct Bounds {
    pub(super) requests: usize,
    pub(super) time: Duration,
}

/// What was measured of one kind of request.
pub(super) struct Measured {
    pub(super) name: String,
    /// Clients at once.
    pub(super) clients: u16,
    /// Of the very first request of this kind, before any warming up.
    pub(super) first: Option<Duration>,
    /// Of the requests that succeeded.
    pub(super) latencies: Latencies,
    /// Time of these requests in the model, as the server reports it, with one client.
    pub(super) model: Latencies,
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
    /// Successful requests a second; `None` where others were sent in between.
    pub(super) per_second: Option<f64>,
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    answers: Vec<Answer>,
    errors: Vec<String>,
}

/// How long a request took.
#[derive(Clone, Copy)]
struct Answer {
    latency: Duration,
    /// In the model, where that was asked for.
    model: Option<Duration>,
}

/// Measures `workload` with so many clients at once.
pub(super) fn measure(
    address: &str,
    workload: &Workload,
    material: &Material,
    clients: u16,
    bounds: &Bounds,
    cancel: &CancelToken,
) -> Measured {
    let requests = Requests {
        workload,
        material,
        // Reading answers takes time from the server where others wait for it.
        reads_model: clients == 1 && workload.uses_model(),
    };
    let first = requests.send(&Client::new(address), 0);
    warm_up(&Client::new(address), &requests);
    let next = AtomicUsize::new(1);
    let all = Mutex::new(Vec::new());
    let start = Instant::now();
    let is_over = || start.elapsed() >= bounds.time || cancel.is_cancelled();
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let client = Client::new(address);
                // Opens the connection.
                let _ = client.send(&Request::get("/healthz"));
                let mut seen = Seen::default();
                let mut number = next.fetch_add(1, Ordering::Relaxed);
                while number <= bounds.requests && !is_over() {
                    seen.add(requests.send(&client, number));
                    number = next.fetch_add(1, Ordering::Relaxed);
                }
                all.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
            });
        }
    });
    let elapsed = start.elapsed();
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let answers = || all.iter().flat_map(|seen| &seen.answers);
    let errors = || all.iter().flat_map(|seen| &seen.errors);
    let latencies: Latencies = answers().map(|answer| answer.latency).collect();
    Measured {
        name: workload.name(),
        clients,
        first: first.ok().map(|answer| answer.latency),
        model: answers().filter_map(|answer| answer.model).collect(),
        errors: errors().count() as u64,
        first_error: errors().next().cloned(),
        per_second: (workload.pages_before() == 0).then(|| latencies.len() as f64 / elapsed.as_secs_f64()),
        latencies,
    }
}

fn warm_up(client: &Client, requests: &Requests<'_>) {
    let start = Instant::now();
    for number in 0..WARM_UP {
        if start.elapsed() > WARM_UP_TIME {
            break;
        }
        // Errors show in the measured ones as well.
        let _ = requests.send(client, number);
    }
}

/// The requests of one measurement.
struct Requests<'a> {
    workload: &'a Workload,
    material: &'a Material,
    /// Whether the time in the model is read from the answers.
    reads_model: bool,
}

impl Requests<'_> {
    /// Sends one; only the last page of those that it needs is timed.
    fn send(&self, client: &Client, number: usize) -> Result<Answer, String> {
        let first = self.workload.request(number, self.material);
        let mut request = first.clone();
        for _ in 0..self.workload.pages_before() {
            let page: Page = parse(&client.send(&request)?)?;
            let cursor = page.next_cursor.ok_or("there is no later page")?;
            request = first.clone().with("cursor", cursor);
        }
        let start = Instant::now();
        let body = client.send(&request)?;
        let latency = start.elapsed();
        let took = if self.reads_model {
            parse::<Page>(&body)?.took_ms
        } else {
            None
        };
        Ok(Answer {
            latency,
            model: took.map(|took| Duration::from_secs_f64(took.encode / 1e3)),
        })
    }
}

impl Seen {
    fn add(&mut self, sent: Result<Answer, String>) {
        match sent {
            Ok(answer) => self.answers.push(answer),
            Err(error) => self.errors.push(error),
        }
    }
}

/// What is read of a page of hits.
#[derive(Deserialize)]
struct Page {
    next_cursor: Option<String>,
    took_ms: Option<Took>,
}

#[derive(Deserialize)]
struct Took {
    encode: f64,
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the answer cannot be read: {error}"))
}
