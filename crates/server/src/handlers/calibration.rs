//! Calibrations: as JSON and as a report.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, Result};

use crate::params::{self, ScopeParams};
use crate::report::CalibrationReport;
use crate::responses::{CalibrationsResponse, ProblemDocument};
use crate::state::AppState;

/// The current calibrations of the active space and their history.
#[utoipa::path(
    get,
    path = "/v1/calibration",
    tag = "calibration",
    responses((status = 200, description = "The current calibrations and their history.", body = CalibrationsResponse))
)]
pub(crate) async fn get_calibration(state: Data<AppState>) -> Result<Json<CalibrationsResponse>> {
    let library = state.library.clone();
    let work = move || {
        let history = library.active().calibration_history()?;
        Ok(CalibrationsResponse::new(
            library.active().id().to_string(),
            &history,
        ))
    };
    Ok(Json(state.image_reads.run(work).await?))
}

/// Undo the latest calibration of a kind of queries or of a profile: the one before it is used again, or the model's own.
#[utoipa::path(
    delete,
    path = "/v1/calibration",
    tag = "calibration",
    params(ScopeParams),
    responses(
        (status = 200, description = "It is undone; the calibrations that are current now.", body = CalibrationsResponse),
        (status = 400, description = "Unknown kind.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from another site.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "There is nothing to undo.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn undo_calibration(
    state: Data<AppState>,
    request: HttpRequest,
) -> Result<Json<CalibrationsResponse>> {
    let scope: ScopeParams = params::read_query(request.query_string())?;
    let library = state.library.clone();
    let work = move || {
        let space = library.active();
        let history = space.undo_calibration(scope)?;
        Ok(CalibrationsResponse::new(space.id().to_string(), &history))
    };
    Ok(Json(state.image_reads.run(work).await?))
}

/// The current calibrations as a page: histograms, curves, thresholds, the images on both sides of a
/// threshold.
#[utoipa::path(
    get,
    path = "/v1/calibration/report",
    tag = "calibration",
    responses((status = 200, description = "A self-contained HTML page.", content_type = "text/html"))
)]
pub(crate) async fn get_calibration_report(state: Data<AppState>) -> Result<HttpResponse> {
    let library = state.library.clone();
    let work = move || {
        let history = library.active().calibration_history()?;
        let report = CalibrationReport {
            space: library.active().id().to_string(),
            calibrations: history.all_current(),
            events: &history.events,
            quality: &library.answer_quality()?,
            image: &|image, path| library.calibration_image(image, path),
        };
        Ok(report.html())
    };
    let html = state.image_reads.run(work).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            CalibrationReport::content_security_policy(),
        ))
        .body(html))
}
