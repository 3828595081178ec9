//! The HTTP API and the page.
//!
//! [`serve`] answers until it is told to stop. A request passes the gatekeeper (who may ask), a handler (what is asked), and
//! a gate (how much may be done at once); the work itself is the library's.

pub mod params;
pub mod report;
pub mod responses;

mod assets;
mod concurrency;
mod handlers;
mod jobs;
mod metrics;
mod openapi;
mod options;
mod origin_guard;
mod problem;
mod routes;
mod serve;
mod shutdown;
mod state;

#[cfg(test)]
mod tests;

pub use openapi::document as openapi;
pub use options::{IndexableFolders, Limits, ServeOptions};
pub use serve::{ServeError, serve};
