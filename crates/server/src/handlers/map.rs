//! The semantic map.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, Result};
use eidetic_library::Space;

use crate::jobs::{Job, JobRequest, JobTask};
use crate::params::{Filtered, MapParams};
use crate::problem::Problem;
use crate::responses::{JobKind, MapResponse, MapState, ProblemDocument};
use crate::state::AppState;

/// Places of images in the plane, those of similar images near each other, and regions with names from tags.
///
/// Places that are missing are computed by a job, which this request starts. Until it is done, `state` is `computing`, and the response has
/// the places of before, if there are any.
#[utoipa::path(
    get,
    path = "/v1/map",
    tag = "images",
    params(Filtered<MapParams>),
    responses(
        (status = 200, description = "The map, as far as it is known.", body = MapResponse),
        (status = 400, description = "A parameter is unknown or invalid, or the filter names what the library does not have.", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests at once; try again after `Retry-After`.", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_map(state: Data<AppState>, request: HttpRequest) -> Result<Json<MapResponse>> {
    let options = MapParams::from_query(request.query_string())?;
    let shared = state.clone();
    let work = move || {
        let space = shared.library.active();
        let progress = update(&shared, &space)?;
        let page = shared.library.map_page(&space, &space.map_layout(), &options)?;
        Ok(MapResponse {
            state: progress.state,
            job: progress.job,
            error: progress.error,
            ..MapResponse::new(space.id().to_string(), &page)
        })
    };
    Ok(Json(state.image_reads.run(work).await?))
}

/// Whether places are known, and what computes them.
struct Progress {
    state: MapState,
    job: Option<String>,
    error: Option<String>,
}

/// Starts a job where places are missing, unless one runs.
fn update(state: &AppState, space: &Space) -> Result<Progress, Problem> {
    let last = state.jobs.last_of(JobKind::Map);
    if let Some(running) = last.as_ref().filter(|job| !job.state().has_ended()) {
        return Ok(Progress::computing(running));
    }
    if space.is_map_current() {
        return Ok(Progress {
            state: MapState::Current,
            job: None,
            error: None,
        });
    }
    if let Some(error) = last.and_then(|job| job.take_failure()) {
        return Ok(Progress {
            state: MapState::Failed,
            job: None,
            error: Some(error),
        });
    }
    let job = state.jobs.add(JobRequest::Map, JobTask::Map, None)?;
    Ok(Progress::computing(&job))
}

impl Progress {
    fn computing(job: &Job) -> Self {
        Self {
            state: MapState::Computing,
            job: Some(job.id()),
            error: None,
        }
    }
}
