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
    latencies: Vec<Duration>,
    model: Vec<Duration>,
    errors: Vec<String>,
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
    let sample = |client: &Client, number| Sample { client, workload, material }.take(number);
    let first = sample(&Client::new(address), 0);
    warm_up(&Client::new(address), &sample);
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
                while next.fetch_add(1, Ordering::Relaxed) <= bounds.requests && !is_over() {
                    seen.add(sample(&client, next.load(Ordering::Relaxed)), clients == 1);
                }
                all.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
            });
        }
    });
    let elapsed = start.elapsed();
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let latencies: Latencies = all.iter().flat_map(|seen| seen.latencies.iter().copied()).collect();
    let errors = || all.iter().flat_map(|seen| &seen.errors);
    Measured {
        name: workload.name(),
        clients,
        first: first.ok().map(|(latency, _)| latency),
        model: all.iter().flat_map(|seen| seen.model.iter().copied()).collect(),
        errors: errors().count() as u64,
        first_error: errors().next().cloned(),
        per_second: (workload.pages_before() == 0).then(|| latencies.len() as f64 / elapsed.as_secs_f64()),
        latencies,
    }
}

/// A latency and the answer.
type Sampled = Result<(Duration, Vec<u8>), String>;

fn warm_up(client: &Client, sample: &dyn Fn(&Client, usize) -> Sampled) {
    let start = Instant::now();
    for number in 0..WARM_UP {
        if start.elapsed() > WARM_UP_TIME {
            break;
        }
        // Errors show in the measured ones as well.
        let _ = sample(client, number);
    }
}

/// One measured request.
struct Sample<'a> {
    client: &'a Client,
    workload: &'a Workload,
    material: &'a Material,
}

impl Sample<'_> {
    fn take(&self, number: usize) -> Sampled {
        let first = self.workload.request(number, self.material);
        let mut request = first.clone();
        for _ in 0..self.workload.pages_before() {
            let page: Page = parse(&self.client.send(&request)?)?;
            let cursor = page.next_cursor.ok_or("there is no later page")?;
            request = first.clone().with("cursor", cursor);
        }
        let start = Instant::now();
        let body = self.client.send(&request)?;
        Ok((start.elapsed(), body))
    }
}

impl Seen {
    fn add(&mut self, sampled: Sampled, with_model: bool) {
        match sampled {
            Ok((latency, body)) => {
                self.latencies.push(latency);
                let page = if with_model { parse::<Page>(&body).ok() } else { None };
                if let Some(took) = page.and_then(|page| page.took_ms) {
                    self.model.push(Duration::from_secs_f64(took.encode / 1e3));
                }
            }
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
