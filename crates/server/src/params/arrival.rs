//! A body as it arrives: not too slowly, and with a slot for an upload once it is large.

use std::cell::RefCell;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::rt::time::{Sleep, sleep_until};
use actix_web::web::{Bytes, Payload};
use futures_util::Stream;

use super::validate::shortened;
use crate::problem::{Problem, ProblemKind};
use crate::state::AppState;
use crate::uploads::{UploadSlot, UploadSlots};

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A body as it arrives.
///
/// A body of which too little arrives, or for which no slot is free, ends with an error; the reason is in
/// its [`ArrivalOutcome`].
pub(super) struct ArrivingBody {
    payload: Payload,
    pace: Pace,
    timer: Pin<Box<Sleep>>,
    received: usize,
    small: usize,
    slots: Arc<UploadSlots>,
    client: Option<IpAddr>,
    outcome: ArrivalOutcome,
}

/// What became of an [`ArrivingBody`], for whoever reads it through a parser.
#[derive(Clone, Default)]
pub(super) struct ArrivalOutcome(Rc<RefCell<Outcome>>);

#[derive(Default)]
struct Outcome {
    slot: Option<UploadSlot>,
    problem: Option<Problem>,
}

/// When a body is too slow: in each window of time, so many bytes must arrive.
struct Pace {
    end: Instant,
    window: Duration,
    window_bytes: usize,
    window_end: Instant,
    window_received: usize,
    limit: Duration,
}

impl ArrivingBody {
    /// The body of `request`, which must not be compressed.
    pub(super) fn new(request: &HttpRequest, payload: Payload, state: &AppState) -> Result<Self, Problem> {
        require_plain(request)?;
        let pace = Pace::new(state, Instant::now());
        Ok(Self {
            payload,
            timer: Box::pin(sleep_until(pace.deadline().into())),
            pace,
            received: 0,
            small: state.options.limits.small_body_bytes,
            slots: Arc::clone(&state.uploads),
            client: request.peer_addr().map(|address| address.ip()),
            outcome: ArrivalOutcome::default(),
        })
    }

    /// What becomes of it.
    pub(super) fn outcome(&self) -> ArrivalOutcome {
        self.outcome.clone()
    }

    fn receive(&mut self, chunk: &Bytes) -> Result<(), Problem> {
        if self.received == 0 && chunk.starts_with(&GZIP) {
            return Err(compressed("gzip"));
        }
        self.received += chunk.len();
        self.pace.window_received += chunk.len();
        let mut outcome = self.outcome.0.borrow_mut();
        if self.received > self.small && outcome.slot.is_none() {
            outcome.slot = Some(self.slots.take(self.client)?);
        }
        Ok(())
    }

    fn fail(&self, problem: Problem) -> PayloadError {
        self.outcome.0.borrow_mut().problem = Some(problem);
        PayloadError::Incomplete(None)
    }

    /// Whether the time for the next bytes is over.
    fn poll_pace(&mut self, context: &mut Context<'_>) -> Poll<Problem> {
        while self.timer.as_mut().poll(context).is_ready() {
            if let Err(problem) = self.pace.next_window(Instant::now()) {
                return Poll::Ready(problem);
            }
            self.timer.as_mut().reset(self.pace.deadline().into());
        }
        Poll::Pending
    }
}

impl Stream for ArrivingBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match Pin::new(&mut self.payload).poll_next(context) {
            Poll::Ready(Some(Ok(chunk))) => {
                let received = self.receive(&chunk);
                let item = received.map(|()| chunk).map_err(|problem| self.fail(problem));
                Poll::Ready(Some(item))
            }
            Poll::Pending => self
                .poll_pace(context)
                .map(|problem| Some(Err(self.fail(problem)))),
            ended @ Poll::Ready(_) => ended,
        }
    }
}

impl ArrivalOutcome {
    /// Why the body ended early, or else `error`, of which that may be the cause.
    pub(super) fn problem(&self, error: Problem) -> Problem {
        self.0.borrow_mut().problem.take().unwrap_or(error)
    }

    /// The slot that a large body takes until it is dropped.
    pub(super) fn slot(&self) -> Option<UploadSlot> {
        self.0.borrow_mut().slot.take()
    }
}

impl Pace {
    fn new(state: &AppState, start: Instant) -> Self {
        let limits = &state.options.limits;
        Self {
            end: start + limits.upload_time,
            window: limits.upload_window,
            window_bytes: limits.upload_window_bytes,
            window_end: start + limits.upload_window,
            window_received: 0,
            limit: limits.upload_time,
        }
    }

    fn deadline(&self) -> Instant {
        self.end.min(self.window_end)
    }

    /// Begins the next window if enough arrived in this one.
    fn next_window(&mut self, now: Instant) -> Result<(), Problem> {
        if now >= self.end {
            let seconds = self.limit.as_secs();
            return Err(Problem::new(
                ProblemKind::TooSlow,
                format!("the body did not arrive within {seconds} seconds"),
            ));
        }
        if self.window_received < self.window_bytes {
            let rate = self.window_bytes as f64 / self.window.as_secs_f64() / 1024.0;
            return Err(Problem::new(
                ProblemKind::TooSlow,
                format!("the body arrives too slowly; expected at least {rate:.0} KiB a second"),
            ));
        }
        self.window_received = 0;
        self.window_end = now + self.window;
        Ok(())
    }
}

/// Refuses a compressed body, which would be taken for malformed.
fn require_plain(request: &HttpRequest) -> Result<(), Problem> {
    let codings = request.headers().get_all(CONTENT_ENCODING);
    for coding in codings.map(|value| String::from_utf8_lossy(value.as_bytes())) {
        if !coding.trim().is_empty() && !coding.trim().eq_ignore_ascii_case("identity") {
            return Err(compressed(&coding));
        }
    }
    Ok(())
}

fn compressed(coding: &str) -> Problem {
    Problem::new(
        ProblemKind::CompressedBody,
        format!(
            "the body is compressed ({}); send it uncompressed",
            shortened(coding)
        ),
    )
}
