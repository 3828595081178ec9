//! The HTTP API and the web page of a library.
//!
//! [`serve()`] runs until the process is told to stop. A request goes through these modules:
//!
//! 1. `connection` sends failures of the HTTP layer itself, such as headers that are too large, as problems.
//! 2. `origin_guard` rejects requests that a foreign web site caused (DNS rebinding, cross-site requests).
//! 3. `authentication` rejects requests without a token, where one is required.
//! 4. `routes` finds the handler; [`params`] reads and checks what was sent.
//! 5. `handlers` call the library within a `ConcurrencyLimiter`, or put a job into the `JobQueue` (`jobs`).
//!    Both go before indexing in the background (`yielding`), of which `watch` makes more.
//! 6. [`responses`] are sent as JSON; a `Problem` is sent as an RFC 9457 problem document.
//!
//! The OpenAPI document ([`openapi()`]) is derived from the handlers, the parameters and the responses.
//! [`report`] renders calibrations as a page of its own; `assets` holds the web page.

pub mod params;
pub mod report;
pub mod responses;

mod access_token;
mod assets;
mod authentication;
mod concurrency;
mod connection;
mod credentials;
mod file_access;
mod handlers;
mod jobs;
mod metrics;
mod openapi;
mod options;
mod origin_guard;
mod problem;
mod record_requests;
mod routes;
mod serve;
mod shutdown;
mod state;
mod uploads;
mod watch;
mod yielding;

#[cfg(test)]
mod tests;

pub use access_token::{AccessToken, InvalidToken};
pub use jobs::{cancel_stored_job, stored_jobs};
pub use openapi::document as openapi;
pub use options::{Authentication, IndexableFolders, Limits, ServeOptions};
pub use serve::{ServeError, serve};
