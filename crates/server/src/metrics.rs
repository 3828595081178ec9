//! Metrics in the Prometheus text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::Method;
use eidetic_confidence::QueryKind;
use eidetic_library::AnswerQuality;

/// Upper bounds of the histogram's buckets in seconds; a model run falls in the middle.
const BUCKETS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Number and duration of requests.
///
/// Its size does not depend on what clients send: routes are the router's patterns, methods and statuses
/// are few.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<RequestKey, u64>>,
    latencies: Mutex<BTreeMap<String, LatencyHistogram>>,
    in_flight: AtomicI64,
}

/// What requests are counted by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestKey {
    pub(crate) route: String,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
}

#[derive(Default)]
struct LatencyHistogram {
    /// Requests in each bucket alone; rendering accumulates them.
    counts: [u64; BUCKETS.len()],
    total: u64,
    seconds: f64,
}

/// A request in flight, until dropped: also where the client goes away and the request is dropped half-way.
pub(crate) struct InFlight<'a>(&'a Metrics);

impl<'a> InFlight<'a> {
    pub(crate) fn begin(metrics: &'a Metrics) -> Self {
        metrics.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn count(&self, key: RequestKey, took: Duration) {
        locked(&self.latencies)
            .entry(key.route.clone())
            .or_default()
            .add(took.as_secs_f64());
        *locked(&self.requests).entry(key).or_default() += 1;
    }

    /// The Prometheus text format.
    pub(crate) fn render(&self, images: u64, quality: &[AnswerQuality]) -> String {
        let mut text = String::new();
        family(&mut text, "eidetic_images", "gauge", "Images in the library.");
        let _ = writeln!(text, "eidetic_images {images}");
        family(
            &mut text,
            "eidetic_requests_in_flight",
            "gauge",
            "Requests in flight.",
        );
        let _ = writeln!(
            text,
            "eidetic_requests_in_flight {}",
            self.in_flight.load(Ordering::Relaxed)
        );
        family(
            &mut text,
            "eidetic_requests_total",
            "counter",
            "Requests served, by route, method and status.",
        );
        for (
            RequestKey {
                route,
                method,
                status,
            },
            count,
        ) in &*locked(&self.requests)
        {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            let _ = writeln!(text, "eidetic_requests_total{{{labels}}} {count}");
        }
        let help = "Seconds from the arrival of a request to the head of its response.";
        family(&mut text, "eidetic_request_seconds", "histogram", help);
        for (route, histogram) in &*locked(&self.latencies) {
            histogram.render(&mut text, route);
        }
        render_quality(&mut text, quality);
        text
    }
}

impl LatencyHistogram {
    fn add(&mut self, seconds: f64) {
        if let Some(bucket) = BUCKETS.iter().position(|&end| seconds <= end) {
            self.counts[bucket] += 1;
        }
        self.total += 1;
        self.seconds += seconds;
    }

    fn render(&self, text: &mut String, route: &str) {
        let name = "eidetic_request_seconds";
        let mut cumulative = 0;
        for (end, count) in BUCKETS.iter().zip(self.counts) {
            cumulative += count;
            let _ = writeln!(
                text,
                "{name}_bucket{{route=\"{route}\",le=\"{end}\"}} {cumulative}"
            );
        }
        let _ = writeln!(
            text,
            "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {}",
            self.total
        );
        let _ = writeln!(text, "{name}_sum{{route=\"{route}\"}} {}", self.seconds);
        let _ = writeln!(text, "{name}_count{{route=\"{route}\"}} {}", self.total);
    }
}

/// One family for each count of answers.
fn render_quality(text: &mut String, quality: &[AnswerQuality]) {
    type Count = fn(&AnswerQuality) -> u64;
    let families: [(&str, &str, Count); 5] = [
        ("recent", "Recent answers.", |found| found.answers),
        ("shown", "Recent answers to what was shown as a match.", |found| {
            found.shown
        }),
        ("false_alarms", "Those that say that it is none.", |found| {
            found.false_alarms
        }),
        (
            "matching",
            "Recent answers that say that it is a match.",
            |found| found.matching,
        ),
        ("misses", "Those to what was not shown as a match.", |found| {
            found.misses
        }),
    ];
    for (name, help, count) in families {
        let name = format!("eidetic_answers_{name}");
        family(text, &name, "gauge", help);
        for found in quality {
            let kind = match found.kind {
                QueryKind::Text => "text",
                QueryKind::Image => "picture",
            };
            let profile = found.profile.as_deref().unwrap_or_default();
            let profile = profile
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = writeln!(
                text,
                "{name}{{kind=\"{kind}\",profile=\"{profile}\"}} {}",
                count(found)
            );
        }
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

pub(crate) fn known_method(method: &Method) -> &'static str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let names = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];
    known
        .iter()
        .position(|candidate| candidate == method)
        .map_or("OTHER", |index| names[index])
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The counts are valid after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::default();
        for milliseconds in [2, 3, 200, 60_000] {
            let key = RequestKey {
                route: "/v1/search".into(),
                method: "GET",
                status: 200,
            };
            metrics.count(key, Duration::from_millis(milliseconds));
        }
        let quality = AnswerQuality {
            kind: QueryKind::Text,
            profile: Some("a \"b\"".to_owned()),
            answers: 9,
            shown: 8,
            false_alarms: 2,
            matching: 6,
            misses: 1,
        };
        let text = metrics.render(5, &[quality]);
        let expected = [
            "eidetic_images 5",
            "eidetic_answers_false_alarms{kind=\"text\",profile=\"a \\\"b\\\"\"} 2",
            "eidetic_requests_in_flight 0",
            "eidetic_requests_total{route=\"/v1/search\",method=\"GET\",status=\"200\"} 4",
            "eidetic_request_seconds_bucket{route=\"/v1/search\",le=\"0.001\"} 0",
            "eidetic_request_seconds_bucket{route=\"/v1/search\",le=\"0.005\"} 2",
            "eidetic_request_seconds_bucket{route=\"/v1/search\",le=\"0.25\"} 3",
            "eidetic_request_seconds_bucket{route=\"/v1/search\",le=\"10\"} 3",
            "eidetic_request_seconds_bucket{route=\"/v1/search\",le=\"+Inf\"} 4",
            "eidetic_request_seconds_count{route=\"/v1/search\"} 4",
        ];
        for line in expected {
            assert!(
                text.lines().any(|found| found == line),
                "no line {line:?} in\n{text}"
            );
        }
    }
}
