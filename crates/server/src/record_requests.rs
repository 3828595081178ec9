//! Middleware that counts every request in the metrics.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use crate::metrics::{InFlight, RequestKey, known_method};
use crate::state::AppState;

/// Middleware that counts every request.
pub(crate) async fn record_request<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let state = request.app_data::<web::Data<AppState>>().cloned();
    let method = known_method(request.method());
    let start = Instant::now();
    let _in_flight = state.as_ref().map(|state| InFlight::begin(&state.metrics));
    let response = next.call(request).await?;
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unmatched".into());
    let status = response.status().as_u16();
    tracing::debug!(method, path = response.request().path(), status, took = ?start.elapsed(), "request");
    if let Some(state) = &state {
        state.metrics.count(
            RequestKey {
                route,
                method,
                status,
            },
            start.elapsed(),
        );
    }
    Ok(response)
}
