//! Calibrations: as JSON and as a report.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Result};

use crate::report::CalibrationReport;
use crate::responses::CalibrationsResponse;
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
