use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Result};
use eidetic_confidence::QueryKind;

use crate::report::Report;
use crate::responses::CalibrationsResponse;
use crate::state::State;

/// How scores are read: the calibrations that count, and how they came about.
#[utoipa::path(
    get,
    path = "/v1/calibration",
    tag = "calibration",
    responses((status = 200, body = CalibrationsResponse))
)]
pub(crate) async fn describe(state: Data<State>) -> Result<Json<CalibrationsResponse>> {
    let library = state.library.clone();
    let work = move || {
        let history = library.calibration_history()?;
        Ok(CalibrationsResponse::new(library.space().to_string(), &history))
    };
    Ok(Json(state.pictures.run(work).await?))
}

/// The calibrations that count as a page of its own: histograms, curves, thresholds, the pictures on both sides of a cut.
#[utoipa::path(
    get,
    path = "/v1/calibration/report",
    tag = "calibration",
    responses((status = 200, description = "HTML that needs nothing else.", content_type = "text/html"))
)]
pub(crate) async fn report(state: Data<State>) -> Result<HttpResponse> {
    let library = state.library.clone();
    let work = move || {
        let history = library.calibration_history()?;
        let current = [QueryKind::Text, QueryKind::Picture].map(|kind| history.current(kind));
        let report = Report {
            space: library.space().to_string(),
            calibrations: current.into_iter().flatten().collect(),
            events: &history.events,
            picture: &|image, path| library.calibration_picture(image, path),
        };
        Ok(report.html())
    };
    let html = state.pictures.run(work).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, Report::policy()))
        .body(html))
}
